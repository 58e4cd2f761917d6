"""Tells a camera that delivers nothing but black from one that looks into a dim room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DARK_MEAN_LUMA = 10.0
"""Mean luma (0 to 255) below which a frame can be dark: a covered sensor shows its black level, 0 to about 6."""
DARK_DEVIATION = 3.0
"""Standard deviation of luma below which it has nothing to show; one lamp or screen in the picture exceeds it."""
DARK_FOR_S = 1.0
"""A second: longer than an exposure control needs to settle, and with one frame interval still under 2 s."""

_LUMA_BGR = np.array([0.114, 0.587, 0.299], np.float32)  # ITU-R BT.601
_STEP_PX = 8


def is_dark(image: npt.NDArray[np.uint8]) -> bool:
    """Whether ``image`` (height, width, 3; BGR) is black and even, judged on every eighth pixel both ways."""
    luma = image[::_STEP_PX, ::_STEP_PX].astype(np.float32) @ _LUMA_BGR
    return bool(luma.mean() < DARK_MEAN_LUMA and luma.std() < DARK_DEVIATION)


class DarkWatch:
    """Notices that all frames of the last :data:`DARK_FOR_S` seconds were dark."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def sees_only_dark(self, image: npt.NDArray[np.uint8], captured_ns: int) -> bool:
        """Take the next frame; True once every frame for a second or longer has been dark."""
        if not is_dark(image):
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = captured_ns
        return captured_ns - self._since_ns >= DARK_FOR_S * 1e9
