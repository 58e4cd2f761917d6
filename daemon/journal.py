"""The step journal: how far the check under way has got, durable before the next step begins.

It holds no personal data: check id, checkpoint, visit reference and step. After a power cut it tells what the
``interrupted`` record must say.
"""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import sync_folder, write_atomic

log = logging.getLogger(__name__)

_CHECK = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the check under way stands."""

    check: str
    checkpoint: str
    visit: str
    visit_source: str
    role: str
    drill: bool
    step: str


class Journal:
    """One small file per check that has no record yet."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made if it is missing."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder

    def _path(self, check: str) -> Path:
        return self._folder / f"{check}.json"

    def write(self, entry: Entry) -> None:
        """Make ``entry`` the newest of its check; when this returns it survives a power cut.

        Raises:
            OSError: the disk is full or read-only.
        """
        write_atomic(self._path(entry.check), json_bytes(asdict(entry)), mode=0o600)

    def open_checks(self) -> list[Entry]:
        """The checks that have not ended, oldest first.

        A damaged file still names its check: its content is set aside, and the rest of the entry reads ``unknown``.
        """
        return [self._read(path) for path in sorted(self._folder.glob("*.json")) if _CHECK.fullmatch(path.stem)]

    def _read(self, path: Path) -> Entry:
        try:
            return Entry(**json_object(path.read_bytes()))
        except (MalformedError, TypeError) as error:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            log.warning("journal: %s is damaged (%s) and was kept as %s", path.name, error, aside.name)
            return Entry(
                check=path.stem,
                checkpoint="unknown",
                visit="unknown",
                visit_source="journal_damaged",
                role="unknown",
                drill=False,
                step="unknown",
            )

    def clear(self, check: str) -> None:
        """The check has its record."""
        self._path(check).unlink(missing_ok=True)
        sync_folder(self._folder)
