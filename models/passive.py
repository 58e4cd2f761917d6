"""Passive liveness: does this face look like a live one, or like a screen or paper that shows one?

One network sees the face in one or more crops (with its surroundings, where edges and hands show, and near, where dots
and pixels show). Which network, which crops, which of its outputs means live and where the threshold lies is said by
the manifest, so that a hospital can bring a certified one. Whatever the picture is, the answer is a `PassiveScore`; a
face that cannot be judged has a named finding and no score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real
from pathlib import Path
from typing import Final, TypeAlias, TypeGuard

import cv2
import numpy as np

from models import golden, selfcheck
from models.errors import ImageError
from models.image import CHANNELS, FloatArray, Image, halved, require_image
from models.interpreter import Network
from models.liveness.result import CheckResult, Decision, not_performed
from models.manifest import MANIFEST, LivenessEntry, Manifest
from models.quality import inside

MIN_FACE_PX = 40.0
"""Longer side of the box; under this the network would see enlarged pixels only."""
MIN_INSIDE = 0.6
"""Share of the face's box inside the picture."""
MIN_BRIGHTNESS = 12.0
"""Mean of the face; below it a camera delivers noise."""
MAX_BLOWN = 0.5
"""Share of the face at 250 or more of 255 in every colour."""
MIN_SPREAD = 3.0
"""Of the brightness; a face has far more, a wall has not."""
BLOWN = 250
SAMPLE_PX = 64
"""So many pixels along a face's shorter side tell how bright it is."""
ROUNDING = 1e-3
"""By so much a probability may lie outside 0 to 1."""
MAX_PLACE_PX = 1e5
"""A box farther out than this is no box."""

Box: TypeAlias = tuple[float, float, float, float]


class PassiveDecision(StrEnum):
    """`UNUSABLE`: the face could not be judged, the finding says why; it is neither live nor an attack."""

    LIVE = "live"
    ATTACK = "attack"
    UNUSABLE = "unusable"


class PassiveFinding(StrEnum):
    """Why a face could not be judged."""

    NO_PICTURE = "no_picture"
    NO_FACE = "no_face"
    CUT_OFF = "face_cut_off"
    TOO_SMALL = "face_too_small"
    TOO_DARK = "face_too_dark"
    TOO_BRIGHT = "face_too_bright"
    FLAT = "face_without_detail"
    NO_ANSWER = "network_without_answer"


@dataclass(frozen=True, slots=True)
class PassiveScore:
    """``score`` is 0 (attack) to 1 (live), None with a ``finding``; live means ``score`` >= ``threshold``."""

    score: float | None
    threshold: float
    decision: PassiveDecision
    finding: PassiveFinding | None = None


class PassiveLiveness:
    """The loaded network. Not for two threads at once."""

    DRAWN: Final = 5
    """Faces that `answer` asks it for."""

    def __init__(self, network: Network, entry: LivenessEntry) -> None:
        """Use `load`."""
        self._network = network
        self._entry = entry

    @classmethod
    def load(cls, num_threads: int = 1, manifest: Path = MANIFEST) -> PassiveLiveness:
        """Verify and load the network that ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        return cls.of(Manifest.load(manifest), num_threads)

    @classmethod
    def of(cls, models: Manifest, num_threads: int = 1) -> PassiveLiveness:
        """Verify and load the network of a manifest that was read; raises as `load`."""
        entry = models.liveness_entry()
        return cls(models.network(entry.network, num_threads), entry)

    @property
    def sha256(self) -> str:
        """Of the network's file, for the record."""
        return self._entry.network.sha256

    @property
    def threshold(self) -> float:
        """The operating point."""
        return self._entry.threshold

    @property
    def side_px(self) -> int:
        """Side of one crop."""
        return self._network.input_type.shape[1]

    def assess(self, image: Image, box: Box) -> PassiveScore:
        """Judge the face in ``box`` (left, top, width, height in pixels) of a frame (BGR, uint8, (height, width, 3)).

        Nothing is raised for a bad picture or box: the finding names it.
        """
        finding = problem(image, box)
        if finding is not None:
            return self._unusable(finding)
        score = self.score(image, box)
        if math.isnan(score):
            return self._unusable(PassiveFinding.NO_ANSWER)
        decision = PassiveDecision.LIVE if score >= self.threshold else PassiveDecision.ATTACK
        return PassiveScore(score, self.threshold, decision)

    def score(self, image: Image, box: Box) -> float:
        """The probability of a live face, for a picture and box with which `problem` finds nothing wrong.

        NaN where the network gives something else than a probability for each of its classes.
        """
        output = self.raw(self.crops(image, box)).astype(np.float64)
        if self._entry.answer == "logits":
            output = np.exp(output - output.max())
            output /= output.sum()
        if not np.all((output >= -ROUNDING) & (output <= 1 + ROUNDING)):
            return math.nan
        return float(np.clip(output[self._entry.live_class], 0, 1))

    def crops(self, image: Image, box: Box) -> Image:
        """What the network sees, uint8 (side, side, 3 * crops)."""
        crops = [cropped(image, box, reach, self.side_px) for reach in self._entry.crops]
        return np.asarray(cv2.merge(crops), np.uint8)

    def raw(self, crops: Image) -> FloatArray:
        """The network's own output, float32 (classes,), for stacked crops of its input's size."""
        return self._network.run(self._entry.network.preprocessing.apply(crops)).ravel()

    def check_runtime(self, path: Path = golden.GOLDEN) -> None:
        """Return if the network computes what was recorded; for the start, beside `models.selfcheck.run`.

        Raises:
            ModelWrong: it does not, or nothing was recorded for its file.
            ModelMissing, ModelCorrupt: ``path``, a `golden.json`, is missing or broken.
        """
        selfcheck.require(golden.load(path), self.sha256, "liveness", self.answer())

    def answer(self) -> golden.Answer:
        """The network's outputs for the `DRAWN` faces: as it is, mirrored in brightness, and in three other lights."""
        face = selfcheck.drawn_face(self.side_px)
        drawn = [face, 255 - face, face // 2, face // 4, 255 - face // 3]
        outputs = [self.raw(np.tile(picture, (1, 1, len(self._entry.crops)))) for picture in drawn]
        return {"classes": np.concatenate(outputs)}

    def fault(self) -> str | None:
        """Why what it answers for the drawn faces is not what the manifest says; None where it may be."""
        seen = self.answer()["classes"].reshape(-1, math.prod(self._network.output_type.shape))
        if not np.all(np.isfinite(seen)):
            return "it answers something that is no number"
        if self._entry.answer == "probabilities" and not np.all((seen >= -ROUNDING) & (seen <= 1 + ROUNDING)):
            return "its answers are no probabilities: see `answer` in its entry"
        if not np.ptp(seen, axis=0).any():
            return "whatever it sees, it answers the same: see `preprocessing` in its entry"
        return None

    def _unusable(self, finding: PassiveFinding) -> PassiveScore:
        return PassiveScore(None, self.threshold, PassiveDecision.UNUSABLE, finding)


def judge(scores: Sequence[PassiveScore]) -> CheckResult:
    """Decide about some frames of one face: by the mean score of those that could be judged.

    Unsure with the last one's finding where none could, not performed without frames.
    """
    usable = [one.score for one in scores if one.score is not None]
    if not scores:
        return not_performed("passive", "no_frames")
    if not usable:
        finding = scores[-1].finding or PassiveFinding.NO_ANSWER
        return CheckResult("passive", Decision.UNSURE, (finding.value,), {"frames": 0})
    threshold = scores[-1].threshold
    mean = float(np.mean(usable))
    evidence = {"frames": len(usable), "score": round(mean, 4), "threshold": threshold}
    if mean >= threshold:
        return CheckResult("passive", Decision.LIVE, (), evidence)
    return CheckResult("passive", Decision.ATTACK, ("looks_recaptured",), evidence)


def cropped(image: Image, box: Box, reach: float, side_px: int) -> Image:
    """A square of ``reach`` times the box's longer side about its centre, moved inside the picture, resized.

    A square that is larger than the picture shrinks to its shorter side, so there is never a border that only some
    faces would have.
    """
    rows, columns = image.shape[:2]
    left, top, width, height = box
    side = max(2, min(round(reach * max(width, height)), rows, columns))
    x = min(max(round(left + (width - side) / 2), 0), columns - side)
    y = min(max(round(top + (height - side) / 2), 0), rows - side)
    square, _ = halved(image[y : y + side, x : x + side], side_px)
    # In float32: as quick, and alike on Arm, where OpenCV's own way with bytes rounds otherwise.
    return np.asarray(cv2.convertScaleAbs(cv2.resize(square.astype(np.float32), (side_px, side_px))), np.uint8)


def problem(image: Image, box: Box) -> PassiveFinding | None:
    """What makes a judgement impossible; None when nothing does."""
    try:
        require_image(image)
    except ImageError:
        return PassiveFinding.NO_PICTURE
    if not (is_box(box) and min(box[2:]) > 0 and max(map(abs, box)) < MAX_PLACE_PX):
        return PassiveFinding.NO_FACE
    share = inside(box, image)
    if share < MIN_INSIDE:
        return PassiveFinding.CUT_OFF if share > 0 else PassiveFinding.NO_FACE
    if max(box[2:]) < MIN_FACE_PX:
        return PassiveFinding.TOO_SMALL
    face = part(image, box)
    return next((finding for finding, holds in LIMITS.items() if holds(face)), None)


def is_box(value: object) -> TypeGuard[Box]:
    """Whether it is four finite numbers."""
    return (
        isinstance(value, Sequence)
        and len(value) == 4
        and all(isinstance(one, Real) and math.isfinite(one) for one in value)
    )


def part(image: Image, box: Box) -> Image:
    """What of the box lies in the picture, a grid of its pixels, as a copy: OpenCV splits views ten times slower."""
    left, top, width, height = (round(value) for value in box)
    face = image[max(top, 0) : max(top + height, 1), max(left, 0) : max(left + width, 1)]
    step = max(1, min(face.shape[:2]) // SAMPLE_PX)
    return np.ascontiguousarray(face[::step, ::step])


def blown(face: Image) -> float:
    """Share of the pixels that are blown out in every colour."""
    return cv2.countNonZero(cv2.inRange(face, (BLOWN,) * CHANNELS, (255,) * CHANNELS)) / face[..., 0].size


def brightness(face: Image) -> FloatArray:
    """The mean of the three colours of each pixel. By planes: numpy is slow where the last axis has three numbers."""
    blue, green, red = cv2.split(face)
    return np.asarray((blue.astype(np.float32) + green + red) / 3, np.float32)


LIMITS: dict[PassiveFinding, Callable[[Image], bool]] = {
    PassiveFinding.TOO_DARK: lambda face: sum(cv2.mean(face)) / CHANNELS < MIN_BRIGHTNESS,
    PassiveFinding.TOO_BRIGHT: lambda face: blown(face) > MAX_BLOWN,
    PassiveFinding.FLAT: lambda face: float(cv2.meanStdDev(brightness(face))[1][0, 0]) < MIN_SPREAD,
}
