"""The roster from the gateway: kept, in force at once and after a restart, never an older one."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.delivery import Delivery
from daemon.officers import OfficerRefused, Roster, RosterUnusable, read_roster
from daemon.outbox import Outbox
from daemon.roster import RosterBook, read_body
from evidence.credentials import badge_digest, hash_pin
from evidence.encoding import b64url_encode
from evidence.errors import MalformedError, RefusedError
from evidence.instants import write_instant
from evidence.topics import Channel
from tests.daemon.support import PINS, Home, now

HASH = "ab" * 32
SALT = b"0123456789abcdef"
START = write_instant(now() - dt.timedelta(days=1))
PIN, BADGE = "739104", "NB-0047"
PIN_HASH = hash_pin(PIN)


def officer(officer_id: str = "o-201", **changes: Any) -> dict[str, Any]:
    shown = [{"method": "pin", "argon2id": PIN_HASH}]
    return {"id": officer_id, "role": "officer", "valid_from": START, "credentials": shown} | changes


def body(version: int, *officers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": version, "officers": list(officers)} | more


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roster.json"


def test_a_roster_is_kept_and_read_again(path: Path) -> None:
    sent = body(7, officer(regular=True, department="OBS", valid_to=write_instant(now() + dt.timedelta(days=1))))
    assert RosterBook(path).read() is None
    taken = RosterBook(path).take(sent)
    assert RosterBook(path).read() == taken
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one = taken.by_id["o-201"]
    assert (taken.version, one.regular, one.department, one.pin) == (7, True, "OBS", PIN_HASH)
    assert "argon2" not in repr(taken)


def test_an_older_roster_is_refused_also_after_a_restart(path: Path) -> None:
    RosterBook(path).take(body(7, officer()))
    again = RosterBook(path)
    again.read()
    for old in (body(6, officer()), body(7, officer(), officer("o-202"))):
        with pytest.raises(RefusedError, match="not newer than roster 7"):
            again.take(old)
    assert again.take(body(7, officer())).version == 7, "the same one again, as a broker may bring it"
    assert again.take(body(8)).by_id == {}


def badge(text: str = BADGE) -> dict[str, Any]:
    return {"method": "badge", "digest": badge_digest(text, SALT)}


KEY = {"method": "webauthn", "id": "AAAA", "key": "BBBB"}


@pytest.mark.parametrize(
    "officers",
    [
        (officer(), officer()),
        (officer(credentials=[badge()]), officer("o-202", credentials=[badge()])),
        (officer(credentials=[KEY]), officer("o-202", credentials=[KEY])),
        (officer(credentials=[badge(), badge("other")]),),
    ],
    ids=["id", "badge", "security key", "two badges of one"],
)
def test_what_must_be_one_is_one(officers: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(MalformedError, match=r"twice|two badges"):
        read_body(body(1, *officers, badge_salt=b64url_encode(SALT)))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 1, "officers": [{}]}', b"\xff"])
def test_a_damaged_file_is_named(damage: bytes, path: Path) -> None:
    path.write_bytes(damage)
    with pytest.raises(RosterUnusable, match=r"roster\.json: not a roster: .*send the gateway's again"):
        RosterBook(path).read()


def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    book = RosterBook(tmp_path / "none/roster.json")
    with pytest.raises(RefusedError, match="cannot be kept"):
        book.take(body(1, officer()))


def test_a_badge_says_who_and_the_pin_proves_it() -> None:
    found = read_body(
        body(1, officer(credentials=[*officer()["credentials"], badge()]), badge_salt=b64url_encode(SALT))
    )
    roster = Roster(found, now)
    assert roster.officer_of_badge(BADGE) == "o-201"
    assert roster.confirm(roster.officer_of_badge(BADGE), PIN, HASH).officer == "o-201"
    for wrong in ("NB-0048", "", "x" * 65, "张"):
        with pytest.raises(OfficerRefused, match="unknown_badge"):
            roster.officer_of_badge(wrong)


# --- by message ---


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def _delivery(home: Home, outbox: Outbox, roster: Roster, book: RosterBook) -> Delivery:
    identity = home.identity()
    return Delivery(
        outbox,
        home.config().address,
        identity.signer,
        identity.gateway_key,
        publish=lambda _channel, _payload: True,
        roster=lambda sent: roster.replace(book.take(sent)),
    )


def test_a_message_replaces_the_roster_from_the_next_decision_on(home: Home, outbox: Outbox, path: Path) -> None:
    roster = Roster(read_roster(home.config().unit.officers), now)
    first = next(iter(PINS))
    assert roster.confirm(first, PINS[first], HASH).officer == first
    delivery = _delivery(home, outbox, roster, RosterBook(path))
    delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, body(3, officer()), 1))
    assert roster.version == 3
    assert roster.confirm("o-201", PIN, HASH).officer == "o-201"
    with pytest.raises(OfficerRefused, match="wrong_pin"):
        roster.confirm(first, PINS[first], HASH)
    # Older, though its counter is new; and a counter that is not new.
    delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, body(2), 2))
    delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, body(4), 1))
    assert (roster.version, delivery.refused) == (3, 2)
    assert json.loads(path.read_bytes())["version"] == 3


@pytest.mark.parametrize("how", ["another unit", "expired", "by somebody else"])
def test_a_roster_that_is_not_for_us_changes_nothing(how: str, home: Home, outbox: Outbox, path: Path) -> None:
    roster = Roster(read_roster(home.config().unit.officers), now)
    delivery = _delivery(home, outbox, roster, RosterBook(path))
    address = home.config().address
    ways: dict[str, dict[str, Any]] = {
        "another unit": {"address": type(address)(address.site, "other")},
        "expired": {"issued": now() - dt.timedelta(days=40)},
        "by somebody else": {"signer": home.identity().signer},
    }
    delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, body(3, officer()), 1, **ways[how]))
    assert (roster.version, delivery.refused, path.exists()) == (0, 1, False)
