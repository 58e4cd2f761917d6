"""A camera that is not there: a moving test picture, and every fault a real one has. Runs inside the capture process.

With ``scene=FILE`` it shows a person instead, see :mod:`hw.camera.simulated_source`.

``sim:camera?fault=block&after_frames=10``: the fault strikes once ten frames were delivered; at 0 (the default) while
the camera is being opened, or with the first frame for those that need an open camera.

``sim:...&identity=FILE``: the file's text is what its driver tells; written anew, another camera has taken its place
at the next opening. Without it the URI is its identity.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import threading
from collections.abc import Callable
from enum import StrEnum, unique
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.camera.identity import plain
from hw.camera.mode import Mode, Pace
from hw.camera.simulated_source import open_scene
from hw.camera.sources import Shot, Source
from hw.errors import BadDeviceUri
from hw.uri import DeviceUri

Image = npt.NDArray[np.uint8]

DEFAULT_FPS = 15
_BLOCK_PX = 16


@unique
class Fault(StrEnum):
    """What can go wrong with a camera."""

    NONE = "none"
    BLOCK = "block"
    """The driver's call never returns."""
    SPIN = "spin"
    """The same, while it holds Python's interpreter lock: not even another thread of the process runs."""
    BUSY = "busy"
    """EBUSY: another program has the camera."""
    GONE = "gone"
    """ENODEV: unplugged."""
    BLACK = "black"
    """The lens is covered."""
    DIE = "die"
    """The process is killed, as by a fault inside a driver's library."""
    RAISE = "raise"
    """The library raises something nobody foresaw."""
    HUGE = "huge"
    """A frame larger than was agreed."""


def _os_error(number: int) -> None:
    raise OSError(number, os.strerror(number))


def _raise() -> None:
    raise RuntimeError("simulated fault")


_STRIKE: dict[Fault, Callable[[], object]] = {
    Fault.BLOCK: lambda: threading.Event().wait(),
    Fault.SPIN: lambda: sum(itertools.repeat(0)),  # one C loop: no bytecode, no signal check, no lock released
    Fault.BUSY: lambda: _os_error(errno.EBUSY),
    Fault.GONE: lambda: _os_error(errno.ENODEV),
    Fault.DIE: lambda: os.kill(os.getpid(), signal.SIGKILL),
    Fault.RAISE: _raise,
}
_SPOIL: dict[Fault, Callable[[Image], Image]] = {
    Fault.BLACK: lambda image: np.zeros_like(image),
    Fault.HUGE: lambda image: np.vstack([image, image]),
}


def picture(mode: Mode, number: int) -> Image:
    """Test picture ``number``: a colour gradient on which a white block moves on by its width a frame."""
    image = np.empty((mode.height, mode.width, 3), np.uint8)
    image[..., 0] = np.linspace(32, 224, mode.width).astype(np.uint8)
    image[..., 1] = np.linspace(32, 224, mode.height).astype(np.uint8)[:, np.newaxis]
    image[..., 2] = 96
    left = number * _BLOCK_PX % (mode.width - _BLOCK_PX + 1)
    image[:_BLOCK_PX, left : left + _BLOCK_PX] = 255
    return image


class SimulatedCamera:
    """A source of test pictures, numbered from 1, with one fault."""

    def __init__(self, mode: Mode, fault: Fault, after_frames: int) -> None:
        self._mode = mode
        self._pace = Pace(mode.fps or DEFAULT_FPS)
        self._fault = fault
        self._after = after_frames
        self._delivered = 0
        self.identity = ""  # the URI's
        if after_frames == 0:
            self._strike()

    def _strike(self) -> None:
        if self._fault in _STRIKE:
            _STRIKE[self._fault]()

    def _spoilt(self, image: Image) -> Image:
        spoil = _SPOIL.get(self._fault)
        return image if spoil is None else spoil(image)

    def read(self) -> Shot:
        """The next test picture, when it is due; or the fault."""
        image = picture(self._mode, self._delivered + 1)
        if self._delivered >= self._after:
            self._strike()
            image = self._spoilt(image)
        captured_ns = self._pace.wait()
        self._delivered += 1
        return Shot(image, captured_ns)


def open_source(uri: DeviceUri, mode: Mode) -> Source:
    """The simulated camera of ``uri``.

    Raises:
        BadDeviceUri: an unknown fault, or a scene without the room's light.
        UnreadablePicture: the scene's file is damaged.
        OSError: the file of its identity cannot be read.
    """
    camera = open_scene(uri, mode) if "scene" in uri.options else _open_test_picture(uri, mode)
    if "identity" in uri.options:
        camera.identity = plain(Path(uri.options["identity"]).read_text("utf-8"))
    return camera


def _open_test_picture(uri: DeviceUri, mode: Mode) -> SimulatedCamera:
    fault = uri.options.get("fault", Fault.NONE)
    if fault not in set(Fault):
        raise BadDeviceUri(uri.text, f"unknown fault {fault!r}; known: {', '.join(Fault)}")
    return SimulatedCamera(mode, Fault(fault), uri.number("after_frames", 0))
