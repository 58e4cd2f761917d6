"""The data folder belongs to one process: two writers would fork the chain."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self


class DataFolderBusy(Exception):
    """Another process of this unit is running."""


class DataFolderUnusable(Exception):
    """The unit's data folder cannot be made or written."""


class DataFolder:
    """Holds the lock of the unit's data folder; a context manager. The kernel lets go when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Make ``folder`` (0700) if it is missing, and lock it.

        Raises:
            DataFolderBusy: another process holds it.
            DataFolderUnusable: it cannot be made or written.
        """
        doing = "make the data folder"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            doing = "take the data folder for this user alone"
            folder.chmod(0o700)  # it may have been there with the rights of whoever made it
            doing = "write in the data folder"
            self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            advice = "let the unit's user write there, or correct unit.data in the configuration"
            raise DataFolderUnusable(f"{folder}: cannot {doing}: {error.strerror}; {advice}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise DataFolderBusy(f"{folder}: another process of this unit is running; stop it first") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._descriptor)
