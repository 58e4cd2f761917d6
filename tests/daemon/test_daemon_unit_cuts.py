"""A unit whose loop the test drives: cut at every point of a check, and what it does not keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from daemon import events as ev
from daemon.cards import LaidCard
from daemon.check_id import new_check_id
from daemon.door import NoDoor
from daemon.events import Begin, CardRead, Consented, Emergency, Event, Left, Proposed
from daemon.journal import Journal
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.unit import Unit
from evidence.record import Outcome
from tests.daemon.support import Home, idle_devices

EXPIRES = "2030-01-01T00:00:00.000Z"
CONSENT = Consented("2026-11-21T08:00:00.000Z")


POLICY = replace(load_policy("neutral"), signatures=())
"""Nobody signs: what happens after that has its own tests."""


@contextmanager
def sleeping(home: Home) -> Iterator[tuple[Unit, Outbox]]:
    outbox = home.outbox()
    config = home.config()
    folder = config.unit.data / "journal"
    unit = Unit(config, load_policy("neutral"), outbox, Journal(folder), NoDoor(), lambda _: None, lambda: None)
    unit.cards = unit.faces = idle_devices()
    try:
        yield unit, outbox
    finally:
        outbox.close()


CHECK = new_check_id()


def begin(*, drill: bool = True) -> Begin:
    return Begin(CHECK, "delivery", "V-0001", "typed", drill=drill)


def drive(unit: Unit, happened: list[Event]) -> None:
    for event in happened:
        unit._step(event)


CUTS: dict[str, tuple[list[Event], str]] = {
    "notice": ([begin()], "notice"),
    "consent": ([begin(), CONSENT], "consent"),
    "decision": ([begin(), ev.Declined("refuse")], "notice"),
    "confirm": ([begin(), CONSENT, Proposed(Outcome.UNABLE, "unconscious", EXPIRES)], "consent"),
    "card": (
        [begin(), CONSENT, CardRead(CHECK, ev.Document({"type": "x"}, (), {}, "ab" * 32), photo=False)],
        "card",
    ),
    "sealing": ([begin(), CONSENT, Left()], "consent"),
    "emergency in a check": ([begin(drill=False), Emergency(new_check_id(), "delivery")], "emergency"),
    "emergency from idle": ([Emergency(CHECK, "delivery")], "emergency"),
}


@pytest.mark.parametrize("name", CUTS)
def test_cut_before_the_commit(name: str, home: Home) -> None:
    """Whatever the check was doing: at the next start it has exactly one record, and that one says how far it got."""
    happened, reached = CUTS[name]
    with sleeping(home) as (unit, _):
        drive(unit, happened)
    for _ in range(2):
        with sleeping(home) as (unit, outbox):
            unit.recover()
            records = [one.payload for one in home.opened(outbox)[1:]]
            assert [(one["check"], one["outcome"], one["step_reached"]) for one in records] == [
                (CHECK, "interrupted", reached)
            ]
            assert home.verified(outbox).sound


def test_cut_in_an_emergency_of_a_drill(home: Home) -> None:
    """The drill is one, and was interrupted; the emergency is none, and was one."""
    emergency = new_check_id()
    with sleeping(home) as (unit, _):
        drive(unit, [begin(), Emergency(emergency, "delivery")])
    for _ in range(2):
        with sleeping(home) as (unit, outbox):
            unit.recover()
            records = [one.payload for one in home.opened(outbox)[1:]]
            told = [(one["check"], one["drill"], one["outcome"], one["step_reached"]) for one in records]
            assert told == [(CHECK, True, "interrupted", "notice"), (emergency, False, "interrupted", "emergency")]
            assert "alerts" not in records[0]
            assert [one.check for one in outbox.unaccounted] == [emergency]
            assert home.verified(outbox).sound


def test_cut_in_an_emergency_calls_whom_an_emergency_calls(home: Home) -> None:
    """Its record goes before the backlog, and asks for those whom the policy wants told of an emergency."""
    with sleeping(home) as (unit, _):
        drive(unit, [Emergency(CHECK, "delivery")])
    with sleeping(home) as (unit, outbox):
        unit.recover()
        record = home.opened(outbox)[-1].payload
        assert (record["outcome"], record["alerts"]) == ("interrupted", [{"to": "hospital_office", "within_s": 0}])
        assert [one.seq for one in outbox.waiting_alerts()] == [record["seq"]]


def test_cut_after_the_commit(home: Home) -> None:
    with sleeping(home) as (unit, outbox):
        drive(unit, [begin(), Left()])
        request = unit._to_write.get()
        assert request is not None
        outbox.append(request.fields, alert=request.alert)
    with sleeping(home) as (unit, outbox):
        assert unit.recover() == 1
        assert [one.payload["reason"] for one in home.opened(outbox)[1:]] == ["left"]


def test_picture_of_a_card_read_too_late_is_not_kept(home: Home) -> None:
    with sleeping(home) as (unit, _):
        drive(unit, [begin()])
        event = CardRead("another", ev.Document({}, (), {}, "ab" * 32), photo=True)
        unit.laid(LaidCard(event, np.zeros((2, 2, 3), np.uint8)))
        drive(unit, [event])
        assert unit._photo is None
