"""Warmth: is the face warmer than what is around it? Evidence beside the other checks, never a decision of its own.

An AMG8833 sees 8 by 8 temperatures over 60 degrees, so that a face at half a metre fills about four pixels. Skin is at
30 to 36 degrees; paper is as warm as the room, and a screen is warmer than the room, but evenly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.liveness.result import CheckResult, Decision, not_performed

NAME: Final = "thermal"
SIDE: Final = 8
RANGE_C: Final = (-20.0, 100.0)
"""What the sensor can say (AMG88 reference specifications)."""
MIN_SKIN_C: Final = 28.0
"""A cold face after a walk outside; below this it is no evidence of life."""
MAX_SKIN_C: Final = 41.0
MIN_ABOVE_C: Final = 2.5
"""The sensor's own error is 2.5 degrees between pixels at worst."""
MAX_ROOM_C: Final = 29.0
"""In a warmer room a face does not stand out."""
FIELD_DEG: Final = 60.0
"""What the sensor sees, from left to right and from top to bottom."""
TURNS_DEG: Final = (0, 90, 180, 270)
PICTURE_DEG: Final = (20.0, 140.0)
OFF_DEG: Final = (-30.0, 30.0)
"""Farther off the sensor does not see the middle of the picture."""


def _tan(angle_deg: float) -> float:
    return math.tan(math.radians(angle_deg))


_REACH: Final = _tan(FIELD_DEG / 2)
"""Of half the sensor's field: in a picture things lie as the tangents of their angles."""


@dataclass(frozen=True, slots=True)
class Mounting:
    """How the sensor is mounted beside the camera; the defaults are one that stands and looks as the camera does.

    Right and left are those of the camera's picture, not of who stands before it.

    Attributes:
        turned_deg: by how much its picture must be turned clockwise to be upright in the camera's, :data:`TURNS_DEG`.
        mirrored: turned so, it still has left and right swapped.
        picture_deg: what the camera's picture shows from left to right, :data:`PICTURE_DEG`.
        right_deg: how far right of the picture's middle the sensor looks, less than 0 where left, :data:`OFF_DEG`.
        down_deg: how far below the picture's middle it looks, less than 0 where above, :data:`OFF_DEG`.
    """

    turned_deg: int = 0
    mirrored: bool = False
    picture_deg: float = FIELD_DEG
    right_deg: float = 0.0
    down_deg: float = 0.0

    def upright(self, pixels_c: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The sensor's picture, (8, 8), as the camera sees the scene."""
        turned = np.rot90(np.asarray(pixels_c, np.float64), -self.turned_deg // 90)
        return turned[:, ::-1] if self.mirrored else turned

    def find(self, x: float, y: float, picture: tuple[int, int]) -> tuple[float, float]:
        """Where a point of the camera's picture lies on the upright one: 0 to 8, from the left and from the top."""
        width, height = picture
        scale = _tan(self.picture_deg / 2) / width  # pixels are square: what is seen from top to bottom follows
        right, down = scale * (2 * x - width) - _tan(self.right_deg), scale * (2 * y - height) - _tan(self.down_deg)
        return SIDE / 2 * (1 + right / _REACH), SIDE / 2 * (1 + down / _REACH)

    def warmest(self, pixels_c: npt.NDArray[np.floating]) -> tuple[float, float]:
        """How many degrees right of the camera's middle, and below it, the sensor's warmest pixel looks."""
        row, column = divmod(int(np.argmax(self.upright(pixels_c))), SIDE)
        right, down = ((2 * at + 1 - SIDE) / SIDE * _REACH for at in (column, row))
        return (
            math.degrees(math.atan(right + _tan(self.right_deg))),
            math.degrees(math.atan(down + _tan(self.down_deg))),
        )


USUAL: Final = Mounting()


def judge(
    pixels_c: npt.NDArray[np.floating],
    face: tuple[float, float, float, float],
    picture: tuple[int, int],
    mounting: Mounting = USUAL,
) -> CheckResult:
    """Compare the face's pixels with the others.

    Args:
        pixels_c: (8, 8) degrees Celsius, as the sensor has them.
        face: left, top, width, height of the face in pixels of the picture.
        picture: width and height of the picture.
        mounting: how the two lie on one another.

    Returns:
        Live for ``warmer_than_surroundings``, unsure for ``not_warmer``, ``too_cold`` and ``too_hot``; not performed
        where warmth can say nothing: ``room_too_warm``, ``face_outside``, ``no_reading``. Never attack.
    """
    pixels = np.asarray(pixels_c, np.float64)
    if pixels.shape != (SIDE, SIDE) or not np.all((pixels >= RANGE_C[0]) & (pixels <= RANGE_C[1])):
        return not_performed(NAME, "no_reading")
    pixels, covered = mounting.upright(pixels), cover(face, picture, mounting)
    if covered is None or not (covered > 0.5).any() or not (covered == 0).any():
        return not_performed(NAME, "face_outside")
    # The upper half of what the face covers: hair, a mask and the pixels' own blur make the rest colder.
    face_c = float(np.quantile(pixels[covered > 0.5], 0.75))
    room_c = float(np.median(pixels[covered == 0]))
    evidence = {"face_c": round(face_c, 2), "around_c": round(room_c, 2), "pixels": int((covered > 0.5).sum())}
    reason = reason_for(face_c, room_c)
    return CheckResult(NAME, SAYS.get(reason, Decision.UNSURE), (reason,), evidence)


WARMER: Final = "warmer_than_surroundings"
SAYS: Final = {WARMER: Decision.LIVE, "room_too_warm": Decision.NOT_PERFORMED}


def reason_for(face_c: float, room_c: float) -> str:
    """What two temperatures say."""
    if face_c > MAX_SKIN_C:
        return "too_hot"
    if room_c > MAX_ROOM_C:
        return "room_too_warm"
    if face_c - room_c < MIN_ABOVE_C:
        return "not_warmer"
    return WARMER if face_c >= MIN_SKIN_C else "too_cold"


def cover(
    face: tuple[float, float, float, float], picture: tuple[int, int], mounting: Mounting
) -> npt.NDArray[np.float64] | None:
    """How much of each of the upright sensor's pixels the face covers, (8, 8), 0 to 1; None when the box is no box."""
    left, top, width, height = face
    if not all(map(math.isfinite, (*face, *picture))) or min(width, height, *picture) <= 0:
        return None
    x, y = mounting.find(left, top, picture)
    right, bottom = mounting.find(left + width, top + height, picture)
    return np.outer(shares(y, bottom), shares(x, right))


def shares(begin: float, end: float) -> npt.NDArray[np.float64]:
    """Which part of each of eight unit steps lies between ``begin`` and ``end``."""
    edges = np.arange(SIDE)
    return np.asarray(np.clip(np.minimum(edges + 1, end) - np.maximum(edges, begin), 0, 1), np.float64)
