"""`python -m models.evaluate looks`: how often the unit errs by a picture, by a look, by all its looks."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from models.evaluate.acquire import Acquired, Acquisition, Condition
from models.evaluate.faces import add_trial_arguments, bounded_percent, failures
from models.evaluate.metrics import Bounded, Doubles, Floats, Ints, Replicates, of_pairs, of_people
from models.evaluate.pairs import PairsError, read_pairs
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import unit
from models.projection import Kind

FRAMES = 3
"""Pictures that are fused in one look: `daemon.faces.FRAMES`."""
LOOKS = 3
"""Looks of one transaction: the first, and as many more as the policy packs' `retries`."""
DRAWS = 100
"""How often every reference gets a transaction of pictures drawn anew."""
SEED = 19795
DECISIONS = ("one picture", f"one look, {FRAMES} pictures fused", f"transaction, up to {LOOKS} looks")

Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Templates to compare, a row for each picture, NaN where nothing was acquired.

    ``references`` (rows, length); ``live`` (2, rows, length), of it and of its mirror image; ``people`` (rows,).
    """

    references: Floats
    live: Floats
    people: Ints

    def drawable(self, row: int) -> Ints:
        """The rows of live pictures that may be shown against the reference ``row``: her other ones."""
        others = (self.people == self.people[row]) & np.isfinite(self.live[0, :, 0])
        others[row] = False
        return np.flatnonzero(others)

    def enough(self) -> Album:
        """Only references with enough pictures for a transaction against them, and only the people who have such."""
        able = np.array([len(self.drawable(row)) >= LOOKS * FRAMES for row in range(len(self.people))])
        usable = able & np.isfinite(self.references[:, 0])
        rich = np.isin(self.people, self.people[usable])
        references = np.where(usable[:, np.newaxis], self.references, np.float32(np.nan))[rich]
        return Album(references, self.live[:, rich], np.unique(self.people[rich], return_inverse=True)[1])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Comparisons by person.

    ``matches`` and ``strangers`` (people, people): references of the first with live pictures of the second that match,
    and all; ``misses`` and ``own`` (people,): references with live pictures of the same person that do not, and all.
    """

    matches: Doubles
    strangers: Doubles
    misses: Doubles
    own: Doubles

    def rates(self, replicates: Replicates) -> tuple[Bounded, Bounded]:
        """FMR and FNMR. A replicate that draws a person twice compares her with herself no more for that."""
        drawn = replicates.draws
        fmrs = quadratic(drawn, self.matches) / np.maximum(quadratic(drawn, self.strangers), 1)
        fnmrs = (drawn @ self.misses) / np.maximum(drawn @ self.own, 1)
        fmr, fnmr = self.matches.sum() / self.strangers.sum(), self.misses.sum() / self.own.sum()
        people, pairs = np.count_nonzero(self.own), np.count_nonzero(np.triu(self.strangers + self.strangers.T))
        return of_pairs(float(fmr), fmrs, int(pairs)), of_people(float(fnmr), fnmrs, int(people))


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one kind of decision."""

    decision: str
    fmr: Bounded
    fnmr: Bounded


@dataclass(frozen=True, slots=True)
class Report:
    """All that the command prints. Rates are 0 to 1; bounds are 95 %, by bootstrap over people."""

    condition: str
    people: int
    left_out: int
    references: int
    failures_to_acquire: dict[str, dict[str, int]]
    operating_point: str
    threshold: float
    rates: tuple[Rates, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_trial_arguments(parser)


def evaluate(options: argparse.Namespace) -> Report:
    """Let everybody's transactions meet everybody's references, at the threshold by which the unit decides.

    Raises:
        PairsError: the list cannot be used, or fewer than two people have enough pictures.
        ModelsError: the models cannot be loaded.
    """
    pairs = read_pairs(options.pairs, half=options.half)
    models, condition = FaceModels.load(), options.condition
    if models.operating_point.space != models.space:
        raise PairsError(
            "no operating point: the committed threshold was measured with other networks (models/README.md)"
        )
    acquisition = Acquisition(models, options.root, options.cache)
    seen = acquisition.looks(pairs.pictures, Condition.PHOTO)
    shown = seen if condition is Condition.PHOTO else acquisition.looks(pairs.pictures, condition)
    album = album_of(models, seen, shown, Kind.LIVE if shown is seen else Kind.CHIP, np.array(pairs.people, np.intp))
    people, causes = len(np.unique(album.people)), {"reference": shown.causes, "live": seen.causes}
    if people < 2:
        raise PairsError(
            f"people with {LOOKS * FRAMES} live pictures beside the one that a reference is made of: {people}; two "
            f"are needed (failures to acquire: {failures(causes) or 'none'}); list more pictures of each"
        )
    point, replicates = models.operating_point, Replicates.over(people)
    tallies = tally(album, point.threshold)
    return Report(
        condition=condition,
        people=people,
        left_out=len(set(pairs.people)) - people,
        references=int(np.isfinite(album.references[:, 0]).sum()),
        failures_to_acquire={kind: dict(found) for kind, found in causes.items()},
        operating_point=point.name,
        threshold=point.threshold,
        rates=tuple(Rates(name, *one.rates(replicates)) for name, one in zip(DECISIONS, tallies, strict=True)),
    )


def album_of(models: FaceModels, seen: Acquired, shown: Acquired, kind: Kind, people: Ints) -> Album:
    """Templates of live pictures as ``seen`` and of references as ``shown``, of the people with enough pictures."""
    live = np.stack([models.project(seen.looks[:, side : side + 1], Kind.LIVE) for side in range(2)])
    return Album(models.project(shown.looks, kind), live, people).enough()


def tally(album: Album, threshold: float) -> tuple[Tally, ...]:
    """The comparisons of each of `DECISIONS`, over all draws.

    In each draw every reference gets a transaction of different pictures of the same person, never the one that it was
    made of. That is the genuine comparison; with everybody else's references the same transaction is an impostor's.
    """
    rows = np.flatnonzero(np.isfinite(album.references[:, 0]))
    pools = [album.drawable(int(row)) for row in rows]
    owners = np.eye(album.people.max() + 1)[album.people[rows]]
    rng = np.random.default_rng(SEED)
    counts = [np.zeros((owners.shape[1], owners.shape[1])) for _ in DECISIONS]
    misses = [np.zeros(owners.shape[1]) for _ in DECISIONS]
    for _ in progress(range(DRAWS), DRAWS, "looks"):
        drawn = np.array([rng.choice(pool, (LOOKS, FRAMES), replace=False) for pool in pools])
        accepted = decisions(album.references[rows], album.live, drawn, threshold)
        for kind, matched in enumerate(accepted):
            counts[kind] += owners.T @ matched @ owners
            misses[kind] += owners.T @ ~matched.diagonal()
    others, shown = 1 - np.eye(owners.shape[1]), owners.sum(axis=0)
    strangers, own = DRAWS * np.outer(shown, shown) * others, DRAWS * shown
    return tuple(Tally(count * others, strangers, miss, own) for count, miss in zip(counts, misses, strict=True))


def decisions(references: Floats, live: Floats, drawn: Ints, threshold: float) -> tuple[Bools, Bools, Bools]:
    """Whether each reference (rows) accepts each transaction (columns): by its first picture, its first look, any look.

    ``drawn`` (transactions, looks, frames) are rows of ``live``. As in the unit every other frame is mirrored, and the
    template of a look is the unit vector along their mean (`models.fusion`).
    """
    frames = live[np.arange(FRAMES) % 2, drawn]
    fused = unit(frames.sum(axis=-2))
    least = np.float32(threshold)
    looks = [references @ fused[:, look].T >= least for look in range(LOOKS)]
    return references @ frames[:, 0, 0].T >= least, looks[0], np.logical_or.reduce(looks)


def quadratic(drawn: Doubles, counts: Doubles) -> Doubles:
    """The counts (people, people) that each replicate (replicates, people) has."""
    return np.asarray(((drawn @ counts) * drawn).sum(axis=1), np.float64)


def to_json(report: Report) -> dict[str, Any]:
    """Plain values."""
    return asdict(report)


def to_text(report: Report) -> str:
    """A table for people."""
    causes = failures(report.failures_to_acquire)
    return "\n".join(
        [
            f"condition {report.condition}: {report.people} people, {report.references} references; "
            f"{report.left_out} people with too few pictures; failures to acquire: {causes or 'none'}",
            f"operating point {report.operating_point}, threshold {report.threshold:.3f}",
            f"{'decision':34}{'FMR (95 % bounds)':30}FNMR (95 % bounds)",
            *(f"{rates.decision:34}{power(rates.fmr):30}{bounded_percent(rates.fnmr)}" for rates in report.rates),
        ]
    )


def power(rate: Bounded) -> str:
    """`1.20e-04 (3.0e-05 to 2.5e-04)`."""
    return f"{rate.value:.2e} ({rate.low:.1e} to {rate.high:.1e})"
