"""An emergency keeps the door open until an officer has accounted for it, whatever ends in between."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

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
from daemon.unit import SAME_EMERGENCY_S, Unit
from tests.daemon.conftest import Home
from tests.daemon.support import now

POLICY = replace(load_policy("neutral"), signatures=())
EMERGENCY = "0197a000-0000-7000-8000-00000000000e"
CHECK = "0197a000-0000-7000-8000-00000000000c"
OFFICER = {"officer": "o-101", "pin": "480273"}


class Nothing:
    """Cards and faces that nobody asks for anything."""

    def cancel(self) -> None:
        """Nothing runs."""


class Place:
    """A unit whose loop and writer are turned by hand, and its touches."""

    def __init__(self, home: Home) -> None:
        self.outbox: Outbox = home.outbox()
        self.door = NoDoor()
        config = home.config()
        self.unit = Unit(
            config, POLICY, self.outbox, Journal(config.unit.data / "journal"), self.door, self._seen, lambda: None
        )
        self.unit.cards = self.unit.faces = Nothing()  # type: ignore[assignment]
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

    def amend(self, check: str, what: str, reason: str = "birth began at the door") -> Event:
        return self.touches.event("amend", {**OFFICER, "check": check, "what": what, "reason": reason})


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


def test_accounting_needs_a_reason(place: Callable[[], Place]) -> None:
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"))
    with pytest.raises(TouchRefused, match="reason_is_missing"):
        unit.amend(EMERGENCY, "explanation", " ")


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
    passed_s += SAME_EMERGENCY_S
    unit.post(Emergency(CHECK, "delivery"))
    assert [one.check for one in unit.outbox.unaccounted] == [CHECK, EMERGENCY]


def test_accounted_for_while_it_is_still_on_the_screen(place: Callable[[], Place]) -> None:
    """From the list of what is owed, at another page: the door is locked when the screen is closed."""
    unit = place()
    unit.post(Emergency(EMERGENCY, "delivery"))
    unit.post(unit.amend(EMERGENCY, "mistaken_emergency"), Closed())
    assert unit.unit.state.step is Step.IDLE
    assert not unit.open


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
