"""Approvers of officers' accounts: ``gateway.toml`` names them, each has a password of their own, kept here as a hash.

An approval counts with a :class:`Proven` only. Guessing is slow and short: a try is counted before it is looked at, so
that many at once are not more than one after the other, and five wrong ones lock the person out for a while.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from evidence.credentials import HASHER
from evidence.instants import local_text_with_offset, read_instant, write_instant
from gateway.persons import name_key

SCHEMA: Final = """
    CREATE TABLE approver_passwords (
        person TEXT PRIMARY KEY,
        argon2id TEXT NOT NULL CHECK (argon2id LIKE '$argon2id$%'),
        tries INTEGER NOT NULL DEFAULT 0,
        locked_until TEXT
    ) STRICT;
    ALTER TABLE approvals ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE officers ADD COLUMN staff_number TEXT NOT NULL DEFAULT '';
"""
TRIES: Final = 5
LOCKED_FOR: Final = dt.timedelta(minutes=15)
_SHORTEST, _LONGEST, _DIFFERENT = 10, 128, 5
_SHORT_NAME = 3
"""A name of so few characters stands in too many words."""

Note = Callable[[dt.datetime, str, str, str, str], None]
"""Writes a line of the audit: when, who, what they did, to which officer, about what."""


class ApproverError(Exception):
    """This person cannot approve now, or this cannot be their password; says what to do, never what was typed."""


@dataclass(frozen=True, slots=True)
class Proven:
    """``name`` has just shown their password, and may approve for ``department``; see :mod:`gateway.proof`."""

    name: str = field(repr=False)
    department: str
    staff_number: str = field(default="", repr=False)


def as_typed_anywhere(password: str) -> str:
    """``password`` as every keyboard gives it: of full width, or composed of parts, it is the same (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str, name: str) -> str:
    """The Argon2id hash of the password of ``name``.

    Raises:
        ApproverError: too short or too long, of too few different characters, or holds the name.
    """
    password, known = as_typed_anywhere(password), name_key(name)
    if not _SHORTEST <= len(password) <= _LONGEST or not password.isprintable():
        raise ApproverError(f"password: expected {_SHORTEST} to {_LONGEST} printable characters")
    if len(set(password)) < _DIFFERENT or (len(known) > _SHORT_NAME and known in name_key(password)):
        raise ApproverError("password: is one of the first that anybody tries")
    return HASHER.hash(password)


class Approvers:
    """Passwords in the store's database, one a person. Its owner holds the lock and the transaction."""

    def __init__(self, db: sqlite3.Connection, note: Note) -> None:
        """Read and write ``db``; every step goes to the audit by ``note``."""
        self._db, self._note = db, note

    def known(self, name: str) -> str | None:
        """The hash of the password of ``name``; None: there is none yet."""
        row = self._row(name)
        return None if row is None else row[0]

    def set_password(self, name: str, encoded: str, by: str, now: dt.datetime, *, replaces: str | None = None) -> None:
        """Keep the hash of the password of ``name``; the one before, and its wrong tries, are gone.

        Raises:
            ApproverError: that is another than the one it ``replaces``: somebody has set it while this one was typed.
        """
        if self.known(name) != replaces:
            raise ApproverError("this approver's password was set or taken away just now, and stays so; begin again")
        did = "changed a password" if replaces else "set a password"
        sql = "INSERT OR REPLACE INTO approver_passwords (person, argon2id) VALUES (?, ?)"
        self._db.execute(sql, (name_key(name), encoded))
        self._note(now, by, did, "", f"of the approver {name}")

    def reset(self, name: str, by: str, now: dt.datetime) -> None:
        """Take the password of ``name`` away: a forgotten one, or a person who may approve no more.

        Raises:
            ApproverError: there is none.
        """
        if not self._db.execute("DELETE FROM approver_passwords WHERE person = ?", (name_key(name),)).rowcount:
            raise ApproverError("this approver has no password")
        self._note(now, by, "took a password away", "", f"of the approver {name}")

    def state(self, name: str, now: dt.datetime) -> str:
        """``ready``, ``locked``, or ``no password``."""
        row = self._row(name)
        if row is None:
            return "no password"
        return "locked" if row[2] is not None and now < read_instant(row[2]) else "ready"

    def begin(self, name: str, now: dt.datetime) -> str:
        """Count one try of ``name``; the hash to hold the password against.

        Raises:
            ApproverError: there is no password yet, or too many wrong ones have come.
        """
        row = self._row(name)
        if row is None:
            raise ApproverError("this approver has no password yet; vernix-gateway approver password NAME sets it")
        encoded, tries, locked_until = row
        if locked_until is not None:
            if now < read_instant(locked_until):
                until = local_text_with_offset(read_instant(locked_until))
                raise ApproverError(f"too many wrong passwords: locked until {until}")
            tries = 0
        ends = write_instant(now + LOCKED_FOR) if tries + 1 >= TRIES else None
        sql = "UPDATE approver_passwords SET tries = ?, locked_until = ? WHERE person = ?"
        self._db.execute(sql, (tries + 1, ends, name_key(name)))
        return encoded

    def end(self, name: str, now: dt.datetime, *, right: bool) -> None:
        """The try that :meth:`begin` has counted was ``right``, which forgives those before it, or was not."""
        if right:
            sql = "UPDATE approver_passwords SET tries = 0, locked_until = NULL WHERE person = ?"
            self._db.execute(sql, (name_key(name),))
            return
        # Of tries at once each may find the lock; the one that counts beyond the last is the first.
        sql = "UPDATE approver_passwords SET tries = tries + 1 WHERE person = ? AND tries = ?"
        if self.state(name, now) == "locked" and self._db.execute(sql, (name_key(name), TRIES)).rowcount:
            self._note(now, name, "was locked out", "", "as an approver")

    def _row(self, name: str) -> tuple[str, int, str | None] | None:
        sql = "SELECT argon2id, tries, locked_until FROM approver_passwords WHERE person = ?"
        found: tuple[str, int, str | None] | None = self._db.execute(sql, (name_key(name),)).fetchone()
        return found
