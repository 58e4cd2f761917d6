"""Door, button and lamp on the Pi's own pins: the driver at a stand-in for RPi.GPIO that knows the lock's circuit."""

from __future__ import annotations

import sys
import threading
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.events import Emergency, Event
from daemon.outbox.known_events import EventId
from daemon.pins import PinEntrance, PinEntranceTask, open_entrance
from daemon.policy import load_policy
from daemon.selftest import TESTS, Failed
from daemon.state import State, Step
from evidence.record import Kind, Outcome
from hw.gpio.codec import HOLD_S, PiPin
from hw.gpio.driver import PinDoor
from hw.gpio.errors import GpioMissing
from hw.gpio.simulator import SimulatedGpio
from hw.uri import DeviceUri
from tests.daemon.support import PINS, Home, RunningUnit
from tests.support.brokers import wait_for

STATE = State(load_policy("neutral"))


class Notebook:
    """A book that keeps what it is told."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.events: list[EventId] = []
        self.pressed: list[EventId] = []

    def has_event(self, event: EventId) -> bool:
        return event in self.events

    def has_press(self, press: EventId) -> bool:
        return press in self.pressed

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        assert alert
        assert event is not None
        self.written.append(fields)
        self.events.append(event)


class Entrance:
    """Door and task, driven by hand: a turn is half a second of the unit's loop."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 50.0
        self.gpio = SimulatedGpio(lambda: self.now_s)
        self.marker = folder / "emergency"
        uri, emergency = DeviceUri.parse("gpio:?one_shot=fitted"), self.marker.exists()
        pins = PinDoor(uri, lambda: self.gpio, lambda: self.now_s, emergency=emergency)
        self.door = PinEntrance(pins, self.marker)
        self.book = Notebook()
        self.events: list[Event] = []
        self.task = PinEntranceTask(self.door, self.book, "delivery", post=self.events.append)

    def turn(self, times: int = 1) -> bool:
        """The loop's heartbeat and the task's look; whether the pins answered to the task last."""
        for _ in range(times):
            self.door.heartbeat()
            in_order = self.door.serve()
            self.task.look()
            self.now_s += 0.5
        return in_order


@pytest.fixture
def entrance(tmp_path: Path) -> Entrance:
    return Entrance(tmp_path)


def locked(entrance: Entrance) -> Entrance:
    entrance.door.lock()
    entrance.turn(3)
    assert entrance.gpio.lock_held
    return entrance


def test_the_door_follows(entrance: Entrance) -> None:
    entrance.turn(5)
    assert not entrance.gpio.lock_held
    locked(entrance)
    entrance.door.release()
    assert not entrance.gpio.lock_held
    entrance.turn(5)
    assert not entrance.gpio.lock_held
    locked(entrance)
    entrance.now_s += HOLD_S  # the loop hangs
    assert not entrance.gpio.lock_held


def test_a_pressed_button_is_an_emergency_and_a_record(entrance: Entrance) -> None:
    locked(entrance)
    entrance.gpio.press()
    assert not entrance.gpio.lock_held, "at once, without the loop"
    entrance.gpio.let_go()
    entrance.turn()
    entrance.turn()
    assert [type(one) for one in entrance.events] == [Emergency]
    assert entrance.book.written == [{"kind": Kind.EVENT.value, "event": {"type": "gpio.emergency"}}]
    entrance.door.lock()
    entrance.turn(4)
    assert not entrance.gpio.lock_held, "the end of a check does not clear an emergency"
    entrance.door.clear_emergency()
    entrance.door.lock()
    entrance.turn(3)
    assert entrance.gpio.lock_held
    assert len(entrance.events) == 1


def test_cleared_as_soon_as_the_button_is_let_go(entrance: Entrance) -> None:
    locked(entrance)
    entrance.gpio.press()
    entrance.turn()
    entrance.door.clear_emergency()
    entrance.door.lock()
    entrance.turn(4)
    assert not entrance.gpio.lock_held
    entrance.gpio.let_go()
    entrance.turn(3)
    assert entrance.gpio.lock_held
    assert len(entrance.events) == 1


def test_a_press_after_the_explanation_stays_open(entrance: Entrance) -> None:
    locked(entrance)
    entrance.gpio.press()
    entrance.gpio.let_go()
    entrance.turn()
    entrance.door.clear_emergency()
    entrance.gpio.press()
    entrance.gpio.let_go()
    entrance.door.lock()
    entrance.turn(4)
    assert not entrance.gpio.lock_held
    assert len(entrance.events) == len(entrance.book.written) == 2


def test_pins_that_another_program_takes_open_the_door_and_come_back(entrance: Entrance) -> None:
    entrance.gpio.busy.add(PiPin.LOCK_PULSE)
    entrance.door.lock()
    assert not entrance.turn(3)
    assert entrance.door.problem is not None
    entrance.door.release()
    entrance.door.lock()
    entrance.gpio.busy.clear()
    assert entrance.turn(3)
    assert entrance.door.problem is None
    assert entrance.gpio.lock_held, "what was wanted meanwhile is done"
    entrance.gpio.direction.clear()  # the kernel takes the pins away
    entrance.door.heartbeat()
    assert entrance.door.problem is not None
    entrance.now_s += HOLD_S
    assert not entrance.gpio.lock_held
    entrance.turn(3)
    assert entrance.door.problem is None
    assert entrance.gpio.lock_held


def test_an_emergency_nobody_explained_holds_the_door_over_a_restart(entrance: Entrance, tmp_path: Path) -> None:
    locked(entrance)
    assert not entrance.marker.exists()
    entrance.gpio.press()
    entrance.gpio.let_go()
    entrance.turn()
    for _ in range(2):  # each a new process
        again = Entrance(tmp_path)
        again.door.lock()
        again.turn(3)
        assert not again.gpio.lock_held
        assert again.events == [], "it is recorded already"
    again.door.clear_emergency()
    again.turn(3)
    assert again.gpio.lock_held
    assert not again.marker.exists()
    locked(Entrance(tmp_path))


def test_a_disk_that_cannot_remember_stops_nothing(entrance: Entrance, tmp_path: Path) -> None:
    locked(entrance)
    entrance.marker.mkdir()
    (entrance.marker / "in the way").touch()
    entrance.gpio.press()
    entrance.gpio.let_go()
    entrance.turn()
    assert len(entrance.events) == 1
    entrance.door.clear_emergency()
    locked(entrance)
    assert list(tmp_path.iterdir()) == [entrance.marker]


def test_a_machine_without_pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "RPi", None)
    door = open_entrance(DeviceUri.parse("gpio:?one_shot=fitted"), tmp_path)
    door.lock()
    door.heartbeat()
    door.show(STATE)
    assert not door.serve()
    assert isinstance(door.problem, GpioMissing)


def test_an_orderly_stop_opens_for_good(entrance: Entrance) -> None:
    locked(entrance)
    entrance.door.rest()
    entrance.door.lock()
    entrance.turn(3)
    assert not entrance.gpio.lock_held


def test_the_lamp_shows_the_step(entrance: Entrance) -> None:
    for step in Step:
        for outcome in Outcome:
            entrance.door.show(replace(STATE, step=step, outcome=outcome))
    entrance.turn()
    entrance.door.show(replace(STATE, step=Step.DONE, outcome=Outcome.PASSED))
    entrance.turn(20)
    assert entrance.gpio.level(PiPin.LIGHT) == entrance.gpio.HIGH, "a pass is lit all the time"
    changes = len(entrance.gpio.history[PiPin.LIGHT])
    entrance.turn(20)
    assert len(entrance.gpio.history[PiPin.LIGHT]) == changes
    entrance.door.show(replace(STATE, step=Step.SEALING))
    entrance.turn(20)
    assert len(entrance.gpio.history[PiPin.LIGHT]) > changes + 5, "work blinks"


def test_the_task_gives_the_pins_back(entrance: Entrance) -> None:
    thread = threading.Thread(target=entrance.task.run)
    thread.start()
    wait_for(lambda: entrance.door.pins.taken, "the pins")
    entrance.gpio.press()
    wait_for(lambda: bool(entrance.book.written), "the record")
    entrance.task.close()
    thread.join(10)
    assert not thread.is_alive()
    assert entrance.gpio.direction == {}


# --- the self-test and the whole unit --------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimulatedGpio:
    """A machine with pins, as far as this process can tell."""
    pins = SimulatedGpio(time.monotonic)
    monkeypatch.setitem(sys.modules, "RPi", types.ModuleType("RPi"))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    return pins


def test_selftest_says_what_pins_cannot(home: Home, machine: SimulatedGpio) -> None:
    assert TESTS["door"](home.config()) == "none fitted"
    home.edit("[devices]", '[devices]\ndoor = "gpio:"')
    with pytest.raises(Failed, match="door:no_one_shot: nothing opens the door when the Pi hangs"):
        TESTS["door"](home.config())
    home.edit('"gpio:"', '"gpio:?one_shot=fitted"')
    assert "nobody power-cycles a Pi that hangs" in TESTS["door"](home.config())
    marker = home.config().unit.data / "emergency"
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    with pytest.raises(Failed, match="door:emergency_open"):
        TESTS["door"](home.config())
    marker.unlink()
    machine.press()
    with pytest.raises(Failed, match="door:button_held"):
        TESTS["door"](home.config())
    assert machine.direction == {}


def test_selftest_without_pins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi", None)
    home.edit("[devices]", '[devices]\ndoor = "gpio:?one_shot=fitted"')
    with pytest.raises(GpioMissing):
        TESTS["door"](home.config())


STAND_IN = """
import pathlib, threading, time
from hw.gpio.simulator import SimulatedGpio

_pins, _here = SimulatedGpio(time.monotonic), pathlib.Path(__file__).parent

def __getattr__(name):
    return getattr(_pins, name)

def _wire():
    while True:
        (_here / "new").write_text("held" if _pins.lock_held else "open")
        (_here / "new").replace(_here / "lock")
        if (_here / "press").exists():
            _pins.press(); _pins.let_go(); (_here / "press").unlink()
        time.sleep(0.02)

threading.Thread(target=_wire, daemon=True).start()
"""


class Bench:
    """A folder that has the module RPi.GPIO for a unit of its own process; the lock and the button are files in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "RPi"
        self.folder.mkdir(parents=True)
        (self.folder / "__init__.py").touch()
        (self.folder / "GPIO.py").write_text(STAND_IN)

    def lock_is(self, state: str) -> bool:
        lock = self.folder / "lock"
        return lock.exists() and lock.read_text() == state

    def press(self) -> None:
        (self.folder / "press").touch()


@pytest.fixture
def bench(home: Home) -> Bench:
    home.edit("[devices]", '[devices]\ndoor = "gpio:?one_shot=fitted"')
    return Bench(home.folder / "temporary")


def test_a_whole_unit_on_pins(home: Home, bench: Bench) -> None:
    """Locked while it runs; the button opens; an officer's explanation lets it be locked; the records are there."""
    with RunningUnit(home) as unit:
        wait_for(lambda: bench.lock_is("held"), "the lock")
        bench.press()
        wait_for((home.database.parent / "emergency").exists, "the marker")
        unit.screen.wait("the emergency", lambda view: view["outcome"] == "emergency" and view["step"] == "done")
        wait_for(lambda: bench.lock_is("open"), "the open door")
        officer, pin = next(iter(PINS.items()))
        unit.screen.touch("explain", officer=officer, pin=pin, reason="birth began at the door")
        wait_for(lambda: bench.lock_is("held"), "the lock again")
        assert unit.stop() == 0
    outbox = home.outbox()
    try:
        records = home.opened(outbox)
        assert home.verified(outbox).sound
    finally:
        outbox.close()
    assert [one.payload["event"]["type"] for one in records if one.kind is Kind.EVENT] == ["gpio.emergency"]
    assert [one.payload["outcome"] for one in records if one.kind is Kind.CHECK] == ["emergency"]
    assert sum(one.kind is Kind.ADDENDUM for one in records) == 1
