"""The Pi's pins against a stand-in that records levels over time."""

from __future__ import annotations

import sys
import types

import pytest

from hw.errors import BadDeviceUri
from hw.gpio.codec import HOLD_S, LightPattern, PiPin, light_is_on
from hw.gpio.driver import FLASH_LINES, CoprocessorLines, PinDoor, load_gpio
from hw.gpio.errors import GpioBusy, GpioMissing
from hw.gpio.simulator import SimulatedGpio
from hw.uri import DeviceUri


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pins(clock: Clock) -> SimulatedGpio:
    return SimulatedGpio(clock)


def taken(pins: SimulatedGpio, clock: Clock, uri: str = "gpio:?one_shot=fitted") -> PinDoor:
    door = PinDoor(DeviceUri.parse(uri), lambda: pins, clock)
    door.open()
    return door


def beat(door: PinDoor, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds * 2)):
        door.heartbeat()
        clock.sleep(0.5)


def test_born_open(pins: SimulatedGpio, clock: Clock) -> None:
    with taken(pins, clock) as door:
        assert pins.level(PiPin.LOCK_ENABLE) == pins.level(PiPin.LOCK_PULSE) == pins.LOW
        beat(door, clock, 5)
        assert not pins.lock_held
        door.lock()
        assert not pins.lock_held, "a wish alone locks nothing"
        beat(door, clock, 1)
        assert pins.lock_held
    assert not pins.lock_held


def test_held_as_long_as_the_heart_beats(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    door.lock()
    for _ in range(60):
        door.heartbeat()
        clock.sleep(1)
        assert pins.lock_held
    clock.sleep(HOLD_S)
    assert not pins.lock_held, "levels that a dead process leaves hold nothing"
    assert pins.level(PiPin.LOCK_ENABLE) == pins.HIGH


def test_release_is_immediate(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    door.lock()
    door.heartbeat()
    released_s = clock.now_s
    door.release()
    assert not pins.lock_held
    assert pins.history[PiPin.LOCK_ENABLE][-1] == (released_s, pins.LOW)
    beat(door, clock, 5)
    assert not pins.lock_held


def test_button_opens_without_the_daemon(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    door.lock()
    door.heartbeat()
    pins.press()
    assert not pins.lock_held
    pins.let_go()
    assert door.presses() == 1
    assert door.presses() == 0
    door.lock()
    beat(door, clock, 5)
    assert not pins.lock_held
    assert door.emergency
    door.clear_emergency(door.pressed)
    beat(door, clock, 2)
    assert not pins.lock_held, "an old wish does not count"
    door.lock()
    beat(door, clock, 1)
    assert pins.lock_held


def test_button_that_stays_pressed(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    pins.press()
    door.clear_emergency(door.pressed)
    assert door.emergency
    door.lock()
    beat(door, clock, 2)
    assert not pins.lock_held


def test_bouncing_contact_is_one_emergency(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    for _ in range(5):
        pins.press()
        pins.let_go()
    assert (door.presses(), door.pressed) == (1, 1)


def test_a_later_press_is_not_cleared_with_the_earlier(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    pins.press()
    pins.let_go()
    first = door.pressed
    door.clear_emergency(first)
    assert not door.emergency
    pins.press()
    pins.let_go()
    door.clear_emergency(first)
    assert door.emergency
    door.clear_emergency(door.pressed)
    assert not door.emergency


def test_nothing_is_driven_before_and_after(pins: SimulatedGpio, clock: Clock) -> None:
    door = PinDoor(DeviceUri.parse("gpio:?one_shot=fitted"), lambda: pins, clock)
    door.lock()
    door.heartbeat()
    door.release()
    door.draw()
    assert not door.taken
    assert not door.held
    assert pins.direction == {}
    door.open()
    door.open()
    assert door.taken
    door.close()
    door.close()
    assert pins.direction == {}
    assert not pins.lock_held


def test_an_emergency_outlasts_lost_pins(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    pins.press()
    pins.let_go()
    door.close()
    door.clear_emergency(door.pressed)
    assert door.emergency, "nobody can see whether the button is held"
    door.open()
    door.lock()
    beat(door, clock, 2)
    assert not pins.lock_held
    assert door.presses() == 1


@pytest.mark.parametrize("uri", ["gpio:17", "gpio:?one_shot=yes", "gpio:?pin=4", "none:"])
def test_impossible_uri(uri: str) -> None:
    with pytest.raises(BadDeviceUri, match="one_shot=fitted"):
        PinDoor(DeviceUri.parse(uri))


def test_one_shot_is_what_somebody_says(pins: SimulatedGpio, clock: Clock) -> None:
    assert taken(pins, clock, "gpio:?one_shot=fitted").one_shot
    assert not taken(pins, clock, "gpio:").one_shot


def test_without_one_shot_the_door_is_never_locked(pins: SimulatedGpio, clock: Clock) -> None:
    """A Pi that hangs leaves its levels as they are, so LOCK_ENABLE was never high. Button and lamp work."""
    with taken(pins, clock, "gpio:") as door:
        for _ in range(3):
            door.lock()
            beat(door, clock, 5)
            assert not door.locked
            pins.press()
            pins.let_go()
            assert door.emergency
            door.clear_emergency(door.pressed)
        door.draw()
        assert pins.level(PiPin.LIGHT) == pins.HIGH
    assert [level for _, level in pins.history[PiPin.LOCK_ENABLE]] == [pins.LOW]


def test_broken_wire_at_the_start(pins: SimulatedGpio, clock: Clock) -> None:
    pins.press()
    door = taken(pins, clock)
    assert door.emergency
    assert door.presses() == 1


def test_lamp_over_time(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    door.show(LightPattern.BUSY)
    for _ in range(40):
        door.draw()
        door.show(LightPattern.BUSY)
        clock.sleep(0.1)
    spans = [second[0] - first[0] for first, second in zip(pins.history[18][1:], pins.history[18][2:], strict=False)]
    assert len(spans) >= 5
    assert spans == pytest.approx([0.5] * len(spans), abs=0.11)


def test_emergency_overrides_the_lamp(pins: SimulatedGpio, clock: Clock) -> None:
    door = taken(pins, clock)
    door.show(LightPattern.OFF)
    door.draw()
    assert pins.level(PiPin.LIGHT) == pins.LOW
    pins.press()
    door.draw()
    assert pins.level(PiPin.LIGHT) == pins.HIGH


def test_no_two_patterns_look_the_same() -> None:
    looks = {tuple(light_is_on(pattern, at / 20) for at in range(200)) for pattern in LightPattern}
    assert len(looks) == len(LightPattern)


def test_bootloader_sequence(pins: SimulatedGpio, clock: Clock) -> None:
    with CoprocessorLines(pins, clock.sleep) as lines:
        lines.enter_bootloader()
    run = pins.history[PiPin.COPROCESSOR_RUN]
    select = pins.history[PiPin.COPROCESSOR_BOOTSEL]
    assert [level for _, level in run] == [level for _, level in select] == [1, 0, 1]
    assert select[1][0] < run[1][0] < run[2][0] < select[2][0], "BOOTSEL is low while RUN rises"
    assert pins.history[PiPin.COPROCESSOR_SERVICE] == [(50.0, 1)]
    assert pins.direction == {}, "the lines are given back"


def test_service_sequence(pins: SimulatedGpio, clock: Clock) -> None:
    with CoprocessorLines(pins, clock.sleep) as lines:
        lines.enter_service()
        assert pins.level(PiPin.COPROCESSOR_SERVICE) == pins.LOW
        assert pins.level(PiPin.COPROCESSOR_RUN) == pins.HIGH
        lines.leave_service()
        assert pins.level(PiPin.COPROCESSOR_SERVICE) == pins.HIGH
        lines.reset()
    assert [level for _, level in pins.history[PiPin.COPROCESSOR_RUN]] == [1, 0, 1, 0, 1, 0, 1]


def test_lines_are_let_go_after_an_error(pins: SimulatedGpio) -> None:
    class Stop(Exception):
        pass

    def stop(_: float) -> None:
        raise Stop

    with pytest.raises(Stop), CoprocessorLines(pins, stop) as lines:
        lines.reset()
    assert all(pins.level(pin) == pins.HIGH for pin in FLASH_LINES)


def test_never_driven_high(clock: Clock) -> None:
    class Watching(SimulatedGpio):
        def setup(self, channel: int, direction: int, pull_up_down: int = 20, initial: int = -1) -> None:
            assert direction == self.IN or initial == self.LOW
            super().setup(channel, direction, pull_up_down, initial)

    with CoprocessorLines(Watching(clock), clock.sleep) as lines:
        lines.enter_bootloader()
        lines.enter_service()
        lines.leave_service()


def test_pin_held_by_another_program(pins: SimulatedGpio, clock: Clock) -> None:
    pins.busy.add(PiPin.LOCK_PULSE)
    with pytest.raises(GpioBusy, match="busy"):
        taken(pins, clock)
    assert pins.direction == {}, "what was taken is given back"


def test_stand_in_refuses_what_the_module_refuses(pins: SimulatedGpio) -> None:
    with pytest.raises(RuntimeError):
        pins.setup(17, pins.OUT)
    pins.setmode(pins.BCM)
    with pytest.raises(RuntimeError):
        pins.output(17, 1)
    with pytest.raises(RuntimeError):
        pins.input(17)
    with pytest.raises(RuntimeError):
        pins.add_event_detect(17, pins.RISING, print)


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi", None)
    with pytest.raises(GpioMissing, match=r"RPi\.GPIO") as caught:
        load_gpio()
    assert "python3-rpi-lgpio" in caught.value.advice


def test_library_loaded(monkeypatch: pytest.MonkeyPatch, pins: SimulatedGpio) -> None:
    package = types.ModuleType("RPi")
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    assert load_gpio() is pins
