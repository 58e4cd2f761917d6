"""Which camera is it? Another USB camera in its place, or a virtual one, is another text."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hw.uri import DeviceUri

_CLASS = Path("/sys/dev/char")


def identity_of(uri: DeviceUri, devices: Path = _CLASS) -> str:
    """Name and bus address of a ``v4l2:`` camera, as far as the kernel tells; of any other camera its URI.

    ``devices`` is where sysfs lists character devices.
    """
    if uri.scheme != "v4l2":
        return uri.text
    try:
        about = Path(uri.path).stat()
        entry = devices / f"{os.major(about.st_rdev)}:{os.minor(about.st_rdev)}"
        name = (entry / "name").read_text("utf-8", "replace").strip()
        return f"{name} at {(entry / 'device').resolve().name}"
    except OSError:
        return f"{uri.text}, which the kernel does not know"


def mark_of(identity: str) -> str:
    """What a record says of it: the first 16 hex digits of its SHA-256. The text itself may hold a path."""
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
