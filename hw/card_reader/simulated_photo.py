"""The chip photo of simulated cards: a real card's size and header around a WebP picture of 102 x 126 pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hw.card_reader.photo import BLOCK_SIZE, HEADER, HEIGHT, WIDTH

Image = NDArray[np.uint8]
"""BGR, shape (height, width, 3)."""


def encode_simulated(image: Image) -> bytes:
    """Crop ``image`` to the card's proportions about its centre, shrink it and pack it as well as 1024 bytes allow."""
    picture = _fit(image)
    while True:
        for quality in range(100, 0, -1):
            done, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
            if done and encoded.size <= BLOCK_SIZE - len(HEADER):
                return (HEADER + encoded.tobytes()).ljust(BLOCK_SIZE, b"\0")
        picture = _as_image(cv2.GaussianBlur(picture, (0, 0), 2.0))  # noise only: a face fits at some quality


def demo_portrait() -> Image:
    """A drawn head and shoulders, where no photograph is at hand."""
    image = np.full((HEIGHT * 2, WIDTH * 2, 3), 235, np.uint8)
    cv2.ellipse(image, (102, 262), (86, 80), 0, 0, 360, (120, 70, 40), -1)
    cv2.ellipse(image, (102, 100), (56, 74), 0, 0, 360, (40, 35, 30), -1)
    cv2.ellipse(image, (102, 116), (46, 60), 0, 0, 360, (160, 190, 225), -1)
    for x in (84, 120):
        cv2.circle(image, (x, 106), 5, (40, 35, 30), -1)
    cv2.ellipse(image, (102, 146), (16, 6), 0, 0, 180, (90, 90, 180), 3)
    return image


def _fit(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(width / WIDTH, height / HEIGHT)
    crop_width, crop_height = max(1, round(WIDTH * scale)), max(1, round(HEIGHT * scale))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    cropped = image[top : top + crop_height, left : left + crop_width]
    return _as_image(cv2.resize(cropped, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def _as_image(array: object) -> Image:
    return np.asarray(array, dtype=np.uint8)
