"""The gateway's store: SQLite, write-ahead log, synchronous=FULL.

A record that arrives above a hole is kept and waits (``chained = 0``) until the hole is filled; only a record whose
whole past is here and verified is ``chained`` and gets a receipt. What cannot be believed goes to quarantine with its
bytes and the reason: nothing that arrived is thrown away.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence.chain import Head
from evidence.record import Record
from evidence.topics import Address, Channel

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE units (
    unit TEXT PRIMARY KEY,
    birth TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    claimed_seq INTEGER NOT NULL DEFAULT 0,
    claimed_sha256 TEXT NOT NULL DEFAULT '',
    heard TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE records (
    unit TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    check_id TEXT,
    outcome TEXT,
    checkpoint TEXT,
    happened TEXT NOT NULL,
    received TEXT NOT NULL,
    alert INTEGER NOT NULL,
    chained INTEGER NOT NULL,
    jws TEXT NOT NULL,
    attachments TEXT NOT NULL,
    PRIMARY KEY (unit, seq)
) STRICT;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    channel TEXT NOT NULL,
    received TEXT NOT NULL,
    reason TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    message BLOB NOT NULL
) STRICT;
CREATE TABLE counters (unit TEXT, channel TEXT, value INTEGER NOT NULL, PRIMARY KEY (unit, channel)) STRICT;
"""


class StoreDamaged(Exception):
    """The database is not usable; nothing was overwritten. Restore it from backup; units send again what is missing."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """What is known of one unit: its chain as verified here, and the head it last claimed."""

    unit: str
    birth: str = field(repr=False)
    head: Head
    claimed: Head
    heard: str


@dataclass(frozen=True, slots=True)
class Row:
    """One stored record, without its content."""

    unit: str
    seq: int
    sha256: str
    kind: str
    check: str | None
    outcome: str | None
    checkpoint: str | None
    happened: str
    received: str
    alert: bool
    chained: bool


_ROW = "unit, seq, sha256, kind, check_id, outcome, checkpoint, happened, received, alert, chained"


def _row(values: tuple[Any, ...]) -> Row:
    named: dict[str, Any] = dict(zip(Row.__dataclass_fields__, values, strict=True))
    return Row(**{**named, "alert": bool(named["alert"]), "chained": bool(named["chained"])})


class Store:
    """All methods may be called from any thread; :meth:`transaction` groups them into one commit."""

    def __init__(self, path: Path) -> None:
        """Open or make the store.

        Raises:
            StoreDamaged: the file is not a whole store of this version.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._prepare()
            fault = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"{path}: {error}; keep this file and restore the store from backup") from error
        if fault != "ok" or version != SCHEMA_VERSION:
            why = fault if fault != "ok" else f"schema version {version}, this software knows {SCHEMA_VERSION}"
            raise StoreDamaged(f"{path}: {why}; keep this file and restore the store from backup")

    def _prepare(self) -> int:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0 and not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            self._db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
            version = SCHEMA_VERSION
        return version

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside at once, or nothing of it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # --- units -------------------------------------------------------------------------------------------------

    def unit(self, unit: str) -> UnitRow | None:
        """The unit called ``unit``, if its birth record is here."""
        found = [row for row in self.units() if row.unit == unit]
        return found[0] if found else None

    def units(self) -> list[UnitRow]:
        """All units, by name."""
        with self._lock:
            rows = self._db.execute(
                "SELECT unit, birth, seq, sha256, claimed_seq, claimed_sha256, heard FROM units ORDER BY unit"
            ).fetchall()
        return [UnitRow(row[0], row[1], Head(row[2], row[3]), Head(row[4], row[5]), row[6]) for row in rows]

    def add_unit(self, unit: str, birth: Record, genesis: Head) -> None:
        """A unit whose birth record was verified; its chain is still empty."""
        with self._lock:
            self._db.execute(
                "INSERT INTO units (unit, birth, seq, sha256) VALUES (?, ?, ?, ?)",
                (unit, birth.jws, genesis.seq, genesis.sha256),
            )

    def set_head(self, unit: str, head: Head) -> None:
        """The chain is verified up to ``head``."""
        with self._lock:
            self._db.execute("UPDATE units SET seq = ?, sha256 = ? WHERE unit = ?", (head.seq, head.sha256, unit))
            self._db.execute(
                "UPDATE records SET chained = 1 WHERE unit = ? AND seq <= ? AND chained = 0", (unit, head.seq)
            )

    def set_claim(self, unit: str, head: Head, heard: str) -> None:
        """The unit signed that its chain reaches ``head``; a lower claim than before changes only ``heard``."""
        with self._lock:
            self._db.execute("UPDATE units SET heard = ? WHERE unit = ?", (heard, unit))
            self._db.execute(
                "UPDATE units SET claimed_seq = ?, claimed_sha256 = ? WHERE unit = ? AND claimed_seq <= ?",
                (head.seq, head.sha256, unit, head.seq),
            )

    # --- records -----------------------------------------------------------------------------------------------

    def digest(self, unit: str, seq: int) -> str | None:
        """The hash of the record stored under this number."""
        with self._lock:
            row = self._db.execute("SELECT sha256 FROM records WHERE unit = ? AND seq = ?", (unit, seq)).fetchone()
        return str(row[0]) if row else None

    def add(self, unit: str, item: Record, *, alert: bool, received: str, attachments: str) -> None:
        """Store a record, not yet chained."""
        payload = item.payload
        with self._lock:
            self._db.execute(
                f"INSERT INTO records ({_ROW}, jws, attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    unit,
                    item.seq,
                    item.sha256,
                    item.kind.value,
                    payload.get("check"),
                    payload.get("outcome"),
                    payload.get("checkpoint"),
                    payload["time"]["earliest"],
                    received,
                    int(alert),
                    item.jws,
                    attachments,
                ),
            )

    def remove_unchained(self, unit: str, seq: int) -> None:
        """Take a record that turned out not to belong to the chain out of it; its bytes are in quarantine."""
        with self._lock:
            self._db.execute("DELETE FROM records WHERE unit = ? AND seq = ? AND chained = 0", (unit, seq))

    def jws(self, unit: str, seq: int) -> str | None:
        """The exact JWS of a record."""
        with self._lock:
            row = self._db.execute("SELECT jws FROM records WHERE unit = ? AND seq = ?", (unit, seq)).fetchone()
        return str(row[0]) if row else None

    def chained_jws(self, unit: str) -> list[str]:
        """All verified records of ``unit`` in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT jws FROM records WHERE unit = ? AND chained = 1 ORDER BY seq", (unit,)
            ).fetchall()
        return [row[0] for row in rows]

    def rows(self, unit: str | None = None, limit: int = -1) -> list[Row]:
        """Stored records in order of unit and number, the last ``limit`` of them."""
        where, values = ("WHERE unit = ?", (unit,)) if unit else ("", ())
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_ROW} FROM records {where} ORDER BY unit DESC, seq DESC LIMIT ?", (*values, limit)
            ).fetchall()
        return [_row(row) for row in reversed(rows)]

    # --- quarantine and counters -------------------------------------------------------------------------------

    def quarantine(
        self, address: Address, channel: Channel, message: bytes, sha256: str, reason: str, received: str
    ) -> bool:
        """Keep a message that cannot be believed; False if the same bytes are there already."""
        with self._lock:
            changed = self._db.execute(
                "INSERT OR IGNORE INTO quarantine (unit, channel, received, reason, sha256, message)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (address.unit, channel.value, received, reason, sha256, message),
            ).rowcount
        return bool(changed)

    def quarantined(self) -> list[tuple[str, str, str, str]]:
        """(unit, channel, received, reason) of everything in quarantine."""
        with self._lock:
            return self._db.execute("SELECT unit, channel, received, reason FROM quarantine ORDER BY id").fetchall()

    def next_counter(self, unit: str, channel: Channel) -> int:
        """The next number for a message to ``unit``; commit before sending."""
        sql = (
            "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT (unit, channel) DO UPDATE SET value = value + 1"
            " RETURNING value"
        )
        with self._lock:
            return int(self._db.execute(sql, (unit, channel.value)).fetchone()[0])

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()
