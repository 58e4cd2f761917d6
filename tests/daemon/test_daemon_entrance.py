"""Door, ring and the co-processor's events, with the real driver at a simulated co-processor on its pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.door import REST_S, CoprocessorDoor, NoDoor, pattern_of, sound_of
from daemon.entrance import EntranceTask
from daemon.events import Begin, Emergency, Event
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.state import State, Step
from evidence.record import Kind, Outcome
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import KEY_SIZE, CoprocessorEvent
from hw.coprocessor.numbers import EventKind, RingPattern, Sound
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from tests.daemon.support import Home
from tests.faults.button import Book
from tests.firmware.real_firmware import RealFirmware
from tests.support.brokers import wait_for

KEY = bytes(range(KEY_SIZE))


@pytest.fixture
def device() -> Iterator[SimulatedCoprocessor]:
    with SimulatedCoprocessor(KEY) as simulated:
        yield simulated


@pytest.fixture
def driver(device: SimulatedCoprocessor) -> Coprocessor:
    return Coprocessor(DeviceUri.parse(device.uri), event_key=KEY)


class Loop:
    """The part of the unit's loop that the entrance needs: a heart that beats, a box for events."""

    def __init__(self, driver: Coprocessor, outbox: Outbox) -> None:
        self.door = CoprocessorDoor(driver, lambda _counter: True)
        self.events: list[Event] = []
        self._outbox = outbox
        self.task = EntranceTask(driver, Book(outbox), "delivery", post=self._hear, pressed=self.door.pressed)
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.task.run), threading.Thread(target=self._beat)]

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        assert isinstance(event, Emergency)
        if event.press is not None:
            self._outbox.know_press(event.press)

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
    assert shown[Outcome.DEVICE_FAULT] is RingPattern.FAULT
    lost = replace(state, step=Step.DECISION, trouble="device_lost:camera")
    assert pattern_of(lost) is RingPattern.FAULT
    assert pattern_of(replace(lost, trouble="other_way")) is RingPattern.OFFICER
    opened = replace(state, step=Step.SEALING, outcome=Outcome.EMERGENCY)
    assert pattern_of(opened) is RingPattern.CARE_FIRST, "before its record is committed"


def test_the_ring_is_told(device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox) -> None:
    with Loop(driver, outbox) as loop:
        loop.door.show(replace(State(load_policy("neutral")), step=Step.CARD))
        wait_for(lambda: device.pattern is RingPattern.CARD, "the ring")


# --- the buzzer ------------------------------------------------------------------------------------------------------

BEGUN = replace(State(load_policy("neutral")), begin=Begin("check-1", "delivery", "V-1", "typed"))
PASSED = [
    BEGUN,
    replace(BEGUN, step=Step.CARD),
    replace(BEGUN, step=Step.FACE),
    replace(BEGUN, step=Step.SEALING, outcome=Outcome.PASSED),
    replace(BEGUN, step=Step.DONE, outcome=Outcome.PASSED),
]
DECIDED = [
    replace(BEGUN, step=Step.DECISION, trouble="device_lost:camera"),
    replace(BEGUN, step=Step.CONFIRM),
    replace(BEGUN, step=Step.DECISION, trouble="withdrawn"),
    replace(BEGUN, step=Step.SEALING, outcome=Outcome.FAILED),
    replace(BEGUN, step=Step.DONE, outcome=Outcome.FAILED),
]
EMERGENCY = [
    replace(BEGUN, step=Step.SEALING, outcome=Outcome.EMERGENCY),
    replace(BEGUN, step=Step.DONE, outcome=Outcome.EMERGENCY),
    replace(BEGUN, step=Step.NOTING, outcome=Outcome.EMERGENCY),
    State(load_policy("neutral")),
]


@pytest.mark.parametrize(
    ("states", "sounds"),
    [
        (PASSED, [Sound.TOUCH, Sound.DONE]),
        (DECIDED, [Sound.ATTENTION, Sound.DONE]),
        (EMERGENCY, [Sound.ALARM]),
        ([*EMERGENCY, *EMERGENCY], [Sound.ALARM, Sound.ALARM]),
    ],
)
def test_each_sound_is_heard_once(
    states: list[State], sounds: list[Sound], device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox
) -> None:
    with Loop(driver, outbox) as loop:
        wait_for(lambda: driver.ready, "the link")
        for state in states:
            loop.door.show(state)
            loop.door.show(state)
        wait_for(lambda: len(device.sounds) >= len(sounds), "the sounds")
        wait_for(lambda: device.pattern is pattern_of(states[-1]), "the last pattern, which leaves after every sound")
    assert device.sounds == sounds
    assert sound_of(State(load_policy("neutral"))) is Sound.NONE


def test_by_night_only_an_emergency_is_heard(device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox) -> None:
    with Loop(driver, outbox):
        wait_for(lambda: driver.ready, "the link")
        door = CoprocessorDoor(driver, lambda _counter: True, lambda: True)
        for state in (*PASSED, *DECIDED, *EMERGENCY):
            door.show(state)
        wait_for(lambda: bool(device.sounds), "the alarm")
        wait_for(lambda: device.pattern is pattern_of(EMERGENCY[-1]), "the last pattern, which leaves after it")
    assert device.sounds == [Sound.ALARM]


def test_a_buzzer_that_cannot_be_told_stops_nothing(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox
) -> None:
    door = CoprocessorDoor(driver, lambda _counter: True)
    door.show(DECIDED[0])  # no line yet: it is not to be heard when it has come
    with Loop(driver, outbox):
        wait_for(lambda: driver.ready, "the link")
        device.silent = True
        for number in range(100):  # the line is full, the link not yet given up
            door.show(replace(DECIDED[0], begin=Begin(f"check-{number}", "delivery", "V-1", "typed")))
    assert device.sounds == []


# --- an orderly stop -------------------------------------------------------------------------------------------------


def test_an_orderly_stop_keeps_the_power(device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox) -> None:
    with Loop(driver, outbox) as loop:
        loop.door.lock()
        wait_for(lambda: device.locked, "the lock")
        begun_s = time.monotonic()
        loop.door.rest()
        took_s = time.monotonic() - begun_s
        assert device.keep_power, "it has heard when the call returns"
        assert not device.locked
        loop.door.lock()  # what is still under way in the loop changes nothing any more
        wait_for(lambda: sum(one.TYPE.name == "HEARTBEAT" for one in device.obeyed[-8:]) >= 2, "the loop's heartbeats")
        assert device.keep_power
        assert not device.locked
    assert took_s < REST_S
    assert device.keep_power


def test_an_orderly_stop_is_heard_with_an_open_emergency(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox
) -> None:
    with Loop(driver, outbox) as loop:
        wait_for(lambda: driver.ready, "the link")
        device.press_emergency()
        loop.door.rest()
        assert device.keep_power
        assert device.emergency


def test_an_orderly_stop_is_heard_over_a_bad_line(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox
) -> None:
    """Every third frame to the device is lost."""
    frames = 0

    def lose(data: bytes) -> bytes:
        nonlocal frames
        frames += 1
        return b"" if frames % 3 == 0 else data

    with Loop(driver, outbox) as loop:
        wait_for(lambda: driver.ready, "the link")
        device.to_device = lose
        loop.door.rest()
        assert device.keep_power


def test_an_orderly_stop_does_not_wait_for_a_dead_co_processor(
    device: SimulatedCoprocessor, driver: Coprocessor, outbox: Outbox
) -> None:
    with Loop(driver, outbox) as loop:
        wait_for(lambda: driver.ready, "the link")
        device.silent = True
        begun_s = time.monotonic()
        loop.door.rest()
        assert REST_S <= time.monotonic() - begun_s < REST_S + 5
    assert not device.keep_power
    NoDoor().rest()


@pytest.mark.parametrize("orderly", [True, False])
def test_the_firmware_power_cycles_only_who_did_not_stop_on_purpose(
    orderly: bool, tmp_path: Path, outbox: Outbox
) -> None:
    """The real firmware, its minutes made seconds."""
    limits = {"silent_ms": 700, "hung_ms": 1200, "grace_ms": 100, "off_ms": 300, "steady_ms": 60_000}
    with RealFirmware(tmp_path, KEY, limits) as firmware:
        driver = Coprocessor(DeviceUri.parse(firmware.uri), event_key=KEY)
        with Loop(driver, outbox) as loop:
            loop.door.lock()
            wait_for(lambda: firmware.locked, "the lock")
            if orderly:
                loop.door.rest()
                assert not firmware.locked
        stopped_s = time.monotonic()
        wait_for(lambda: not firmware.powered or time.monotonic() > stopped_s + 3, "either")
        assert firmware.powered is orderly
        assert not firmware.locked
