"""`python -m models.evaluate faces`: how often the comparison errs, on pairs of pictures."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluate.acquire import ADVICE, Acquisition, Condition, told
from models.evaluate.metrics import (
    Bounded,
    Floats,
    Genuine,
    Impostors,
    Replicates,
    accuracy,
    bounds,
    equal_error_rate,
    extrapolated_threshold,
    impostors,
    of_pairs,
    of_people,
)
from models.evaluate.pairs import Half, Pairs, PairsError, read_pairs, whole
from models.evaluate.plot import Curve, write_det
from models.evaluate.store import default_folder, folder
from models.face import FaceModels
from models.manifest import MANIFEST, Manifest
from models.projection import Kind

FMRS = (1e-2, 1e-3, 1e-4)
ENOUGH = 30
"""Impostor comparisons above a threshold below which its FMR is called an extrapolation (Doddington's rule of 30)."""


class Looks(StrEnum):
    """How often a live picture is looked at. The unit fuses several frames, every other one mirrored; a test set has
    one picture of each moment, and its mirror image stands for the second frame."""

    ONE = "one"
    BOTH = "both"

    @property
    def number(self) -> int:
        """One, or the face and its mirror image."""
        return 1 if self is Looks.ONE else 2


@dataclass(frozen=True, slots=True)
class AtFmr:
    """FNMR and threshold where the FMR is ``fmr``; ``false_matches`` are the comparisons that the figure rests on."""

    fmr: float
    fnmr: Bounded
    threshold: Bounded
    false_matches: int
    extrapolated: float | None


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Both rates at the committed operating point."""

    name: str
    threshold: float
    intended_fmr: float
    fmr: Bounded
    fnmr: Bounded


@dataclass(frozen=True, slots=True)
class Report:
    """All that the command prints. Rates are 0 to 1; bounds are 95 %, by bootstrap over people."""

    condition: str
    people: int
    pictures: int
    genuine: int
    impostors: int
    failures_to_acquire: dict[str, dict[str, int]]
    fta: float
    accuracy: float
    eer: float
    eer_threshold: float
    points: tuple[AtFmr, ...]
    operating: AtThreshold | None
    """None where the committed threshold is of other networks' templates."""
    models: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The comparisons of one evaluation."""

    genuine: Genuine
    impostors: Impostors
    listed: Floats
    listed_same: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    people: int
    causes: dict[str, Counter[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_trial_arguments(parser)
    parser.add_argument("--live", type=Looks, choices=list(Looks), default=Looks.BOTH, help="looks at a live picture")
    parser.add_argument("--limit", type=whole, metavar="N", help="so many genuine and so many other pairs")
    parser.add_argument("--det", type=Path, metavar="FILE.png", help="write the DET curve")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="other models than the committed ones")


def add_trial_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose pictures are compared, as what, and how that is told: the options of every trial of faces."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with the columns a,b,same")
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument("--condition", type=Condition, choices=list(Condition), default=Condition.CHIP)
    parser.add_argument("--half", type=Half, choices=list(Half), help="only people that the learned maps saw, or not")
    parser.add_argument(
        "--cache", type=folder, default=default_folder(), help="folder for templates (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def evaluate(options: argparse.Namespace) -> Report:
    """Run the evaluation that the options ask for.

    Raises:
        PairsError: the list cannot be used, or nothing in its pictures can be compared.
        ModelsError: the models cannot be loaded.
    """
    symmetric = options.condition is Condition.PHOTO
    pairs = read_pairs(options.pairs, options.limit, options.half, symmetric=symmetric)
    if options.det and not options.det.parent.is_dir():
        raise PairsError(f"--det {options.det}: there is no folder {options.det.parent}")
    if options.det and options.det.is_dir():
        raise PairsError(f"--det {options.det}: it is a folder; name a file in it")
    models = FaceModels.load(manifest=options.manifest)
    acquisition = Acquisition(models, options.root, options.cache, options.manifest)
    trial = compare_all(pairs, acquisition, models, options.condition, options.live)
    if options.det:
        write_det(options.det, [Curve(f"{options.condition}, {trial.people} people", trial.genuine, trial.impostors)])
    hashes = {**models.hashes, "mesh": Manifest.load(options.manifest).entry("mesh").sha256}
    return summarise(trial, pairs, models, hashes, options.condition)


def compare_all(
    pairs: Pairs, acquisition: Acquisition, models: FaceModels, condition: Condition, live_looks: Looks
) -> Trial:
    """Templates of all pictures, scores of the listed pairs and of all pairs of different people.

    Raises:
        PairsError: there is no genuine or no impostor comparison.
    """
    symmetric = condition is Condition.PHOTO
    seen = acquisition.looks(pairs.pictures, Condition.PHOTO)
    live = models.project(seen.looks[:, : live_looks.number], Kind.LIVE)
    if symmetric:
        references, causes = live, {"live": seen.causes}
    else:
        chips = acquisition.looks(pairs.pictures, condition)
        references, causes = models.project(chips.looks, Kind.CHIP), {"reference": chips.causes, "live": seen.causes}
    first, second, same = np.array(pairs.first), np.array(pairs.second), np.array(pairs.same)
    scores = np.einsum("ij,ij->i", references[first], live[second]).astype(np.float32)
    made = np.isfinite(scores)
    people = np.array(pairs.people, np.intp)
    chosen = made & same
    acquired = np.isfinite(references[:, 0]) | np.isfinite(live[:, 0])
    require_comparisons(int(chosen.sum()), len(np.unique(people[acquired])), causes)
    threshold = models.operating_point.threshold
    others = impostors(references, live, people, symmetric=symmetric, max_fmr=max(FMRS), threshold=threshold)
    genuine = Genuine(scores[chosen], people[first[chosen]])
    return Trial(genuine, others, scores[made], same[made], int(people.max()) + 1, causes)


def require_comparisons(genuine: int, people: int, causes: dict[str, Counter[str]]) -> None:
    """Raise `PairsError` unless there are both kinds of comparison: else there is no rate of errors to tell."""
    failed = f"failures to acquire: {failures(causes) or 'none'}"
    if genuine == 0:
        raise PairsError(f"no genuine comparison: both pictures of no pair acquired ({failed}); {ADVICE}")
    if people < 2:
        raise PairsError(f"no impostor comparison: one person is in all pictures acquired ({failed}); list two or more")


def failures(causes: Mapping[str, Mapping[str, int]]) -> str:
    """`reference no_face 1, unreadable 2, live no_face 1`."""
    return ", ".join(f"{kind} {told(Counter(found))}" for kind, found in causes.items() if found)


def summarise(trial: Trial, pairs: Pairs, models: FaceModels, hashes: dict[str, str], condition: Condition) -> Report:
    """The figures."""
    replicates = Replicates.over(trial.people)
    eer, eer_threshold = equal_error_rate(trial.genuine, trial.impostors)
    failed = sum(sum(causes.values()) for causes in trial.causes.values())
    return Report(
        condition=condition,
        people=trial.people,
        pictures=len(pairs.pictures),
        genuine=len(trial.genuine.scores),
        impostors=len(trial.impostors.scores),
        failures_to_acquire={kind: dict(causes) for kind, causes in trial.causes.items()},
        fta=failed / (len(trial.causes) * len(pairs.pictures)),
        accuracy=accuracy(trial.listed, trial.listed_same),
        eer=eer,
        eer_threshold=eer_threshold,
        points=tuple(at_fmr(trial, replicates, fmr) for fmr in FMRS),
        operating=at_operating_point(trial, replicates, models),
        models=hashes,
    )


def at_fmr(trial: Trial, replicates: Replicates, fmr: float) -> AtFmr:
    """FNMR where the FMR is ``fmr``; in each replicate at its own threshold."""
    threshold = trial.impostors.threshold(fmr)
    thresholds = replicates.thresholds(trial.impostors, fmr)
    fnmrs, people = replicates.fnmrs(trial.genuine, thresholds), len(np.unique(trial.genuine.people))
    false_matches = int(fmr * len(trial.impostors.scores))
    return AtFmr(
        fmr,
        of_people(trial.genuine.fnmr(threshold), fnmrs, people),
        Bounded(threshold, *bounds(thresholds)),
        false_matches,
        extrapolated_threshold(trial.impostors.scores, fmr) if false_matches < ENOUGH else None,
    )


def at_operating_point(trial: Trial, replicates: Replicates, models: FaceModels) -> AtThreshold | None:
    """Both rates at the threshold by which the unit decides, if it is of these networks."""
    point = models.operating_point
    if point.space != models.space:
        return None
    fmrs = replicates.fmrs(trial.impostors, point.threshold)
    fnmrs = replicates.fnmrs(trial.genuine, point.threshold)
    people = len(np.unique(trial.genuine.people))
    return AtThreshold(
        point.name,
        point.threshold,
        point.fmr,
        of_pairs(trial.impostors.fmr(point.threshold), fmrs, trial.impostors.pairs()),
        of_people(trial.genuine.fnmr(point.threshold), fnmrs, people),
    )


def to_json(report: Report) -> dict[str, Any]:
    """Plain values."""
    return asdict(report)


def to_text(report: Report) -> str:
    """A table for people."""
    return "\n".join(
        [
            f"condition {report.condition}: {report.people} people, {report.pictures} pictures, "
            f"{report.genuine} genuine and {report.impostors} impostor comparisons",
            f"failures to acquire (FTA) {percent(report.fta)} {failures(report.failures_to_acquire)}".rstrip(),
            "accuracy: none, the list has pairs of one kind only"
            if math.isnan(report.accuracy)
            else f"accuracy on the listed pairs {percent(report.accuracy)}",
            f"EER {percent(report.eer)} at {report.eer_threshold:.3f}",
            f"{'FMR':>8}  {'FNMR (95 % bounds)':28}threshold (95 % bounds)",
            *(point_text(point) for point in report.points),
            *operating_text(report.operating),
        ]
    )


def operating_text(at: AtThreshold | None) -> list[str]:
    """Its lines."""
    if at is None:
        return ["operating point: none, the committed threshold was measured with other networks (models/README.md)"]
    return [
        f"operating point {at.name}, threshold {at.threshold:.3f}:",
        f"  FMR {at.fmr.value:.2e} ({at.fmr.low:.1e} to {at.fmr.high:.1e}), "
        f"{at.fmr.value / at.intended_fmr:.2f} times the intended {at.intended_fmr:g}",
        f"  FNMR {bounded_percent(at.fnmr)}",
    ]


def point_text(point: AtFmr) -> str:
    """One line of the table."""
    bounds_text = f"({point.threshold.low:.3f} to {point.threshold.high:.3f})"
    text = f"{point.fmr:8.0e}  {bounded_percent(point.fnmr):28}{point.threshold.value:.3f} {bounds_text}"
    if point.extrapolated is None:
        return text
    return f"{text}   only {point.false_matches} false matches; tail extrapolated: {point.extrapolated:.3f}"


def bounded_percent(rate: Bounded) -> str:
    """`1.23 % (0.98 to 1.50)`."""
    return f"{percent(rate.value)} ({100 * rate.low:.2f} to {100 * rate.high:.2f})"


def percent(rate: float) -> str:
    """`1.23 %`."""
    return f"{100 * rate:.2f} %"
