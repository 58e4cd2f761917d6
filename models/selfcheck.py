"""Does this runtime on this processor compute what was measured? Asked at every start, before anybody is decided about.

Each network sees a drawn picture that shows nobody, made of whole numbers only, and its answer is held against
`golden.json`, part by part, so that none hides behind larger numbers: for each weights file the answer on each runtime
and processor on which it was recorded. Where nothing was recorded the float network's answer is the measure, with a
wider tolerance.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from models.comparison import THRESHOLDS
from models.detector import parted
from models.errors import ModelCorrupt, ModelWrong
from models.face import Asked, FaceModels
from models.golden import ANY, GOLDEN, Answer, Golden, agreement, load
from models.image import FloatArray, Image
from models.interpreter import installed_runtime

SAMPLES = 256
"""Numbers looked at of a part; of a longer one as many at equal distances, its first and last among them."""


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


def here() -> tuple[str, str]:
    """The runtime and the processor that records made here are of."""
    return installed_runtime()[0], platform.machine()


def require(golden: Iterable[Golden], sha256: str, role: str, answer: Answer) -> None:
    """Return if ``answer`` is what was recorded for the network ``sha256`` here.

    Raises:
        ModelWrong: it is not, or nothing was recorded for its file.
    """
    known, where = expected(golden, sha256, role), " on ".join(here())
    if known.parts.keys() != answer.keys():
        raise ModelWrong(role, f"{where}: {', '.join(answer)}, recorded {', '.join(known.parts)};", 1.0, float("nan"))
    for name, part in known.parts.items():
        found = agreement(answer[name], np.array(part.output, np.float32))
        if not found >= part.least:
            raise ModelWrong(f"{role}, {name}", where, part.least, found)


def expected(golden: Iterable[Golden], sha256: str, role: str) -> Golden:
    """The record for this runtime and processor, else the one for any.

    Raises:
        ModelWrong: there is neither.
    """
    nearest = {here(): 0, (ANY, ANY): 1}
    known = [item for item in golden if item.sha256 == sha256 and (item.runtime, item.processor) in nearest]
    if not known:
        raise ModelWrong(role, f"{sha256[:12]}..., for which nothing was recorded,", 1.0, float("nan"))
    return min(known, key=lambda item: nearest[item.runtime, item.processor])


def answers(models: FaceModels) -> dict[str, Answer]:
    """What each file that sees a face makes of the drawn one, with what follows it."""
    return {role: answer(role, models.raw(role, drawn_face(models.side_px(role)))) for role in models.asked}


def answer(role: Asked, output: FloatArray) -> Answer:
    """The parts of an output: the detector's by what they mean, an embedder's is one."""
    if role != "detector" or output.ndim != 2:
        return {"vector": sampled(output)}
    parts = parted(output)
    return {"scores": peaks(parts.pop("scores")), **{name: sampled(part) for name, part in parts.items()}}


def sampled(output: FloatArray) -> FloatArray:
    """At most `SAMPLES` of the numbers, as they lie in memory."""
    flat = output.ravel()
    return np.asarray(flat[np.linspace(0, max(len(flat) - 1, 0), min(len(flat), SAMPLES)).round().astype(int)])


def peaks(scores: FloatArray) -> FloatArray:
    """The greatest of each of `SAMPLES` stretches: most anchors see nothing, and their scores say nothing."""
    flat = scores.ravel()
    starts = np.linspace(0, len(flat), SAMPLES, endpoint=False).astype(int)
    return np.array([stretch.max() for stretch in np.split(flat, starts[1:])], np.float32)


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
