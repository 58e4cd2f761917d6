"""A stand-in for the module RPi.GPIO that records every level over time, and the circuit of the lock behind it.

``history`` has, for each channel, (time, level) of every change; ``press()`` works the button. It refuses what the
module refuses: channels that were not set up, a mode that was not set. Knob: ``busy`` (channels another program holds).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from hw.gpio.codec import HOLD_S, PiPin


class SimulatedGpio:
    """The names and methods of RPi.GPIO that the driver uses. ``clock`` is the time in seconds."""

    BCM = 11
    OUT = 0
    IN = 1
    LOW = 0
    HIGH = 1
    PUD_UP = 22
    RISING = 31

    def __init__(self, clock: Callable[[], float]) -> None:
        self.history: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self.direction: dict[int, int] = {}
        self.busy: set[int] = set()
        self.mode: int | None = None
        self._clock = clock
        self._contacts: dict[int, int] = {PiPin.BUTTON: self.LOW}  # closed to ground while nobody presses
        self._callbacks: dict[int, Callable[[int], None]] = {}

    def setmode(self, mode: int) -> None:
        """Choose the channels' names."""
        self.mode = mode

    def setwarnings(self, flag: bool) -> None:
        """Say less; there is nothing to say."""

    def setup(self, channel: int, direction: int, pull_up_down: int = 20, initial: int = -1) -> None:
        """Make a channel an input or an output."""
        if self.mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        if channel in self.busy:
            raise RuntimeError("GPIO busy")
        self.direction[channel] = direction
        if direction == self.OUT:
            self._record(channel, self.LOW if initial < 0 else initial)
        elif pull_up_down == self.PUD_UP:
            self._record(channel, self._contacts.get(channel, self.HIGH))

    def output(self, channel: int, value: int) -> None:
        """Drive an output."""
        if self.direction.get(channel) != self.OUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self._record(channel, value)

    def input(self, channel: int) -> int:
        """Read a channel."""
        if channel not in self.direction:
            raise RuntimeError("You must setup() the GPIO channel first")
        return self.level(channel)

    def add_event_detect(self, channel: int, edge: int, callback: Callable[[int], None]) -> None:
        """Call back at rising edges."""
        if self.direction.get(channel) != self.IN or edge != self.RISING:
            raise RuntimeError("You must setup() the GPIO channel as an input first")
        self._callbacks[channel] = callback

    def cleanup(self, channel: int | list[int]) -> None:
        """Give channels back: outputs float, and what is wired to them takes over."""
        for one in [channel] if isinstance(channel, int) else channel:
            if self.direction.pop(one, None) == self.OUT:
                self._record(one, self.LOW)
            self._callbacks.pop(one, None)

    def level(self, channel: int) -> int:
        """The level a meter would show."""
        history = self.history[channel]
        return history[-1][1] if history else self.LOW

    def press(self) -> None:
        """Press the emergency button: its contact opens, the pull-up wins."""
        self._contacts[PiPin.BUTTON] = self.HIGH
        self._record(PiPin.BUTTON, self.HIGH)
        callback = self._callbacks.get(PiPin.BUTTON)
        if callback is not None:
            callback(PiPin.BUTTON)

    def let_go(self) -> None:
        """Let go of the button."""
        self._contacts[PiPin.BUTTON] = self.LOW
        self._record(PiPin.BUTTON, self.LOW)

    @property
    def lock_held(self) -> bool:
        """What the relay does now: enabled, and the one-shot has seen an edge within its time."""
        edges = self.history[PiPin.LOCK_PULSE][1:]
        young = bool(edges) and self._clock() - edges[-1][0] < HOLD_S
        return self.level(PiPin.LOCK_ENABLE) == self.HIGH and young

    def _record(self, channel: int, level: int) -> None:
        history = self.history[channel]
        if not history or history[-1][1] != level:
            history.append((self._clock(), level))
