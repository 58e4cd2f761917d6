"""What is wrong around the unit, in one sentence: what, where, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.identity import OUTBOX
from hw.errors import HardwareError

_FULL = "make room on this disk and start again"
_FAILING = "see whether the disk is failing or read-only"
_STORAGE = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL, errno.EIO: _FAILING, errno.EROFS: _FAILING}
"""What only a disk says. Such an error often names no file."""
_ADVICE = _STORAGE | {
    errno.EACCES: "let the unit's user read and write it",
    errno.EPERM: "let the unit's user read and write it",
    errno.EEXIST: "something else has this name: move it away",
    errno.ENOTDIR: "something else has this name: move it away",
    errno.EISDIR: "it is a folder: name a file in it, or move it away",
    errno.ENOENT: "put it there, or correct the path",
}
_KEPT = "what the screen showed as recorded is kept"


class EnvironmentUnusable(Exception):
    """Something around the unit must be mended first; the text says what, where and how."""


def sentence(error: BaseException) -> str:
    """``error`` for whoever must mend it."""
    if isinstance(error, HardwareError):
        return f"{error}; {error.advice}"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}; {_ADVICE.get(error.errno or 0, 'see to it and start again')}"
    return str(error)


def of_storage(error: BaseException, data: Path, target: Path | None = None) -> EnvironmentUnusable | None:
    """``error`` with its place, if it is one of the disk under ``data``; None for any other.

    Args:
        data: the unit's data folder.
        target: what is written, if that is something else.
    """
    if isinstance(error, sqlite3.Error):
        advice = _FULL if "full" in str(error) else _FAILING
        return EnvironmentUnusable(f"{data / OUTBOX}: {error}; {advice}: {_KEPT}")
    if isinstance(error, OSError) and error.errno in _STORAGE and error.filename is None:
        return EnvironmentUnusable(f"{target or data}: {error.strerror}; {_STORAGE[error.errno]}: {_KEPT}")
    if isinstance(error, OSError) and error.errno in _ADVICE and error.filename is not None:
        return EnvironmentUnusable(sentence(error))
    return None


@contextmanager
def storage_named(data: Path, target: Path | None = None) -> Iterator[None]:
    """Errors of the disk leave the block with their place and an advice.

    Raises:
        EnvironmentUnusable: see :func:`of_storage`.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        named = of_storage(error, data, target)
        if named is None:
            raise
        raise named from error
