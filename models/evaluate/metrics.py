"""Error rates of a comparison, in the terms of ISO/IEC 19795-1, with bounds by bootstrap over people.

FTA: failure to acquire, no template could be made. FMR: share of impostor comparisons that match. FNMR: share of
genuine ones that do not. Two pictures match at a score of the threshold or more. Pictures of one person are not
independent, so a bootstrap replicate draws people, not comparisons, and takes all of a drawn person's pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.intp]

REPLICATES = 1000
SEED = 19795
TAIL = 4
"""Impostor scores kept for the bootstrap, in units of the largest FMR asked for: replicates need some more."""
CONFIDENCE = (2.5, 97.5)
BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure and its 95 % bounds."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Impostors:
    """All comparisons between different people.

    ``scores`` (all of them) descend; ``first`` and ``second`` are the people of the leading ones, the tail that
    decides. ``pictures`` (2, people) counts each person's usable references and live pictures; ``twice`` is 2 when each
    pair of pictures could be listed both ways and is counted once.
    """

    scores: Floats
    first: Ints
    second: Ints
    pictures: Doubles
    twice: int

    def fmr(self, threshold: float) -> float:
        """Share of the scores at or above ``threshold``."""
        return float(np.searchsorted(-self.scores, -np.float32(threshold), side="right")) / len(self.scores)

    def threshold(self, fmr: float) -> float:
        """The lowest threshold whose FMR is at most ``fmr``."""
        return above(self.scores[int(fmr * len(self.scores))])

    def pairs(self) -> int:
        """Pairs of people of whom one's reference met the other's live picture: who was not acquired met nobody."""
        references, live = self.pictures > 0
        both = int(np.sum(references & live))
        one, other = int(np.sum(references & ~live)), int(np.sum(live & ~references))
        return both * (both - 1) // 2 + both * (one + other) + one * other


@dataclass(frozen=True, slots=True, eq=False)
class Genuine:
    """Comparisons of a person with himself: scores and his number."""

    scores: Floats
    people: Ints

    def fnmr(self, threshold: float) -> float:
        """Share of the scores under ``threshold``."""
        return float(np.mean(self.scores < np.float32(threshold)))


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """How often each person was drawn, (replicates, people)."""

    draws: Doubles

    @classmethod
    def over(cls, people: int, count: int = REPLICATES, seed: int = SEED) -> Replicates:
        """``count`` draws of as many people as there are, with replacement."""
        chances = np.full(people, 1 / people)
        return cls(np.random.default_rng(seed).multinomial(people, chances, size=count).astype(np.float64))

    def thresholds(self, impostors: Impostors, fmr: float) -> Floats:
        """The threshold at ``fmr`` in each replicate."""
        found = np.empty(len(self.draws), np.float32)
        for number, (draw, total) in enumerate(zip(self.draws, self._totals(impostors), strict=True)):
            matches = np.cumsum(draw[impostors.first] * draw[impostors.second])
            place = int(np.searchsorted(matches, fmr * total, side="right"))
            found[number] = above(impostors.scores[min(place, len(matches) - 1)])
        return found

    def fmrs(self, impostors: Impostors, threshold: float) -> Doubles:
        """The FMR at ``threshold`` in each replicate; NaN where the tail is too short for it."""
        count = round(impostors.fmr(threshold) * len(impostors.scores))
        if count > len(impostors.first):
            return np.full(len(self.draws), np.nan)
        first, second = impostors.first[:count], impostors.second[:count]
        return np.array([draw[first] @ draw[second] for draw in self.draws]) / self._totals(impostors)

    def fnmrs(self, genuine: Genuine, thresholds: Floats | float) -> Doubles:
        """The FNMR in each replicate, at one threshold or at each one's own."""
        found = np.empty(len(self.draws))
        limits = np.broadcast_to(np.float32(thresholds), len(self.draws))
        # One replicate after the other: all at once are gigabytes where hundreds of thousands of pairs are listed.
        for number, (draw, limit) in enumerate(zip(self.draws, limits, strict=True)):
            weights = draw[genuine.people]
            found[number] = weights @ (genuine.scores < limit) / max(weights.sum(), 1)
        return found

    def _totals(self, impostors: Impostors) -> Doubles:
        """Impostor comparisons in each replicate (1 for none); a person drawn twice is still the same person."""
        references, live = impostors.pictures
        all_pairs = (self.draws @ references) * (self.draws @ live)
        own_pairs = (self.draws**2) @ (references * live)
        return np.asarray(np.maximum((all_pairs - own_pairs) / impostors.twice, 1), np.float64)


def bounds(values: npt.NDArray[np.floating]) -> tuple[float, float]:
    """The 95 % interval of the replicates' values."""
    low, high = np.percentile(values, CONFIDENCE)
    return float(low), float(high)


def of_people(rate: float, replicates: npt.NDArray[np.floating], people: int) -> Bounded:
    """``rate`` of so many ``people`` with the bounds of its ``replicates``, never narrower than those of no error.

    A bootstrap over people of whom one errs says less than what so few people can exclude, over those of whom none does
    nothing: the upper bound is at least `exact`'s where nothing errs, the lower at most its where everything does.
    """
    low, high = bounds(replicates)
    return Bounded(rate, min(low, exact(True, people)[0]), max(high, exact(False, people)[1]))


def of_pairs(rate: float, replicates: npt.NDArray[np.floating], pairs: int) -> Bounded:
    """An FMR of so many ``pairs`` of people with the bounds of its ``replicates``; `exact`'s where nothing matched.

    The latter are wide, as if the comparisons of two people were all one: a single pair that is seen to match, in some
    of its comparisons, says more, and the bounds are then those of the people drawn.
    """
    low, high = exact(rate > 0, pairs) if rate in (0, 1) else bounds(replicates)
    return Bounded(rate, low, high)


def exact(all_wrong: bool, independent: int) -> tuple[float, float]:
    """Clopper and Pearson's interval when none of the ``independent`` ones, or every one, shows an error."""
    limit = 1 - (CONFIDENCE[0] / 100) ** (1 / independent)
    return (1 - limit, 1.0) if all_wrong else (0.0, limit)


def above(score: np.float32) -> float:
    """The next float32 above ``score``: the lowest threshold that it does not reach."""
    return float(np.nextafter(score, np.float32(np.inf), dtype=np.float32))


def impostors(
    references: Floats, live: Floats, people: Ints, *, symmetric: bool, max_fmr: float, threshold: float = math.inf
) -> Impostors:
    """Compare every reference with every live picture of somebody else.

    ``references`` and ``live`` are (pictures, length), rows of NaN where nothing was acquired. ``symmetric`` says that
    both are made the same way, so that each pair of pictures counts once. The tail holds what the bootstrap needs up to
    ``max_fmr`` and all that reach ``threshold``.
    """
    usable = np.isfinite(references[:, 0]), np.isfinite(live[:, 0])
    pictures = np.stack([np.bincount(people[rows], minlength=people.max() + 1) for rows in usable]).astype(np.float64)
    scores, codes = [], []
    for start in range(0, len(people), BLOCK_ROWS):
        rows = np.arange(start, min(start + BLOCK_ROWS, len(people)))
        wanted = (people[rows, np.newaxis] != people) & usable[0][rows, np.newaxis] & usable[1]
        if symmetric:
            wanted &= rows[:, np.newaxis] < np.arange(len(people))
        block_scores, block_codes = (references[rows] @ live.T)[wanted], np.flatnonzero(wanted) + start * len(people)
        scores.append(block_scores)
        codes.append(block_codes.astype(np.int64))
    every, code = np.concatenate(scores), np.concatenate(codes)
    tail = min(len(every), max(int(TAIL * max_fmr * len(every)) + 1, int(np.sum(every >= np.float32(threshold)))))
    best = np.argpartition(-every, tail - 1)[:tail]
    best = best[np.argsort(-every[best], kind="stable")]
    first, second = people[code[best] // len(people)], people[code[best] % len(people)]
    return Impostors(-np.sort(-every), first, second, pictures, 2 if symmetric else 1)


def equal_error_rate(genuine: Genuine, others: Impostors) -> tuple[float, float]:
    """The rate at which FMR and FNMR meet, and its threshold."""
    thresholds = np.unique(genuine.scores)
    fnmr = np.searchsorted(np.sort(genuine.scores), thresholds, side="left") / len(genuine.scores)
    fmr = np.searchsorted(-others.scores, -thresholds, side="right") / len(others.scores)
    place = int(np.argmin(np.abs(fmr - fnmr)))
    return float((fmr[place] + fnmr[place]) / 2), float(thresholds[place])


def accuracy(scores: Floats, same: npt.NDArray[np.bool_], folds: int = 10) -> float:
    """Share of listed pairs decided rightly, each tenth at the threshold that is best on the other nine.

    NaN where only one kind of pair is listed: then any threshold below, or above, all scores is right.
    """
    if same.all() or not same.any():
        return math.nan
    fold = np.empty(len(scores), np.intp)
    for kind in (True, False):
        chosen = np.flatnonzero(same == kind)
        fold[chosen] = np.arange(len(chosen)) * folds // max(len(chosen), 1)
    right = 0
    for number in range(folds):
        inside = fold == number
        others = ~inside if not inside.all() else inside
        threshold = best_threshold(scores[others], same[others])
        right += int(np.sum((scores[inside] >= threshold) == same[inside]))
    return right / len(scores)


def best_threshold(scores: Floats, same: npt.NDArray[np.bool_]) -> float:
    """The score at which most pairs are decided rightly."""
    order = np.argsort(-scores, kind="stable")
    gain = np.cumsum(np.where(same[order], 1, -1))
    return float(scores[order][int(np.argmax(gain))])


def extrapolated_threshold(scores: Floats, fmr: float, from_fmr: float = 1e-2) -> float:
    """Where the FMR would be ``fmr`` if the tail above ``from_fmr`` went on falling exponentially. No measurement.

    For rates at which too few impostor comparisons are left to count.
    """
    tail = scores[: max(2, int(from_fmr * len(scores)))].astype(np.float64)
    slope = float(np.mean(tail - tail[-1]))
    return float(tail[-1] + slope * np.log(len(tail) / len(scores) / fmr))
