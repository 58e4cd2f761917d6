"""A folder in memory for decoders that read files; it goes when the process ends."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """The process's own."""
    shared = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="vernix-fuzz-", dir=shared if shared.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def written(name: str, data: bytes) -> Path:
    """``data`` in a file of this name, of the mode without which no private key is read."""
    path = folder() / name
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path
