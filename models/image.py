"""What a picture is here: BGR, uint8, shape (height, width, 3), as OpenCV reads it."""

from __future__ import annotations

from typing import TypeAlias

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


def unit(vector: FloatArray) -> FloatArray:
    """``vector`` (..., length) at length 1."""
    return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True), np.float32)
