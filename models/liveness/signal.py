"""How the light on skin and background answers the ring: amplitude, moment and shape, each with its uncertainty.

Light on a patch is (its paint) x (room + ring x gain), so the logarithm's change is ring x gain / room, whatever the
paint. What exposure does is the same for red, green and blue and falls out when their mean is taken away; what drifts
slowly (white balance, daylight) falls out with a polynomial of second order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from models.liveness.sequence import FACE, POWER, LightColour, Rgb, without_drift

Array = npt.NDArray[np.float64]

LAGS_S: Final = np.arange(-0.30, 0.501, 0.01)
EXPOSURE_S: Final = 0.02
"""A frame sums light up for about so long before its time stamp."""
DRIFT_ORDER: Final = 2


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the ring showed what, in seconds of the frames' clock.

    Attributes:
        changes: (from when on, red green blue), in order; the last is what it showed afterwards, white. Before the
            first it was white too, for half a second at least.
        error_s: how far the moments can be off.
    """

    changes: tuple[tuple[float, Rgb], ...]
    error_s: float = 0.0

    @classmethod
    def shown(cls, slots: Sequence[tuple[float, LightColour]], off_s: float, error_s: float) -> Timeline:
        """From when each slot's colour came on and when the last went off, as the co-processor reports it."""
        starts = [
            slot for before, slot in zip([None, *slots], slots, strict=False) if not before or before[1] != slot[1]
        ]
        return cls((*((at_s, POWER[colour]) for at_s, colour in starts), (off_s, FACE)), error_s)

    @property
    def begin_s(self) -> float:
        """When the first colour came on."""
        return self.changes[0][0]

    @property
    def end_s(self) -> float:
        """When the last colour went off."""
        return self.changes[-1][0]

    def chroma(self, at_s: Array, lag_s: float) -> Array:
        """The ring's chromatic part, (times, 3), that exposures ending at ``at_s`` see ``lag_s`` late."""
        end = at_s - lag_s
        light = np.zeros((len(at_s), 3))
        for (start, rgb), (stop, _) in pairwise(self.changes):
            shared = np.minimum(end, stop) - np.maximum(end - EXPOSURE_S, start)
            light += np.outer(np.clip(shared / EXPOSURE_S, 0, 1), chromatic(np.array(rgb)))
        return light


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What regions answer: ``gain`` (regions,), its standard error, and how much of their change it explains."""

    gain: Array
    error: Array
    correlation: Array


def chromatic(rgb: Array) -> Array:
    """Less the mean of red, green, blue."""
    return np.asarray(rgb - rgb.mean(axis=-1, keepdims=True), np.float64)


def changes_of(light: npt.NDArray[np.floating], at_s: Array) -> Array:
    """From light (times, regions, 3) to its relative chromatic change without drift."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return without_drift(chromatic(np.log(light.astype(np.float64))), at_s, DRIFT_ORDER)


def answer(change: Array, model: Array, at_s: Array) -> Answer:
    """Least squares of ``change`` (times, regions, 3) by one gain a region on ``model`` (times, 3)."""
    ring = without_drift(model, at_s, DRIFT_ORDER)
    power = float((ring**2).sum())
    gain = np.einsum("trc,tc->r", change, ring) / max(power, 1e-12)
    rest = change - gain[:, np.newaxis] * ring[:, np.newaxis]
    # Two of three chromatic numbers are free; each polynomial costs its coefficients.
    free = max(1, 2 * (len(at_s) - DRIFT_ORDER - 1) - 1)
    error = np.sqrt((rest**2).sum(axis=(0, 2)) / free / max(power, 1e-12) * inflation(rest))
    total = np.sqrt((change**2).sum(axis=(0, 2)) * power)
    return Answer(gain, error, gain * power / np.maximum(total, 1e-12))


def inflation(rest: Array) -> Array:
    """How much larger the variance is because one frame's error resembles the next one's, (regions,); at least 1."""
    power = np.maximum((rest**2).sum(axis=(0, 2)), 1e-18)
    likeness = np.clip((rest[1:] * rest[:-1]).sum(axis=(0, 2)) / power, 0.0, 0.9)
    return np.asarray((1 + likeness) / (1 - likeness), np.float64)


def best_lag_s(change: Array, timeline: Timeline, at_s: Array) -> float:
    """By how much the answer of one region (times, 1, 3) is late: the maximum of the correlation, interpolated."""
    scores = np.array([float(answer(change, timeline.chroma(at_s, lag), at_s).correlation[0]) for lag in LAGS_S])
    top = int(scores.argmax())
    if not 0 < top < len(scores) - 1:
        return float(LAGS_S[top])
    left, centre, right = scores[top - 1 : top + 2]
    bend = left - 2 * centre + right
    return float(LAGS_S[top] + (0.01 * 0.5 * (left - right) / bend if bend < 0 else 0.0))
