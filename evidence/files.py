"""Files that are either whole or not there, whatever dies."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
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


class BrokenOff(OSError):
    """Of files that belong together the first ones are new and the others are not; the text says which."""


def temporary_of(path: Path) -> Path:
    """Where the content of ``path`` lies until it is whole; what a killed program left there, the next one replaces."""
    return path.with_name(f".{path.name}.new")


@contextlib.contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Write ``path`` piece by piece; it appears, replacing what was there, when the block ends without an error.

    Raises:
        IsADirectoryError: ``path`` is a folder, or names nothing.
        OSError: the folder is missing, full or read-only, or its disk was pulled; ``path`` is then unchanged.
    """
    with whole_files([path], mode=mode) as (stream,):
        yield stream


@contextlib.contextmanager
def whole_files(paths: Sequence[Path], *, mode: int = 0o644) -> Iterator[list[BinaryIO]]:
    """Write files that belong together: all are on the disk before the first gets its name, in the order given.

    Raises:
        IsADirectoryError: one of ``paths`` is a folder, or names nothing.
        BrokenOff: between two of the names; what has no name yet stays where :func:`temporary_of` says.
        OSError: otherwise; none of them is changed.
    """
    for path in paths:
        if not path.name or path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    temporaries, named = [temporary_of(path) for path in paths], 0
    try:
        with contextlib.ExitStack() as opened:
            streams = [opened.enter_context(_fresh(one, mode)) for one in temporaries]
            yield streams
            for stream in streams:
                stream.flush()
                os.fsync(stream.fileno())
        for temporary, path in zip(temporaries, paths, strict=True):
            temporary.replace(path)
            named += 1
            sync_folder(path.parent)  # each by itself: not every file system keeps the order of two renames
    except BaseException as error:
        if named == 0:
            _remove(temporaries)
        elif named < len(paths) and isinstance(error, OSError):
            new, old = (", ".join(one.name for one in some) for some in (paths[:named], paths[named:]))
            said = f"{error.strerror}; {new} is new and {old} is not: write both again"
            raise BrokenOff(error.errno, said) from error
        raise


def _remove(temporaries: Sequence[Path]) -> None:
    for one in temporaries:
        with contextlib.suppress(OSError):  # of a disk that was pulled nothing can be removed
            one.unlink(missing_ok=True)


def _fresh(temporary: Path, mode: int) -> BinaryIO:
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    return os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b")


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
