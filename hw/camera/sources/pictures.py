"""Pictures from files and from OpenCV: is it whole, what does it show, and how does it fit the frame."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hw.camera.errors import UnreadablePicture
from hw.camera.mode import Mode
from hw.camera.sources import checked

Image = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
MAX_FILE_BYTES = 32 * 1024 * 1024
SCENE_GREY = 40
"""The empty scene and the bars beside a picture: dark, and well above what counts as black."""
_SCENE_NOISE = 4.0


class NoPicture(Exception):
    """OpenCV had no picture to give: the end, or one that cannot be decoded."""


def _jpeg_whole(data: bytes) -> bool:
    """An end-of-image marker after the first scan; an earlier one would be a thumbnail's (ITU-T T.81, B.1.1)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker == 0xDA:
            return data.find(b"\xff\xd9", at) >= 0
        at += 1 if marker == 0xFF else 2 + length
    return False


# libjpeg fills the missing part of a picture with grey and only warns; so the end is looked for before decoding.
_WHOLE: tuple[tuple[bytes, Callable[[bytes], bool]], ...] = (
    (b"\xff\xd8\xff", _jpeg_whole),
    (b"\x89PNG\r\n\x1a\n", lambda data: b"IEND" in data[-16:]),
    (b"RIFF", lambda data: len(data) >= 8 + int.from_bytes(data[4:8], "little")),
    (b"BM", lambda data: len(data) >= int.from_bytes(data[2:6], "little")),
)


def is_whole(data: bytes) -> bool:
    """Whether ``data`` starts like a known format and reaches its end."""
    return any(data.startswith(magic) and whole(data) for magic, whole in _WHOLE)


def load(path: Path, device: str) -> Image:
    """The picture in ``path``, (height, width, 3) BGR, turned upright as its EXIF data says.

    Raises:
        UnreadablePicture: too large, truncated, damaged or of another format.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnreadablePicture(device, f"{path.name}: larger than {MAX_FILE_BYTES} bytes")
    data = path.read_bytes()
    if not is_whole(data):
        raise UnreadablePicture(device, f"{path.name}: truncated, or not JPEG, PNG, WebP or BMP")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadablePicture(device, f"{path.name}: {error.err}") from error
    if image is None:
        raise UnreadablePicture(device, f"{path.name}: damaged")
    return image.astype(np.uint8, copy=False)


def next_picture(read: Callable[[], tuple[bool, Any]], device: str) -> Image:
    """What ``read`` of a ``cv2.VideoCapture`` delivers, (height, width, 3) BGR.

    Raises:
        NoPicture: nothing.
        DeviceProtocolError: something else.
    """
    try:
        more, image = read()
    except cv2.error as error:  # a buffer without a byte, for one
        raise NoPicture(f"OpenCV: {error.err}") from error
    if not more or image is None:
        raise NoPicture("none can be decoded")
    return checked(image, device)


def fit(image: Image, mode: Mode) -> Image:
    """``image`` as large as fits ``mode``, its aspect kept, centred on the empty scene's grey."""
    height, width = image.shape[:2]
    if (width, height) == (mode.width, mode.height):
        return image
    scale = min(mode.width / width, mode.height / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((mode.height, mode.width, 3), SCENE_GREY, np.uint8)
    left, top = (mode.width - size[0]) // 2, (mode.height - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = scaled
    return canvas


def empty_scene(mode: Mode) -> Image:
    """Nobody before the camera: dark grey with a sensor's noise, the same each time."""
    noise = np.random.default_rng(0).normal(SCENE_GREY, _SCENE_NOISE, (mode.height, mode.width, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)
