"""The gateway's store: SQLite, write-ahead log, synchronous=FULL.

Every record here bears the signature of its unit. One that arrives above a hole is kept and waits (``chained = 0``)
until the hole is filled; only a record whose whole past is here is ``chained`` and gets a receipt. What cannot be
believed is kept apart (:mod:`gateway.aside`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence.chain import Head
from evidence.encoding import sha256_hex
from evidence.record import Kind, Record
from evidence.topics import Channel
from gateway import schema
from gateway.approvers import Approvers
from gateway.aside import STRANGERS, Aside, Kept, Message, Room
from gateway.gaps import Gaps
from gateway.office import Office
from gateway.officers import Register
from gateway.schema import SCHEMA_VERSION, StoreDamaged

__all__ = ["SCHEMA_VERSION", "Row", "Store", "StoreDamaged", "StoreMissing", "UnitRow"]


class StoreMissing(Exception):
    """There is no store yet: the gateway has not run with this configuration."""


@dataclass(frozen=True, slots=True)
class UnitRow:
    """What is known of one unit: its chain as verified here, and the head it last claimed."""

    unit: str
    birth: str = field(repr=False)
    head: Head
    claimed: Head
    claimed_at: str
    """When the unit claimed that, by its own clock."""
    heard: str
    """When it was last heard of, by ours."""
    refused: int = 0
    """Messages down that it did not take since it was started: by its own word."""
    claim: str = field(default="", repr=False)
    """The health message that ``claimed`` came with."""


@dataclass(frozen=True, slots=True)
class Held:
    """One stored record, whole; ``attachments`` as JSON."""

    unit: str
    jws: str = field(repr=False)
    attachments: str = field(repr=False)


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


_ABOVE = "unit = ? AND chained = 0 AND seq > (SELECT seq FROM units WHERE units.unit = records.unit)"
_CONTENT = ("sha256", "kind", "check_id", "outcome", "checkpoint", "happened", "jws", "attachments")
_ROW = "unit, seq, sha256, kind, check_id, outcome, checkpoint, happened, received, alert, chained"


def read_units(db: sqlite3.Connection, which: str = "ORDER BY unit", *values: str) -> list[UnitRow]:
    """The units of a store's database that the clause ``which`` chooses."""
    columns = "unit, birth, seq, sha256, claimed_seq, claimed_sha256, claimed_at, heard, refused, claim"
    rows = db.execute(f"SELECT {columns} FROM units {which}", values).fetchall()
    return [UnitRow(row[0], row[1], Head(row[2], row[3]), Head(row[4], row[5]), *row[6:]) for row in rows]


def _row(values: tuple[Any, ...]) -> Row:
    named: dict[str, Any] = dict(zip(Row.__dataclass_fields__, values, strict=True))
    return Row(**{**named, "alert": bool(named["alert"]), "chained": bool(named["chained"])})


class Store:
    """All methods may be called from any thread; :meth:`transaction` groups them into one commit."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the store, or make it.

        Args:
            path: the database file.
            create: make it if it is missing.

        Raises:
            StoreDamaged: the file is not a whole store of this version.
            StoreMissing: there is none, and none is to be made.
            OSError, sqlite3.Error: the folder cannot be written.
        """
        if path.exists():
            schema.examine(path)
        elif create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            schema.create(path)
        else:
            raise StoreMissing(f"{path}: there is no store yet; it is made when the gateway first runs")
        self.path = path
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        schema.upgrade(self._db)
        self._aside = Aside(self._db)
        self.officers, self.gaps = Register(self._db), Gaps(self._db)
        self.approvers = Approvers(self._db, self.officers.note)
        self.office = Office(self._db)
        """Used inside :meth:`transaction`, which holds the lock."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything done inside at once, or nothing of it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # After some failures, a full disk among them, SQLite has rolled back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # --- units -------------------------------------------------------------------------------------------------

    def unit(self, unit: str) -> UnitRow | None:
        """The unit called ``unit``, if its birth record is here."""
        found = self._units("WHERE unit = ?", unit)
        return found[0] if found else None

    def units(self) -> list[UnitRow]:
        """All units, by name."""
        return self._units("ORDER BY unit")

    def _units(self, which: str, *values: str) -> list[UnitRow]:
        with self._lock:
            return read_units(self._db, which, *values)

    def head(self, unit: str) -> Head | None:
        """How far the chain of ``unit`` is verified; None as long as its birth record is not here."""
        with self._lock:
            row = self._db.execute("SELECT seq, sha256 FROM units WHERE unit = ?", (unit,)).fetchone()
        return Head(*row) if row else None

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

    def set_chained(self, unit: str, numbers: Iterable[int]) -> None:
        """These records are verified, with what lies between them and the head, gaps apart."""
        with self._lock:
            sql = "UPDATE records SET chained = 1 WHERE unit = ? AND seq = ?"
            self._db.executemany(sql, [(unit, seq) for seq in numbers])

    def is_chained(self, unit: str, seq: int) -> bool:
        """Whether the record with this number is here and verified."""
        with self._lock:
            sql = "SELECT 1 FROM records WHERE unit = ? AND seq = ? AND chained = 1"
            return self._db.execute(sql, (unit, seq)).fetchone() is not None

    def set_claim(self, unit: str, claim: Head, at: str, heard: str, refused: int = 0, token: str = "") -> None:
        """The unit signed ``token`` at its time ``at``: its chain reaches ``claim``. We heard it at ``heard``."""
        with self._lock:
            self._db.execute(
                "UPDATE units SET claimed_seq = ?, claimed_sha256 = ?, claimed_at = ?, heard = ?, refused = ?,"
                " claim = ? WHERE unit = ?",
                (claim.seq, claim.sha256, at, heard, refused, token, unit),
            )

    # --- revocations -------------------------------------------------------------------------------------------

    def revocations(self) -> str | None:
        """The last list of revoked keys that was accepted."""
        with self._lock:
            row = self._db.execute("SELECT token FROM revocations").fetchone()
        return str(row[0]) if row else None

    def set_revocations(self, token: str) -> None:
        """Keep the list that is in force from now on."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO revocations VALUES (1, ?)", (token,))

    # --- worklists ---------------------------------------------------------------------------------------------

    def worklist_key(self, unit: str) -> str | None:
        """What ``unit`` announced last, not yet verified."""
        with self._lock:
            row = self._db.execute("SELECT announcement FROM worklist_keys WHERE unit = ?", (unit,)).fetchone()
        return str(row[0]) if row else None

    def set_worklist_key(self, unit: str, announcement: str) -> None:
        """Keep what ``unit`` announced; it replaces what it announced before."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO worklist_keys VALUES (?, ?)", (unit, announcement))

    # --- records -----------------------------------------------------------------------------------------------

    def received(self, unit: str, seq: int, sha256: str) -> str | None:
        """When this very record came here first; None if it is not here."""
        sql = "SELECT received FROM records WHERE unit = ? AND seq = ? AND sha256 = ?"
        with self._lock:
            row = self._db.execute(sql, (unit, seq, sha256)).fetchone()
        return str(row[0]) if row else None

    def digest(self, unit: str, seq: int) -> str | None:
        """The hash of the record stored under this number."""
        with self._lock:
            row = self._db.execute("SELECT sha256 FROM records WHERE unit = ? AND seq = ?", (unit, seq)).fetchone()
        return str(row[0]) if row else None

    def is_damaged(self, unit: str, item: Record) -> bool:
        """Whether bytes and hash stored under this number go together no more, and one of them is that of ``item``."""
        sql = "SELECT sha256, CAST(jws AS BLOB) FROM records WHERE unit = ? AND seq = ?"
        with self._lock:
            row = self._db.execute(sql, (unit, item.seq)).fetchone()
        held = set() if row is None else {row[0], sha256_hex(row[1])}
        return len(held) > 1 and item.sha256 in held

    def add(self, unit: str, item: Record, *, received: str, attachments: str) -> None:
        """Store a record whose signature was verified, not yet chained.

        In the place of a damaged one; when that came, and that it is chained or an alert, stays.
        """
        said, conflict = item.payload, ", ".join(f"{one} = excluded.{one}" for one in _CONTENT)
        sql = f"""INSERT INTO records ({_ROW}, jws, attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)
            ON CONFLICT (unit, seq) DO UPDATE SET {conflict}"""
        about = (said.get("check"), said.get("outcome"), said.get("checkpoint"), said["time"]["earliest"])
        values = (unit, item.seq, item.sha256, item.kind.value, *about, received, item.jws, attachments)
        with self._lock:
            self._db.execute(sql, values)

    def mark_alert(self, unit: str, seq: int) -> bool:
        """The record was sent as an alert; False if that was known."""
        with self._lock:
            sql = "UPDATE records SET alert = 1 WHERE unit = ? AND seq = ? AND alert = 0"
            return bool(self._db.execute(sql, (unit, seq)).rowcount)

    def count_unchained(self, unit: str) -> int:
        """How many records of ``unit`` wait above a hole."""
        with self._lock:
            sql = f"SELECT count(*) FROM records WHERE {_ABOVE}"
            return int(self._db.execute(sql, (unit,)).fetchone()[0])

    def count_late(self, unit: str) -> int:
        """How many records of ``unit`` wait in a gap that was given up."""
        with self._lock:
            sql = "SELECT count(*) FROM records WHERE unit = ? AND chained = 0"
            return int(self._db.execute(sql, (unit,)).fetchone()[0]) - self.count_unchained(unit)

    def first_above(self, unit: str, seq: int) -> int | None:
        """The lowest number above ``seq`` that waits for earlier ones; None: nothing of ``unit`` does."""
        with self._lock:
            sql = "SELECT min(seq) FROM records WHERE unit = ? AND chained = 0 AND seq > ?"
            row = self._db.execute(sql, (unit, seq)).fetchone()
        return None if row[0] is None else int(row[0])

    def remove_unchained(self, unit: str, seq: int) -> None:
        """Take a record that turned out not to belong to the chain out of it; its bytes are in quarantine."""
        with self._lock:
            self._db.execute("DELETE FROM records WHERE unit = ? AND seq = ? AND chained = 0", (unit, seq))

    def jws(self, unit: str, seq: int) -> str | None:
        """The exact JWS of a record."""
        with self._lock:
            row = self._db.execute("SELECT jws FROM records WHERE unit = ? AND seq = ?", (unit, seq)).fetchone()
        return str(row[0]) if row else None

    def of_check(self, check: str) -> list[Held]:
        """The verified records of a check: its own, then its addenda, wherever they were made."""
        sql = """SELECT unit, jws, attachments FROM records WHERE check_id = ? AND chained = 1
            AND kind IN ('check', 'addendum') ORDER BY kind != 'check', happened, seq"""
        with self._lock:
            return [Held(*row) for row in self._db.execute(sql, (check,)).fetchall()]

    def chained_jws(self, unit: str, kind: Kind | None = None) -> list[str]:
        """All verified records of ``unit`` in order, or those of one kind."""
        sql = "SELECT jws FROM records WHERE unit = ?1 AND chained = 1 AND kind = coalesce(?2, kind) ORDER BY seq"
        with self._lock:
            rows = self._db.execute(sql, (unit, kind)).fetchall()
        return [row[0] for row in rows]

    def rows(self, unit: str | None = None, limit: int = -1) -> list[Row]:
        """Stored records in order of unit and number, the last ``limit`` of them."""
        where, values = ("WHERE unit = ?", (unit,)) if unit else ("", ())
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_ROW} FROM records {where} ORDER BY unit DESC, seq DESC LIMIT ?", (*values, limit)
            ).fetchall()
        return [_row(row) for row in reversed(rows)]

    # --- what is kept apart, and counters ------------------------------------------------------------------------

    def _room_of(self, message: Message) -> str:
        return message.address.unit if self.head(message.address.unit) is not None else STRANGERS

    def quarantine(self, message: Message, reason: str, received: str) -> bool:
        """Keep a message that cannot be believed; False if it is kept already or there is no place."""
        with self._lock:
            return self._aside.keep(self._room_of(message), message, reason, received, waits=False)

    def wait_for_birth(self, message: Message, received: str) -> bool:
        """Keep a record that cannot be verified before the unit's birth record; False as above."""
        with self._lock:
            reason = "waits for the unit's birth record"
            return self._aside.keep(self._room_of(message), message, reason, received, waits=True)

    def wait_for_key(self, message: Message, reason: str, received: str) -> bool:
        """Keep a record above a hole whose key must come with a record in the hole; False as above."""
        with self._lock:
            return self._aside.keep(self._room_of(message), message, reason, received, waits=True)

    def has_waiting(self, unit: str, channel: Channel) -> bool:
        """Whether a message of this channel waits for another key of ``unit``."""
        with self._lock:
            return self._aside.has_waiting(unit, channel)

    def take_waiting(self, unit: str) -> list[Message]:
        """Take out what waited for the birth record, or another key, of ``unit``."""
        with self._lock:
            return self._aside.take_waiting(unit)

    def release(self, message: Message) -> None:
        """A message that was in quarantine is believed after all: its record is stored."""
        with self._lock:
            self._aside.release(message)

    def count_dropped(self, message: Message) -> None:
        """A message found no place and was not kept."""
        with self._lock:
            self._aside.count_dropped(self._room_of(message))

    def kept_apart(self) -> list[Kept]:
        """Everything in quarantine, and what waits for a birth record."""
        with self._lock:
            return self._aside.kept()

    def rooms(self) -> dict[str, Room]:
        """How much is kept apart and how much was dropped: by unit, and by ``STRANGERS`` for those unknown."""
        with self._lock:
            return self._aside.rooms()

    def next_counter(self, unit: str, channel: Channel, least: int = 1) -> int:
        """The next number for a message to ``unit``, ``least`` or higher; commit before sending."""
        sql = (
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT (unit, channel)"
            " DO UPDATE SET value = max(value + 1, ?3) RETURNING value"
        )
        with self._lock:
            return int(self._db.execute(sql, (unit, channel.value, least)).fetchone()[0])

    def raise_counter(self, unit: str, channel: Channel, shown: int) -> bool:
        """The next number will be above ``shown``, which ``unit`` has seen; whether it was never given here."""
        sql = (
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT (unit, channel)"
            " DO UPDATE SET value = ?3 WHERE value < ?3"
        )
        with self._lock:
            return bool(shown) and bool(self._db.execute(sql, (unit, channel.value, shown)).rowcount)

    def lower_counter(self, unit: str, channel: Channel, highest: int, least: int) -> bool:
        """Where the last number given is above ``highest``, the next one is just above ``least``; whether it was."""
        sql = "UPDATE counters SET value = ? WHERE unit = ? AND channel = ? AND value > ?"
        with self._lock:
            return bool(self._db.execute(sql, (least, unit, channel.value, highest)).rowcount)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()
