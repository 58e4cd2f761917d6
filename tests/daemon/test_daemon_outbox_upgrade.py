"""An outbox of any older version is upgraded with everything that waits in it, also in the middle of a power cut."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.outbox import SCHEMA_VERSION, OutboxDamaged, schema
from daemon.outbox.schema import MIGRATIONS
from tests.daemon.support import Home, check_fields

UNSENT = 100_000
_OLD = "seq, sha256, kind, check_id, alert, earliest, envelope, receipted"
_FILL = f"""
WITH RECURSIVE numbers (seq) AS (SELECT max(seq) + 1 FROM records UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ?)
INSERT INTO records ({_OLD})
SELECT seq, lower(hex(randomblob(32))), 'check', printf('00000000-0000-7000-8000-%012d', seq),
    seq % 1000 = 0, (SELECT max(earliest) FROM records), CAST(hex(randomblob(300)) || '}}' AS BLOB), 0 FROM numbers
"""


def make_old(home: Home, count: int, old: int = 1) -> None:
    """Turn the unit's outbox into one of version ``old`` with ``count`` records, the first of them real."""
    outbox = home.outbox()
    for _ in range(9):
        outbox.append(check_fields())
    outbox.close()
    new = home.database.rename(home.database.with_name("new.db"))
    with closing(sqlite3.connect(home.database)) as db, db:
        db.executescript(f"BEGIN;{''.join(MIGRATIONS[:old])}PRAGMA user_version={old};COMMIT;")
        db.execute("ATTACH ? AS new", (str(new),))
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        if count > 10:
            db.execute(_FILL, (count,))
    new.unlink()


def content(path: Path) -> str:
    """A hash over all records, in the columns that the first version had."""
    total = hashlib.sha256()
    with closing(sqlite3.connect(path)) as db:
        for row in db.execute(f"SELECT {_OLD} FROM records ORDER BY seq"):
            total.update(repr(row).encode())
    return total.hexdigest()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


_RELEASED = (
    "03f648af22090ed5",
    "ef90ff999e488af4",
    "e2acc06ec92af0ea",
)
"""The beginning of the SHA-256 of each migration that units have been through, white space evened."""


def test_what_was_released_is_not_changed() -> None:
    """The units in the field have the tables that it made; a change would reach new ones only."""
    found = [hashlib.sha256(" ".join(one.split()).encode()).hexdigest()[:16] for one in MIGRATIONS]
    assert tuple(found[: len(_RELEASED)]) == _RELEASED


@pytest.mark.parametrize("old", range(1, SCHEMA_VERSION + 1))
def test_upgrade_loses_none_of_many_unsent_records(old: int, home: Home) -> None:
    make_old(home, UNSENT, old)
    before = content(home.database)
    assert version(home.database) == old
    outbox = home.outbox()
    assert outbox.count_waiting() == UNSENT
    assert outbox.head.seq == UNSENT
    assert [one.seq for one in outbox.waiting(limit=3)] == [1, 2, 3]
    assert [one.seq for one in outbox.waiting_alerts(limit=2)] == [UNSENT, UNSENT - 1000]
    outbox.close()
    assert (content(home.database), version(home.database)) == (before, SCHEMA_VERSION)


@pytest.mark.parametrize("old", range(1, SCHEMA_VERSION + 1))
def test_upgraded_chain_goes_on(old: int, home: Home) -> None:
    make_old(home, 10, old)
    outbox = home.outbox()
    assert outbox.append(check_fields()).seq == 11
    assert home.verified(outbox).sound
    outbox.close()


def test_receipts_of_the_old_version_count_from_the_last_record(home: Home) -> None:
    make_old(home, 10)
    with closing(sqlite3.connect(home.database)) as db, db:
        db.execute("UPDATE records SET receipted = 1 WHERE seq <= 4")
    outbox = home.outbox()
    assert (outbox.count_waiting(), outbox.make_room()) == (6, 0)
    assert outbox.resend([(2, 3)]) == 2
    assert outbox.make_room(short=True) == 1, "all but the birth record"
    outbox.close()


def test_upgrade_that_fails_leaves_the_old_version(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(home, 10)
    before = content(home.database)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (MIGRATIONS[0], MIGRATIONS[1] + "INSERT INTO nowhere VALUES (1);"))
        with pytest.raises(OutboxDamaged, match="nowhere"):
            home.outbox()
    assert (content(home.database), version(home.database)) == (before, 1)
    home.outbox().close()
    assert version(home.database) == SCHEMA_VERSION


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT seq, envelope FROM records WHERE receipted = 0 AND seq > 0 ORDER BY seq LIMIT 50", "waiting"),
        (
            "SELECT seq, envelope FROM records WHERE receipted = 0 AND alert = 1 ORDER BY seq DESC LIMIT 50",
            "waiting_alerts",
        ),
        (
            "SELECT seq FROM records WHERE receipted = 1 AND receipted_at < '9' ORDER BY receipted_at, seq LIMIT 9",
            "overwritable",
        ),
    ],
)
def test_searches_use_their_index(sql: str, index: str, home: Home) -> None:
    """Behind a backlog of any length: no scan and no sorting."""
    home.outbox().close()
    with closing(sqlite3.connect(home.database)) as db:
        plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}"))
    assert f"INDEX {index}" in plan, plan
    assert "TEMP B-TREE" not in plan
