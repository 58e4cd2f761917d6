"""The stage's folder: all that it makes is in it, and it is locked for as long as its owner lives.

A stage that was killed cannot remove its own; the next one does, keys and all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "vernix-demo-"


@contextmanager
def stage_folder() -> Iterator[Path]:
    """A new folder, removed at the end of the block; those of stages that are dead are removed first.

    Raises:
        OSError: no folder can be made where temporary files belong.
    """
    home = Path(tempfile.gettempdir())
    remove_stale(home)
    # It gets the name that others look for only when it is locked: nobody takes a new one for a dead stage's.
    unnamed = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=home))
    descriptor = os.open(unnamed, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = unnamed.rename(home / unnamed.name.removeprefix("."))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():  # a child that was just killed may have made something meanwhile
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def remove_stale(home: Path) -> None:
    """Remove what this user's dead stages have left in ``home``. One that is locked belongs to a living stage."""
    for folder in home.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, no folder, or just removed by another stage
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """What this process makes of temporary files within the block lies in ``folder``."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
