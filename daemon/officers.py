"""The officers a unit knows (roster), and what proves that one of them is here.

The roster has ids, roles, PIN hashes (argon2id) and validity, no names. A PIN is attested by the unit: the record
says so.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from daemon.events import Confirmation
from evidence.encoding import json_object
from evidence.errors import MalformedError
from evidence.instants import read_instant
from evidence.topics import check_name

TRIES = 5
LOCKED_FOR = dt.timedelta(minutes=5)
_REMEMBERED = 1000


class RosterUnusable(Exception):
    """The roster file is missing or damaged."""


class OfficerRefused(Exception):
    """This officer may not confirm now: ``cause`` is ``wrong_pin``, ``locked`` or ``not_valid``."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Officer:
    """One entry of the roster, valid from ``valid_from`` until just before ``valid_to`` (None: no end)."""

    id: str
    role: str
    pin: str = field(repr=False)
    valid_from: dt.datetime
    valid_to: dt.datetime | None


def _officer(entry: dict[str, Any]) -> Officer:
    officer_id, role, pin, end = entry["id"], entry["role"], entry["pin"], entry.get("valid_to")
    if not all(isinstance(text, str) and text for text in (officer_id, role, pin)):
        raise ValueError("an entry's id, role or PIN hash is no text, or empty")
    start = read_instant(entry["valid_from"])
    # A record that names the officer must be possible, so the id is held against the same rule.
    return Officer(check_name("officer", officer_id), role, pin, start, None if end is None else read_instant(end))


def read_roster(path: Path) -> dict[str, Officer]:
    """The officers of the file at ``path``, by id.

    Raises:
        RosterUnusable: missing, not JSON, or an entry without what it must have.
    """
    try:
        found = json_object(path.read_bytes())
        officers = [_officer(entry) for entry in found["officers"]]
    except OSError as error:
        raise RosterUnusable(f"{path}: cannot read the roster: {error.strerror}") from error
    except (MalformedError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RosterUnusable(f"{path}: not a roster: {type(error).__name__}; make it with vernix-provision") from error
    by_id = {officer.id: officer for officer in officers}
    if len(by_id) != len(officers):
        raise RosterUnusable(f"{path}: not a roster: an id is given twice; make it with vernix-provision")
    return by_id


class Roster:
    """Checks PINs, and locks an officer out for a while after too many wrong ones."""

    def __init__(self, officers: dict[str, Officer], now: Callable[[], dt.datetime]) -> None:
        self._officers = officers
        self._now = now
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._wrong: dict[str, list[dt.datetime]] = {}
        self._lock = threading.Lock()
        # An unknown id costs as much time as a wrong PIN: the parameters are those of provisioning/pins.py.
        self._nobody = self._hasher.hash("nobody has this PIN")

    def confirm(self, officer_id: str, pin: str, statement_sha256: str) -> Confirmation:
        """The confirmation of one statement by an officer who knows the PIN.

        Raises:
            OfficerRefused: wrong PIN or unknown id, locked out, or outside the validity.
        """
        now = self._now()
        with self._lock:
            recent = [moment for moment in self._wrong.get(officer_id, []) if now - moment < LOCKED_FOR]
            if len(recent) >= TRIES:
                raise OfficerRefused("locked")
            officer = self._officers.get(officer_id)
            if not self._pin_is_right(officer, pin):
                self._remember(officer_id, [*recent, now])
                raise OfficerRefused("wrong_pin")
            self._wrong.pop(officer_id, None)
        assert officer is not None
        if now < officer.valid_from or (officer.valid_to is not None and now >= officer.valid_to):
            raise OfficerRefused("not_valid")
        return Confirmation(officer.id, officer.role, "pin", statement_sha256)

    def _remember(self, officer_id: str, tries: list[dt.datetime]) -> None:
        """Unknown ids are locked like known ones, but what anybody can type must not be remembered without end."""
        if len(self._wrong) >= _REMEMBERED:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong[officer_id] = tries

    def _pin_is_right(self, officer: Officer | None, pin: str) -> bool:
        try:
            return self._hasher.verify(officer.pin if officer else self._nobody, pin) and officer is not None
        except (Argon2Error, InvalidHashError):
            return False
