"""`python -m models.evaluate pad`: how often passive liveness errs, for each attack species, beside public networks."""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluate.acquire import ADVICE, face_in, told
from models.evaluate.faces import percent
from models.evaluate.pad_networks import BESIDE, OWN, Measured, measured
from models.evaluate.pad_rates import BPCERS, At, Rate, Scored, at_threshold, threshold_at_bpcer
from models.evaluate.pairs import PairsError, whole
from models.evaluate.presentations import Presentation, frames, read_presentations
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.manifest import MANIFEST
from models.passive import Box, PassiveFinding, problem

EVERY = 5


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """One network's rates, by frame and by presentation (a video's mean score; a picture is its own presentation)."""

    network: str
    files: Mapping[str, str]
    frame: tuple[At, ...]
    presentation: tuple[At, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the command prints. Rates are 0 to 1, bounds 95 %; ``no_response`` counts frames by cause.

    ``left_out`` says of networks that were not measured why; ``models`` has the hashes of those that find the faces.
    """

    presentations: int
    frames: int
    no_response: dict[str, int]
    networks: tuple[NetworkReport, ...]
    left_out: Mapping[str, str]
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """One presentation's scores, for each network one a frame; None where a frame has no usable face.

    A file that cannot be read counts as one frame without a score.
    """

    presentation: Presentation
    scores: dict[str, list[float | None]]
    unreadable: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    # Not `manifest`: that is the models' one in the other commands.
    parser.add_argument(
        "--manifest", dest="presentations", type=Path, required=True, help="CSV: path,label,species,subject"
    )
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument(
        "--models", type=Path, default=MANIFEST, help="manifest of another passive network, beside ours"
    )
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
    networks, left_out = measured(options.models, options.anchors)
    for name, why in left_out.items():
        sys.stderr.write(f"pad: {name} networks are not measured: {why}\n")
    causes: Counter[str] = Counter()
    shown = [
        look(item, options.root, options.every, faces, networks, causes)
        for item in progress(listed, len(listed), "pad")
    ]
    for live, name in ((True, "live"), (False, "attack")):
        if all(item.presentation.live is not live or item.unreadable for item in shown):
            raise PairsError(f"no {name} presentation can be read (unreadable {causes['unreadable']}); {ADVICE}")
    return Report(
        len(listed),
        sum(len(item.scores[OWN]) for item in shown),
        dict(causes),
        tuple(summarise(network, shown) for network in networks),
        left_out,
        faces.hashes,
    )


def look(
    item: Presentation,
    root: Path,
    every: int,
    faces: FaceModels,
    networks: Sequence[Measured],
    causes: Counter[str],
) -> Shown:
    """Every network's score for each frame; ``causes`` counts the frames without one."""
    scores: dict[str, list[float | None]] = {network.name: [] for network in networks}
    for image in frames(root / item.path, every):
        box, cause = found(faces, image)
        for network in networks:
            score = math.nan if box is None else network.score(image, box)
            scores[network.name].append(score if math.isfinite(score) else None)
        if scores[OWN][-1] is None:
            causes[cause or PassiveFinding.NO_ANSWER.value] += 1
    unreadable = not scores[OWN]
    if unreadable:
        causes["unreadable"] += 1
        scores = {network.name: [None] for network in networks}
    return Shown(item, scores, unreadable)


def found(faces: FaceModels, image: Image) -> tuple[Box | None, str | None]:
    """The face that is judged, or the cause why none is; the same for every network."""
    face = face_in(faces, image)
    if isinstance(face, str):
        return None, face
    cause = problem(image, face.box)
    return (face.box, None) if cause is None else (None, str(cause))


def summarise(network: Measured, shown: Sequence[Shown]) -> NetworkReport:
    """A network's rates on both levels."""
    by_frame, by_presentation = [], []
    for item in shown:
        of, scores = item.presentation, item.scores[network.name]
        by_frame += [Scored(of.live, of.species, of.subject, score) for score in scores]
        by_presentation.append(Scored(of.live, of.species, of.subject, mean(scores)))
    levels = (points(scored, network.threshold) for scored in (by_frame, by_presentation))
    return NetworkReport(network.name, network.files, *levels)


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
        lines += [f"{network.network}: {file} {sha256}" for file, sha256 in network.files.items()]
    lines += [f"{name}: not measured, {why}" for name, why in report.left_out.items()]
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
