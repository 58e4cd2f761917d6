"""Door, ring and the co-processor's events, with the real driver at a simulated co-processor on its pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from daemon.door import CoprocessorDoor, pattern_of
from daemon.entrance import EntranceTask
from daemon.events import Emergency, Event
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.session import State, Step
from evidence.record import Kind, Outcome
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import KEY_SIZE, CoprocessorEvent
from hw.coprocessor.numbers import EventKind, RingPattern
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from tests.daemon.support import Home
from tests.support.brokers import wait_for

KEY = bytes(range(KEY_SIZE))


@pytest.fixture
def device() -> Iterator[SimulatedCoprocessor]:
    with SimulatedCoprocessor(KEY) as simulated:
        yield simulated


@pytest.fixture
def driver(device: SimulatedCoprocessor) -> Coprocessor:
    return Coprocessor(DeviceUri.parse(device.uri), event_key=KEY)


class Notebook:
    """The outbox as the entrance's book."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def has_event(self, counter: int, fingerprint: int) -> bool:
        return self._outbox.has_event(counter, fingerprint)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: tuple[int, int] | None) -> None:
        self._outbox.append(fields, alert=alert, event=event)


class Loop:
    """The part of the unit's loop that the entrance needs: a heart that beats, a box for events."""

    def __init__(self, driver: Coprocessor, outbox: Outbox) -> None:
        self.door = CoprocessorDoor(driver)
        self.events: list[Event] = []
        self.task = EntranceTask(
            driver, Notebook(outbox), "delivery", post=self.events.append, pressed=self.door.pressed
        )
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.task.run), threading.Thread(target=self._beat)]

    def _beat(self) -> None:
        while not self.stopped.wait(0.2):
            self.door.heartbeat()

    def __enter__(self) -> Loop:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopped.set()
        self.task.close()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def recorded(home: Home, outbox: Outbox) -> list[dict[str, object]]:
    return [one.payload["event"] for one in home.opened(outbox) if one.kind is Kind.EVENT]


def test_the_door_follows(device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox) -> None:
    with Loop(driver, outbox) as loop:
        loop.door.lock()
        wait_for(lambda: device.locked, "the lock")
        loop.door.release()
        wait_for(lambda: not device.locked, "the open door")
        loop.door.lock()
        wait_for(lambda: device.locked, "the lock again")
        loop.stopped.set()  # the loop hangs, its driver's thread does not
        wait_for(lambda: not device.locked, "the door that opens by itself")


def test_a_pressed_button_is_an_emergency_and_a_record(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox, home: Home
) -> None:
    with Loop(driver, outbox) as loop:
        loop.door.lock()
        wait_for(lambda: device.locked, "the lock")
        device.press_emergency()
        assert not device.locked
        wait_for(lambda: bool(loop.events), "the event")
        assert [type(one) for one in loop.events] == [Emergency]
        wait_for(lambda: not device.events, "the confirmation")
        pressed = [one for one in recorded(home, outbox) if one["type"] == "coprocessor.emergency"]
        assert len(pressed) == 1
        assert pressed[0]["authentic"] is True
        loop.door.lock()
        time.sleep(0.5)
        assert not device.locked, "the end of a check does not clear an emergency"
        loop.door.clear_emergency()
        wait_for(lambda: device.locked, "the lock, once the emergency is dealt with")
    assert home.verified(outbox).sound


def test_what_happened_while_the_unit_was_away_is_recorded(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox, home: Home
) -> None:
    device.tamper(True)
    device.press_emergency()
    with Loop(driver, outbox) as loop:
        wait_for(lambda: not device.events, "the confirmation of everything")
        assert [type(one) for one in loop.events] == [Emergency]
    types = [one["type"] for one in recorded(home, outbox)]
    assert {"coprocessor.tamper_opened", "coprocessor.emergency"} <= set(types)
    assert len(types) == len(set(map(str, recorded(home, outbox)))), "each once"


def test_what_was_recorded_but_not_confirmed_is_not_recorded_again(
    device: SimulatedCoprocessor, outbox: Outbox, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit dies between the commit and the confirmation; the co-processor tells it all again."""
    first = Coprocessor(DeviceUri.parse(device.uri), event_key=KEY)
    monkeypatch.setattr(first, "confirm", lambda _counter: None)
    device.press_emergency()
    with Loop(first, outbox) as loop:
        wait_for(lambda: bool(loop.events), "the event")
        wait_for(lambda: len(recorded(home, outbox)) == len(device.events), "the records")
    before = recorded(home, outbox)
    with Loop(Coprocessor(DeviceUri.parse(device.uri), event_key=KEY), outbox) as loop:
        wait_for(lambda: not set(device.events) & {one["counter"] for one in before}, "the confirmation")
        assert loop.events == [], "no second emergency"
    after = [one["counter"] for one in recorded(home, outbox)]
    assert len(after) == len(set(after)), "none twice"


def test_an_event_without_proof_opens_the_door_and_is_never_confirmed(
    driver: Coprocessor, outbox: Outbox, home: Home
) -> None:
    unproven = CoprocessorEvent(10**9, 1, 5, EventKind.EMERGENCY, 0, None, authentic=False)
    loop = Loop(driver, outbox)
    loop.task.take(unproven)
    loop.task.take(unproven)
    assert [type(one) for one in loop.events] == [Emergency]
    assert [one["authentic"] for one in recorded(home, outbox)] == [False]


def test_a_counter_that_begins_anew_is_not_taken_for_what_was(driver: Coprocessor, outbox: Outbox, home: Home) -> None:
    """A replaced co-processor with the unit's key: the same counters, other events."""
    loop = Loop(driver, outbox)
    for boot in (7, 1):
        loop.task.take(CoprocessorEvent(3, boot, 500, EventKind.EMERGENCY, 0, 1.0, authentic=True))
        loop.task.take(CoprocessorEvent(3, boot, 500, EventKind.EMERGENCY, 0, 1.0, authentic=True))
    assert [one["boot"] for one in recorded(home, outbox)] == [7, 1]
    assert len(loop.events) == 2


def test_the_ring_shows_the_step_and_the_result() -> None:
    state = State(load_policy("neutral"))
    assert {pattern_of(replace(state, step=step, outcome=Outcome.FAILED)) for step in Step} <= set(RingPattern)
    shown = {one: pattern_of(replace(state, step=Step.DONE, outcome=one)) for one in Outcome}
    assert shown[Outcome.PASSED] is RingPattern.PASSED
    assert shown[Outcome.FAILED] is RingPattern.NOT_PASSED
    assert shown[Outcome.EMERGENCY] is RingPattern.CARE_FIRST


def test_the_ring_is_told(device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox) -> None:
    with Loop(driver, outbox) as loop:
        loop.door.show(replace(State(load_policy("neutral")), step=Step.CARD))
        wait_for(lambda: device.pattern is RingPattern.CARD, "the ring")
