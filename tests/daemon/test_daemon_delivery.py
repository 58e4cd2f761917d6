"""Delivery: what goes out, in which order and how often, and which answers are believed."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.backlog import WINDOW
from daemon.delivery import HEALTH_S, Delivery
from daemon.outbox import Outbox
from daemon.repeats import FIRST_S, LONGEST_S
from evidence import jws, receipt
from evidence.health import TYPE
from evidence.keys import FileSigner, generate_key
from evidence.topics import Address, Channel
from tests.daemon.support import SITE, UNIT, Home, check_fields, now

WEEK = dt.timedelta(days=7)


class Line:
    """The broker link as delivery sees it, up or down."""

    def __init__(self) -> None:
        self.up = True
        self.left: int | None = None
        self.sent: list[tuple[Channel, bytes]] = []
        self.now_s = 1000.0

    def publish(self, channel: Channel, payload: bytes) -> bool:
        if not self.up or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        self.sent.append((channel, payload))
        return True

    def take(self, channel: Channel) -> list[bytes]:
        """What went out on ``channel`` since the last call."""
        found = [payload for one, payload in self.sent if one is channel]
        self.sent = [(one, payload) for one, payload in self.sent if one is not channel]
        return found


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


@pytest.fixture
def delivery(home: Home, outbox: Outbox, line: Line) -> Delivery:
    identity = home.identity()
    return Delivery(
        outbox,
        home.config().address,
        identity.signer,
        identity.gateway_key,
        publish=line.publish,
        monotonic_s=lambda: line.now_s,
    )


def envelopes(outbox: Outbox) -> dict[int, bytes]:
    return {seq: sealed for seq, _, sealed in outbox.every_envelope()}


def receipt_body(outbox: Outbox, *numbers: int) -> dict[str, Any]:
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    return receipt.make_body({seq: hashes[seq] for seq in numbers})


def test_records_go_out_in_order_and_once(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    for _ in range(3):
        outbox.append(check_fields())
    for _ in range(4):
        delivery.pump()
    assert line.take(Channel.RECORD) == list(envelopes(outbox).values())
    assert line.take(Channel.ALERT) == []


def test_alert_goes_first_and_again_in_its_turn(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    for number in range(WINDOW + 5):
        outbox.append(check_fields(), alert=number == WINDOW + 4)
    delivery.pump()
    sealed = envelopes(outbox)
    assert line.sent[0] == (Channel.ALERT, sealed[WINDOW + 6])
    assert line.take(Channel.RECORD) == [sealed[seq] for seq in range(1, WINDOW + 1)]
    delivery.pump()
    assert [channel for channel, _ in line.sent] == [Channel.ALERT, Channel.HEALTH], "nothing is sent twice"


def test_no_record_overtakes_an_alert_when_the_link_comes_up(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    """It may come up between the alert that finds no link and the record after it."""
    outbox.append(check_fields(), alert=True)
    publish, tries = delivery.publish, itertools.count()
    delivery.publish = lambda channel, payload: bool(next(tries)) and publish(channel, payload)
    delivery.pump()
    assert Channel.RECORD not in {channel for channel, _ in line.sent}
    delivery.pump()
    assert next(channel for channel, _ in line.sent if channel is not Channel.HEALTH) is Channel.ALERT


def test_window_moves_with_the_receipts(home: Home, delivery: Delivery, outbox: Outbox, line: Line) -> None:
    for _ in range(WINDOW + 9):
        outbox.append(check_fields())
    delivery.pump()
    assert len(line.take(Channel.RECORD)) == WINDOW
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, *range(1, 5)), 1))
    delivery.pump()
    assert line.take(Channel.RECORD) == [envelopes(outbox)[seq] for seq in range(WINDOW + 1, WINDOW + 5)]


def sent_at(delivery: Delivery, line: Line, channel: Channel, within_s: float, step_s: float = 0.5) -> list[float]:
    """Pump for ``within_s``; after how many seconds something went out on ``channel``."""
    times, began_s = [], line.now_s
    while line.now_s - began_s <= within_s:
        delivery.pump()
        if line.take(channel):
            times.append(line.now_s - began_s)
        line.now_s += step_s
    return times


def test_record_without_receipt_goes_again_ever_more_rarely(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    outbox.append(check_fields(), alert=True)
    times = sent_at(delivery, line, Channel.RECORD, 1600)
    pauses = [late - early for early, late in itertools.pairwise(times)]
    assert times[0] == 0
    assert pauses[:8] == [FIRST_S, 10, 20, 40, 80, 160, LONGEST_S, LONGEST_S]
    line.now_s += LONGEST_S
    delivery.pump()
    assert len(line.take(Channel.ALERT)) > 5, "an alert is a message that may be lost as well"


def test_gateway_that_is_away_for_a_day_is_not_flooded(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    for _ in range(WINDOW + 10):
        outbox.append(check_fields())
    delivery.pump()
    for _ in range(24 * 60):
        line.now_s += 60
        delivery.pump()
    assert len(line.take(Channel.RECORD)) <= WINDOW * (24 * 60 // 5 + 8)


@pytest.mark.parametrize("how", ["new line", "receipt", "command"])
def test_pauses_begin_anew(how: str, home: Home, delivery: Delivery, outbox: Outbox, line: Line) -> None:
    outbox.append(check_fields())
    sent_at(delivery, line, Channel.RECORD, 700)
    if how == "new line":
        delivery.reconnected()
    elif how == "receipt":
        delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1), 1))
    else:
        delivery.receive(Channel.COMMAND, home.downlink(Channel.COMMAND, resend_body([1, 1]), 1))
    assert sent_at(delivery, line, Channel.RECORD, 5)[0] == 0


def resend_body(*ranges: list[int]) -> dict[str, Any]:
    return {"command": "resend", "ranges": list(ranges)}


def test_resend_brings_receipted_records_again(home: Home, delivery: Delivery, outbox: Outbox, line: Line) -> None:
    """A gateway that was restored from a backup without the last records asks for them."""
    for number in range(6):
        outbox.append(check_fields(), alert=number == 4)
    delivery.pump()
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, *range(1, 8)), 1))
    line.sent.clear()
    delivery.pump()
    assert line.sent == []
    delivery.receive(Channel.COMMAND, home.downlink(Channel.COMMAND, resend_body([3, 3], [5, 7]), 1))
    assert outbox.count_waiting() == 4
    delivery.pump()
    sealed = envelopes(outbox)
    assert line.take(Channel.RECORD) == [sealed[seq] for seq in (3, 5, 6, 7)]
    assert line.take(Channel.ALERT) == [sealed[6]]
    assert outbox.apply_receipt(receipt_body(outbox, 3, 5, 6, 7), now()) == 4
    assert (outbox.count_waiting(), delivery.refused) == (0, 0)


def _command(name: str, home: Home, outbox: Outbox) -> bytes:
    """A command that must not be obeyed."""
    body = resend_body([1, 2])
    if name == "repeated":
        outbox.accept_counter(Channel.COMMAND, 9)
    bodies = {"beyond the head": resend_body([3, 99]), "backwards": resend_body([2, 1])}
    changes: dict[str, dict[str, Any]] = {
        "another unit": {"address": Address(home.config().address.site, "unit-other")},
        "expired": {"issued": now() - WEEK},
    }
    if name == "forged":
        generate_key(home.folder / "forger.key")
        changes["forged"] = {"signer": FileSigner(home.folder / "forger.key")}
    return home.downlink(Channel.COMMAND, bodies.get(name, body), 9, **changes.get(name, {}))


@pytest.mark.parametrize("name", ["forged", "repeated", "another unit", "expired", "beyond the head", "backwards"])
def test_wrong_command_is_refused_and_counted(name: str, home: Home, delivery: Delivery, outbox: Outbox) -> None:
    outbox.append(check_fields())
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 2), 1))
    delivery.receive(Channel.COMMAND, _command(name, home, outbox))
    assert (delivery.refused, outbox.count_waiting()) == (1, 0)


def test_resend_reaches_beyond_the_head(home: Home, delivery: Delivery, outbox: Outbox) -> None:
    """A gateway that lost its store does not know how far the unit has come."""
    outbox.append(check_fields())
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 2), 1))
    delivery.receive(Channel.COMMAND, home.downlink(Channel.COMMAND, resend_body([2, 1000]), 9))
    assert (delivery.refused, [one.seq for one in outbox.waiting()]) == (0, [2])


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"command": "resend"}, {"command": "erase", "ranges": [[1, 2]]}, {"ranges": [[1, 2]]}),
        *({"command": "resend", "ranges": []}, {"command": "resend", "ranges": [[1, 2]], "more": 1}),
        *({"command": "resend", "ranges": [[1]]}, {"command": "resend", "ranges": [[0, 1]]}),
        *({"command": "resend", "ranges": [[1, 2.0]]}, {"command": "resend", "ranges": [[1, 2**60]]}),
    ],
)
def test_what_is_no_command_is_refused(
    body: dict[str, Any], home: Home, delivery: Delivery, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evidence.downlink.schema.check", lambda *_: None)  # a gateway that signs anything
        message = home.downlink(Channel.COMMAND, body, 1)
    delivery.receive(Channel.COMMAND, message)
    assert (delivery.refused, outbox.last_counter(Channel.COMMAND)) == (1, 0)


def test_line_that_breaks_stops_in_order(delivery: Delivery, outbox: Outbox, line: Line) -> None:
    for _ in range(5):
        outbox.append(check_fields())
    line.left = 2
    delivery.pump()
    line.left = None
    delivery.pump()
    assert line.take(Channel.RECORD) == list(envelopes(outbox).values())


def test_everything_without_receipt_goes_again_on_a_new_line(
    home: Home, delivery: Delivery, outbox: Outbox, line: Line
) -> None:
    outbox.append(check_fields(), alert=True)
    outbox.append(check_fields())
    delivery.pump()
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 3), 1))
    line.sent.clear()
    line.up = False
    delivery.pump()
    line.up = True
    delivery.pump()
    assert line.sent == []
    delivery.reconnected()
    delivery.pump()
    sealed = envelopes(outbox)[2]
    assert (line.take(Channel.ALERT), line.take(Channel.RECORD)) == ([sealed], [sealed])
    assert len(line.take(Channel.HEALTH)) == 1


def test_health_is_signed_and_tells_the_head(home: Home, delivery: Delivery, outbox: Outbox, line: Line) -> None:
    outbox.append(check_fields())
    delivery.receive(Channel.RECEIPT, b"garbage")
    delivery.storage = lambda: {"state": "low", "free_bytes": 5, "days_left": 3}
    delivery.pump()
    (message,) = line.take(Channel.HEALTH)
    signer = home.identity().signer
    verified = jws.verify(message.decode("ascii"), TYPE, lambda kid: {signer.kid: signer.public_key}.get(kid))
    told = json.loads(verified.payload)
    assert (told["unit"], told["site"], told["seq"], told["head"]) == (UNIT, SITE, 2, outbox.head.sha256)
    assert (told["waiting"], told["refused"]) == (2, 1)
    assert told["storage"] == {"state": "low", "free_bytes": 5, "days_left": 3}
    line.now_s += HEALTH_S - 1
    delivery.pump()
    assert line.take(Channel.HEALTH) == []
    line.now_s += 1
    delivery.pump()
    assert len(line.take(Channel.HEALTH)) == 1


def test_receipt_is_believed_once(home: Home, delivery: Delivery, outbox: Outbox) -> None:
    outbox.append(check_fields())
    message = home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 2), 3)
    delivery.receive(Channel.RECEIPT, message)
    assert (outbox.count_waiting(), delivery.refused, outbox.last_counter(Channel.RECEIPT)) == (0, 0, 3)
    delivery.receive(Channel.RECEIPT, message)
    assert delivery.refused == 1


def _wrong(name: str, home: Home, outbox: Outbox) -> bytes:
    """A receipt that must not be believed."""
    body, address = receipt_body(outbox, 1, 2), home.config().address
    if name == "forged":
        generate_key(home.folder / "forger.key")
        return home.downlink(Channel.RECEIPT, body, 9, signer=FileSigner(home.folder / "forger.key"))
    if name == "by the unit itself":
        return home.downlink(Channel.RECEIPT, body, 9, signer=home.identity().signer)
    if name == "changed":
        message = bytearray(home.downlink(Channel.RECEIPT, body, 9))
        message[len(message) // 2] ^= 1
        return bytes(message)
    changes: dict[str, dict[str, Any]] = {
        "another unit": {"address": Address(address.site, "unit-other")},
        "another site": {"address": Address("site-other", address.unit)},
        "expired": {"issued": now() - WEEK, "lifetime": dt.timedelta(hours=1)},
    }
    if name in changes:
        return home.downlink(Channel.RECEIPT, body, 9, **changes[name])
    if name == "another channel":
        return home.downlink(Channel.COMMAND, {"command": "resend", "ranges": [[1, 1]]}, 9)
    if name == "old counter":
        outbox.accept_counter(Channel.RECEIPT, 9)
        return home.downlink(Channel.RECEIPT, body, 9)
    bodies = {
        "other records": {**body, "sha256": "0" * 64},
        "beyond the head": {**body, "ranges": [[1, 99]]},
        "backwards": {**body, "ranges": [[2, 1]]},
    }
    return home.downlink(Channel.RECEIPT, bodies[name], 9)


@pytest.mark.parametrize(
    "name",
    [
        *("forged", "by the unit itself", "changed", "another unit", "another site", "another channel", "expired"),
        *("old counter", "other records", "beyond the head", "backwards"),
    ],
)
def test_wrong_receipt_is_refused_and_counted(name: str, home: Home, delivery: Delivery, outbox: Outbox) -> None:
    outbox.append(check_fields())
    message = _wrong(name, home, outbox)
    counter = outbox.last_counter(Channel.RECEIPT)
    delivery.receive(Channel.RECEIPT, message)
    assert (delivery.refused, outbox.count_waiting()) == (1, 2)
    assert outbox.last_counter(Channel.RECEIPT) == counter, "a refused message uses up no counter"
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 2), 10))
    assert outbox.count_waiting() == 0, "the next sound one is taken"


@pytest.mark.parametrize(
    "garbage", [b"", b"\x00", b"\xff" * 100, b"a.b.c", b"{}", "回执".encode(), b"." * 10_000, b"e30.e30.e30"]
)
@pytest.mark.parametrize("channel", [Channel.RECEIPT, Channel.COMMAND, Channel.ROSTER, Channel.WORKLIST])
def test_garbage_is_counted(channel: Channel, garbage: bytes, delivery: Delivery, outbox: Outbox) -> None:
    delivery.receive(channel, garbage)
    assert delivery.refused == 1
    assert outbox.count_waiting() == 1


def test_message_without_use_is_no_error(home: Home, delivery: Delivery, outbox: Outbox) -> None:
    delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, {"version": 1, "officers": []}, 4))
    assert (delivery.refused, outbox.last_counter(Channel.ROSTER)) == (0, 4)
