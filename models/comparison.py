"""Two templates compared: cosine of the vectors against a threshold that was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from models.embedding import Template
from models.errors import MALFORMED, ModelCorrupt, TemplateMismatch
from models.manifest import FOLDER, read, text

THRESHOLDS = FOLDER / "thresholds.json"


class Decision(StrEnum):
    """Same person or not, at the operating point."""

    MATCH = "match"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and where it comes from.

    ``fmr`` and ``fnmr`` are the false match and false non-match rates (0 to 1) measured at ``threshold`` under
    ``condition``; ``measured_on`` says with which pictures, ``space`` with which networks (`FaceModels.space`).
    """

    name: str
    threshold: float
    fmr: float
    fnmr: float
    condition: str
    measured_on: str
    space: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result: ``score`` is the cosine, -1 to 1."""

    score: float
    threshold: float
    decision: Decision


def load_operating_point(path: Path = THRESHOLDS) -> OperatingPoint:
    """The point that `thresholds.json` names as the one to use.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: it is not JSON, or the point is missing or incomplete.
    """
    try:
        document = json.loads(read(path))
        return parse_operating_point(document["use"], document["points"][document["use"]], document["space"])
    except MALFORMED as error:
        raise ModelCorrupt(path, "content", "an operating point", f"{type(error).__name__} {error}") from error


def parse_operating_point(name: str, item: Mapping[str, Any], space: Any) -> OperatingPoint:
    """One object of `points`; KeyError, TypeError or ValueError say what is wrong with it."""
    rates = {key: float(item[key]) for key in ("fmr", "fnmr")}
    threshold = float(item["threshold"])
    if not -1 < threshold < 1 or not all(0 <= rate <= 1 for rate in rates.values()):
        raise ValueError(f"threshold {threshold} is no cosine, or a rate of {rates} is not between 0 and 1")
    return OperatingPoint(
        name=name,
        threshold=threshold,
        fmr=rates["fmr"],
        fnmr=rates["fnmr"],
        condition=text(item["condition"]),
        measured_on=text(item["measured_on"]),
        space=text(space),
    )


def compare(reference: Template, live: Template, point: OperatingPoint) -> Comparison:
    """Cosine of both and the decision at ``point``.

    Raises:
        TemplateMismatch: the two come from different networks.
    """
    score = similarity(reference, live)
    decision = Decision.MATCH if score >= point.threshold else Decision.NO_MATCH
    return Comparison(score, point.threshold, decision)


def similarity(first: Template, second: Template) -> float:
    """The cosine of two templates, -1 to 1.

    Raises:
        TemplateMismatch: they come from different networks.
    """
    if first.model != second.model:
        raise TemplateMismatch(f"templates of two models: sha256 {first.model[:12]}... and {second.model[:12]}...")
    return float(np.dot(first.vector, second.vector))
