"""What the hospital's office writes down beside the records: which alerts somebody has in hand, which cases are closed.

No record changes by it, and none is made of it. Who writes is an account of :mod:`gateway.officers`; that stands in the
audit as well, which is only added to.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import dataclass, field
from typing import Final

from evidence.instants import read_instant, write_instant
from evidence.record import Kind, Record

SCHEMA: Final = """
    CREATE TABLE alerts (
        unit TEXT NOT NULL,
        seq INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        told TEXT NOT NULL,
        due TEXT NOT NULL,
        reminded TEXT,
        taken_by TEXT,
        taken TEXT,
        PRIMARY KEY (unit, seq)
    ) STRICT;
    CREATE TABLE closed_cases (
        check_id TEXT PRIMARY KEY,
        officer TEXT NOT NULL,
        reason TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
"""
AT_ONCE: Final = dt.timedelta(minutes=5)
"""A person needs so long for what is to be done at once (立即, ``within_s`` 0)."""
AGAIN: Final = dt.timedelta(hours=1)
"""After so long an alert that nobody has in hand is told again."""
_LONGEST_S = 366 * 86400


@dataclass(frozen=True, slots=True)
class Alert:
    """Somebody is to be told of the record ``seq`` of ``unit``.

    Attributes:
        told: whom the policy wants told, as ids: ``police, health_authority``.
        due: by when somebody must have it in hand.
        taken_by, taken: the officer who has, and since when; None: nobody.
    """

    unit: str
    seq: int
    outcome: str
    checkpoint: str
    told: str
    due: str
    taken_by: str | None
    taken: str | None

    def is_overdue(self, now: dt.datetime) -> bool:
        """Whether its time is over and nobody has it in hand."""
        return self.taken is None and read_instant(self.due) <= now


@dataclass(frozen=True, slots=True)
class Closed:
    """A special case (专案管理) that is closed: by which officer, why and when."""

    check: str
    officer: str
    reason: str = field(repr=False)
    at: str


_ALERTS = """SELECT a.unit, a.seq, r.outcome, r.checkpoint, a.told, a.due, a.taken_by, a.taken
    FROM alerts a JOIN records r ON r.unit = a.unit AND r.seq = a.seq AND r.sha256 = a.sha256"""


class Office:
    """The tables of :data:`SCHEMA` in the store's database. Its owner holds the lock and the transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Read and write ``db``."""
        self._db = db

    # --- alerts ------------------------------------------------------------------------------------------------

    def expect(self, unit: str, item: Record, received: dt.datetime) -> None:
        """Somebody must take in hand what ``item`` tells of, if its policy wants anybody told.

        Its time runs from when the record was made, or came: whichever is earlier, since one clock may have been ahead.
        A unit that does not know the time cannot say when.
        """
        alerts = item.payload.get("alerts")
        if item.kind is not Kind.CHECK or item.payload["drill"] or not alerts:
            return
        within_s = min(_LONGEST_S, *(one["within_s"] for one in alerts))
        time = item.payload["time"]
        since = received if time["source"] == "floor" else min(received, read_instant(time["latest"]))
        due = write_instant(since + max(dt.timedelta(seconds=within_s), AT_ONCE))
        told = ", ".join(one["to"] for one in alerts)
        row = (unit, item.seq, item.sha256, told, due)
        self._db.execute("INSERT OR REPLACE INTO alerts (unit, seq, sha256, told, due) VALUES (?, ?, ?, ?, ?)", row)

    def alerts(self, *, all_of_them: bool = False) -> list[Alert]:
        """Those that nobody has in hand, the most urgent first; or all, those in hand last."""
        which = "" if all_of_them else "WHERE a.taken IS NULL"
        order = "ORDER BY a.taken IS NOT NULL, a.due, a.unit, a.seq"
        return [Alert(*row) for row in self._db.execute(f"{_ALERTS} {which} {order}")]

    def take(self, unit: str, seq: int, officer: str, now: dt.datetime) -> bool:
        """``officer`` has the alert in hand from now on; False: there is none that nobody has."""
        sql = "UPDATE alerts SET taken_by = ?, taken = ? WHERE unit = ? AND seq = ? AND taken IS NULL"
        return bool(self._db.execute(sql, (officer, write_instant(now), unit, seq)).rowcount)

    def remind(self, now: dt.datetime) -> list[Alert]:
        """The alerts to be told of (again) now, since their time is over and nobody has them in hand.

        What was told at a time that is still to come was told while the clock was ahead: it is told again.
        """
        sql = """WHERE a.taken IS NULL AND a.due <= ?1 AND (a.reminded IS NULL OR a.reminded <= ?2 OR a.reminded > ?1)
            ORDER BY a.due, a.seq"""
        moment, before = write_instant(now), write_instant(now - AGAIN)
        found = [Alert(*row) for row in self._db.execute(f"{_ALERTS} {sql}", (moment, before))]
        for one in found:
            self._db.execute("UPDATE alerts SET reminded = ? WHERE unit = ? AND seq = ?", (moment, one.unit, one.seq))
        return found

    # --- special cases -----------------------------------------------------------------------------------------

    def closed_cases(self) -> dict[str, Closed]:
        """The special cases that are closed, by the check that opened each."""
        rows = self._db.execute("SELECT check_id, officer, reason, at FROM closed_cases")
        return {row[0]: Closed(*row) for row in rows}

    def close_case(self, closed: Closed) -> bool:
        """The special case that a check opened is closed; False: it is already."""
        row = (closed.check, closed.officer, closed.reason, closed.at)
        return bool(self._db.execute("INSERT OR IGNORE INTO closed_cases VALUES (?, ?, ?, ?)", row).rowcount)

    def reopen_case(self, check: str) -> bool:
        """The special case is open again, the audit keeps who closed it; False: it is not closed."""
        return bool(self._db.execute("DELETE FROM closed_cases WHERE check_id = ?", (check,)).rowcount)
