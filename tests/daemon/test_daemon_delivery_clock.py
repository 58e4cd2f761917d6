"""Delivery and clocks: the unit's own, which may be behind, and the gateway's, which may be ahead."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from daemon.clock import KernelClock, UnitClock
from daemon.delivery import Delivery
from daemon.outbox import Outbox
from evidence import downlink, receipt
from evidence.topics import Channel
from tests.daemon.support import SYNCHRONISED, Home, check_fields, now

WEEK = dt.timedelta(days=7)


def _delivery(home: Home, outbox: Outbox) -> Delivery:
    identity = home.identity()
    return Delivery(outbox, home.config().address, identity.signer, identity.gateway_key, lambda *_: True)


def receipt_body(outbox: Outbox, *numbers: int) -> dict[str, Any]:
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    return receipt.make_body({seq: hashes[seq] for seq in numbers})


def test_expiry_is_not_asked_of_a_clock_that_is_not_trusted(home: Home) -> None:
    """A unit that woke in 1970 must still be able to take receipts: time goes on from its last record."""
    home.outbox().close()
    asleep = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: asleep, kernel=lambda: SYNCHRONISED))
    delivery = _delivery(home, outbox)
    old = home.downlink(Channel.RECEIPT, receipt_body(outbox, 1), 1, issued=now() - WEEK)
    delivery.receive(Channel.RECEIPT, old)
    assert (delivery.refused, outbox.count_waiting()) == (0, 0)
    outbox.close()


def test_a_clock_ahead_that_no_network_set_refuses_no_receipt(home: Home) -> None:
    """Leap after leap, each small enough to be believed, it came further than any message lives."""
    today = [now()]
    free = KernelClock(False, dt.timedelta(seconds=16))
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: free))
    delivery, right = _delivery(home, outbox), today[0]
    for number in range(2, 5):
        today[0] += dt.timedelta(days=25)
        outbox.append(check_fields())
        token = home.downlink(Channel.RECEIPT, receipt_body(outbox, number), number, issued=right)
        delivery.receive(Channel.RECEIPT, token)
    assert (delivery.refused, outbox.count_waiting()) == (0, 1), "the birth record alone has no receipt here"
    outbox.close()


@pytest.mark.parametrize("lag", ["behind the last record", "of a stopped clock"])
def test_records_receipted_by_a_clock_that_lags_stay_thirty_days(lag: str, home: Home) -> None:
    """60 days behind when the receipt comes, set right a minute later: the records are a minute old, not 60 days."""
    home.outbox().close()
    right = now() + dt.timedelta(days=60)
    today = [{"behind the last record": dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "of a stopped clock": now()}[lag]]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    delivery = _delivery(home, outbox)
    outbox.append(check_fields())
    delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, receipt_body(outbox, 1, 2), 1, issued=right))
    assert outbox.count_waiting() == 0
    for later, gone in ((dt.timedelta(minutes=1), 0), (dt.timedelta(days=29), 0), (dt.timedelta(days=31), 1)):
        today[0] = right + later
        again = home.downlink(Channel.RECEIPT, receipt_body(outbox, 1), 2 + later.days, issued=right + later)
        delivery.receive(Channel.RECEIPT, again)
        assert outbox.make_room() == gone, later
    outbox.close()


def test_receipt_long_on_its_way_counts_from_when_it_came(home: Home) -> None:
    outbox = home.outbox()
    delivery = _delivery(home, outbox)
    issued, lifetime = now() - dt.timedelta(days=40), dt.timedelta(days=50)
    message = home.downlink(Channel.RECEIPT, receipt_body(outbox, 1), 1, issued=issued, lifetime=lifetime)
    delivery.receive(Channel.RECEIPT, message)
    assert (outbox.count_waiting(), outbox.make_room()) == (0, 0)
    outbox.close()


@pytest.mark.parametrize("synchronised", [True, False])
def test_number_of_a_time_to_come_is_refused_where_the_time_is_known(synchronised: bool, home: Home) -> None:
    """Believed, it would make every receipt of a gateway whose clock was mended a repetition, for ten years."""
    kernel = KernelClock(synchronised, dt.timedelta(milliseconds=5))
    home.outbox().close()
    outbox = home.outbox(lambda floor: UnitClock(floor, kernel=lambda: kernel))
    delivery, later = _delivery(home, outbox), now() + dt.timedelta(days=3650)
    body = receipt_body(outbox, 1)
    message = home.downlink(Channel.RECEIPT, body, downlink.counter_at(later), issued=later)
    delivery.receive(Channel.RECEIPT, message)
    # A unit that was without power for a week and has no network's time may itself be the one who is behind.
    assert (delivery.refused, outbox.count_waiting()) == ((1, 1) if synchronised else (0, 0))
    message = home.downlink(Channel.RECEIPT, body, downlink.counter_at(now()))
    delivery.receive(Channel.RECEIPT, message)
    assert (delivery.refused, outbox.count_waiting()) == (1, 0)
    outbox.close()
