"""The pictures that fidelity and golden vectors are made with: the demo's people, and distorted copies of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from models.image import Image, halved

PEOPLE = Path(__file__).parents[2] / "daemon" / "demo" / "people"
SIDE_PX = 320
ROLLS_DEG = (-30, -15, 0, 15, 30)


def portraits() -> Iterator[tuple[str, Image]]:
    """File name and picture."""
    for path in sorted(PEOPLE.glob("*.jpg")):
        yield path.name, np.asarray(cv2.imread(str(path)), np.uint8)


def canvas(image: Image) -> Image:
    """The picture in the upper left corner of 320x320, as the detector's first pass sees it."""
    small, _ = halved(image, SIDE_PX)
    height, width = small.shape[:2]
    factor = SIDE_PX / max(height, width)
    result = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    size = round(width * factor), round(height * factor)
    result[: size[1], : size[0]] = cv2.resize(small, size)
    return result


def rolled(image: Image, degrees: float) -> Image:
    """Turned about its centre, same size."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)
