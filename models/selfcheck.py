"""Does this runtime on this processor compute what was measured? Asked at every start, before anybody is decided about.

Each network sees a drawn picture that shows nobody, made of whole numbers only, and its output is held against
`golden.json`: for each weights file the output on each runtime and processor on which it was recorded. Where nothing
was recorded the float network's output is the measure, with a wider tolerance.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.comparison import THRESHOLDS
from models.errors import ModelCorrupt, ModelWrong
from models.face import FaceModels
from models.image import FloatArray, Image
from models.interpreter import installed_runtime
from models.manifest import FOLDER, read

GOLDEN = FOLDER / "golden.json"
ANY = "any"
SAMPLES = 256
"""Numbers kept of an output; of a longer one every so-manieth."""


@dataclass(frozen=True, slots=True)
class Golden:
    """What the way ``sha256`` (`manifest.Entry.ways`) answers; ``runtime`` and ``processor`` may be `any`."""

    sha256: str
    runtime: str
    processor: str
    min_cosine: float
    output: tuple[float, ...]


def run(models: FaceModels, path: Path = GOLDEN) -> None:
    """Return if every network computes what was recorded.

    Raises:
        ModelWrong: one does not, or nothing was recorded for its file.
        ModelMissing, ModelCorrupt: `golden.json` is missing or broken, or the threshold is of other networks.
    """
    if models.operating_point.space != models.space:
        what = "space (with another embedder or projection measure the threshold again: models/README.md)"
        raise ModelCorrupt(THRESHOLDS, what, models.space, models.operating_point.space)
    golden = load(path)
    for role, answer in answers(models).items():
        require(golden, models.ways[role], role, answer)


def require(golden: list[Golden], sha256: str, role: str, answer: FloatArray) -> None:
    """Return if ``answer`` is what was recorded for the network ``sha256`` here.

    Raises:
        ModelWrong: it is not, or nothing was recorded for its file.
    """
    known = expected(golden, sha256, role)
    found = cosine(answer, np.array(known.output))
    if not found >= known.min_cosine:
        raise ModelWrong(role, f"{installed_runtime()[0]} on {platform.machine()}", known.min_cosine, found)


def expected(golden: list[Golden], sha256: str, role: str) -> Golden:
    """The record for this runtime and processor, else the one for any."""
    here = {(installed_runtime()[0], platform.machine()): 0, (ANY, ANY): 1}
    known = [item for item in golden if item.sha256 == sha256 and (item.runtime, item.processor) in here]
    if not known:
        raise ModelWrong(role, f"weights {sha256[:12]}..., for which nothing was recorded,", 1.0, float("nan"))
    return min(known, key=lambda item: here[item.runtime, item.processor])


def cosine(first: FloatArray, second: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Of two vectors; -1 when they differ in length or one is not finite."""
    if first.shape != second.shape or not np.all(np.isfinite(first)):
        return -1.0
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-12))


def answers(models: FaceModels) -> dict[str, FloatArray]:
    """For each file that sees a face at most `SAMPLES` numbers of what it and what follows it make of the drawn one."""
    return {role: sampled(models.raw(role, drawn_face(models.side_px(role)))) for role in models.asked}


def sampled(output: FloatArray) -> FloatArray:
    """Every so-manieth number."""
    flat = output.ravel()
    return flat[:: max(1, len(flat) // SAMPLES)][:SAMPLES]


def drawn_face(side: int) -> Image:
    """A cartoon: hair, skin, brows, eyes, nose, mouth, on a slope of grey. Whole numbers, no library's drawing."""
    rows, columns = np.ogrid[:side, :side]
    x, y = columns * 112 // side, rows * 112 // side
    picture = np.empty((side, side, 3), np.uint8)
    picture[:] = (90 + (x + y) // 3)[:, :, np.newaxis]
    for centre, axes, colour in SHAPES:
        inside = ((x - centre[0]) * axes[1]) ** 2 + ((y - centre[1]) * axes[0]) ** 2 <= (axes[0] * axes[1]) ** 2
        picture[inside] = colour
    return picture


SHAPES = (
    ((56, 56), (48, 62), (30, 34, 40)),
    ((56, 66), (38, 50), (140, 170, 215)),
    ((38, 42), (10, 2), (40, 50, 60)),
    ((74, 42), (10, 2), (40, 50, 60)),
    ((38, 52), (8, 4), (235, 235, 235)),
    ((74, 52), (8, 4), (235, 235, 235)),
    ((38, 52), (4, 4), (40, 45, 60)),
    ((74, 52), (4, 4), (40, 45, 60)),
    ((56, 72), (6, 5), (110, 140, 190)),
    ((56, 92), (15, 4), (90, 90, 180)),
)
"""Ellipses (centre, half axes, colour BGR) in a picture of 112x112, in the order in which they are drawn."""


def load(path: Path) -> list[Golden]:
    """The records of `golden.json`.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: it is not what `models.convert.golden_start` writes.
    """
    try:
        return [
            Golden(
                str(item["sha256"]),
                str(item["runtime"]),
                str(item["processor"]),
                float(item["min_cosine"]),
                tuple(float(value) for value in item["output"]),
            )
            for item in json.loads(read(path))["golden"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(path, "content", "golden vectors", f"{type(error).__name__} {error}") from error
