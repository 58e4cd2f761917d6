"""The store's tables, how they came to be what they are, and the look at a database before anything writes to it."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from evidence.files import sync_folder
from gateway import approvers, aside, office, officers

_SCHEMA = f"""
CREATE TABLE units (
    unit TEXT PRIMARY KEY,
    birth TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    claimed_seq INTEGER NOT NULL DEFAULT 0,
    claimed_sha256 TEXT NOT NULL DEFAULT '',
    claimed_at TEXT NOT NULL DEFAULT '',
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
CREATE INDEX above_a_hole ON records (unit) WHERE chained = 0;
CREATE TABLE counters (unit TEXT, channel TEXT, value INTEGER NOT NULL, PRIMARY KEY (unit, channel)) STRICT;
{aside.SCHEMA}"""
MIGRATIONS = (
    _SCHEMA,
    # 2: what a unit says that it refused, and the last list of revoked keys that was accepted.
    """
    ALTER TABLE units ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE revocations (one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL) STRICT;
    """,
    # 3: officers, their approvals and credentials, and the rosters made of them.
    officers.SCHEMA,
    # 4: what units announced last of the key for their worklists.
    "CREATE TABLE worklist_keys (unit TEXT PRIMARY KEY, announcement TEXT NOT NULL) STRICT;",
    # 5: the health message itself that a unit's claim came with: an export proves its completeness by it.
    "ALTER TABLE units ADD COLUMN claim TEXT NOT NULL DEFAULT '';",
    # 6: records that will never come, and who said so.
    """
    CREATE TABLE gaps (
        unit TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        accepted_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (unit, first)
    ) STRICT;
    """,
    # 7: approvers' passwords, which approvals rest on one, and officers' staff numbers.
    approvers.SCHEMA,
    # 8: which alerts somebody has in hand, and which special cases are closed.
    office.SCHEMA,
)
"""``MIGRATIONS[n]`` leads from schema version n to n + 1. What was released is only added to."""
SCHEMA_VERSION = len(MIGRATIONS)
_ADVICE = "keep this file and restore the store from backup"
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class StoreDamaged(Exception):
    """The database is not usable; nothing was overwritten. Restore it from backup; units send again what is missing.

    Where it is the disk that says so, it may be whole.
    """


def advice(error: Exception) -> str:
    """What to do where it is the disk and not the store that ``error`` is about; empty: it is not."""
    disk = isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK
    return (
        "the disk is full or failing: make room, or repair it, and try again; the store stays as it is" if disk else ""
    )


def _look(path: Path, mode: str) -> tuple[int, str]:
    """Schema version and what is wrong, if not ``ok``."""
    uri = f"file:{urllib.parse.quote(str(path.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        return version, " ".join(db.execute("PRAGMA quick_check(1)").fetchone()[0].split())


def examine(path: Path) -> None:
    """Refuse a file that is not a whole store of this version. It is opened for reading only, so it stays as it is.

    A power cut may have left a journal that must be rolled back first: then it is opened for writing.

    Raises:
        StoreDamaged: it is not.
    """
    try:
        if path.stat().st_size == 0:
            raise StoreDamaged(f"{path}: the file is empty; {_ADVICE}")
        try:
            version, fault = _look(path, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            version, fault = _look(path, "rw")
    except (OSError, sqlite3.DatabaseError) as error:
        raise StoreDamaged(f"{path}: {error}; {advice(error) or _ADVICE}") from error
    if fault != "ok" or not 1 <= version <= SCHEMA_VERSION:
        why = fault if fault != "ok" else f"schema version {version}, this software knows 1 to {SCHEMA_VERSION}"
        raise StoreDamaged(f"{path}: {why}; {_ADVICE}")


def create(path: Path) -> None:
    """Make an empty store, whole or not at all: half of one would look like damage."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        upgrade(db)
    new.replace(path)
    sync_folder(path.parent)


def _statements(script: str) -> Iterator[str]:
    """The statements of ``script``; a trigger is one, whatever stands inside it."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def upgrade(db: sqlite3.Connection) -> None:
    """Lead the tables to this version, whole or not at all. Another process may just be doing the same."""
    if db.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                db.execute(statement)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
