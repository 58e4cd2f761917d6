"""The chain and its store."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from daemon.clock import UnitClock
from daemon.outbox import checks, content, figures, known_events, numbers, retention, schema
from daemon.outbox.checks import CheckRow, Settlement
from daemon.outbox.figures import Figures
from daemon.outbox.known_events import EventId, Known
from daemon.outbox.retention import Usage
from evidence import chain, envelope, receipt, rotation
from evidence.chain import Head
from evidence.errors import RefusedError
from evidence.files import sync_folder
from evidence.instants import read_instant, write_instant
from evidence.keys import PublicKey, Signer
from evidence.origin import certified_key
from evidence.record import OWED, Outcome, Record
from evidence.topics import Channel


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


_COUNTED = 20_000
"""Records that :meth:`Outbox.usage` looks at, at most."""


def _unpack(seq: int, packed: bytes) -> bytes:
    try:
        return content.unpack(packed)
    except ValueError as error:
        raise schema.OutboxDamaged(f"record {seq}: {error}; call service") from error


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
        debts: Collection[Outcome] = OWED,
    ) -> None:
        """Open the outbox at ``path``, or begin it with the unit's birth record.

        Args:
            identity: fields that every record has: ``unit``, ``site``, ``software``.
            birth: reads the birth record; called only when there is no outbox yet.
            debts: outcomes after which a check is still owed.

        Raises:
            OutboxDamaged: the file is not a whole outbox of this version.
        """
        self._lock = threading.RLock()
        self._identity = dict(identity)
        self._signer = signer
        self._recipients = tuple(recipients)
        self._debts = frozenset(debts)
        begun = path.with_suffix(".begun")
        schema.inspect(path, has_records=begun.exists())
        self._db = schema.open_database(path)
        if not self._db.execute("SELECT 1 FROM records LIMIT 1").fetchone():
            self._begin(birth())
        sync_folder(path.parent)  # the database's name first: begun without it would look like damage
        begun.touch()
        sync_folder(path.parent)
        self._waiting = int(self._db.execute("SELECT count(*) FROM records WHERE receipted = 0").fetchone()[0])
        self._look_at_checks()
        with self._transaction() as db:
            self.boot = numbers.count(db, "boot")
        self.clock = clock(self._last_time())

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
                content.pack(envelope.seal(item.jws, self._recipients, attachments)),
            ),
        )
        checks.note(self._db, item, self._debts)

    @property
    def head(self) -> Head:
        """The end of the chain."""
        with self._lock:
            seq, sha256 = self._db.execute("SELECT seq, sha256 FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(seq, sha256)

    def append(
        self,
        fields: Mapping[str, Any],
        *,
        alert: bool = False,
        attachments: Sequence[dict[str, Any]] = (),
        event: EventId | None = None,
        press: EventId | None = None,
    ) -> Stored:
        """Chain, sign, encrypt and commit a record of ``fields``; when this returns it survives a power cut.

        Signing happens before the transaction begins, since a TPM may need a second. Committed with the record:
        ``event``, the entrance's event that is recorded, and ``press``, the one whose emergency this check is.

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
                known_events.note(self._db, Known.RECORD, event)
                known_events.note(self._db, Known.CHECK, press)
            self._waiting += 1
            self._look_at_checks()
            self.clock.raise_floor(read_instant(interval.earliest))
            return Stored(sealed.seq, sealed.sha256)

    def rotate(self, new: Signer, certificate: x509.Certificate, reason: str, authority: x509.Certificate) -> Stored:
        """Bring ``new`` into force by a key record that both keys sign; from the next record on ``new`` signs.

        The record, and the note of which key is in force, are one commit: whatever dies, it is the old key or the new.

        Raises:
            MalformedError: ``reason`` does not go into a record.
            SignatureError: no verifier would take the key, at this time by the unit's clock. Nothing was committed.
            KeyUnusableError: one of the keys cannot sign.
            sqlite3.OperationalError: the disk is full or read-only; the old key stays in force.
        """
        with self._lock:
            interval = self.clock.interval()
            fields = {**self._identity, "boot": self.boot, "time": asdict(interval), "reason": reason}
            sealed = rotation.seal_rotation(fields, self.head, self._signer, new, certificate)
            certified_key(sealed, authority)  # where a verifier would keep the old key, so must we
            with self._transaction() as db:
                self._insert(sealed, alert=False, attachments=())
                db.execute("INSERT INTO keys VALUES (?, ?)", (new.kid, sealed.seq + 1))
            self._signer = new
            self._waiting += 1
            self.clock.raise_floor(read_instant(interval.earliest))
            return Stored(sealed.seq, sealed.sha256)

    @property
    def signer(self) -> Signer:
        """The key in force: it signs the next record, and whatever is said of the chain's head."""
        with self._lock:
            return self._signer

    def check_record(self, check: str) -> Stored | None:
        """The one check record of ``check``, if it is committed."""
        with self._lock:
            row = self._db.execute(
                "SELECT seq, sha256 FROM records WHERE check_id = ? AND kind = 'check'", (check,)
            ).fetchone()
        return Stored(*row) if row else None

    def _look_at_checks(self) -> None:
        self._unaccounted = checks.unaccounted(self._db)
        self._owed = self._unaccounted + checks.debts(self._db)

    def find_check(self, check: str) -> CheckRow | None:
        """What is still known of a check that has its record."""
        with self._lock:
            return checks.find(self._db, check)

    @property
    def owed(self) -> tuple[CheckRow, ...]:
        """Every emergency without an account, then the newest debts. Waits for nobody: a token may be signing."""
        return self._owed

    def older_debts(self, before: int) -> tuple[CheckRow, ...]:
        """Debts from before record number ``before``, the newest first, some at a time."""
        with self._lock:
            return checks.debts(self._db, before=before)

    def recent(self, limit: int = 20, visit: str | None = None) -> list[CheckRow]:
        """The last checks, the newest first; no drills; with ``visit`` only its own."""
        with self._lock:
            return checks.recent(self._db, limit, visit)

    def figures(self, days: int) -> Figures:
        """Figures of the checks of the last ``days``; no drills."""
        with self._lock:
            return figures.since(self._db, self.clock.moment() - dt.timedelta(days=days))

    @property
    def unaccounted(self) -> tuple[CheckRow, ...]:
        """Emergencies that no officer has accounted for, the newest first. Waits for nobody."""
        return self._unaccounted

    def settled(self) -> list[Settlement]:
        """Debts that a later check has settled and no addendum says so yet."""
        with self._lock:
            return checks.settled(self._db, self._debts)

    def waiting(self, *, after: int = 0, limit: int = 100) -> list[Waiting]:
        """Records without a receipt, ascending from ``after``."""
        sql = "SELECT seq, envelope FROM records WHERE receipted = 0 AND seq > ? ORDER BY seq LIMIT ?"
        return self._found(sql, after, limit)

    def waiting_alerts(self, *, limit: int = 100) -> list[Waiting]:
        """Alerts without a receipt, the newest first: that of this minute is worth more than last week's."""
        sql = "SELECT seq, envelope FROM records WHERE receipted = 0 AND alert = 1 ORDER BY seq DESC LIMIT ?"
        return self._found(sql, limit)

    def _found(self, sql: str, *values: int) -> list[Waiting]:
        with self._lock:
            return [Waiting(seq, _unpack(seq, packed)) for seq, packed in self._db.execute(sql, values).fetchall()]

    def count_waiting(self) -> int:
        """How many records the gateway has not receipted."""
        return self._waiting

    def apply_receipt(self, body: Mapping[str, Any], issued: dt.datetime) -> int:
        """Mark the records of a receipt (signature already checked) as overwritable; how many were new.

        Their time here counts from our clock or from when the receipt was ``issued``, whichever is later: a clock that
        lags, and is set right a minute after, must not make them old.

        Raises:
            MalformedError: the ranges make no sense.
            RefusedError: it is for other records than ours.
        """
        ranges = receipt.read_ranges(body)
        if ranges[-1][1] > self.head.seq:
            raise RefusedError(f"a receipt for seq {ranges[-1][1]}, which does not exist")
        with self._lock:
            receipt.check_hash(body, self._digests(ranges))
            at = write_instant(max(self.clock.moment(), issued))
            with self._transaction() as db:
                fresh = sum(self._mark(db, first, last, at) for first, last in ranges)
                retention.hear(db, issued, self.clock.moment())
            self._waiting -= fresh
            return fresh

    def _digests(self, ranges: Sequence[receipt.Range]) -> Iterator[str]:
        for first, last in ranges:
            rows = self._db.execute("SELECT sha256 FROM records WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last))
            for (digest,) in rows:
                yield digest

    @staticmethod
    def _mark(db: sqlite3.Connection, first: int, last: int, at: str) -> int:
        sql = "UPDATE records SET receipted = 1, receipted_at = ?3 WHERE seq BETWEEN ?1 AND ?2 AND receipted = 0"
        return db.execute(sql, (first, last, at)).rowcount

    def resend(self, ranges: Sequence[receipt.Range]) -> int:
        """Make receipted records wait again, as far as they exist and are still here; how many.

        A range may reach beyond the head: who lost a store does not know how far this chain has come.

        Raises:
            RefusedError: nothing of what it asks for exists.
        """
        if ranges[0][0] > self.head.seq:
            raise RefusedError(f"seq {ranges[0][0]} and later are asked for, which do not exist")
        sql = """UPDATE records SET receipted = 0, receipted_at = NULL
            WHERE seq BETWEEN ? AND ? AND receipted = 1"""
        with self._lock:
            with self._transaction() as db:
                again = sum(db.execute(sql, pair).rowcount for pair in ranges)
            self._waiting += again
            return again

    def make_room(self, *, short: bool = False) -> int:
        """Overwrite some of what may be overwritten, see :mod:`daemon.outbox.retention`; how many records."""
        with self._lock, self._transaction() as db:
            checks.forget_old(db, self.clock.moment())
            if short and (dropped := checks.give_way(db, self.clock.moment(), retention.BATCH)):
                return dropped  # what is only counted gives way before any evidence does
            return retention.overwrite(db, self.clock.moment(), short=short)

    def usage(self, days: int) -> Usage:
        """How much room the records take, and how many were made in the last ``days``."""
        since = write_instant(self.clock.moment() - dt.timedelta(days=days))
        with self._lock:
            used, free = retention.room(self._db)
            head = self.head.seq
            sql = "SELECT coalesce(min(seq) - 1, ?1) FROM (SELECT seq FROM records WHERE earliest >= ?2 AND seq > ?3)"
            (before,) = self._db.execute(sql, (head, since, head - _COUNTED)).fetchone()
            full = self._waiting + retention.count_overwritable(self._db)
        return Usage(used, free, full, head - before)

    def has_event(self, event: EventId) -> bool:
        """Whether this event of the entrance is recorded."""
        with self._lock:
            return known_events.has(self._db, Known.RECORD, event)

    def has_press(self, press: EventId) -> bool:
        """Whether this press of the button belongs to a check that is recorded."""
        with self._lock:
            return known_events.has(self._db, Known.CHECK, press)

    def know_press(self, press: EventId) -> None:
        """This press of the button belongs to an emergency whose check is recorded already."""
        with self._lock, self._transaction() as db:
            known_events.note(db, Known.CHECK, press)

    def has_counter(self, counter: int) -> bool:
        """Whether the event with this counter of the co-processor, or its check, is recorded."""
        with self._lock:
            return known_events.has_counter(self._db, counter)

    def last_counter(self, channel: Channel) -> int:
        """The highest counter accepted on a downlink channel."""
        with self._lock:
            return numbers.read(self._db, f"counter/{channel}")

    def accept_counter(self, channel: Channel, counter: int) -> None:
        """Remember ``counter`` as the highest one accepted."""
        with self._lock, self._transaction():
            numbers.lift(self._db, f"counter/{channel}", counter)

    def overwritten(self) -> list[receipt.Range]:
        """Ranges of seq whose content is here no longer, the gateway having receipted it."""
        islands = "SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM records WHERE receipted = 2"
        with self._lock:
            rows = self._db.execute(f"SELECT min(seq), max(seq) FROM ({islands}) GROUP BY island ORDER BY 1")
            return [(first, last) for first, last in rows]

    def every_envelope(self) -> Iterator[tuple[int, str, bytes]]:
        """All records whose content is still here, as (seq, sha256, envelope), for an export.

        Raises:
            OutboxDamaged: a content has changed on the disk.
        """
        last = 0
        while True:
            with self._lock:
                rows = self._db.execute(
                    "SELECT seq, sha256, envelope FROM records WHERE seq > ? AND receipted < 2 ORDER BY seq LIMIT 100",
                    (last,),
                ).fetchall()
            if not rows:
                return
            yield from ((seq, sha256, _unpack(seq, packed)) for seq, sha256, packed in rows)
            last = rows[-1][0]

    def close(self) -> None:
        """Close the database; the write-ahead log is merged."""
        with self._lock:
            self._db.close()
