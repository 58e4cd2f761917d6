"""The step journal: how far the check under way has got, durable before the next step begins.

It holds no personal data: check id, checkpoint, visit reference and step, and of an emergency which press of the button
it is. After a power cut it tells what the ``interrupted`` record must say.
"""

from __future__ import annotations

import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from daemon.events import Press
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import sync_folder, write_atomic

log = logging.getLogger(__name__)

_LONGEST = {"checkpoint": 64, "visit": 128}
"""What the record's schema takes of these; the others are short words."""
_CHECK = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


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
    press: Press | None = None
    """The button's event whose emergency this is: told again, it is the same one."""

    @classmethod
    def from_bytes(cls, data: bytes, check: str) -> Entry:
        """The entry of ``check`` as :meth:`Journal.write` left it.

        Raises:
            MalformedError: it is none that a record could be made of.
        """
        values = json_object(data)
        press = values.pop("press", None)
        if values.keys() != cls.__dataclass_fields__.keys() - {"press"}:
            raise MalformedError("not the fields of an entry")
        texts = {name: value for name, value in values.items() if name != "drill"}
        if not all(isinstance(text, str) and 0 < len(text) <= _LONGEST.get(name, 64) for name, text in texts.items()):
            raise MalformedError("a field is no text, empty or too long")
        if not isinstance(values["drill"], bool) or values["check"] != check:
            raise MalformedError("another check's, or no word whether it is a drill")
        return cls(**values, press=None if press is None else _press(press))

    def to_bytes(self) -> bytes:
        """As :meth:`from_bytes` reads it."""
        return json_bytes({name: value for name, value in asdict(self).items() if value is not None})


def _press(value: object) -> Press:
    match value:
        case [int(counter), int(fingerprint)]:
            return counter, fingerprint
    raise MalformedError("no press of the button")


class Journal:
    """One small file per check that has no record yet."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made if it is missing."""
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)  # even if it was there: who made it may have been cut before it was durable
        self._folder = folder

    def _path(self, check: str) -> Path:
        return self._folder / f"{check}.json"

    def write(self, entry: Entry) -> None:
        """Make ``entry`` the newest of its check; when this returns it survives a power cut.

        Raises:
            OSError: the disk is full or read-only.
        """
        write_atomic(self._path(entry.check), entry.to_bytes(), mode=0o600)

    def open_checks(self) -> list[Entry]:
        """The checks that have not ended, oldest first.

        A damaged file still names its check: its content is kept aside, and the rest of the entry reads ``unknown``.
        The file itself stays until :meth:`clear`, so that a power cut right now does not lose the check.
        """
        return [self._read(path) for path in sorted(self._folder.glob("*.json")) if _CHECK.fullmatch(path.stem)]

    def _read(self, path: Path) -> Entry:
        data = path.read_bytes()
        try:
            return Entry.from_bytes(data, path.stem)
        except MalformedError as error:
            aside = path.with_suffix(".damaged")
            write_atomic(aside, data, mode=0o600)
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
