"""The outbox: the unit's one chain, and every record until the gateway has it.

SQLite, write-ahead log, synchronous=FULL, one writer. A record exists once :meth:`Outbox.append` returned. It is kept
as ciphertext the unit cannot read; beside it stand number, hash, check id and whether a receipt came. A receipt makes
a record overwritable, it does not remove it.
"""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daemon.clock import UnitClock
from evidence import chain, envelope, receipt
from evidence.chain import Head
from evidence.errors import ChainError, MalformedError, RefusedError
from evidence.files import sync_folder
from evidence.instants import read_instant
from evidence.keys import PublicKey, Signer
from evidence.record import Record
from evidence.topics import Channel
from evidence.verify import read_record

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    check_id TEXT,
    alert INTEGER NOT NULL,
    earliest TEXT NOT NULL,
    envelope BLOB NOT NULL,
    receipted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_record_per_check ON records (check_id) WHERE kind = 'check';
CREATE INDEX waiting ON records (seq) WHERE receipted = 0;
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""


class OutboxDamaged(Exception):
    """The database is not usable; nothing was overwritten. Keep the file and call service."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A committed record."""

    seq: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record the gateway has not receipted yet."""

    seq: int
    envelope: bytes


class Outbox:
    """The chain and its store. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        identity: Mapping[str, Any],
        signer: Signer,
        recipients: Sequence[PublicKey],
        birth: Callable[[], Record],
        clock: Callable[[dt.datetime | None], UnitClock] = UnitClock,
    ) -> None:
        """Open the outbox at ``path``, or begin it with the unit's birth record.

        Args:
            identity: fields that every record has: ``unit``, ``site``, ``software``.
            birth: reads the birth record; called only when there is no outbox yet.

        Raises:
            OutboxDamaged: the file is not a whole outbox of this version.
        """
        self._lock = threading.RLock()
        self._identity = dict(identity)
        self._signer = signer
        self._recipients = tuple(recipients)
        self._path = path
        begun = path.with_suffix(".begun")
        self._inspect(path, has_records=begun.exists())
        self._db = self._open(path)
        if not self._db.execute("SELECT 1 FROM records LIMIT 1").fetchone():
            self._begin(birth())
        begun.touch()
        sync_folder(path.parent)
        self.boot = self._raise_number("boot")
        self.clock = clock(self._last_time())

    @staticmethod
    def _inspect(path: Path, *, has_records: bool) -> None:
        """Look at what is there, before anything could write to it; ``has_records``: this unit has made some."""
        if not path.exists() or not path.stat().st_size:
            if has_records:
                raise OutboxDamaged(f"{path}: is gone, though this unit has made records; do not start anew")
            return
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                version = db.execute("PRAGMA user_version").fetchone()[0]
                fault = db.execute("PRAGMA quick_check(1)").fetchone()[0]
                tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                records = version == SCHEMA_VERSION and db.execute("SELECT 1 FROM records LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            raise OutboxDamaged(f"{path}: {error}; keep this file and call service") from error
        if version != SCHEMA_VERSION and (version or tables):
            why = f"schema version {version}, this software knows {SCHEMA_VERSION}"
            raise OutboxDamaged(f"{path}: {why}; keep this file and call service")
        if has_records and not records:
            fault = "holds no record, though this unit has made some"
        if fault != "ok":
            raise OutboxDamaged(f"{path}: {fault}; keep this file and call service")

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            if not db.execute("PRAGMA user_version").fetchone()[0]:
                db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        except sqlite3.DatabaseError as error:
            db.close()
            raise OutboxDamaged(f"{path}: {error}; keep this file and call service") from error
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")  # here a full disk shows
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _begin(self, birth: Record) -> None:
        with self._transaction():
            self._insert(birth, alert=False, attachments=())

    def _last_time(self) -> dt.datetime:
        (earliest,) = self._db.execute("SELECT earliest FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        return read_instant(earliest)

    def _raise_number(self, name: str) -> int:
        with self._lock, self._transaction() as db:
            sql = "INSERT INTO numbers VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
            return int(db.execute(sql, (name,)).fetchone()[0])

    def _insert(self, item: Record, *, alert: bool, attachments: Sequence[dict[str, Any]]) -> None:
        self._db.execute(
            "INSERT INTO records (seq, sha256, kind, check_id, alert, earliest, envelope) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                item.seq,
                item.sha256,
                item.kind.value,
                item.payload.get("check"),
                int(alert),
                item.payload["time"]["earliest"],
                envelope.seal(item.jws, self._recipients, attachments),
            ),
        )

    @property
    def head(self) -> Head:
        """The end of the chain."""
        with self._lock:
            seq, sha256 = self._db.execute("SELECT seq, sha256 FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(seq, sha256)

    def append(
        self, fields: Mapping[str, Any], *, alert: bool = False, attachments: Sequence[dict[str, Any]] = ()
    ) -> Stored:
        """Chain, sign, encrypt and commit a record of ``fields``; when this returns it survives a power cut.

        Signing happens before the transaction begins, since a TPM may need a second.

        Raises:
            MalformedError: the fields are no record.
            sqlite3.IntegrityError: the check has its record already.
            sqlite3.OperationalError: the disk is full or read-only; the record does not exist then.
        """
        with self._lock:
            interval = self.clock.interval()
            sealed = chain.seal(
                {**fields, **self._identity, "boot": self.boot, "time": asdict(interval)}, self.head, self._signer
            )
            with self._transaction():
                self._insert(sealed, alert=alert, attachments=attachments)
            self.clock.raise_floor(read_instant(interval.earliest))
            return Stored(sealed.seq, sealed.sha256)

    def check_record(self, check: str) -> Stored | None:
        """The one check record of ``check``, if it is committed."""
        with self._lock:
            row = self._db.execute(
                "SELECT seq, sha256 FROM records WHERE check_id = ? AND kind = 'check'", (check,)
            ).fetchone()
        return Stored(*row) if row else None

    def waiting(self, *, after: int = 0, limit: int = 100, alerts: bool = False) -> list[Waiting]:
        """Records without a receipt, ascending from ``after``; only alerts if asked."""
        only = "AND alert = 1" if alerts else ""
        with self._lock:
            rows = self._db.execute(
                f"SELECT seq, envelope FROM records WHERE receipted = 0 AND seq > ? {only} ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Waiting(*row) for row in rows]

    def count_waiting(self) -> int:
        """How many records the gateway has not receipted."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM records WHERE receipted = 0").fetchone()[0])

    def apply_receipt(self, body: Mapping[str, Any]) -> int:
        """Mark the records of a receipt (signature already checked) as overwritable; how many were new.

        Raises:
            MalformedError: the ranges make no sense.
            RefusedError: it is for other records than ours.
        """
        ranges = receipt.read_ranges(body)
        if ranges[-1][1] > self.head.seq:
            raise RefusedError(f"a receipt for seq {ranges[-1][1]}, which does not exist")
        with self._lock:
            receipt.check_hash(body, self._digests(ranges))
            with self._transaction() as db:
                return sum(self._mark(db, first, last) for first, last in ranges)

    def _digests(self, ranges: Sequence[receipt.Range]) -> Iterator[str]:
        for first, last in ranges:
            rows = self._db.execute("SELECT sha256 FROM records WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last))
            for (digest,) in rows:
                yield digest

    @staticmethod
    def _mark(db: sqlite3.Connection, first: int, last: int) -> int:
        sql = "UPDATE records SET receipted = 1 WHERE seq BETWEEN ? AND ? AND receipted = 0"
        return db.execute(sql, (first, last)).rowcount

    def last_counter(self, channel: Channel) -> int:
        """The highest counter accepted on a downlink channel."""
        with self._lock:
            row = self._db.execute("SELECT value FROM numbers WHERE name = ?", (f"counter/{channel}",)).fetchone()
        return int(row[0]) if row else 0

    def accept_counter(self, channel: Channel, counter: int) -> None:
        """Remember ``counter`` as the highest one accepted."""
        with self._lock, self._transaction() as db:
            sql = (
                "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
            )
            db.execute(sql, (f"counter/{channel}", counter))

    def every_envelope(self) -> Iterator[tuple[int, str, bytes]]:
        """All records as (seq, sha256, envelope), for an export."""
        last = 0
        while True:
            with self._lock:
                rows = self._db.execute(
                    "SELECT seq, sha256, envelope FROM records WHERE seq > ? ORDER BY seq LIMIT 100", (last,)
                ).fetchall()
            if not rows:
                return
            yield from rows
            last = rows[-1][0]

    def close(self) -> None:
        """Close the database; the write-ahead log is merged."""
        with self._lock:
            self._db.close()


def read_birth(path: Path, certificate_der: bytes) -> Record:
    """The birth record that provisioning left for the unit.

    Raises:
        OutboxDamaged: missing, or not the birth record of this certificate.
    """
    try:
        birth = read_record(path.read_text("ascii").strip())
        chain.follow(chain.genesis(certificate_der), birth)
    except OSError as error:
        raise OutboxDamaged(f"{path}: cannot read the birth record: {error.strerror}") from error
    except (MalformedError, ChainError, UnicodeDecodeError) as error:
        raise OutboxDamaged(f"{path}: not the birth record of this unit's certificate: {error}") from error
    return birth
