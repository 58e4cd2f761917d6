"""The outbox's tables, how they came to be what they are, and the look at a database before anything writes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from daemon.outbox import content

MIGRATIONS: Final[Sequence[str]] = (
    """
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
    """,
    # 2: when the receipt came, so that a record can be kept for a time after it; alerts are found behind any backlog.
    # Of receipts that came before, the time is not known: the last record's will do. ``receipted`` is 2 when the
    # content is overwritten.
    """
    ALTER TABLE records ADD COLUMN receipted_at TEXT;
    UPDATE records SET receipted_at = (SELECT earliest FROM records ORDER BY seq DESC LIMIT 1) WHERE receipted = 1;
    CREATE INDEX waiting_alerts ON records (seq) WHERE receipted = 0 AND alert = 1;
    CREATE INDEX overwritable ON records (receipted_at, seq) WHERE receipted = 1;
    """,
    # 3: which keys came into force after the first one, and the first record that each signs.
    """
    CREATE TABLE keys (kid TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT;
    """,
    # 4: what the unit still knows of its checks. Of those before, it knows nothing: their records are sealed.
    # A visit is in clear only while a check is owed or unaccounted; checks of one visit are told by ``visit_mac``.
    """
    CREATE TABLE checks (
        check_id TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        checkpoint TEXT NOT NULL,
        visit TEXT NOT NULL,
        visit_mac BLOB NOT NULL,
        outcome TEXT NOT NULL,
        drill INTEGER NOT NULL,
        at TEXT NOT NULL,
        owed INTEGER NOT NULL,
        unaccounted INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX owed ON checks (seq) WHERE owed = 1;
    CREATE INDEX unaccounted ON checks (seq) WHERE unaccounted = 1;
    CREATE INDEX checks_of_a_visit ON checks (visit_mac, seq);
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    INSERT INTO secrets VALUES ('visits', randomblob(32));
    CREATE INDEX checks_by_time ON checks (at) WHERE owed = 0;
    """,
    # 5: where a check was done: here, or through a province's app. All before were done here.
    """
    ALTER TABLE checks ADD COLUMN channel TEXT NOT NULL DEFAULT 'unit';
    """,
    # 6: what kept a check from passing, for the charts. Of those before nobody knows more than the outcome.
    """
    ALTER TABLE checks ADD COLUMN cause TEXT NOT NULL DEFAULT '';
    UPDATE checks SET cause = outcome WHERE outcome NOT IN ('passed', 'manual');
    CREATE INDEX checks_of_a_day ON checks (at) WHERE drill = 0;
    """,
    # 7: whether the visit is only a reference of the unit's own, and whether nobody may have been there. Of the checks
    # before, the first is known while the visit is in clear, the second is not.
    """
    ALTER TABLE checks ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE checks ADD COLUMN nobody INTEGER NOT NULL DEFAULT 0;
    UPDATE checks SET provisional = 1 WHERE visit = 'P-' || substr(check_id, -12);
    """,
    # 8: whether somebody was checked who came for a certificate: that settles nothing of hers. None was before.
    """
    ALTER TABLE checks ADD COLUMN claimant INTEGER NOT NULL DEFAULT 0;
    """,
    # 9: seconds from a check's beginning to its record, for the charts. Of those before only about: nobody is told.
    """
    ALTER TABLE checks ADD COLUMN took_s REAL;
    """,
    # 10: whether she is under 14, so that a guardian signs later too. Of those before nobody knows.
    """
    ALTER TABLE checks ADD COLUMN under_14 INTEGER;
    """,
)
"""``MIGRATIONS[n]`` leads from schema version n to n + 1. What was released is never changed here, only added to."""
SCHEMA_VERSION: Final = len(MIGRATIONS)
_ADVICE = "keep this file and call service"
_MAKE_ROOM = "keep this file, make room on this disk and start again"


class OutboxDamaged(Exception):
    """The database is not usable; nothing was overwritten. The text says what to do."""


def _unusable(path: Path, error: sqlite3.DatabaseError) -> OutboxDamaged:
    full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return OutboxDamaged(f"{path}: {error}; {_MAKE_ROOM if full else _ADVICE}")


def inspect(path: Path, *, has_records: bool) -> None:
    """Look at what is there, before anything could write to it.

    Args:
        path: the database.
        has_records: this unit has made some, so they must be there.

    Raises:
        OutboxDamaged: it is not an outbox that this software can go on with.
    """
    if not path.exists() or not path.stat().st_size:
        if has_records:
            raise OutboxDamaged(f"{path}: is gone, though this unit has made records; do not start anew")
        return
    try:
        fault = _fault_after_a_cut(path, has_records=has_records)
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    if fault != "ok":
        raise OutboxDamaged(f"{path}: {fault}; {_ADVICE}")


def key_in_force(path: Path) -> str | None:
    """The kid of the key that signs the next record of the outbox at ``path``; None: still the unit's first one.

    Looked up before the key is opened, since the keys before it may be destroyed by then.

    Raises:
        OutboxDamaged: the file cannot be read.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        try:
            return _last_key(path, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            return _last_key(path, "rw")  # as in _fault_after_a_cut
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


def _last_key(path: Path, mode: str) -> str | None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'keys'").fetchone():
            return None  # of a version that knew no second key
        row = db.execute("SELECT kid FROM keys ORDER BY since DESC LIMIT 1").fetchone()
    return str(row[0]) if row else None


def _fault_after_a_cut(path: Path, *, has_records: bool) -> str:
    try:
        return _fault(path, "ro", has_records=has_records)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        # A cut has left a journal that must be rolled back, or a log without its index: SQLite has to write for that.
        return _fault(path, "rw", has_records=has_records)


def _fault(path: Path, mode: str, *, has_records: bool) -> str:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as db:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        fault = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version > SCHEMA_VERSION or (version == 0 and tables):
            return f"schema version {version}, this software knows 1 to {SCHEMA_VERSION}"
        if has_records and not (version and db.execute("SELECT 1 FROM records LIMIT 1").fetchone()):
            return "holds no record, though this unit has made some"
        return _changed_content(db) or fault if version else fault


def _changed_content(db: sqlite3.Connection) -> str | None:
    """What is wrong with the first record that waits and has changed; what was receipted, the gateway has."""
    for seq, packed in db.execute("SELECT seq, envelope FROM records WHERE receipted = 0"):
        if not content.is_whole(packed):
            return f"record {seq}: its content has changed on the disk"
    return None


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database for good; make or upgrade its tables, each step whole or not at all.

    Raises:
        OutboxDamaged: SQLite cannot use it.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=FAST")  # a visit that is forgotten leaves no trace in its page
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            db.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version={number};COMMIT;")
    except sqlite3.DatabaseError as error:
        db.close()
        raise _unusable(path, error) from error
    return db
