"""Quarter turns of a picture and of what was found in it: exact, and whoever lies stands again.

``quarters`` counts clockwise; any whole number will do. The networks see a face well up to 45 degrees of roll, so that
one of four turns shows it as they were measured.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.image import FloatArray, Image

QUARTERS = 4
CODES = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def turned(image: Image, quarters: int) -> Image:
    """``image`` turned clockwise; itself for no turn."""
    code = CODES.get(quarters % QUARTERS)
    return image if code is None else np.asarray(cv2.rotate(image, code), np.uint8)


def turned_size(size: tuple[int, int], quarters: int) -> tuple[int, int]:
    """(width, height) of the turned picture."""
    return (size[1], size[0]) if quarters % 2 else size


def turned_points(points: FloatArray, size: tuple[int, int], quarters: int) -> FloatArray:
    """Where ``points`` (n, 2 or more; x and y first) of a picture of ``size`` (width, height) lie in the turned one."""
    result = points.copy()
    for _ in range(quarters % QUARTERS):
        result[:, 0], result[:, 1] = size[1] - 1 - result[:, 1], result[:, 0].copy()
        size = turned_size(size, 1)
    return result


def turned_box(
    box: tuple[float, float, float, float], size: tuple[int, int], quarters: int
) -> tuple[float, float, float, float]:
    """The same for a box (left, top, width, height)."""
    for _ in range(quarters % QUARTERS):
        left, top, width, height = box
        box = size[1] - top - height, left, height, width
        size = turned_size(size, 1)
    return box
