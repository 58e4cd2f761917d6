"""Room on the disk: known long before it runs out, and evidence is the last that goes without.

Three levels, told on the screen and in the health message:

* ``ok``
* ``low``: under ``LOW_DAYS`` days, or under ``LOW_BYTES``. Nothing changes; somebody has weeks to come.
* ``critical``: under ``CRITICAL_BYTES``. Log lines below a warning are no longer written.

Where what is left does for less than ``SHORT_DAYS``, or is nearly nothing, content that the gateway has receipted is
overwritten before its 30 days, oldest first. When even that is used up the reserve is given free: a file that takes
room on the disk for nothing else, so that neither a log nor another program can have it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from daemon.outbox import Outbox
from evidence.files import sync_folder

log = logging.getLogger(__name__)

MIB = 1 << 20
RESERVE_BYTES = 16 * MIB
"""Some 4 000 records: a month of 100 checks a day."""
LAST_BYTES = 4 * MIB
"""Under this the reserve is given free."""
CRITICAL_BYTES = 64 * MIB
LOW_BYTES = 512 * MIB
LOW_DAYS = 60
SHORT_DAYS = 30
"""For as long as a receipted record is to stay: with fewer left, the older ones make room for the newer."""
LEAST_A_DAY = 100
"""Records a day that are reckoned with at least."""
RECORD_BYTES = 5000
"""What a record takes where there are too few to measure."""
LOOK_S = 60.0
"""Between looks."""
_DAYS = 7
_BATCHES = 20
"""Of records overwritten in one look: 4 000, so that other work is not held up for long."""


@unique
class Level(StrEnum):
    """How much room there is."""

    OK = "ok"
    LOW = "low"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class StorageState:
    """``free_bytes`` on the disk and in the outbox, and the days of work that they will do for."""

    level: Level
    free_bytes: int
    days_left: int

    def to_dict(self) -> dict[str, Any]:
        """As the screen and the health message have it."""
        return {"state": self.level.value, "free_bytes": self.free_bytes, "days_left": self.days_left}


def disk_bytes(folder: Path) -> int:
    """What an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Storage:
    """Looks after the room of one data folder."""

    def __init__(self, folder: Path, free: Callable[[Path], int] = disk_bytes) -> None:
        """Give the reserve free if nothing else is left: opening the outbox needs room. ``free``: see `disk_bytes`."""
        self._folder, self._free = folder, free
        self._reserve = folder / "reserve"
        self._lock = threading.Lock()
        self.state = StorageState(Level.OK, free(folder), LOW_DAYS)
        self._release_if_needed()

    def look(self, outbox: Outbox) -> StorageState:
        """Measure, make room if it is needed, and keep or give free the reserve. Now and then, from one thread."""
        with self._lock:
            before = self.state.level
            self.state = self._measure(outbox)
            self._release_if_needed()  # first: to make room is to write
            self._make_room(outbox)
            self._keep_reserve()
            if self.state.level is not before:
                self._tell()
            return self.state

    def _measure(self, outbox: Outbox) -> StorageState:
        usage, on_disk = outbox.usage(_DAYS), self._free(self._folder)
        each = max(usage.used_bytes // usage.full, 1) if usage.full >= LEAST_A_DAY else RECORD_BYTES
        daily = max(LEAST_A_DAY, usage.recent // _DAYS)
        free = on_disk + usage.free_bytes
        days = free // (each * daily)
        if on_disk < CRITICAL_BYTES:
            return StorageState(Level.CRITICAL, free, days)
        low = on_disk < LOW_BYTES or days < LOW_DAYS
        return StorageState(Level.LOW if low else Level.OK, free, days)

    def _make_room(self, outbox: Outbox) -> None:
        left = self._free(self._folder)
        short = self.state.level is Level.CRITICAL and (self.state.days_left < SHORT_DAYS or left < LAST_BYTES)
        enough = CRITICAL_BYTES
        for _ in range(_BATCHES):
            if short and outbox.usage(_DAYS).free_bytes >= enough:
                short = False  # the file has room inside: what is younger than 30 days may stay
            try:
                if not outbox.make_room(short=short):
                    return
            except sqlite3.OperationalError as error:
                # Nothing is lost by it: the next look tries again, and a record that finds no room says so itself.
                log.warning("no room could be made in the outbox: %s; free some on the disk", error)
                return

    def _keep_reserve(self) -> None:
        if self._reserve.exists() or self._free(self._folder) < CRITICAL_BYTES + RESERVE_BYTES:
            return
        # A file system that cannot give room in advance has no reserve; the levels hold all the same.
        with contextlib.suppress(OSError), self._reserve.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, RESERVE_BYTES)
            os.fsync(stream.fileno())

    def _release_if_needed(self) -> None:
        if self._free(self._folder) < LAST_BYTES:
            self.give_reserve()

    def give_reserve(self) -> bool:
        """Give the reserve free, for a record that found no room; False if there is none any more. From any thread."""
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        sync_folder(self._folder)
        log.error("the disk is full: the reserve of %d MiB is given free for records", RESERVE_BYTES // MIB)
        return True

    def _tell(self) -> None:
        state = self.state
        log.warning("room: %s, %d MiB, %d days", state.level, state.free_bytes // MIB, state.days_left)
        logging.getLogger().setLevel(logging.WARNING if state.level is Level.CRITICAL else logging.INFO)
