"""Door, emergency button and lamp on the Pi's own pins, and the lines that flash a co-processor.

The door follows the co-processor's rule with the means of a circuit: the relay is held only while LOCK_ENABLE is high
*and* a retriggerable one-shot of 3 s sees edges on LOCK_PULSE. A process that hangs, crashes or is killed makes no more
edges, whatever levels it leaves behind; :meth:`PinDoor.release` needs no 3 s because LOCK_ENABLE opens at once. Where
nobody has said that the one-shot is fitted, LOCK_ENABLE stays low: nothing would take it back from a Pi that hangs.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, Self

from hw.errors import BadDeviceUri, HardwareError
from hw.gpio.codec import (
    ENTER_BOOTLOADER,
    ENTER_SERVICE,
    LEAVE_SERVICE,
    RESET,
    LightPattern,
    PiPin,
    Step,
    light_is_on,
)
from hw.gpio.errors import GpioBusy, GpioMissing
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEVICE: Final = "gpio:"
DOOR_OUTPUTS: Final = (PiPin.LOCK_ENABLE, PiPin.LOCK_PULSE, PiPin.LIGHT)
FLASH_LINES: Final = (PiPin.COPROCESSOR_RUN, PiPin.COPROCESSOR_BOOTSEL, PiPin.COPROCESSOR_SERVICE)


class Gpio(Protocol):
    """What is used of the module ``RPi.GPIO``."""

    BCM: int
    IN: int
    OUT: int
    LOW: int
    HIGH: int
    PUD_UP: int
    RISING: int

    def setmode(self, mode: int) -> None: ...

    def setwarnings(self, flag: bool) -> None: ...

    def setup(self, channel: int, direction: int, pull_up_down: int = ..., initial: int = ...) -> None: ...

    def output(self, channel: int, value: int) -> None: ...

    def input(self, channel: int) -> int: ...

    def add_event_detect(self, channel: int, edge: int, callback: Callable[[int], None]) -> None: ...

    def cleanup(self, channel: int | list[int]) -> None: ...


def load_gpio() -> Gpio:
    """The module ``RPi.GPIO``.

    Raises:
        GpioMissing: it is not installed, or this machine has no pins.
    """
    try:
        module: Any = importlib.import_module("RPi.GPIO")
    except ImportError as error:
        raise GpioMissing(DEVICE, f"RPi.GPIO is not there ({error})") from error
    except (RuntimeError, OSError) as error:  # the older library says so where there is no Pi
        raise GpioMissing(DEVICE, str(error)) from error
    gpio: Gpio = module
    return gpio


@contextmanager
def _mapped(doing: str) -> Iterator[None]:
    lgpio = sys.modules.get("lgpio")
    known: tuple[type[Exception], ...] = (RuntimeError, OSError, ValueError)
    if lgpio is not None:
        known += (lgpio.error,)
    try:
        yield
    except known as error:
        kind = GpioBusy if "busy" in str(error).lower() else GpioMissing
        raise kind(DEVICE, f"{doing}: {error}") from error


class PinDoor:
    """Door, button and lamp of a unit without co-processor. All methods may be called from any thread.

    The button opens the door from the library's own thread, so also while the daemon is busy or hangs. Until
    :meth:`open`, and after :meth:`close`, no pin is driven and nothing holds the door; an emergency outlasts both.
    """

    def __init__(
        self,
        uri: DeviceUri,
        load: Callable[[], Gpio] = load_gpio,
        clock: Callable[[], float] = time.monotonic,
        *,
        emergency: bool = False,
    ) -> None:
        """``gpio:?one_shot=fitted`` where somebody has tested the circuit of README.md; ``gpio:`` never locks the door.

        Making it takes no pin.

        ``emergency``: one from before this process is still open.

        Raises:
            BadDeviceUri: anything else.
        """
        if uri.scheme != "gpio" or uri.path or dict(uri.options) not in ({}, {"one_shot": "fitted"}):
            raise BadDeviceUri(uri.text, "the door's pins are gpio: or gpio:?one_shot=fitted")
        self.one_shot = bool(uri.options)
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._gpio: Gpio | None = None
        self._want_lock = False
        self._emergency = emergency
        self._pressed = 0
        self._told = 0
        self._edge = 0
        self._pattern = LightPattern.CARE_FIRST
        self._pattern_s = clock()

    def open(self) -> None:
        """Take the pins; the door is open. Nothing happens when they are taken already.

        Raises:
            GpioMissing, GpioBusy: the pins cannot be had.
        """
        if self._gpio is not None:
            return
        gpio = self._load()
        try:
            with _mapped("set up the door's pins"):
                gpio.setwarnings(False)
                gpio.setmode(gpio.BCM)
                for pin in DOOR_OUTPUTS:
                    gpio.setup(pin, gpio.OUT, initial=gpio.LOW)
                gpio.setup(PiPin.BUTTON, gpio.IN, pull_up_down=gpio.PUD_UP)
                self._gpio, self._want_lock = gpio, False
                gpio.add_event_detect(PiPin.BUTTON, gpio.RISING, callback=self._on_button)
                held = gpio.input(PiPin.BUTTON) == gpio.HIGH
        except BaseException:
            self._gpio = None
            self._give_back(gpio)
            raise
        if held:  # pressed, or its wire is broken
            self._on_button(PiPin.BUTTON)

    def close(self) -> None:
        """Open the door and give the pins back; closing twice is harmless."""
        with self._lock:
            gpio, self._gpio = self._gpio, None
            self._want_lock = False
        if gpio is not None:  # not under the lock: the library may wait for its thread, and that for the lock
            self._give_back(gpio)

    def _give_back(self, gpio: Gpio) -> None:
        """Pins that float open the door: the resistors of README.md see to it."""
        try:
            with _mapped("give the door's pins back"):
                gpio.cleanup([*DOOR_OUTPUTS, PiPin.BUTTON])
        except HardwareError as error:
            log.warning("%s", error)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def taken(self) -> bool:
        """Whether the pins are ours."""
        return self._gpio is not None

    @property
    def locked(self) -> bool:
        """Whether the door is wanted locked and nothing forbids it; without heartbeats it opens all the same."""
        return self.one_shot and self._want_lock and not self._emergency

    @property
    def emergency(self) -> bool:
        """Whether an emergency holds the door open until :meth:`clear_emergency`."""
        return self._emergency

    @property
    def pressed(self) -> int:
        """How many emergencies the button has made: the newest one's number, for :meth:`clear_emergency`."""
        return self._pressed

    @property
    def held(self) -> bool:
        """Whether the button's contact is open at this moment: pressed, or its wire is broken."""
        with self._lock:
            return self._gpio is not None and self._is_held(self._gpio)

    def release(self) -> None:
        """Open the door now and keep it open."""
        with self._lock:
            self._want_lock = False
            self._open_door()

    def lock(self) -> None:
        """Want the door locked; it is from the next heartbeat on, where the one-shot is fitted."""
        with self._lock:
            self._want_lock = True

    def clear_emergency(self, number: int) -> None:
        """An officer has dealt with that emergency; :meth:`lock` has to be said again.

        Does nothing while the button is still pressed, or when it was pressed anew.
        """
        with self._lock:
            if number == self._pressed and self._gpio is not None and not self._is_held(self._gpio):
                self._want_lock = self._emergency = False

    def heartbeat(self) -> None:
        """The daemon works. Call at least once a second from the loop that must not hang: makes the next edge."""
        with self._lock:
            if not self.locked:
                self._open_door()
            elif self._gpio is not None:
                with _mapped("hold the door"):
                    self._edge = self._gpio.LOW if self._edge else self._gpio.HIGH
                    self._gpio.output(PiPin.LOCK_PULSE, self._edge)
                    self._gpio.output(PiPin.LOCK_ENABLE, self._gpio.HIGH)

    def presses(self) -> int:
        """How many emergencies the button has made since the last question."""
        with self._lock:
            news = self._pressed - self._told
            self._told = self._pressed
            return news

    def show(self, pattern: LightPattern) -> None:
        """Let the lamp say ``pattern`` from now on; :meth:`draw` makes it so."""
        if pattern is not self._pattern:
            self._pattern, self._pattern_s = pattern, self._clock()

    def draw(self) -> None:
        """Bring the lamp up to date; ten times a second or so."""
        pattern = LightPattern.CARE_FIRST if self._emergency else self._pattern
        lit = light_is_on(pattern, self._clock() - self._pattern_s)
        with self._lock:
            if self._gpio is not None:
                with _mapped("light"):
                    self._gpio.output(PiPin.LIGHT, self._gpio.HIGH if lit else self._gpio.LOW)

    def _is_held(self, gpio: Gpio) -> bool:
        with _mapped("read the button"):
            return gpio.input(PiPin.BUTTON) == gpio.HIGH

    def _open_door(self) -> None:
        if self._gpio is not None:
            with _mapped("release the door"):
                self._gpio.output(PiPin.LOCK_ENABLE, self._gpio.LOW)

    def _on_button(self, _channel: int) -> None:
        """A contact that bounces, or is pressed again while its emergency is open, makes no second one."""
        with self._lock:
            self._want_lock = False
            news = not self._emergency
            self._emergency = True
            self._pressed += news
            try:
                self._open_door()
            except HardwareError as error:  # in the library's thread; without edges the one-shot opens the door
                log.warning("%s", error)
        if news:
            log.warning("emergency button pressed")


class CoprocessorLines:
    """RUN, BOOTSEL and SERVICE of the co-processor: pulled low or let go, never driven high.

    Use as a context manager; afterwards all three are let go.
    """

    def __init__(self, gpio: Gpio, sleep: Callable[[float], None] = time.sleep) -> None:
        self._gpio = gpio
        self._sleep = sleep

    def __enter__(self) -> Self:
        with _mapped("take the flashing lines"):
            self._gpio.setwarnings(False)
            self._gpio.setmode(self._gpio.BCM)
            for pin in FLASH_LINES:
                self._let_go(pin)
        return self

    def __exit__(self, *exc: object) -> None:
        with _mapped("give the flashing lines back"):
            for pin in FLASH_LINES:
                self._let_go(pin)
            self._gpio.cleanup(list(FLASH_LINES))

    def reset(self) -> None:
        """Start the co-processor anew. The door opens meanwhile."""
        self._play(RESET)

    def enter_bootloader(self) -> None:
        """Into the ROM's USB bootloader: it appears as a drive named RPI-RP2."""
        self._play(ENTER_BOOTLOADER)

    def enter_service(self) -> None:
        """Into MicroPython's prompt."""
        self._play(ENTER_SERVICE)

    def leave_service(self) -> None:
        """Back into the firmware."""
        self._play(LEAVE_SERVICE)

    def _play(self, steps: Iterable[Step]) -> None:
        for step in steps:
            with _mapped(f"drive {step.pin.name}"):
                if step.low:
                    self._gpio.setup(step.pin, self._gpio.OUT, initial=self._gpio.LOW)
                else:
                    self._let_go(step.pin)
            self._sleep(step.pause_s)

    def _let_go(self, pin: PiPin) -> None:
        self._gpio.setup(pin, self._gpio.IN, pull_up_down=self._gpio.PUD_UP)
