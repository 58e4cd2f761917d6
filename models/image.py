"""What a picture is here: BGR, uint8, shape (height, width, 3), as OpenCV reads it."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ImageError

Image: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float32]

CHANNELS = 3
MIN_SIDE_PX = 16
MAX_SIDE_PX = 8192


def require_image(image: object) -> Image:
    """``image`` itself, if it is a picture.

    Raises:
        ImageError: not an array, another dtype or shape, a side under 16 or over 8192 pixels.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(f"a picture is a numpy array, not {type(image).__name__}; a broken file decodes to None")
    if image.dtype != np.uint8:
        raise ImageError(f"a picture has dtype uint8, not {image.dtype}")
    if image.ndim != CHANNELS or image.shape[2] != CHANNELS:
        raise ImageError(f"a picture has shape (height, width, 3), not {image.shape}")
    if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in image.shape[:2]):
        height, width = image.shape[:2]
        raise ImageError(f"a side has {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels; the picture is {width}x{height}")
    return image


def halved(image: Image, side_px: int) -> tuple[Image, int]:
    """``image`` halved until its longer side is under twice ``side_px``, and the whole factor by which it shrank.

    Bilinear sampling skips pixels when it shrinks by more than two; exact halving averages them and is fast.
    """
    shrink = 1
    while max(image.shape[:2]) >= 2 * side_px:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        even = image[: 2 * height, : 2 * width]
        image = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        shrink *= 2
    return image, shrink


def unit(vector: FloatArray) -> FloatArray:
    """``vector`` (..., length) at length 1."""
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True), np.float32)
