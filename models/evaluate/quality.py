"""`python -m models.evaluate quality`: how many pictures the quality gate rejects, and for which cause."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.evaluate.acquire import content_of, seen, told
from models.evaluate.pairs import read_pairs
from models.evaluate.progress import progress
from models.face import FaceModels
from models.quality import Cause


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of pictures; ``first`` by the cause that would be told, ``causes`` by every cause that holds.

    ``failures_to_acquire`` counts those without a face to judge, by cause.
    """

    pictures: int
    failures_to_acquire: dict[str, int]
    rejected: int
    first: dict[str, int]
    causes: dict[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with the columns a,b,same")
    parser.add_argument("--root", type=Path, required=True, help="folder that the paths in it start from")
    parser.add_argument("--limit", type=int, metavar="N", help="so many genuine and so many other pairs")
    parser.add_argument("--json", action="store_true", help="print JSON")


def evaluate(options: argparse.Namespace) -> Report:
    """Judge every picture of the list.

    Raises:
        PairsError: the list cannot be used.
        ModelsError: the models cannot be loaded.
    """
    pictures = read_pairs(options.pairs, options.limit).pictures
    models = FaceModels.load()
    first: Counter[str] = Counter()
    every: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for name in progress(pictures, len(pictures), "quality"):
        found = causes_in(models, options.root / name)
        if isinstance(found, str):
            failed[found] += 1
        elif found:
            first[found[0]] += 1
            every.update(found)
    return Report(len(pictures), dict(failed), first.total(), dict(first), dict(every))


def causes_in(models: FaceModels, path: Path) -> tuple[Cause, ...] | str:
    """The causes for one picture, or why there is no face to judge."""
    found = seen(models, content_of(path))
    return found if isinstance(found, str) else models.assess(*found).causes


def to_json(report: Report) -> dict[str, Any]:
    """Plain values."""
    return asdict(report)


def to_text(report: Report) -> str:
    """A table for people."""
    failed = Counter(report.failures_to_acquire)
    judged = max(1, report.pictures - failed.total())
    lines = [
        f"{report.pictures} pictures, failures to acquire: {told(failed) or 'none'}; "
        f"rejected {100 * report.rejected / judged:.2f} %",
        f"{'cause':24}{'told first':>12}{'holds':>10}",
    ]
    for cause in Cause:
        shares = [100 * counts.get(cause, 0) / judged for counts in (report.first, report.causes)]
        lines.append(f"{cause:24}{shares[0]:10.2f} %{shares[1]:8.2f} %")
    return "\n".join(lines)
