"""Files that are either whole or not there, whatever dies."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable: a rename survives a power cut only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data``: after a crash the old content or the new is there, never a mixture.

    Raises:
        OSError: the folder is missing, full or read-only; ``path`` is then unchanged.
    """
    with whole_file(path, mode=mode) as stream:
        stream.write(data)


@contextlib.contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Write ``path`` piece by piece; it appears, replacing what was there, when the block ends without an error.

    Raises:
        OSError: the folder is missing, full or read-only, or its disk was pulled; ``path`` is then unchanged.
    """
    temporary = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # of a disk that was pulled nothing can be removed
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def digest_of(stream: BinaryIO) -> tuple[str, int]:
    """SHA-256 (hexadecimal) and size in bytes of an open file, from its beginning; it stands at its end then.

    Raises:
        OSError: it cannot be read.
    """
    stream.flush()
    stream.seek(0)
    total = hashlib.sha256()
    while piece := stream.read(_PIECE):
        total.update(piece)
    return total.hexdigest(), stream.tell()
