"""Messages from the gateway: accepted once, by the unit they are for, in time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import downlink, jws
from evidence.encoding import json_bytes
from evidence.errors import EvidenceError, MalformedError, RefusedError, SignatureError
from evidence.topics import DOWN, UP, Address, Channel
from tests.evidence.conftest import NOW, Site
from tests.vectors.evidence import by_hand
from tests.vectors.evidence.downlinks import message

UNIT = Address("s1", "u1")
MINUTES = dt.timedelta(minutes=5)
BODY = {"ranges": [[1, 2]], "sha256": "0" * 64}
OTHER_BODIES: dict[Channel, dict[str, Any]] = {
    Channel.COMMAND: {"command": "resend", "ranges": [[1, 2]]},
    Channel.ROSTER: {"version": 1, "officers": []},
    Channel.WORKLIST: {"kid": "k" * 43, "jwe": "a.b.c.d.e"},
}


def _write(site: Site, channel: Channel = Channel.RECEIPT, body: dict[str, Any] | None = None, counter: int = 5) -> str:
    body = OTHER_BODIES.get(channel, BODY) if body is None else body
    return downlink.write(channel, UNIT, body, counter=counter, now=NOW, lifetime=MINUTES, signer=site.gateway)


def _read(site: Site, token: str, channel: Channel = Channel.RECEIPT, **given: Any) -> downlink.Accepted:
    how: dict[str, Any] = {"last_counter": 4, "now": NOW} | given
    return downlink.read(token, channel, how.pop("address", UNIT), site.key_for, **how)


@pytest.mark.parametrize("channel", DOWN)
def test_what_is_written_is_read(site: Site, channel: Channel) -> None:
    body = {Channel.RECEIPT: BODY, **OTHER_BODIES}[channel]
    assert _read(site, _write(site, channel, body), channel) == downlink.Accepted(5, NOW, body)


@pytest.mark.parametrize("channel", DOWN)
def test_a_message_on_one_channel_is_none_on_another(site: Site, channel: Channel) -> None:
    token = _write(site, channel)
    for other in set(DOWN) - {channel}:
        with pytest.raises(MalformedError, match="typ"):
            _read(site, token, other)


@pytest.mark.parametrize("channel", UP)
def test_nothing_is_sent_down_on_the_way_up(site: Site, channel: Channel) -> None:
    with pytest.raises(MalformedError, match="channel"):
        _write(site, channel, {})


@pytest.mark.parametrize("body", [{}, {"ranges": [], "sha256": "0" * 64}, BODY | {"more": 1}])
def test_a_receipt_that_is_none_is_not_signed(site: Site, body: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="body"):
        _write(site, body=body)
    with pytest.raises(MalformedError, match="counter"):
        _write(site, counter=0)


def test_refusals(site: Site) -> None:
    token = _write(site)
    for address in (Address("s2", "u1"), Address("s1", "u2")):
        with pytest.raises(RefusedError, match="another unit"):
            _read(site, token, address=address)
    with pytest.raises(RefusedError, match="repetition"):
        _read(site, token, last_counter=5)
    with pytest.raises(RefusedError, match="expired"):
        _read(site, token, now=NOW + MINUTES + dt.timedelta(milliseconds=1))
    assert _read(site, token, now=NOW + MINUTES).counter == 5
    assert _read(site, token, now=None).counter == 5


def test_the_gateway_alone_may_send(site: Site) -> None:
    stranger = by_hand.signed(
        json_bytes(message()), by_hand.STRANGER, by_hand.header(by_hand.STRANGER, "vernix-receipt+jws")
    )
    with pytest.raises(SignatureError, match="unknown key"):
        _read(site, stranger)


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
)
RANGES = st.lists(st.lists(st.integers(-1, 5) | st.booleans() | st.floats(), max_size=3) | JSON, max_size=3)
BODIES = st.dictionaries(st.sampled_from(["ranges", "sha256", "x"]), JSON | RANGES) | JSON


@given(st.sampled_from(sorted(message())), JSON | BODIES)
def test_any_message_is_accepted_or_refused(site: Site, name: str, value: Any) -> None:
    try:
        text = json_bytes(message() | {"site": "s1", "unit": "u1"} | {name: value})
        accepted = _read(site, jws.sign(text, site.gateway, "vernix-receipt+jws"))
    except EvidenceError:
        return
    assert type(accepted.counter) is int


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_signed_bytes_are_malformed(site: Site, data: bytes) -> None:
    with pytest.raises(MalformedError):
        _read(site, jws.sign(data, site.gateway, "vernix-receipt+jws"))
