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


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera's picture lies on the sensor's, both with 0 to 1 from left to right and top to bottom.

    x on the sensor = ``scale_x`` x + ``shift_x``, y likewise. Measured once when the unit is built, with something warm
    in the corners of the picture. The default is a camera with 60 degrees beside the sensor, not mirrored.
    """

    scale_x: float = 1.0
    shift_x: float = 0.0
    scale_y: float = 0.75
    shift_y: float = 0.125


USUAL_VIEW: Final = View()


def judge(
    pixels_c: npt.NDArray[np.floating],
    face: tuple[float, float, float, float],
    picture: tuple[int, int],
    view: View = USUAL_VIEW,
) -> CheckResult:
    """Compare the face's pixels with the others.

    Args:
        pixels_c: (8, 8) degrees Celsius, as the camera sees the scene, upper left first.
        face: left, top, width, height of the face in pixels of the picture.
        picture: width and height of the picture.
        view: how the two lie on one another.

    Returns:
        Live for ``warmer_than_surroundings``, unsure for ``not_warmer``, ``too_cold`` and ``too_hot``; not performed
        where warmth can say nothing: ``room_too_warm``, ``face_outside``, ``no_reading``. Never attack.
    """
    pixels = np.asarray(pixels_c, np.float64)
    if pixels.shape != (SIDE, SIDE) or not np.all((pixels >= RANGE_C[0]) & (pixels <= RANGE_C[1])):
        return not_performed(NAME, "no_reading")
    covered = cover(face, picture, view)
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
    face: tuple[float, float, float, float], picture: tuple[int, int], view: View
) -> npt.NDArray[np.float64] | None:
    """How much of each of the sensor's pixels the face covers, (8, 8), 0 to 1; None when the box is no box."""
    left, top, width, height = face
    if not all(map(math.isfinite, (*face, *picture))) or min(width, height, *picture) <= 0:
        return None
    x = [SIDE * (view.scale_x * at / picture[0] + view.shift_x) for at in (left, left + width)]
    y = [SIDE * (view.scale_y * at / picture[1] + view.shift_y) for at in (top, top + height)]
    return np.outer(shares(y[0], y[1]), shares(x[0], x[1]))


def shares(begin: float, end: float) -> npt.NDArray[np.float64]:
    """Which part of each of eight unit steps lies between ``begin`` and ``end``."""
    edges = np.arange(SIDE)
    return np.asarray(np.clip(np.minimum(edges + 1, end) - np.maximum(edges, begin), 0, 1), np.float64)
