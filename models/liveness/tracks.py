"""Points of the skin, followed from frame to frame by what they look like.

A network's mesh is drawn as a face even where there is paper: turned paper, it says, is a face that turns. The pixels
beneath its points go where they really go. They are followed by Lucas and Kanade's method (Bouguet, Pyramidal
Implementation, 2000), there and back; what does not come back to where it was is lost for good.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from models.image import FloatArray
from models.liveness.upright import CORNERS, Grey, cut, upright

# The nose: tip, wings, the ridge's lower end.
NOSE: Final = (4, 5, 1, 195, 19, 94, 45, 275, 44, 274, 48, 278, 220, 440)
# Around it, in from the outline, where what is behind shines past: between the brows, eyes, cheeks, upper lip.
AROUND: Final = (
    *(151, 9, 8, 168, 6, 197, 2, 98, 327, 115, 344, 131, 360, 198, 420, 236, 456, 174, 399, 188, 412, 122, 351),
    *(193, 417, 117, 346, 118, 347, 119, 348, 100, 329, 101, 330, 50, 280, 36, 266, 205, 425, 142, 371),
    *(33, 133, 362, 263, 159, 386, 145, 374, 70, 300, 105, 334, 107, 336, 61, 291, 0, 37, 267),
)
FOLLOWED: Final = (*AROUND, *NOSE)

SIDE_PX: Final = 112
EYES_PX: Final = 49.0
"""Distance of the eyes' corners in what is looked at."""
EYES_DOWN_PX: Final = 40.0
WINDOW_PX: Final = 15
LEVELS: Final = 2
MAX_ASTRAY_PX: Final = 1.0
"""How far off a point may be after there and back."""
UNKNOWN: Final = np.full((len(FOLLOWED), 2), np.nan, np.float32)
"""Where points are that nobody followed."""


class Tracks:
    """Follows `FOLLOWED` through one challenge, from the first frame on; keeps a small grey picture of the last."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._at = UNKNOWN

    def follow(self, grey: Grey, mesh: FloatArray) -> FloatArray:
        """Where they are in the next frame, (points, 2), in distances of the eyes' corners; NaN where lost.

        As in `upright`, give or take the mesh's trembling, which moves, turns and zooms all alike.

        Args:
            grey: the frame (height, width).
            mesh: the face's points in it, (468, 3): where to look at all.
        """
        seen = view(grey, mesh)
        middle = np.array([SIDE_PX / 2, EYES_DOWN_PX])
        if self._before is None:
            self._at = (upright(mesh)[list(FOLLOWED)] * EYES_PX + middle).astype(np.float32)
        else:
            self._at = moved(self._before, seen, self._at)
        self._before = seen
        return np.asarray((self._at - middle) / EYES_PX, np.float32)


def view(grey: Grey, mesh: FloatArray) -> Grey:
    """The face upright, as small as it is looked at."""
    right, left = (mesh[corner, :2] for corner in CORNERS)
    return cut(grey, right, left, (SIDE_PX, SIDE_PX), EYES_PX, EYES_DOWN_PX)


def moved(before: Grey, after: Grey, points: FloatArray) -> FloatArray:
    """Where ``points`` (n, 2) of one picture are in the next; NaN where lost."""
    there, found = flow(before, after, np.nan_to_num(points, nan=-1.0))
    back, returned = flow(after, before, there)
    astray = np.linalg.norm(back - points, axis=1)  # NaN where it was lost before
    return np.where((found & returned & (astray < MAX_ASTRAY_PX))[:, np.newaxis], there, np.float32(np.nan))


def flow(
    before: Grey, after: Grey, points: FloatArray
) -> tuple[FloatArray, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Where ``points`` go, and which of them were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points[:, np.newaxis], np.empty(0, np.float32), winSize=(WINDOW_PX, WINDOW_PX), maxLevel=LEVELS
    )
    return np.asarray(there[:, 0], np.float32), np.asarray(found[:, 0] == 1, np.bool_)
