"""Error rates of presentation attack detection, in the terms of ISO/IEC 30107-3, with 95 % bounds.

APCER: share of the attack presentations of one species that are taken for live; species are never pooled. BPCER: share
of bona fide presentations that are taken for attacks. APNRR, BPNRR: shares without a response (no face found, or none
that can be judged); they take no part in the other two. Live means a score of the threshold or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluate.metrics import Bounded, Doubles, Replicates, of_people

MIN_SUBJECTS = 6
"""With fewer subjects a bootstrap over them says nothing."""
Z = 1.959964
BPCERS = (0.01, 0.05, 0.10)
"""BPCER at which the APCER is reported beside the committed threshold."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One frame or presentation; ``score`` None is a non-response."""

    live: bool
    species: str
    subject: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate; ``by`` says over what its bounds were made: `subjects`, or `items` when subjects are too few."""

    rate: Bounded
    errors: int
    items: int
    subjects: int
    no_response: int
    by: str


@dataclass(frozen=True, slots=True)
class At:
    """All rates at one threshold; ``bpcer`` of all live together, ``groups`` of each live group, ``apcer`` of each
    attack species, ``worst_apcer`` the largest of them, which is what the standard reports; NaN where no attack had
    a response."""

    name: str
    threshold: float
    bpcer: Rate
    groups: dict[str, Rate]
    apcer: dict[str, Rate]
    worst_apcer: float


def at_threshold(scored: Sequence[Scored], name: str, threshold: float) -> At:
    """Every rate at ``threshold``."""
    live = [item for item in scored if item.live]
    attacks = [item for item in scored if not item.live]
    apcer = {species: rate(items, threshold) for species, items in by_species(attacks).items()}
    return At(
        name,
        threshold,
        rate(live, threshold),
        {group: rate(items, threshold) for group, items in by_species(live).items()},
        apcer,
        max((item.rate.value for item in apcer.values() if item.items), default=float("nan")),
    )


def by_species(scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    """In the order of their names."""
    names = sorted({item.species for item in scored})
    return {name: [item for item in scored if item.species == name] for name in names}


def threshold_at_bpcer(scored: Sequence[Scored], bpcer: float) -> float | None:
    """The highest threshold at which at most ``bpcer`` of the live ones are refused; None without a live response."""
    live = sorted(item.score for item in scored if item.live and item.score is not None)
    return live[int(bpcer * len(live))] if live else None


def rate(items: Sequence[Scored], threshold: float) -> Rate:
    """BPCER of live items, APCER of attacks."""
    answered = [(item, item.score) for item in items if item.score is not None]
    wrong = np.array([(score < threshold) == item.live for item, score in answered], bool)
    names = sorted({item.subject for item, _ in answered})
    number = {name: index for index, name in enumerate(names)}
    subjects = np.array([number[item.subject] for item, _ in answered], np.intp)
    errors, count = int(wrong.sum()), len(wrong)
    silent = len(items) - count
    if count == 0:
        return Rate(Bounded(float("nan"), 0.0, 1.0), 0, 0, 0, silent, "nothing")
    value = errors / count
    if len(names) < MIN_SUBJECTS:
        return Rate(Bounded(value, *wilson(errors, count)), errors, count, len(names), silent, "items")
    replicates = drawn(wrong.astype(np.float64), subjects, len(names))
    return Rate(of_people(value, replicates, len(names)), errors, count, len(names), silent, "subjects")


def drawn(wrong: Doubles, subjects: np.ndarray[tuple[int, ...], np.dtype[np.intp]], count: int) -> Doubles:
    """The rate in each bootstrap replicate, which draws subjects and takes all that a drawn subject has."""
    errors = np.bincount(subjects, weights=wrong, minlength=count)
    items = np.bincount(subjects, minlength=count)
    draws = Replicates.over(count).draws
    return np.asarray((draws @ errors) / (draws @ items), np.float64)


def wilson(errors: int, count: int) -> tuple[float, float]:
    """Wilson's score interval for independent items."""
    share = errors / count
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
