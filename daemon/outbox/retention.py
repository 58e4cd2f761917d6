"""Which records may be overwritten, and how much room that gives.

A record is overwritable once the gateway's receipt is here. It stays for ``KEPT`` after that, so that a gateway that
was restored from an older backup can ask for it; then its content goes, oldest first. Where room is short the content
of younger ones goes too, oldest first, before evidence is refused. What has no receipt never goes, nor do the birth
record and those that change or end the key: without them nobody could tell whose the later records are. Number, hash,
check id and times stay, so the chain can be told from its head for ever. SQLite uses the room for the next records.

The 30 days have to pass on two clocks: the unit's own, and the gateway's as its newest receipt tells it. Neither alone
makes a record old: the one may start in the wrong year, the other may be set wrong.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import dataclass

from daemon.outbox import numbers
from evidence.instants import write_instant

KEPT = dt.timedelta(days=30)
BATCH = 200
"""Records overwritten in one commit: some 10 ms, so that a record that is being made does not wait."""


@dataclass(frozen=True, slots=True)
class Usage:
    """``used_bytes`` hold ``full`` records; ``free_bytes`` in the file are there for the next; ``recent`` were made."""

    used_bytes: int
    free_bytes: int
    full: int
    recent: int


_AHEAD = dt.timedelta(days=1)
"""Between two clocks that are both right enough."""
_ANY_TIME = "9999"
_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)
_STAYS = "seq, sha256, kind, check_id, alert, earliest, receipted_at"
_SELECT = f"""SELECT {_STAYS} FROM records WHERE receipted = 1 AND receipted_at < ?
    AND kind NOT IN ('birth', 'key', 'retire') ORDER BY receipted_at, seq LIMIT ?"""
_TOLD = "receipt/issued"
_PRAGMAS = ("page_count", "freelist_count", "page_size")
_DELETE = "DELETE FROM records WHERE seq = ?"
_INSERT = f"INSERT INTO records ({_STAYS}, envelope, receipted) VALUES (?, ?, ?, ?, ?, ?, ?, x'', 2)"


def hear(db: sqlite3.Connection, issued: dt.datetime, now: dt.datetime) -> None:
    """Remember, in the transaction that is open, when the newest receipt was issued by the gateway's clock.

    A time ahead of the unit's own (``now``) is not remembered: kept, it would leave the unit's clock alone to decide.
    """
    if issued <= now + _AHEAD:
        numbers.lift(db, _TOLD, int(issued.timestamp()))


def overwrite(db: sqlite3.Connection, now: dt.datetime, *, short: bool) -> int:
    """Empty up to ``BATCH`` records, in the transaction that is open; how many.

    Args:
        db: the outbox's database.
        now: the unit's time.
        short: room is short: those go that are younger than ``KEPT`` too.
    """
    told = dt.datetime.fromtimestamp(numbers.read(db, _TOLD), dt.UTC)
    before = _ANY_TIME if short else write_instant(max(min(now, told) - KEPT, _EPOCH))
    rows = db.execute(_SELECT, (before, BATCH)).fetchall()
    # Not an UPDATE: that would leave each row's page in its place, nearly empty, where no new record goes.
    db.executemany(_DELETE, [row[:1] for row in rows])
    db.executemany(_INSERT, rows)
    return len(rows)


def count_overwritable(db: sqlite3.Connection) -> int:
    """Records with a receipt whose content is still here."""
    return int(db.execute("SELECT count(*) FROM records WHERE receipted = 1").fetchone()[0])


def room(db: sqlite3.Connection) -> tuple[int, int]:
    """Bytes of the database that are used, and those inside it that the next records use first."""
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS)
    return (pages - free) * size, free * size
