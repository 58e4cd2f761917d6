"""`python -m models.evaluate pad`: how often passive liveness errs, for each attack species, beside public networks."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from models.evaluate import anchors
from models.evaluate.acquire import ADVICE, face_in, told
from models.evaluate.anchors import Anchors
from models.evaluate.faces import percent
from models.evaluate.pad_rates import BPCERS, At, Rate, Scored, at_threshold, threshold_at_bpcer
from models.evaluate.pairs import PairsError, whole
from models.evaluate.presentations import Presentation, frames, read_presentations
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.manifest import FOLDER, MANIFEST
from models.passive import Box, PassiveFinding, PassiveLiveness, problem

EVERY = 5
BESIDE = FOLDER.parent.parent / "shared" / "data" / "anchors"
"""Where this project's working copies have the public networks."""
OWN, PUBLIC = "own", "public"

Scorer: TypeAlias = Callable[[Image, Box], float]


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """One network's rates, by frame and by presentation (a video's mean score; a picture is its own presentation)."""

    network: str
    frame: tuple[At, ...]
    presentation: tuple[At, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the command prints. Rates are 0 to 1, bounds 95 %; ``no_response`` counts frames by cause."""

    presentations: int
    frames: int
    no_response: dict[str, int]
    networks: tuple[NetworkReport, ...]
    models: dict[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """One presentation's scores, for each network one a frame; None where a frame has no usable face."""

    presentation: Presentation
    scores: dict[str, list[float | None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    # Not `manifest`: that is the models' one in the other commands.
    parser.add_argument(
        "--manifest", dest="presentations", type=Path, required=True, help="CSV: path,label,species,subject"
    )
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument("--models", type=Path, default=MANIFEST, help="manifest of another passive network")
    parser.add_argument(
        "--anchors", type=Path, metavar="DIR", help=f"folder of the public networks (default: {BESIDE}, if there)"
    )
    parser.add_argument("--every", type=whole, default=EVERY, metavar="N", help="every N-th frame of a video")
    parser.add_argument("--json", action="store_true", help="print JSON")


def evaluate(options: argparse.Namespace) -> Report:
    """Run the evaluation that the options ask for.

    Raises:
        PairsError: the list cannot be used.
        ModelsError: the models cannot be loaded.
    """
    listed = read_presentations(options.presentations)
    faces = FaceModels.load()
    passive = PassiveLiveness.load(manifest=options.models)
    scorers: dict[str, Scorer] = {OWN: passive.score}
    thresholds = {OWN: passive.threshold}
    folder = options.anchors or (BESIDE if BESIDE.is_dir() else None)
    if folder is not None:
        scorers[PUBLIC] = Anchors.load(folder).score
        thresholds[PUBLIC] = anchors.THRESHOLD
    causes: Counter[str] = Counter()
    shown = [
        look(item, options.root, options.every, faces, scorers, causes) for item in progress(listed, len(listed), "pad")
    ]
    if causes["unreadable"] == len(listed):
        raise PairsError(f"none of {len(listed)} presentations can be read; {ADVICE}")
    return Report(
        len(listed),
        sum(len(item.scores[OWN]) for item in shown),
        dict(causes),
        tuple(summarise(name, shown, threshold) for name, threshold in thresholds.items()),
        {**faces.hashes, "liveness": passive.sha256},
    )


def look(
    item: Presentation,
    root: Path,
    every: int,
    faces: FaceModels,
    scorers: dict[str, Scorer],
    causes: Counter[str],
) -> Shown:
    """Every network's score for each frame; ``causes`` counts the frames without one."""
    scores: dict[str, list[float | None]] = {name: [] for name in scorers}
    for image in frames(root / item.path, every):
        box, cause = found(faces, image)
        for name, scorer in scorers.items():
            score = math.nan if box is None else scorer(image, box)
            scores[name].append(score if math.isfinite(score) else None)
        if scores[OWN][-1] is None:
            causes[cause or PassiveFinding.NO_ANSWER.value] += 1
    if not scores[OWN]:
        causes["unreadable"] += 1
        scores = {name: [None] for name in scorers}
    return Shown(item, scores)


def found(faces: FaceModels, image: Image) -> tuple[Box | None, str | None]:
    """The face that is judged, or the cause why none is; the same for every network."""
    face = face_in(faces, image)
    if isinstance(face, str):
        return None, face
    cause = problem(image, face.box)
    return (face.box, None) if cause is None else (None, str(cause))


def summarise(name: str, shown: Sequence[Shown], threshold: float) -> NetworkReport:
    """A network's rates on both levels."""
    by_frame = [
        Scored(item.presentation.live, item.presentation.species, item.presentation.subject, score)
        for item in shown
        for score in item.scores[name]
    ]
    by_presentation = [
        Scored(item.presentation.live, item.presentation.species, item.presentation.subject, mean(item.scores[name]))
        for item in shown
    ]
    return NetworkReport(name, points(by_frame, threshold), points(by_presentation, threshold))


def mean(scores: Sequence[float | None]) -> float | None:
    """Of the frames that have one."""
    usable = [score for score in scores if score is not None]
    return float(np.mean(usable)) if usable else None


def points(scored: Sequence[Scored], threshold: float) -> tuple[At, ...]:
    """The committed threshold, then those at which the BPCER on this very set is fixed."""
    result = [at_threshold(scored, "committed threshold", threshold)]
    for bpcer in BPCERS:
        fixed = threshold_at_bpcer(scored, bpcer)
        if fixed is not None:
            result.append(at_threshold(scored, f"BPCER {bpcer:.0%}", fixed))
    return tuple(result)


def to_json(report: Report) -> dict[str, Any]:
    """Plain values."""
    return asdict(report)


def to_text(report: Report) -> str:
    """A table for people."""
    causes = told(Counter(report.no_response))
    lines = [
        f"{report.presentations} presentations, {report.frames} frames; without a response: {causes or 'none'}",
        "Rates with 95 % bounds; [subjects] or, where they are fewer than six, [items].",
    ]
    for network in report.networks:
        for level, all_points in (("frame", network.frame), ("presentation", network.presentation)):
            lines.append("")
            for point in all_points:
                lines += point_lines(network.network, level, point)
    return "\n".join(lines)


def point_lines(network: str, level: str, point: At) -> list[str]:
    """One threshold's lines."""
    lines = [
        f"{network}, by {level}, at {point.name} ({point.threshold:.3f}): worst APCER {percent(point.worst_apcer)}"
    ]
    rates = {"BPCER all": point.bpcer}
    if len(point.groups) > 1:
        rates |= {f"BPCER {group}": rate for group, rate in point.groups.items()}
    rates |= {f"APCER {species}": rate for species, rate in point.apcer.items()}
    width = max(map(len, rates)) + 2
    return lines + [f"  {name:{width}}{rate_text(rate)}" for name, rate in rates.items()]


def rate_text(rate: Rate) -> str:
    """`1.23 % (0.98 to 1.50)  3/244 [12 subjects]  non-response 2`."""
    if rate.items == 0:
        return f"no response at all ({rate.no_response})"
    bounded = f"{percent(rate.rate.value)} ({100 * rate.rate.low:.1f} to {100 * rate.rate.high:.1f})"
    basis = f"[{rate.subjects} subjects]" if rate.by == "subjects" else f"[items, {rate.subjects} subjects]"
    silent = f"  non-response {rate.no_response}" if rate.no_response else ""
    return f"{bounded:26} {rate.errors}/{rate.items} {basis}{silent}"
