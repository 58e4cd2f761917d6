"""What the simulated ring's patterns and colours are as light: red, green, blue, 1 being the full single colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hw.coprocessor.messages import Challenge
from hw.coprocessor.numbers import Colour, RingPattern

Light = Callable[[tuple[float, float, float]], None]

DARK: Final = (0.0, 0.0, 0.0)
COLOUR_LIGHT: Final = {
    Colour.OFF: DARK,
    Colour.RED: (1.0, 0.0, 0.0),
    Colour.GREEN: (0.0, 1.0, 0.0),
    Colour.BLUE: (0.0, 0.0, 1.0),
    Colour.CYAN: (0.0, 0.75, 0.75),
    Colour.MAGENTA: (0.75, 0.0, 0.75),
    Colour.YELLOW: (0.75, 0.75, 0.0),
    Colour.WHITE: (0.5625, 0.5625, 0.5625),
}
"""Of the ring's full single colour, 160 in the firmware."""
PATTERN_LIGHT: Final = {
    RingPattern.NOTICE: (0.125, 0.125, 0.25),
    RingPattern.FACE: (0.75, 0.75, 0.75),
    RingPattern.PASSED: (0.0, 0.6875, 0.0),
    RingPattern.NOT_PASSED: (0.6875, 0.375, 0.0),
}
"""The steady patterns; what breathes, blinks or runs around is left dark here."""


def light_of(pattern: RingPattern) -> tuple[float, float, float]:
    """What a ring with ``pattern`` shines."""
    return PATTERN_LIGHT.get(pattern, DARK)


@dataclass(slots=True)
class Show:
    """A light challenge under way."""

    challenge: Challenge
    next_s: float
    step: int = 0
