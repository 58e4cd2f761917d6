"""Folders that appear whole or not at all, and one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evidence.files import sync_folder, write_atomic
from provisioning.errors import AlreadyThereError

PRIVATE = 0o600
"""Mode of keys, and of whatever would help to guess one."""


def check_free(target: Path, what: str) -> None:
    """Make sure that ``target`` is not there, or is an empty folder.

    Raises:
        AlreadyThereError: something is there.
    """
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise AlreadyThereError(
            f"{target}: there is something already, {what} needs a new or empty folder",
            "name another folder; nothing was changed",
        )


def replace_private(path: Path, data: bytes) -> None:
    """Replace the existing ``path`` by ``data``, mode 0600, and leave it to the account that owned it.

    The engineer may be root while the unit's program, which must read the file, is not.

    Raises:
        OSError: the folder cannot be written; ``path`` is then unchanged.
    """
    before = path.stat()
    write_atomic(path, data, mode=PRIVATE)
    after = path.stat()
    if (after.st_uid, after.st_gid) != (before.st_uid, before.st_gid):
        os.chown(path, before.st_uid, before.st_gid)


@contextmanager
def _parents(target: Path) -> Iterator[None]:
    """Make the folders that lead to ``target``; those that were missing go again if the block fails."""
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            # Somebody may have put something in meanwhile; then it stays.
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def staged(target: Path, what: str) -> Iterator[Path]:
    """Build the folder ``target`` elsewhere: yields a hidden folder beside it, which takes its name at the end.

    Whatever goes wrong before that, the hidden folder is removed and ``target`` is as it was. The folder's mode is
    0700.

    Raises:
        AlreadyThereError: ``target`` is there and not empty.
        OSError: its parent cannot be written.
    """
    check_free(target, what)
    with _parents(target):
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent))
        try:
            yield building
            for folder, _, _ in os.walk(building):
                sync_folder(Path(folder))
            building.rename(target)
        except BaseException:
            shutil.rmtree(building)
            raise
        sync_folder(target.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other processes that lock it, until the block ends.

    Raises:
        OSError: there is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
