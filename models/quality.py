"""Is this face good enough to compare? Measured before the embedding, so that each cause has its own instruction.

All but size and position is measured on the aligned face (112x112 pixels), where eyes, nose and mouth have fixed
places. The limits were set on 900 pictures of LFW so that each rejects a percent or less of them (yaw two), and held
against 200 of them blurred, masked, with dark glasses and with closed eyes drawn in; see README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from models.alignment import align
from models.detector import Face
from models.image import FloatArray, Image

MIN_WIDTH_PX = 80.0
"""Narrower faces carry less than a chip photo made from them needs (ISO/IEC 39794-5 asks a portrait for 90 px between
the eyes; a live face at arm's length is far wider than this)."""
MIN_INSIDE = 0.9
"""Share of the face's box inside the picture."""
MAX_YAW = 0.45
"""Nose tip beside the middle line of the face, in distances of the eyes; about 35 degrees."""
PITCH_RANGE = (0.45, 0.70)
"""Nose tip between the line of the eyes (0) and that of the mouth (1)."""
BRIGHTNESS_RANGE = (62.0, 200.0)
MAX_BLOWN = 0.05
"""Share of the face at 250 or more of 255."""
MAX_SIDE_LIGHT = 0.9
"""Natural logarithm of the ratio of the two halves' brightness."""
MIN_SHARPNESS = 0.14
"""Spread of the Laplacian in spreads of the brightness: what a Gaussian of about 1.5 px leaves of the detail."""
MIN_MOUTH_DETAIL = 0.27
"""Spread of brightness around nose tip and mouth in spreads of the whole face's: cloth has a fifth, lips have more."""
EYES_RANGE = (0.25, 0.95)
"""Brightness of the eyes' region to that of the cheeks: dark glasses lie below, eyelids above."""

MIN_SEEN = 12.0
"""Mean of a picture of 255; below it a camera delivers noise, and nobody is found in it."""
MAX_BLOWN_PICTURE = 0.5
"""Share of a picture at 250 or more of 255 in every colour."""

FACE = slice(30, 105), slice(22, 90)
RIGHT_HALF, LEFT_HALF = (slice(40, 95), slice(24, 52)), (slice(40, 95), slice(60, 88))
MOUTH = slice(80, 106), slice(36, 76)
EYES = (slice(46, 57), slice(30, 46)), (slice(46, 57), slice(66, 82))
CHEEKS = (slice(66, 80), slice(28, 44)), (slice(66, 80), slice(68, 84))
BLOWN = 250


class Cause(StrEnum):
    """Why a face cannot be used, in the order in which they are told: the first hides the later ones."""

    TOO_SMALL = "face_too_small"
    CUT_OFF = "face_cut_off"
    TOO_DARK = "face_too_dark"
    TOO_BRIGHT = "face_too_bright"
    SIDE_LIGHT = "face_side_light"
    TURNED = "face_turned"
    NODDED = "face_nodded"
    BLURRED = "face_blurred"
    MOUTH_COVERED = "face_mouth_covered"
    EYES_COVERED = "face_eyes_covered"
    EYES_CLOSED = "face_eyes_closed"


class Instruction(StrEnum):
    """What the screen asks for; a text for each is the kiosk's."""

    COME_CLOSER = "come_closer"
    MOVE_TO_CENTRE = "move_to_centre"
    MORE_LIGHT = "more_light"
    LESS_LIGHT = "less_light"
    TURN_FROM_LIGHT = "turn_from_light"
    LOOK_STRAIGHT = "look_straight"
    LEVEL_HEAD = "level_head"
    HOLD_STILL = "hold_still"
    UNCOVER_MOUTH = "uncover_mouth"
    TAKE_OFF_GLASSES = "take_off_glasses"
    OPEN_EYES = "open_eyes"


INSTRUCTIONS = dict(zip(Cause, Instruction, strict=True))


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured, in the units of the limits above; ``causes`` are the limits not kept, most important first."""

    width_px: float
    inside: float
    yaw: float
    pitch: float
    brightness: float
    blown: float
    side_light: float
    sharpness: float
    mouth_detail: float
    eyes: float

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Everything that is wrong; empty for a usable face."""
        return tuple(cause for cause, wrong in LIMITS.items() if wrong(self))

    @property
    def usable(self) -> bool:
        """Nothing is wrong."""
        return not self.causes

    @property
    def instruction(self) -> Instruction | None:
        """What to ask for first; None for a usable face."""
        causes = self.causes
        return INSTRUCTIONS[causes[0]] if causes else None


LIMITS: dict[Cause, Callable[[Quality], bool]] = {
    Cause.TOO_SMALL: lambda face: face.width_px < MIN_WIDTH_PX,
    Cause.CUT_OFF: lambda face: face.inside < MIN_INSIDE,
    Cause.TOO_DARK: lambda face: face.brightness < BRIGHTNESS_RANGE[0],
    Cause.TOO_BRIGHT: lambda face: face.brightness > BRIGHTNESS_RANGE[1] or face.blown > MAX_BLOWN,
    Cause.SIDE_LIGHT: lambda face: face.side_light > MAX_SIDE_LIGHT,
    Cause.TURNED: lambda face: face.yaw > MAX_YAW,
    Cause.NODDED: lambda face: not PITCH_RANGE[0] <= face.pitch <= PITCH_RANGE[1],
    Cause.BLURRED: lambda face: face.sharpness < MIN_SHARPNESS,
    Cause.MOUTH_COVERED: lambda face: face.mouth_detail < MIN_MOUTH_DETAIL,
    Cause.EYES_COVERED: lambda face: face.eyes < EYES_RANGE[0],
    Cause.EYES_CLOSED: lambda face: face.eyes > EYES_RANGE[1],
}


def assess(image: Image, face: Face) -> Quality:
    """Measure ``face``, which was found in ``image`` (BGR, uint8, (height, width, 3)).

    Raises:
        ImageError: ``image`` is no picture, or the face's landmarks lie in one point.
    """
    grey = np.asarray(cv2.cvtColor(align(image, face.landmarks), cv2.COLOR_BGR2GRAY), np.float32)
    inner = grey[FACE]
    spread = max(float(inner.std()), 1.0)
    yaw, pitch = pose(face.landmarks)
    halves = [float(grey[half].mean()) + 5 for half in (RIGHT_HALF, LEFT_HALF)]
    eyes, cheeks = (float(np.mean([grey[part].mean() for part in parts])) + 5 for parts in (EYES, CHEEKS))
    return Quality(
        width_px=float(min(face.box[2:])),
        inside=inside(face.box, image),
        yaw=abs(yaw),
        pitch=pitch,
        brightness=float(inner.mean()),
        blown=float(np.mean(inner >= BLOWN)),
        side_light=abs(float(np.log(halves[0] / halves[1]))),
        sharpness=float(cv2.Laplacian(grey, cv2.CV_32F)[FACE].std()) / spread,
        mouth_detail=float(grey[MOUTH].std()) / spread,
        eyes=eyes / cheeks,
    )


def blinded(image: Image) -> Cause | None:
    """Why nobody could be found in ``image`` (BGR, uint8) whoever is there: `TOO_DARK`, `TOO_BRIGHT`; None else."""
    if float(image.mean()) < MIN_SEEN:
        return Cause.TOO_DARK
    return Cause.TOO_BRIGHT if float(np.mean(image.min(axis=2) >= BLOWN)) > MAX_BLOWN_PICTURE else None


def pose(landmarks: FloatArray) -> tuple[float, float]:
    """Where the nose tip lies: beside the middle line (in eye distances), and from eyes (0) to mouth (1).

    Measured along the line of the eyes and across it, so that roll has no part in it.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks.astype(np.float64)
    along = left_eye - right_eye
    distance = max(float(np.linalg.norm(along)), 1e-6)
    along = along / distance
    across = np.array([-along[1], along[0]])
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    height = max(float((mouth - eyes) @ across), 1e-3)
    return float((nose - (eyes + mouth) / 2) @ along) / distance, float((nose - eyes) @ across) / height


def inside(box: tuple[float, float, float, float], image: Image) -> float:
    """Share of the box's area that lies in the picture."""
    left, top, width, height = box
    columns = max(0.0, min(left + width, float(image.shape[1])) - max(left, 0.0))
    rows = max(0.0, min(top + height, float(image.shape[0])) - max(top, 0.0))
    return columns * rows / max(width * height, 1e-6)
