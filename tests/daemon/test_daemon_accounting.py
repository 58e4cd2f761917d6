"""An emergency keeps the door open until an officer has accounted for it, whatever ends in between."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from daemon.demo.people import drawn_name
from daemon.desk import Desk
from daemon.door import NoDoor
from daemon.events import Amended, Begin, Closed, Emergency, Event, Left
from daemon.journal import Journal
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.touches import Touches
from daemon.officers import Roster, read_roster
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.state import Step
from daemon.unit import Unit
from evidence.record import Kind
from tests.daemon.conftest import Home
from tests.daemon.support import PINS, check_fields, idle_devices, now

POLICY = replace(load_policy("neutral"), signatures=())
EMERGENCY = "0197a000-0000-7000-8000-00000000000e"
CHECK = "0197a000-0000-7000-8000-00000000000c"
OFFICER = {"officer": "o-101", "pin": PINS["o-101"]}
SECOND = {"officer": "o-102", "pin": PINS["o-102"]}


class Place:
    """A unit whose loop and writer are turned by hand, and its touches."""

    def __init__(self, home: Home) -> None:
        self.outbox: Outbox = home.outbox()
        self.door = NoDoor()
        config = home.config()
        self.unit = Unit(
            config, POLICY, self.outbox, Journal(config.unit.data / "journal"), self.door, self._seen, lambda: None
        )
        self.unit.cards = self.unit.faces = idle_devices()
        roster = Roster(read_roster(config.unit.officers), now)
        self.touches = Touches(POLICY, "delivery", roster, lambda: self.unit.state, now, self.outbox.find_check)
        self.turn()

    def _seen(self, _desk: Desk) -> None:
        """Nobody looks."""

    def turn(self) -> None:
        """Loop and writer do what there is to do, until neither has anything left."""
        for _ in range(3):
            self.unit.close()
            self.unit.run_writer()
            self.unit.run(lambda: None)

    def post(self, *events: Event) -> None:
        for event in events:
            self.unit.post(event)
            self.turn()

    @property
    def open(self) -> bool:
        return self.door.released_at_s is not None

    def amend(self, check: str, what: str, reason: str = "birth began at the door", **more: Any) -> Event:
        return self.touches.event("amend", {**OFFICER, "check": check, "what": what, "reason": reason, **more})

    @property
    def owed(self) -> list[str]:
        return [one.check for one in self.outbox.owed]


@pytest.fixture
def place(home: Home) -> Iterator[Callable[[], Place]]:
    made: list[Place] = []

    def again() -> Place:
        """The unit, started; once more after a power cut."""
        for one in made:
            one.outbox.close()
        made[:] = [Place(home)]
        return made[0]

    yield again
    for one in made:
        one.outbox.close()


def another_check(unit: Place) -> None:
    unit.post(Begin(CHECK, "delivery", "V-1", "typed"), Left(), Closed())
    assert unit.unit.state.step is Step.IDLE


def test_unexplained_emergency_outlasts_the_next_check_and_a_restart(place: Callable[[], Place]) -> None:
    unit = place()
    assert not unit.open
    unit.post(Emergency(EMERGENCY, "delivery"), Closed())
    another_check(unit)
    assert unit.open, "the end of another check locked the door"
    unit = place()
    unit.door.release()
    unit.turn()
    assert unit.open
    unit.post(unit.amend(EMERGENCY, "explanation"))
    assert not unit.open
    assert unit.outbox.unaccounted == ()


def test_only_the_emergency_itself_can_be_accounted_for(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"), Closed())
    another_check(unit)
    for what in ("explanation", "mistaken_emergency"):
        with pytest.raises(TouchRefused, match="not_an_open_emergency"):
            unit.amend(CHECK, what)
    unit.post(unit.amend(CHECK, "remark"))
    assert unit.open
    unit.post(unit.amend(EMERGENCY, "mistaken_emergency"))
    with pytest.raises(TouchRefused, match="not_an_open_emergency"):
        unit.amend(EMERGENCY, "explanation")


@pytest.mark.parametrize(
    ("findings", "who", "refused"),
    [
        (["under_14"], {"by": "subject"}, "guardian_must_sign"),
        (["under_14"], {"by": "delegate", "relation": "spouse"}, "relation_not_open"),
        (["under_14"], {"by": "delegate", "relation": "guardian"}, None),
        ([], {"by": "subject"}, None),
        ([], {"by": "delegate", "relation": "entrusted_person"}, None),
        (None, {"by": "subject"}, None),
        (None, {"by": "delegate", "relation": "guardian"}, None),
    ],
)
def test_who_signs_hours_later(
    findings: list[str] | None, who: dict[str, str], refused: str | None, place: Callable[[], Place]
) -> None:
    """For a child her guardian only; where no document told her age, whoever the policy lets sign for anybody."""
    unit = place()
    document = {} if findings is None else {"document": {"type": "resident_id_card", "findings": findings}}
    unit.outbox.append({**check_fields(CHECK), **document})
    more = {**who, "png": drawn_name()}
    if refused:
        with pytest.raises(TouchRefused, match=refused):
            unit.amend(CHECK, "signature", **more)
        return
    signed = unit.amend(CHECK, "signature", **more)
    assert isinstance(signed, Amended)
    assert signed.signature is not None
    assert (signed.signature.by, signed.signature.relation) == (who["by"], who.get("relation", "self"))


def test_accounting_needs_a_reason(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"))
    with pytest.raises(TouchRefused, match="reason_is_missing"):
        unit.amend(EMERGENCY, "explanation", " ")
    for what in ("explanation", "remark"):
        with pytest.raises(TouchRefused, match="reason_has_mobile_number"):
            unit.amend(EMERGENCY, what, "her husband, 139 0000 0001")


def test_two_emergencies_are_both_accounted_for(place: Callable[[], Place]) -> None:
    unit = place()
    second = EMERGENCY.replace("e", "f")
    unit.post(Emergency(EMERGENCY, "delivery"), Closed(), Emergency(second, "delivery"), Closed())
    unit.post(unit.amend(second, "explanation"))
    assert unit.open
    unit.post(unit.amend(EMERGENCY, "explanation"))
    assert not unit.open


def test_pressed_twice_within_one_emergency_it_is_one_record(
    place: Callable[[], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The door opens with every press; a woman who comes while the first one is still on the screen has her own."""
    unit = place()
    passed_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: passed_s)
    unit.post(Emergency(EMERGENCY, "delivery"))
    unit.door.lock()
    unit.post(Emergency(CHECK, "delivery"))
    assert unit.open
    assert [one.check for one in unit.outbox.unaccounted] == [EMERGENCY]
    passed_s += 59.9
    unit.post(Emergency(CHECK, "delivery"))
    assert [one.check for one in unit.outbox.unaccounted] == [EMERGENCY]
    passed_s += 0.1
    unit.post(Emergency(CHECK, "delivery"))
    assert [one.check for one in unit.outbox.unaccounted] == [CHECK, EMERGENCY]


def test_accounted_for_while_it_is_still_on_the_screen(place: Callable[[], Place]) -> None:
    """From the list of what is owed, at another page: the door is locked when the screen is closed."""
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"))
    unit.post(unit.amend(EMERGENCY, "mistaken_emergency"), Closed())
    assert unit.unit.state.step is Step.IDLE
    assert not unit.open


def test_accounted_for_while_the_next_check_is_under_way(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"), Closed(), began())
    assert unit.open
    unit.post(unit.amend(EMERGENCY, "explanation"))
    assert (unit.unit.state.step, unit.open) == (Step.NOTICE, False)


def test_no_screen_is_told_of_a_check_before_its_journal(
    place: Callable[[], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever draws the screen meanwhile, for a receipt that has come, draws what a power cut could not undo."""
    unit = place()
    drawn: list[str | None] = []
    monkeypatch.setattr(unit.unit.journal, "write", lambda _entry: drawn.append(unit.unit.shown.active.check))
    unit.post(Begin(CHECK, "delivery", "V-1", "typed"))
    assert drawn == [None]
    assert unit.unit.shown.active.check == CHECK


def test_nothing_is_cleared_before_the_addendum_is_committed(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"), Closed())
    event = unit.amend(EMERGENCY, "explanation")
    assert isinstance(event, Amended)
    unit.unit.post(event)
    unit.unit.close()
    unit.unit.run(lambda: None)  # the loop alone: the writer has not had its turn
    assert unit.open
    unit.turn()
    assert not unit.open


def test_emergency_whose_own_check_was_cut_is_accounted_for_too(home: Home, place: Callable[[], Place]) -> None:
    unit = place()
    unit.unit.post(Emergency(EMERGENCY, "delivery"))
    unit.unit.close()
    unit.unit.run(lambda: None)  # the power goes before the writer commits it
    again = place()
    assert again.unit.recover() == 1
    (row,) = again.outbox.unaccounted
    assert (row.check, row.outcome) == (EMERGENCY, "interrupted")
    again.unit.post(again.amend(EMERGENCY, "explanation"))
    again.turn()
    assert again.outbox.unaccounted == ()
    assert dt.datetime.fromisoformat(row.at) <= now()
    assert home


# --- drills ----------------------------------------------------------------------------------------------------------


def test_emergency_during_a_drill_is_accounted_for_like_any(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(replace(began(), drill=True), Emergency(EMERGENCY, "delivery"), Closed())
    assert unit.open
    assert unit.owed == [EMERGENCY]
    assert [(one.check, one.drill) for one in unit.outbox.recent()] == [(EMERGENCY, False)]
    unit.post(unit.amend(EMERGENCY, "explanation"))
    assert not unit.open


def test_emergency_that_older_software_called_a_drill_is_told(place: Callable[[], Place]) -> None:
    """It holds the door open, so somebody must be able to account for it."""
    unit = place()
    unit.outbox.append({**check_fields(EMERGENCY, "emergency"), "drill": True})
    unit.door.release()
    another_check(unit)
    assert unit.open
    assert unit.owed[0] == EMERGENCY
    unit.post(unit.amend(EMERGENCY, "explanation"))
    assert not unit.open


# --- whose word wipes a debt -----------------------------------------------------------------------------------------


def began(visit: str = "V-1", source: str = "typed") -> Begin:
    return Begin(CHECK, "delivery", visit, source)


def test_touch_by_mistake_leaves_no_debt_where_nobody_was(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"), Closed())
    assert unit.owed == [EMERGENCY]
    unit.post(unit.amend(EMERGENCY, "mistaken_emergency"))
    assert unit.owed == []
    unit.post(began(), Emergency(EMERGENCY, "delivery"), Closed())
    unit.post(unit.amend(CHECK, "mistaken_emergency"))
    assert unit.owed == [CHECK], "somebody's visit is known: she is still owed"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("what", "owed"), [("mistaken_emergency", []), ("explanation", [EMERGENCY])])
def test_a_touch_by_mistake_is_told_in_one_way(
    what: str, owed: list[str], at_once: bool, place: Callable[[], Place], home: Home
) -> None:
    """At once on the emergency's screen, or later from the list: the same addendum by one officer, the same debts."""
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"))
    if at_once:
        unit.post(unit.touches.event("explain", {**OFFICER, "what": what, "reason": "a sleeve"}))
    else:
        unit.post(Closed(), unit.amend(EMERGENCY, what, "a sleeve"))
    assert (unit.owed, unit.open, unit.outbox.unaccounted) == (owed, False, ())
    addendum = next(one.payload for one in home.opened(unit.outbox) if one.kind is Kind.ADDENDUM)
    assert (addendum["amends"], addendum["accounts"], addendum["reason"]) == (what, True, f"{what}: a sleeve")
    assert [one["id"] for one in addendum["officers"]] == ["o-101"]


def test_two_officers_say_that_nobody_came(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(began("P-1", "provisional"), Left(), Closed())
    for more, cause in (
        ({}, "another_officer_is_missing"),
        ({"second": OFFICER}, "same_officer"),
        ({"second": {**SECOND, "pin": "000000"}}, "wrong_pin"),
    ):
        with pytest.raises(TouchRefused, match=cause):
            unit.amend(CHECK, "nobody_checked", "a child played", **more)
    unit.post(unit.amend(CHECK, "nobody_checked", "a child played", second=SECOND))
    assert unit.owed == []


def test_nobody_says_that_of_whose_card_was_read_or_visit_is_known(place: Callable[[], Place]) -> None:
    unit = place()
    read = {"visit": {"ref": "P-1", "source": "provisional"}, "step_reached": "card"}
    unit.outbox.append({**check_fields(EMERGENCY, "interrupted"), **read})
    unit.post(began(), Left(), Closed())
    for check in (EMERGENCY, CHECK):
        with pytest.raises(TouchRefused, match="somebody_was_there"):
            unit.amend(check, "nobody_checked", "x", second=SECOND)


def test_one_officer_moves_no_check_to_another_visit(place: Callable[[], Place]) -> None:
    """A check of one woman would settle the debt of another."""
    unit = place()
    unit.post(began("V-OWED"), Left(), Closed())
    unit.outbox.append({**check_fields(EMERGENCY, "refused"), "visit": {"ref": "V-2", "source": "typed"}})
    with pytest.raises(TouchRefused, match="another_officer_is_missing"):
        unit.amend(EMERGENCY, "visit", visit="V-OWED")
    unit.post(unit.amend(EMERGENCY, "visit", visit="V-OWED", second=SECOND))
    assert unit.owed == []


def test_one_officer_links_a_check_whose_visit_is_not_known_once(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(began("P-1", "provisional"), Left(), Closed())
    unit.touches = replace(unit.touches, is_another=lambda check, visit: (check, visit) == (CHECK, "V-8"))
    with pytest.raises(TouchRefused, match="number_differs_from_visit"):
        unit.amend(CHECK, "visit", visit="V-8")
    unit.post(unit.amend(CHECK, "visit", visit="V-9"))
    assert [one.visit for one in unit.outbox.owed] == ["V-9"]
    with pytest.raises(TouchRefused, match="another_officer_is_missing"):
        unit.amend(CHECK, "visit", visit="V-7")
