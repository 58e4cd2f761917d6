"""The light challenge: does the face answer the ring's random colours, in time and with a face's shape?

A face's front answers more than its sides do, and more than what is behind it: `relief` and `contrast`. Paper answers
like a sheet, flat or bent, a tinted recording flat and everywhere, a recording in the camera's place not at all, and
whoever looks at the light before answering it comes late. Thresholds: `tests/bench/liveness.py`, figures in README.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from models.image import FloatArray
from models.liveness.regions import PATCHES, Sample, normals
from models.liveness.result import CheckResult, Decision
from models.liveness.signal import Array, Timeline, answer, best_lag_s, changes_of

NAME: Final = "light"

AROUND_S: Final = 0.35
"""Frames this long before and after the challenge are used too: in them the light's colour comes and goes."""
MIN_FRAMES: Final = 14
MAX_GAP_S: Final = 0.3
MIN_PATCHES: Final = 30
MAX_LAG_S: Final = 0.055
"""A live face answers at once: what is measured beyond is error. Half of what the quickest attacker needs, 100 ms."""
MAX_CLOCK_ERROR_S: Final = 0.02
"""With less an answer 100 ms late is still told from a live one. A link gives 1 to 6 ms; more is a link in trouble."""
MIN_GAIN: Final = 0.0020
"""Share of the room's light that must come back; a ring to room ratio of 0.5 % gives about 0.35 %."""
SURE: Final = 5.0
"""An answer counts as seen from so many standard errors on."""
MIN_CORRELATION: Final = 0.55
MIN_CONTRAST: Final = 0.25
MAX_SHINING: Final = 0.5
"""A face that answers less than so much of what is behind it shines by itself; a lamp above her may well make it
answer somewhat less than a dark corridor does."""
MIN_RELIEF: Final = 0.05
MAX_SHEET_RELIEF: Final = 0.18
MIN_UNEVENNESS: Final = 1.25
MAX_SHEET_UNEVENNESS: Final = 0.9
MAX_UNEVENNESS: Final = 15.0
"""Beyond, a lamp from one side draws edges of shadow, on bent paper as on a face, and no shape can be told."""
MAX_TONE_SLOPE: Final = 0.1
"""A camera's own curve makes the answer of brighter patches so much stronger or weaker, for each factor of e."""
LEAST: Final = 1e-7
"""Answers and errors below are none."""
ROUGHNESS: Final = 0.07
"""Gains of neighbouring patches differ by so much anyway: paint, hair, the fit of the mesh."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers that decide; NaN where there is none.

    Attributes:
        frames, patches: how many were used.
        gain: the skin's answer, as a share of the room's light on it, with its standard error.
        correlation: of the skin's chromatic change with the ring's, at `lag_s`.
        lag_s: by how much the answer is late.
        background: the answer of what is behind, with its standard error.
        relief: by how much more, in gains, a patch that faces the ring answers than one seen edge-on, beyond what any
            bent sheet does; with its standard error. About 0 for paper and 0.3 for a face, in even light.
        unevenness: variance of the patches' gains about the nearest bent sheet, in units of what errors and
            `ROUGHNESS` give: mostly below 1 for paper, 2 to 10 for a face; more where shadows have edges.
    """

    frames: int
    patches: int
    gain: float
    gain_error: float
    correlation: float
    lag_s: float
    clock_error_s: float
    background: float
    background_error: float
    relief: float
    relief_error: float
    unevenness: float

    @property
    def seen(self) -> bool:
        """Whether the face answers the sequence at all."""
        return self.gain > max(MIN_GAIN, SURE * self.gain_error) and self.correlation > MIN_CORRELATION

    @property
    def answered(self) -> bool:
        """Whether anything does, the face or what is behind it: not a recording, nor anybody before a dark ring."""
        return self.seen or behind_seen(self)

    @property
    def contrast(self) -> float:
        """By how much less the background answers than the face, as a share; NaN without a background or an answer."""
        return 1 - self.background / self.gain if abs(self.gain) > LEAST else math.nan

    @property
    def contrast_error(self) -> float:
        """Standard error of `contrast`."""
        return math.hypot(self.background_error, self.gain_error * (1 - self.contrast)) / max(abs(self.gain), LEAST)

    def evidence(self) -> dict[str, float | int]:
        """For the record: finite numbers only."""
        numbers = {
            "gain": self.gain,
            "gain_error": self.gain_error,
            "correlation": self.correlation,
            "lag_ms": self.lag_s * 1000,
            "clock_error_ms": self.clock_error_s * 1000,
            "background": self.background,
            "relief": self.relief,
            "relief_error": self.relief_error,
            "unevenness": self.unevenness,
        }
        finite = {name: round(value, 5) for name, value in numbers.items() if math.isfinite(value)}
        return {"frames": self.frames, "patches": self.patches, "answered": int(self.answered), **finite}


@dataclass(frozen=True, slots=True)
class Rule:
    """``decision`` for ``reason`` when ``applies``; the first that does counts."""

    reason: str
    decision: Decision
    applies: Callable[[Measured], bool]


RULES: Final = (
    Rule("early_response", Decision.ATTACK, lambda m: m.seen and m.lag_s < -MAX_LAG_S - m.clock_error_s),
    Rule("late_response", Decision.ATTACK, lambda m: m.seen and m.lag_s > MAX_LAG_S + m.clock_error_s),
    Rule(
        "only_surroundings_answer",
        Decision.ATTACK,
        lambda m: behind_seen(m) and m.gain + 2 * m.gain_error < MAX_SHINING * m.background,
    ),
    Rule("no_response", Decision.ATTACK, lambda m: m.gain + 2 * m.gain_error < MIN_GAIN),
    Rule("too_weak", Decision.UNSURE, lambda m: not m.seen),
    Rule("global_tint", Decision.ATTACK, lambda m: sheet(m) and m.contrast + 2 * m.contrast_error < MIN_CONTRAST),
    Rule("flat_response", Decision.ATTACK, lambda m: sheet(m)),
    Rule("shape_unclear", Decision.UNSURE, lambda m: not shaped(m)),
    Rule("no_background", Decision.UNSURE, lambda m: not math.isfinite(m.contrast)),
    Rule("surroundings_answer_alike", Decision.UNSURE, lambda m: not m.contrast > MIN_CONTRAST),
    Rule("clocks_uncertain", Decision.UNSURE, lambda m: not m.clock_error_s <= MAX_CLOCK_ERROR_S),
)


def behind_seen(measured: Measured) -> bool:
    """Whether the background answers the sequence."""
    return measured.background > max(MIN_GAIN / 2, SURE * measured.background_error)


def sheet(measured: Measured) -> bool:
    """Whether it surely answers as a sheet does, flat or bent: no more to it, and nothing of a face in what is left."""
    return measured.relief + 2 * measured.relief_error < MAX_SHEET_RELIEF and measured.unevenness < MAX_SHEET_UNEVENNESS


def shaped(measured: Measured) -> bool:
    """Whether the answer has a face's shape, which no smoothly bent sheet has in even light."""
    return (
        measured.relief - measured.relief_error > MIN_RELIEF and MIN_UNEVENNESS < measured.unevenness < MAX_UNEVENNESS
    )


def judge(timeline: Timeline, samples: Iterable[Sample]) -> CheckResult:
    """Decide about one challenge.

    Args:
        timeline: what the ring showed, see `Timeline`; at least two colours and the end.
        samples: what `regions.observe` gave for the frames from half a second before to half a second after.

    Returns:
        Live, attack or unsure; never an exception for what a camera delivers. Unsure with one of the reasons
        ``no_timeline``, ``too_few_frames``, ``frames_missing``, ``skin_hidden``, or of `RULES`.
    """
    if not usable(timeline):
        return CheckResult(NAME, Decision.UNSURE, ("no_timeline",))
    frames = during(timeline, samples)
    trouble = trouble_with(frames, timeline)
    if trouble is not None:
        return CheckResult(NAME, Decision.UNSURE, (trouble,), {"frames": len(frames)})
    measured = measure(timeline, frames)
    if measured is None:
        return CheckResult(NAME, Decision.UNSURE, ("skin_hidden",), {"frames": len(frames)})
    found = [rule for rule in RULES if rule.applies(measured)]
    decision = found[0].decision if found else Decision.LIVE
    reasons = tuple(rule.reason for rule in found if rule.decision is decision)
    return CheckResult(NAME, decision, reasons, measured.evidence())


def usable(timeline: Timeline) -> bool:
    """Whether it has moments in order."""
    moments = [at for at, _ in timeline.changes]
    finite = all(map(math.isfinite, (*moments, timeline.error_s)))
    return finite and len(moments) > 2 and all(a < b for a, b in pairwise(moments))


def during(timeline: Timeline, samples: Iterable[Sample]) -> list[Sample]:
    """Those of about the challenge's time, in order, each moment once."""
    first, last = timeline.begin_s - AROUND_S, timeline.end_s + AROUND_S
    by_time = {sample.at_s: sample for sample in samples if first <= sample.at_s <= last}
    return [by_time[at] for at in sorted(by_time)]


def trouble_with(frames: Sequence[Sample], timeline: Timeline) -> str | None:
    """Why these frames cannot be judged, or None."""
    inside = [frame.at_s for frame in frames if timeline.begin_s <= frame.at_s <= timeline.end_s]
    if len(inside) < MIN_FRAMES:
        return "too_few_frames"
    moments = [timeline.begin_s, *inside, timeline.end_s]
    if max(b - a for a, b in pairwise(moments)) > MAX_GAP_S:
        return "frames_missing"
    return None


def measure(timeline: Timeline, frames: Sequence[Sample]) -> Measured | None:
    """The numbers; None when too little skin was seen in all frames."""
    at_s = np.array([frame.at_s for frame in frames])
    skin = np.stack([frame.skin for frame in frames])
    whole = lit(skin)
    if whole.sum() < MIN_PATCHES:
        return None
    change = changes_of(skin[:, whole], at_s)
    together = np.median(change, axis=1, keepdims=True)
    lag_s = best_lag_s(together, timeline, at_s)
    model = timeline.chroma(at_s, lag_s)
    skin_answer = answer(together, model, at_s)
    gain = float(skin_answer.gain[0])
    patches = answer(change, model, at_s)
    light = np.log(skin[:, whole].astype(np.float64)).mean(axis=(0, 2))
    shape = np.asarray(np.mean([frame.shape for frame in frames], axis=0), np.float32)
    unit = max(abs(gain), LEAST)
    error = np.maximum(patches.error, LEAST) / unit
    relief, relief_error, unevenness = relief_of(patches.gain / unit, error, shape, whole, light)
    background, background_error = together_behind(frames, model, at_s)
    return Measured(
        len(frames),
        int(whole.sum()),
        gain,
        float(skin_answer.error[0]),
        float(skin_answer.correlation[0]),
        lag_s,
        timeline.error_s,
        background,
        background_error,
        relief,
        relief_error,
        unevenness,
    )


def lit(light: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Which regions have light in all frames, (regions,)."""
    return np.asarray(np.isfinite(light).all(axis=(0, 2)) & (light > 0).all(axis=(0, 2)), np.bool_)


def relief_of(
    gain: Array, error: Array, shape: FloatArray, whole: npt.NDArray[np.bool_], light: Array
) -> tuple[float, float, float]:
    """Slope of the patches' gains over how much each faces the camera, its error, and the unevenness.

    A sheet that is held askew, bent to any side or lit from the side gives a surface of second order over the picture,
    and a camera's bent tone curve a slope over the brightness: neither is a face, both are fitted beside it.
    """
    facing = normals(shape)[whole, 2]
    x, y = shape[list(PATCHES)][whole, :2].astype(np.float64).T
    beside = [np.ones(len(gain)), x, y, x * x, x * y, y * y, light - light.mean()]
    weight = 1 / np.hypot(error, ROUGHNESS)
    _, _, unevenness = fitted(gain, weight, beside)
    slope, spread, variance = fitted(gain, weight, [facing, *beside])
    return slope, math.sqrt(variance * spread), unevenness


def fitted(gain: Array, weight: Array, columns: Sequence[Array]) -> tuple[float, float, float]:
    """Of the weighted least squares of ``gain``: the first coefficient, its variance with weights of known errors, and
    how much larger the rest's variance is than those. The last column's slope is no more than `MAX_TONE_SLOPE`.
    """
    weighted = np.column_stack(columns) * weight[:, np.newaxis]
    known = np.diag([0.0] * (len(columns) - 1) + [MAX_TONE_SLOPE**-2])
    inverse = np.linalg.pinv(weighted.T @ weighted + known)
    found = inverse @ (weighted.T @ (gain * weight))
    rest = gain * weight - weighted @ found
    return (
        float(found[0]),
        max(float(inverse[0, 0]), 0.0),
        float((rest**2).sum() / max(1, len(gain) - len(columns))),
    )


def together_behind(frames: Sequence[Sample], model: Array, at_s: Array) -> tuple[float, float]:
    """The answer of what is behind and its standard error: of several blocks each as it is sure. NaN without any."""
    light = np.stack([frame.background for frame in frames])
    whole = lit(light)
    if not whole.any():
        return math.nan, math.nan
    blocks = answer(changes_of(light[:, whole], at_s), model, at_s)
    weight = 1 / np.maximum(blocks.error, 1e-5) ** 2
    return float((blocks.gain * weight).sum() / weight.sum()), float(weight.sum() ** -0.5)
