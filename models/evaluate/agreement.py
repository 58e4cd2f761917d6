"""`python -m models.evaluate agreement`: do two machines answer alike for the same pictures?

Reads what `faces` and `answers` kept in two folders, each filled on another machine or by another runtime, of the same
networks by the same code.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.evaluate.answers import Answers
from models.evaluate.key import kept
from models.evaluate.pairs import PairsError
from models.evaluate.store import Store
from models.manifest import Manifest

Doubles = npt.NDArray[np.float64]
EYES = slice(0, 4)
"""Of the ten numbers of five landmarks."""


@dataclass(frozen=True, slots=True)
class Line:
    """How near: ``unit`` is `cosine` (1 is alike), `% of the eyes' distance` or `score` (0 is alike).

    ``worst`` is the lowest cosine or the largest distance; ``changed`` counts pictures that only one machine found
    something in, or on which the decision differs.
    """

    what: str
    unit: str
    pictures: int
    mean: float
    worst: float
    changed: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--here", type=Path, required=True, help="folder that one machine filled (--cache)")
    parser.add_argument("--there", type=Path, required=True, help="folder that the other filled")
    parser.add_argument("--json", action="store_true", help="print JSON")


def evaluate(options: argparse.Namespace) -> tuple[Line, ...]:
    """A line for each kind of answer that both folders hold.

    Raises:
        PairsError: they have nothing in common, or one was filled by two runtimes.
    """
    here, there = kept(options.here), kept(options.there)
    both = {what: (here[what], there[what]) for what in sorted(here.keys() & there.keys())}
    if not both:
        raise PairsError(
            f"{options.here} and {options.there} have nothing of the same networks and code in common; run faces or "
            "answers on both machines with the same version, models and options"
        )
    seen = {what: paths for what, paths in both.items() if what.startswith("faces-")}
    return (
        *(one for what, paths in seen.items() for one in templates(what.partition(".")[0][len("faces-") :], *paths)),
        *(one for what, paths in both.items() if what not in seen for one in answered(*paths)),
    )


def answered(*paths: Path) -> list[Line]:
    """What every network answered for each picture."""
    here, there = (Answers.load(path).rows for path in paths)
    both = sorted(here.keys() & there.keys())
    names = here[both[0]].keys() & there[both[0]].keys() if both else set()
    rows = {name: [np.stack([rows[key][name] for key in both]).astype(np.float64) for rows in (here, there)]
            for name in sorted(names)}  # fmt: skip
    return [*(line(name, rows) for name in rows), *quantisation(rows)]


def templates(condition: str, *paths: Path) -> list[Line]:
    """What the network saw in each picture, its first look, end to end."""
    here, there = (Store(path.parent, path.stem) for path in paths)
    for store in (here, there):
        store.load()
    both = sorted(here.vectors.keys() & there.vectors.keys())
    known = [store.vectors.keys() | store.causes.keys() for store in (here, there)]
    changed = sum((key in here.vectors) != (key in there.vectors) for key in known[0] & known[1])
    if not both:
        return []
    pair = [np.stack([store.vectors[key][0] for key in both]).astype(np.float64) for store in (here, there)]
    return [cosine_line(f"template, {condition}", pair[0], pair[1], changed)]


def line(name: str, rows: dict[str, list[Doubles]]) -> Line:
    """For one kind of answer."""
    here, there = rows[name]
    found = [np.isfinite(each).all(axis=1) for each in (here, there)]
    usable, changed = found[0] & found[1], int(np.sum(found[0] != found[1]))
    if name == "passive":
        threshold = Manifest.load().liveness_entry().threshold
        changed += int(np.sum((here[usable, 0] >= threshold) != (there[usable, 0] >= threshold)))
        return measured(name, "score", np.abs(here[usable, 0] - there[usable, 0]), changed)
    if name in ("landmarks", "mesh"):
        eyes = rows["landmarks"][1][usable, EYES].reshape(-1, 2, 2)
        apart = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
        moved = np.linalg.norm((here - there)[usable].reshape(len(apart), -1, 2), axis=2).max(axis=1)
        return measured(name, "% of the eyes' distance", 100 * moved / apart, changed)
    return cosine_line(name.replace("_", ", "), here[usable], there[usable], changed)


def quantisation(rows: dict[str, list[Doubles]]) -> list[Line]:
    """The committed embedder against the float one, each on its own machine, on the same pixels."""
    if "pixels_embedding_float" not in rows:
        return []
    return [
        cosine_line(f"quantised to float, {where}", rows["pixels_embedding"][place], plain)
        for place, (where, plain) in enumerate(zip(("here", "there"), rows["pixels_embedding_float"], strict=True))
    ]


def cosine_line(what: str, first: Doubles, second: Doubles, changed: int = 0) -> Line:
    """Mean and lowest cosine of the rows."""
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = np.einsum("ij,ij->i", first, second) / norms
    return Line(what, "cosine", len(cosines), float(cosines.mean()), float(cosines.min()), changed)


def measured(what: str, unit: str, distances: Doubles, changed: int) -> Line:
    """Mean and largest of ``distances``."""
    return Line(what, unit, len(distances), float(distances.mean()), float(distances.max()), changed)


def to_json(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """Plain values."""
    return [asdict(one) for one in lines]


def to_text(lines: tuple[Line, ...]) -> str:
    """A table for people."""
    return "\n".join(
        [f"{'':28}{'pictures':>9}{'mean':>11}{'worst':>11}{'changed':>9}  unit"]
        + [
            f"{one.what:28}{one.pictures:9}{one.mean:11.6f}{one.worst:11.6f}{one.changed:9}  {one.unit}"
            for one in lines
        ]
    )
