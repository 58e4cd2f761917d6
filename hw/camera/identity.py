"""Which camera is it? Another one in its place, a capture stick or a virtual one is another text.

What a camera's own library tells is told by its source, see :class:`hw.camera.sources.Named`; here is what the kernel
tells of a ``v4l2:`` camera. Numbers from the kernel's include/uapi/linux/videodev2.h, names of files from its
drivers/usb/core/sysfs.c. Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

MAX_CHARACTERS: Final = 240
"""Of an identity: a line of the status pipe holds as many, whatever they are."""
VIDIOC_QUERYCAP: Final = 0x80685600
_CAPABILITY: Final = struct.Struct("=16s32s32s24x")
"""``struct v4l2_capability``: driver, card, bus_info; then version and what it can do."""
_CHARACTER_DEVICES: Final = Path("/sys/dev/char")
_OF_USB: Final = ("idVendor", "idProduct", "serial")

Ioctl = Callable[[int, int, bytearray], int]


def identity_of(fd: int, ioctl: Ioctl = fcntl.ioctl, devices: Path = _CHARACTER_DEVICES) -> str:
    """Of the V4L2 camera behind ``fd``: driver, name and bus address, of a USB one maker, product and serial number.

    ``devices`` is where sysfs lists character devices. The device file's number, which follows the order of plugging
    in, is no part of it; the socket that a USB camera is plugged into is.

    Raises:
        OSError: it is no V4L2 device, or no longer there.
    """
    buffer = bytearray(_CAPABILITY.size)
    ioctl(fd, VIDIOC_QUERYCAP, buffer)
    told = [text.split(b"\0", 1)[0].decode("utf-8", "replace") for text in _CAPABILITY.unpack(buffer)]
    number = os.fstat(fd).st_rdev
    return plain(*told, *_of_usb(devices / f"{os.major(number)}:{os.minor(number)}" / "device"))


def _of_usb(interface: Path) -> Iterator[str]:
    """A camera is an interface of a USB device: the folder above is the device's."""
    for name in _OF_USB:
        path = interface.resolve().parent / name
        if path.is_file():
            yield f"{name} {path.read_text('utf-8', 'replace').strip()}"


def plain(*facts: str) -> str:
    """``facts`` as one identity: devices write their names themselves, and may write anything."""
    text = ", ".join(fact for fact in facts if fact)
    shown = "".join(one if one.isprintable() else "?" for one in text)
    if len(shown) <= MAX_CHARACTERS:
        return shown
    return f"{shown[: MAX_CHARACTERS // 2]}... {mark_of(text)}"  # two that differ at their end only still differ


def mark_of(identity: str) -> str:
    """What a record says of it: the first 16 hex digits of its SHA-256. The text itself may hold a path."""
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
