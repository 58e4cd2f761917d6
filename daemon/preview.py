"""The newest frame for the screen: small, mirrored, in memory only, gone when the comparison ends.

A frame is drawn around the face that is taken: where helpers are in view, everybody sees whose it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 320
"""Pixels; enough to find one's own face, too few for anything else."""
QUALITY = 70
_LINE_PX = 3
_INK = (255, 255, 255)

Box = tuple[float, float, float, float]
"""Left, top, width and height in the frame's pixels."""


class Preview:
    """Holds one frame at most. The thread that compares puts it; the screen's asks for it and pays for the JPEG."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._image: NDArray[np.uint8] | None = None
        self._number = -1
        self._box: Box | None = None

    def put(self, number: int, image: NDArray[np.uint8]) -> None:
        """Show ``image``, (height, width, 3) blue-green-red, the camera's frame ``number``."""
        with self._news:
            self._number, self._image = number, image
            self._news.notify_all()

    def mark(self, box: Box | None) -> None:
        """The face that is taken, in this frame and those that follow; None: none is."""
        with self._news:
            self._box = box

    def drop(self) -> None:
        """Nothing is shown any more; whoever waits is told."""
        with self._news:
            self._image = self._box = None
            self._news.notify_all()

    def newer(self, number: int, wait_s: float) -> tuple[int, bytes] | None:
        """Number and JPEG of a frame newer than ``number``; None if there is none within ``wait_s``."""
        with self._news:
            self._news.wait_for(lambda: self._image is not None and self._number > number, wait_s)
            image, found, box = self._image, self._number, self._box
        if image is None or found <= number:
            return None
        return found, _mirrored_jpeg(image, box)


def _mirrored_jpeg(image: NDArray[np.uint8], box: Box | None) -> bytes:
    scale = WIDTH / image.shape[1]
    small: Any = cv2.resize(image, (WIDTH, max(1, round(image.shape[0] * scale))), interpolation=cv2.INTER_AREA)
    if box is not None:
        left, top, width, height = (round(value * scale) for value in box)
        cv2.rectangle(small, (left, top), (left + width, top + height), _INK, _LINE_PX)
    small = cv2.flip(small, 1)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def only_while(preview: Preview, may_show: Callable[[], bool]) -> Callable[[int, float], tuple[int, bytes] | None]:
    """``preview.newer``, but None unless ``may_show`` both before the wait and after it."""

    def newer(number: int, wait_s: float) -> tuple[int, bytes] | None:
        if not may_show():
            return None
        frame = preview.newer(number, wait_s)
        return frame if may_show() else None

    return newer
