"""A face's points and pixels, turned, moved and zoomed until the eyes' corners are where they belong."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from models.image import FloatArray

Array = npt.NDArray[np.float64]
Grey = npt.NDArray[np.uint8]

# Outer corners of the eyes, the subject's right first.
CORNERS: Final = (33, 263)


def upright(mesh: FloatArray) -> Array:
    """All points (468, 2) with the eyes' corners at (-0.5, 0) and (0.5, 0)."""
    points = mesh[:, 0].astype(np.float64) + 1j * mesh[:, 1]
    right, left = points[CORNERS[0]], points[CORNERS[1]]
    turned = (points - (right + left) / 2) / (left - right)
    return np.stack([turned.real, turned.imag], axis=1)


def cut(grey: Grey, begin: FloatArray, end: FloatArray, size: tuple[int, int], length: float, down: float) -> Grey:
    """The pixels about the line between two points of ``grey``.

    Args:
        grey: a picture (height, width).
        begin, end: x, y; the line lies level in what is cut.
        size: width and height of it, in pixels.
        length: of the line in it, in pixels.
        down: of the line's middle in it, in pixels from its upper edge; from side to side it is in the middle.
    """
    way = (end - begin).astype(np.float64)
    scale = length / max(float(np.linalg.norm(way)), 1e-3) ** 2
    turn = scale * np.array([[way[0], way[1]], [-way[1], way[0]]])
    shift = np.array([size[0] / 2, down]) - turn @ ((begin + end) / 2)
    found = cv2.warpAffine(grey, np.column_stack([turn, shift]), size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)
