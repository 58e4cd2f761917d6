"""The random colours of a light challenge, and the one place that says which may be shown to a woman in labour.

The ring takes at most 24 equal slots of a colour each (`hw/coprocessor`, MAX_STEPS). Four stretches of random length
and colour are laid over them: what an attacker would have to guess is which colours, and when they change.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

Rgb = tuple[float, float, float]


@unique
class LightColour(IntEnum):
    """Colours that a challenge may show, numbered as the co-processor numbers them. Off and red are left out."""

    GREEN = 2
    BLUE = 3
    CYAN = 4
    MAGENTA = 5
    YELLOW = 6
    WHITE = 7


POWER: Final[dict[LightColour, Rgb]] = {
    LightColour.GREEN: (0.0, 1.0, 0.0),
    LightColour.BLUE: (0.0, 0.0, 1.0),
    LightColour.CYAN: (0.0, 0.75, 0.75),
    LightColour.MAGENTA: (0.75, 0.0, 0.75),
    LightColour.YELLOW: (0.75, 0.75, 0.0),
    LightColour.WHITE: (0.5625, 0.5625, 0.5625),
}
"""Red, green, blue light of each, 1 being the ring's full single colour (firmware/coprocessor/lights.py, of 160)."""

SLOTS: Final = 24
SLOT_MS: Final = 68
MIN_STRETCH: Final = 5
"""Slots: 340 ms, so that four changes take more than a second."""
STRETCHES: Final = 4
MIN_VISIBILITY: Final = 0.045
"""Weaker patterns are hard to tell from a slow drift of the room's light (`visibility`)."""

FACE: Final[Rgb] = (0.75, 0.75, 0.75)
"""What the ring shows before the first colour and at once after the last: its pattern FACE, as `POWER` counts."""

# WCAG 2.2, success criterion 2.3.1: no more than three flashes in any one second, none of saturated red.
MAX_CHANGES_PER_S: Final = 3
MAX_RED_SHARE: Final = 0.8
ENTROPY_BITS: Final = 14.0
"""Of `draw`: the logarithm of how many sequences it draws from, each as likely. A test counts them."""


class UnsafeSequence(ValueError):
    """A sequence of colours that nobody may be shown."""


def require_safe(changes: Sequence[tuple[float, Rgb]]) -> None:
    """Return if colours may be shown that begin at these moments (seconds, in order); the last is what follows.

    A change is counted where WCAG counts a pair of them as one flash, so that this is the stricter rule.

    Raises:
        UnsafeSequence: more than three changes in a second, or a colour with four fifths of red.
    """
    moments = [at for at, _ in changes]
    for first, fourth in zip(moments, moments[MAX_CHANGES_PER_S:], strict=False):
        if not fourth - first > 1.0:
            raise UnsafeSequence(f"{MAX_CHANGES_PER_S + 1} changes within {fourth - first:.2f} s")
    for _, rgb in changes:
        if sum(rgb) > 0 and not rgb[0] < MAX_RED_SHARE * sum(rgb):
            raise UnsafeSequence("a saturated red")


@dataclass(frozen=True, slots=True)
class LightSequence:
    """``colours`` for the ring, one a slot of ``slot_ms``. Made by `draw`, or checked here.

    Raises:
        UnsafeSequence: it may not be shown.
    """

    colours: tuple[LightColour, ...]
    slot_ms: int = SLOT_MS

    def __post_init__(self) -> None:
        require_safe(self.changes())

    def changes(self) -> list[tuple[float, Rgb]]:
        """From when (seconds after the first) on it shows what, up to the pattern that follows."""
        starts = [0, *(slot for slot in range(1, len(self.colours)) if self.colours[slot] != self.colours[slot - 1])]
        shown = [(slot * self.slot_ms / 1000, POWER[self.colours[slot]]) for slot in starts]
        return [*shown, (self.duration_s, FACE)]

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return len(self.colours) * self.slot_ms / 1000


def draw(below: Callable[[int], int] = secrets.randbelow) -> LightSequence:
    """A random sequence of about 1.6 s; every one that is safe and visible is as likely. From the OS's generator.

    Args:
        below: a uniform random number from 0 to one less than its argument; for tests.
    """
    palette = tuple(LightColour)
    while True:
        colours = [palette[below(len(palette))] for _ in range(STRETCHES)]
        # Where the bars stand among the spare slots says which stretch gets how many; each way is as likely.
        places = SLOTS - STRETCHES * MIN_STRETCH + STRETCHES - 1
        bars = sorted(below(places) for _ in range(STRETCHES - 1))
        if len(set(bars)) < len(bars):
            continue
        edges = [-1, *bars, places]
        lengths = [MIN_STRETCH + right - left - 1 for left, right in pairwise(edges)]
        if acceptable(colours, lengths):
            return LightSequence(tuple(c for c, length in zip(colours, lengths, strict=True) for _ in range(length)))


def acceptable(colours: Sequence[LightColour], lengths: Sequence[int]) -> bool:
    """Whether it changes at every stretch, in at least three colours, visibly."""
    if any(first == second for first, second in pairwise(colours)) or len(set(colours)) < STRETCHES - 1:
        return False
    return visibility(colours, lengths) >= MIN_VISIBILITY


def visibility(colours: Sequence[LightColour], lengths: Sequence[int]) -> float:
    """Mean square of what remains of the colours' chromatic part when a drift of second order is taken away.

    Of the worse of two opposed pairs: red against green, blue against both.
    """
    light = np.repeat([POWER[colour] for colour in colours], lengths, axis=0)
    pairs = np.stack([light[:, 0] - light[:, 1], light[:, 2] - light[:, :2].mean(axis=1)], axis=1)
    return float((without_drift(pairs, np.arange(len(pairs))) ** 2).mean(axis=0).min())


def without_drift(
    values: npt.NDArray[np.float64], times: npt.NDArray[np.floating | np.integer], order: int = 2
) -> npt.NDArray[np.float64]:
    """``values`` (times, ...) less the polynomial of ``order`` in ``times`` that comes nearest to each column."""
    at = np.asarray(times, np.float64)
    at = (at - at.mean()) / max(float(np.ptp(at)), 1e-9)
    basis, _ = np.linalg.qr(np.vander(at, order + 1))
    flat = values.reshape(len(at), -1)
    return np.asarray((flat - basis @ (basis.T @ flat)).reshape(values.shape), np.float64)


def count() -> int:
    """How many sequences `draw` draws from; takes about a second."""
    lengths = [
        (a, b, c, SLOTS - a - b - c)
        for a in range(MIN_STRETCH, SLOTS)
        for b in range(MIN_STRETCH, SLOTS)
        for c in range(MIN_STRETCH, SLOTS)
        if SLOTS - a - b - c >= MIN_STRETCH
    ]
    palette = tuple(LightColour)
    grid = [
        [palette[number // len(palette) ** place % len(palette)] for place in range(STRETCHES)]
        for number in range(len(palette) ** STRETCHES)
    ]
    return sum(acceptable(colours, way) for colours in grid for way in lengths)


def entropy_bits() -> float:
    """Of `draw`, counted."""
    return math.log2(count())
