"""``v4l2:///dev/video0``: a USB camera or any other that the kernel serves, read by OpenCV."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np

from hw.camera.identity import Ioctl, identity_of
from hw.camera.mode import Mode
from hw.camera.sources import Setting, Shot
from hw.camera.sources.pictures import NoPicture, fit, next_picture
from hw.camera.sources.v4l2_controls import Control, Controls
from hw.errors import DeviceBusy, DeviceGone
from hw.uri import DeviceUri

DEFAULT_FPS = 15
UNREADABLE_S = 1.0
"""A damaged picture or two are passed over; with one more read it is still told before the driver's limit of 1.8 s."""
_MAX_AGE_NS = 1_000_000_000
_PAUSE_S = 0.02


class Video(Protocol):
    """What is used of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:
        """Whether it delivers."""

    def read(self) -> tuple[bool, Any]:
        """The next picture."""

    def get(self, propId: int) -> float:
        """A property."""

    def set(self, propId: int, value: float) -> bool:
        """Set one."""


def open_video(path: str) -> Video:
    """The kernel's camera through OpenCV."""
    video: Video = cv2.VideoCapture(path, cv2.CAP_V4L2)
    return video


class V4l2Camera:
    """One camera; frames in the camera's own time."""

    def __init__(self, device: str, video: Video, controls: Controls, mode: Mode, identity: str) -> None:
        self.identity = identity
        self._device = device
        self._video = video
        self._controls = controls
        self._mode = mode
        # Motion JPEG: raw pictures of this size do not fit through USB 2 at fifteen a second on every camera.
        video.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG")))
        video.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
        video.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
        video.set(cv2.CAP_PROP_FPS, mode.fps or DEFAULT_FPS)
        video.set(cv2.CAP_PROP_BUFFERSIZE, 2)  # a longer queue only makes frames old
        controls.automate()

    def read(self) -> Shot:
        """The next frame that can be read, with the kernel's time stamp.

        Raises:
            DeviceGone: the camera has delivered none for :data:`UNREADABLE_S`.
            DeviceProtocolError: it delivers another kind of picture.
            OSError: it is no longer there.
        """
        until_s = time.monotonic() + UNREADABLE_S
        while True:
            try:
                image = next_picture(self._video.read, self._device)
            except NoPicture as error:
                self._controls.get(Control.GAIN)  # of a camera that was pulled the kernel says so
                if time.monotonic() >= until_s:
                    raise DeviceGone(self._device, f"no picture for {UNREADABLE_S:g} s: {error}") from error
                time.sleep(_PAUSE_S)  # a read that fails at once must not keep a core busy
            else:
                return Shot(np.ascontiguousarray(fit(image, self._mode)), self._captured_ns(time.monotonic_ns()))

    def hold(self, held: bool) -> tuple[Setting, ...]:
        """Hold exposure, gain and white balance as they are, or let them go; which of them stand still."""
        if held:
            return self._controls.hold()
        self._controls.release()
        return ()

    def _captured_ns(self, now_ns: int) -> int:
        """The buffer's time stamp, if it is one of this clock (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC); else now."""
        stamp_ns = round(self._video.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return stamp_ns if now_ns - _MAX_AGE_NS < stamp_ns <= now_ns else now_ns


def open_source(
    uri: DeviceUri, mode: Mode, make: Callable[[str], Video] = open_video, ioctl: Ioctl = fcntl.ioctl
) -> V4l2Camera:
    """The camera of ``uri``.

    Raises:
        DeviceBusy: another program has it, or it is no camera.
        OSError: there is no such device, or it may not be opened.
    """
    cv2.setNumThreads(1)
    fd = os.open(uri.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # names what OpenCV would pass over in silence
    try:
        video = make(uri.path)
        if not video.isOpened():
            raise DeviceBusy(uri.text, os.strerror(errno.EBUSY) + ", or no camera that delivers pictures")
        return V4l2Camera(uri.text, video, Controls(fd, ioctl), mode, identity_of(fd, ioctl))
    except BaseException:
        os.close(fd)
        raise
