"""What the levels of the Pi's pins mean. Pure: levels and times in, decisions out.

Numbers are the SoC's (BCM), as RPi.GPIO and ``pinout`` name them. The wiring is drawn in README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from types import MappingProxyType
from typing import Final

HOLD_S: Final = 3.0
"""How long the one-shot holds the lock after the last edge of LOCK_PULSE: the host's silence that opens the door."""


@unique
class PiPin(IntEnum):
    """BCM numbers."""

    LOCK_ENABLE = 17
    LOCK_PULSE = 27
    BUTTON = 22
    LIGHT = 18
    COPROCESSOR_RUN = 23
    COPROCESSOR_BOOTSEL = 24
    COPROCESSOR_SERVICE = 25


@unique
class LightPattern(Enum):
    """What one lamp can say."""

    OFF = "off"
    IDLE = "idle"
    BUSY = "busy"
    WAITING = "waiting"
    PASSED = "passed"
    ATTENTION = "attention"
    CARE_FIRST = "care first"


RHYTHMS: Final[Mapping[LightPattern, tuple[float, ...]]] = MappingProxyType(
    {
        LightPattern.OFF: (),
        LightPattern.IDLE: (0.1, 3.9),
        LightPattern.BUSY: (0.5, 0.5),
        LightPattern.WAITING: (1.0, 1.0),
        LightPattern.PASSED: (1.0,),
        LightPattern.ATTENTION: (0.15, 0.15, 0.15, 0.85),
        LightPattern.CARE_FIRST: (1.5, 0.3),
    }
)
"""Seconds on, off, on, ...; over and over. One number is always on, none is dark."""


def light_is_on(pattern: LightPattern, since_s: float) -> bool:
    """Whether the lamp is lit ``since_s`` seconds after the pattern began."""
    rhythm = RHYTHMS[pattern]
    if len(rhythm) < 2:
        return bool(rhythm)
    left_s = since_s % sum(rhythm)
    for index, part_s in enumerate(rhythm):
        if left_s < part_s:
            return index % 2 == 0
        left_s -= part_s
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """``pin`` is pulled low, or let go (None of ours drives it high), then ``pause_s`` pass."""

    pin: PiPin
    low: bool
    pause_s: float


_RESET: Final = (Step(PiPin.COPROCESSOR_RUN, True, 0.1), Step(PiPin.COPROCESSOR_RUN, False, 0.5))

RESET: Final = _RESET
"""Start the co-processor anew (RP2040 data sheet 2.12: RUN low is reset)."""

ENTER_BOOTLOADER: Final = (
    Step(PiPin.COPROCESSOR_BOOTSEL, True, 0.01),
    *_RESET,
    Step(PiPin.COPROCESSOR_BOOTSEL, False, 0.5),
)
"""Into the ROM's USB bootloader (RP2040 data sheet 2.8.1: flash chip select low at reset)."""

ENTER_SERVICE: Final = (Step(PiPin.COPROCESSOR_SERVICE, True, 0.01), *_RESET)
"""Into MicroPython's prompt, without firmware and watchdog; the service line stays low."""

LEAVE_SERVICE: Final = (Step(PiPin.COPROCESSOR_SERVICE, False, 0.01), *_RESET)
"""Back into the firmware."""
