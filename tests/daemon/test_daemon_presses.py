"""One press of the button is one emergency, wherever the power goes: told again, it is known again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.door import CoprocessorDoor, NoDoor
from daemon.entrance import EntranceTask, identity
from daemon.events import Accounted, Begin, Closed, Emergency, Event, Left, Meant, WaitedLong
from daemon.journal import Journal
from daemon.outbox import Outbox
from daemon.outbox.known_events import EventId, of_screen
from daemon.pins import PinEntrance, PinEntranceTask, open_entrance
from daemon.policy import load_policy
from daemon.state import Step
from daemon.unit import Unit
from evidence.record import Kind
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import EventKind
from hw.uri import DeviceUri
from tests.daemon.support import Home, idle_devices

POINTS = ("told", "journal", "committed", "cleared", "recorded")
"""The last thing that the unit did for the press before it was cut."""
PRESS = CoprocessorEvent(7, 3, 4711, EventKind.EMERGENCY, 0, 1.0, authentic=True)
NEXT = CoprocessorEvent(8, 3, 9000, EventKind.EMERGENCY, 0, 1.0, authentic=True)


class CutError(Exception):
    """The power goes here."""


class CutJournal(Journal):
    """Its entry is there still when the power goes."""

    def clear(self, check: str) -> None:
        raise CutError(check)


class Life:
    """A unit between two cuts. Its loop and its writer take what is posted at once, in this one thread."""

    def __init__(self, unit: Unit, outbox: Outbox, until: str | None) -> None:
        self.unit, self.outbox, self._until = unit, outbox, until
        device = Coprocessor(DeviceUri.parse("serial:///dev/nowhere"))
        self.door = CoprocessorDoor(device, outbox.has_counter)
        self.entrance = EntranceTask(device, self, "delivery", post=self.hear, pressed=self.door.pressed)

    def _done(self, what: str) -> None:
        if what == self._until:
            raise CutError(what)

    def hear(self, event: Event) -> None:
        self._done("told")
        self.unit._step(event)
        self._done("journal")
        self.unit.close()
        self.unit.run_writer()
        while (told := self.unit._events.get()) is not None:
            self.unit._step(told)
        self._done("cleared")

    def has_event(self, event: EventId) -> bool:
        return self.outbox.has_event(event)

    def has_press(self, press: EventId) -> bool:
        return self.outbox.has_press(press)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        assert alert
        self.outbox.append(fields, alert=alert, event=event)
        self._done("recorded")


@contextmanager
def living(home: Home, until: str | None = None) -> Iterator[Life]:
    """A start of the unit, with what every start makes up for; ``until``: what is done last."""
    outbox, config = home.outbox(), home.config()
    make = CutJournal if until == "committed" else Journal
    journal = make(config.unit.data / "journal")
    unit = Unit(config, load_policy("neutral"), outbox, journal, NoDoor(), lambda _: None, lambda: None)
    unit.cards = unit.faces = idle_devices()
    try:
        unit.recover()
        yield Life(unit, outbox, until)
    finally:
        outbox.close()


def told(home: Home, outbox: Outbox) -> tuple[int, int]:
    """Emergencies and events of the button in the chain."""
    records = [one.payload for one in home.opened(outbox)]
    assert home.verified(outbox).sound
    emergencies = [one for one in records if "emergency" in (one.get("outcome"), one.get("step_reached"))]
    types = [one["event"]["type"] for one in records if one["kind"] == Kind.EVENT.value]
    return len(emergencies), sum(one.endswith(".emergency") for one in types)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("until", POINTS)
def test_a_press_told_again_after_a_cut_is_the_same_emergency(until: str, times: int, home: Home) -> None:
    """Cut once or twice, at every point of its way; the co-processor tells it until it is confirmed, and once more."""
    for _ in range(times):
        with suppress(CutError), living(home, until) as life:
            life.entrance.take(PRESS)
    for _ in range(2):
        with living(home) as life:
            life.entrance.take(PRESS)
            assert told(home, life.outbox) == (1, 1)
            assert len(life.outbox.unaccounted) == 1
            assert life.outbox.has_counter(PRESS.counter), "so that an officer's word clears it"


OTHER = "0197a000-0000-7000-8000-00000000000d"
ON_SCREEN = Emergency("0197a000-0000-7000-8000-00000000000e", "delivery", press=of_screen(0xBEEF))


@pytest.mark.parametrize("until", ["told", "journal", "committed", "cleared"])
def test_a_press_on_a_screen_that_is_told_again_is_the_same_emergency(until: str, home: Home) -> None:
    """The page tells it until it has an answer, over any restart; when it was pressed is its claim."""
    assert ON_SCREEN.press is not None
    with suppress(CutError), living(home, until) as life:
        life.hear(ON_SCREEN)
    assert life.unit.keeps(ON_SCREEN.press) is (until != "told"), "the page is answered when no cut can lose it"
    for number in (1, 2):
        with living(home) as life:
            again = replace(ON_SCREEN, check=f"0197a000-0000-7000-8000-00000000000{number}")
            life.hear(replace(again, claimed_at="2026-11-22T08:00:00.000Z"))
            assert life.unit.keeps(ON_SCREEN.press)
            assert told(home, life.outbox) == (1, 0)
            assert len(life.outbox.unaccounted) == 1
            (made,) = (one.payload for one in home.opened(life.outbox) if one.kind is Kind.CHECK)
    late = {"claimed_at": "2026-11-22T08:00:00.000Z", "claimed_by": "screen"}
    assert made.get("pressed") == (late if until == "told" else None)


def press_and_account(life: Life) -> None:
    """Somebody presses, and an officer accounts for it."""
    life.unit.post(ON_SCREEN)
    for _ in range(4):  # the loop takes it, the writer commits it, the screen is closed
        life.hear(Closed())
    account(life)


def account(life: Life) -> None:
    row = life.outbox.unaccounted[0]
    said = {"kind": "addendum", "check": row.check, "refers_to": {"seq": row.seq, "sha256": row.sha256}}
    life.outbox.append({**said, "accounts": True, "reason": "a sleeve", "officers": []})
    life.hear(Accounted())


@pytest.mark.parametrize("happened", [(), (Left(),)])
def test_a_press_told_again_at_whatever_is_on_the_screen_keeps_no_door_open(
    happened: tuple[Event, ...], home: Home
) -> None:
    """An officer has accounted for it since, and the check under way, or its result, opens nothing."""
    door = NoDoor()
    with living(home) as life:
        life.unit.door = door
        press_and_account(life)
        for event in (Begin("0197a000-0000-7000-8000-00000000000c", "delivery", "V-1", "typed"), *happened):
            life.hear(event)
        life.unit.post(ON_SCREEN)
        assert door.released_at_s is not None
        life.hear(WaitedLong("nobody"))
        assert life.unit.state.step is (Step.DONE if happened else Step.NOTICE)
        assert door.released_at_s is None


def test_a_press_told_again_keeps_no_door_open(home: Home) -> None:
    """An officer has accounted for it since: it opens for no longer than the unit needs to know it again."""
    door = NoDoor()
    with living(home) as life:
        life.unit.door = door
        press_and_account(life)
        assert door.released_at_s is None
        life.unit.post(ON_SCREEN)
        assert door.released_at_s is not None
        life.hear(Closed())
        assert (door.released_at_s, told(home, life.outbox)) == (None, (1, 0))


class CountedDoor(NoDoor):
    """Counts how often what holds it open was cleared."""

    cleared = 0

    def clear_emergency(self) -> None:
        self.cleared += 1


def test_an_account_clears_no_press_that_waits(home: Home) -> None:
    """The next press came before the loop heard of the account: it is an emergency of its own, with one account."""
    door = CountedDoor()
    with living(home) as life:
        life.unit.door = door
        press_and_account(life)
        assert door.cleared == 1
        life.unit.post(replace(ON_SCREEN, check=OTHER, press=of_screen(0xBEE)))
        life.hear(Accounted())
        life.hear(Closed())
        assert (door.cleared, door.released_at_s is None) == (1, False)
        assert [one.check for one in life.outbox.unaccounted] == [OTHER]
        life.unit.post(ON_SCREEN)
        life.hear(Accounted())
        assert door.cleared == 1, "told again in between, it clears nothing of the other's"


def test_an_account_waits_for_a_press_that_is_told_again(home: Home) -> None:
    door = CountedDoor()
    with living(home) as life:
        life.unit.door = door
        press_and_account(life)
        life.unit.post(ON_SCREEN)
        life.unit._step(Accounted())
        assert (door.cleared, door.released_at_s is None) == (1, False)
        life.hear(Closed())
        assert (door.cleared, door.released_at_s is None) == (2, True)


def test_a_press_after_the_account_is_another_emergency(home: Home) -> None:
    """However soon, and with the first one still on the screen: else nobody would account for what it opens."""
    with living(home) as life:
        life.unit.post(ON_SCREEN)
        for _ in range(3):  # the loop takes it, the writer commits it, the screen shows it
            life.hear(WaitedLong("nobody"))
        assert life.unit.state.step is Step.DONE
        account(life)
        life.unit.post(replace(ON_SCREEN, check=OTHER, press=of_screen(0xBEE)))
        for _ in range(2):
            life.hear(WaitedLong("nobody"))
        assert [one.check for one in life.outbox.unaccounted] == [OTHER]


class StuckDoor(NoDoor):
    """Does not obey when it is pressed for, once; the loop asks again."""

    stuck = True

    def release(self) -> None:
        if self.stuck:
            self.stuck = False
            raise OSError("the pin refused")
        super().release()


def test_a_door_that_does_not_obey_loses_no_press(home: Home) -> None:
    door = StuckDoor()
    with living(home) as life:
        life.unit.door = door
        with pytest.raises(OSError, match="the pin refused"):
            life.unit.post(ON_SCREEN)
        for _ in range(2):
            life.hear(WaitedLong("nobody"))
        assert told(home, life.outbox) == (1, 0)
        assert door.released_at_s is not None


def test_no_emergency_is_for_one_screen_only(home: Home) -> None:
    """It would be dropped when the screen has changed, and a door that nobody opened would count it."""
    with living(home) as life:
        with pytest.raises(ValueError, match="an emergency was meant for one screen only"):
            life.unit.post(Meant(ON_SCREEN, None, ("idle",)))
        assert life.unit._events.empty()


def test_a_screen_takes_no_slot_of_the_buttons() -> None:
    assert {of_screen(number)[0] for number in range(1, 4096)} == set(range(-64, 0))


def test_a_press_of_the_emergency_on_the_screen_is_known_too(home: Home) -> None:
    with living(home) as life:
        life.entrance.take(PRESS)
        life.entrance.take(NEXT)
        assert life.unit.keeps(identity(NEXT))
        assert life.unit.state.step is Step.DONE
        assert told(home, life.outbox) == (1, 2)
    with living(home) as life:
        life.entrance.take(NEXT)
        assert told(home, life.outbox) == (1, 2)


def test_another_press_is_another_emergency(home: Home) -> None:
    with living(home, "cleared") as life, pytest.raises(CutError):
        life.entrance.take(PRESS)
    with living(home) as life:
        life.entrance.take(PRESS)
        life.entrance.take(NEXT)
        assert told(home, life.outbox) == (2, 2)


def test_nothing_is_confirmed_before_its_check_is_recorded(home: Home) -> None:
    """The unit stops while the loop is at something else: neither event nor press is noted, both come again."""
    with living(home) as life:
        posted: list[Event] = []
        task = EntranceTask(life.entrance._device, life, "delivery", post=posted.append, pressed=life.door.pressed)
        task.close()
        task.take(PRESS)
        assert [type(one) for one in posted] == [Emergency]
        assert told(home, life.outbox) == (0, 0)


# --- the Pi's own pins: the data folder remembers the press -----------------------------------------------------------


@contextmanager
def on_pins(home: Home, until: str | None = None) -> Iterator[tuple[Life, PinEntrance, PinEntranceTask]]:
    with living(home, until) as life:
        door = open_entrance(DeviceUri.parse("gpio:?one_shot=fitted"), home.config().unit.data)
        life.unit.door = door
        yield life, door, PinEntranceTask(door, life, "delivery", post=life.hear)


@pytest.mark.parametrize("until", POINTS)
def test_a_press_at_the_pins_survives_a_cut(until: str, home: Home) -> None:
    with suppress(CutError), on_pins(home, until) as (_, door, task):
        door.pins._on_button(0)
        task.look()
    for _ in range(2):
        with on_pins(home) as (life, door, task):
            task.resume()
            assert told(home, life.outbox) == (1, 1)
            assert len(life.outbox.unaccounted) == 1
            assert door.pins.emergency


def test_a_marker_without_a_press_holds_the_door_and_is_no_emergency(home: Home) -> None:
    """Older software's."""
    marker: Path = home.config().unit.data / "emergency"
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    with on_pins(home) as (life, door, task):
        task.resume()
        assert door.pins.emergency
        assert told(home, life.outbox) == (0, 0)


def test_what_was_accounted_for_before_the_cut_is_cleared_after_it(home: Home) -> None:
    with on_pins(home) as (life, door, _):
        door.remember((0, 42))
        life.outbox.know_press((0, 42))
        posted: list[Event] = []
        again = PinEntranceTask(door, life, "delivery", post=posted.append)
        again.resume()
        assert posted == [Accounted()]
