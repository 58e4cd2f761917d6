"""A damaged outbox is named and left as it is: not one byte of it is overwritten, and no new chain begins."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.outbox import SCHEMA_VERSION, OutboxDamaged, read_birth
from tests.daemon.support import Home, check_fields


def _zero(start: int, count: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        assert start < len(content)
        content[start : start + count] = bytes(count)
        path.write_bytes(content)

    return damage


def _content(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return damage


def _edit(sql: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute(sql)
        db.close()

    return damage


DAMAGE: dict[str, Callable[[Path], None]] = {
    "no database": _content(lambda _: b"this is no database, " * 500),
    "header zeroed": _zero(0, 100),
    "second page zeroed": _zero(4096, 4096),
    "third page zeroed": _zero(8192, 4096),
    "cut in half": _content(lambda content: content[: len(content) // 2 + 17]),
    "newer schema": _edit(f"PRAGMA user_version={SCHEMA_VERSION + 1}"),
    "schema forgotten": _edit("PRAGMA user_version=0"),
    "emptied": _content(lambda _: b""),
    "a byte of one envelope": _edit(
        "UPDATE records SET envelope = CAST(replace(CAST(envelope AS TEXT), 'ciphertext', 'Ciphertext') AS BLOB)"
        " WHERE seq = 7"
    ),
    "the hash of one envelope": _edit("UPDATE records SET envelope = CAST(envelope || x'00' AS BLOB) WHERE seq = 9"),
    "records deleted": _edit("DELETE FROM records"),
}


@pytest.fixture
def used(home: Home) -> Home:
    """A unit whose outbox has 60 records and is closed."""
    outbox = home.outbox()
    for _ in range(60):
        outbox.append(check_fields())
    outbox.close()
    return home


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_database_is_left_alone(name: str, used: Home) -> None:
    DAMAGE[name](used.database)
    before = used.database.read_bytes()
    for _ in range(2):
        with pytest.raises(OutboxDamaged, match=r"outbox\.db: .+"):
            used.outbox()
    assert used.database.read_bytes() == before


def test_deleted_database_begins_no_second_chain(used: Home) -> None:
    for path in used.database.parent.glob("outbox.db*"):
        path.unlink()
    with pytest.raises(OutboxDamaged, match="is gone, though this unit has made records"):
        used.outbox()
    assert not used.database.exists()


def test_records_of_a_cut_are_found_in_the_log(home: Home, tmp_path: Path) -> None:
    """After a cut the newest records stand in the write-ahead log only: reading it is no damage."""
    outbox = home.outbox()
    for _ in range(3):
        outbox.append(check_fields())
    shutil.copytree(home.folder, tmp_path / "after the cut")
    outbox.close()
    again = Home(tmp_path / "after the cut").outbox()
    assert (again.head.seq, again.boot) == (4, 2)
    again.close()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00"])
def test_cut_before_the_first_record_is_no_damage(content: bytes, home: Home) -> None:
    """A unit that has not begun may find the file of an attempt that came to nothing."""
    home.database.parent.mkdir()
    home.database.write_bytes(content)
    if content:
        with pytest.raises(OutboxDamaged):
            home.outbox()
        assert home.database.read_bytes() == content
    else:
        outbox = home.outbox()
        assert outbox.head.seq == 1
        outbox.close()


def test_schema_without_records_begins(home: Home) -> None:
    """Cut after the tables and before the birth record."""
    birth = home.config().keys.birth
    aside = birth.rename(birth.with_name("aside"))
    with pytest.raises(OutboxDamaged, match="cannot read the birth record"):
        home.outbox()
    aside.rename(birth)
    outbox = home.outbox()
    assert home.verified(outbox).sound
    outbox.close()


@pytest.mark.parametrize("content", [b"", b"no record", b"\xff\xfe", b"a.b.c"])
def test_wrong_birth_record(content: bytes, home: Home) -> None:
    home.config().keys.birth.write_bytes(content)
    with pytest.raises(OutboxDamaged, match="not the birth record of this unit's certificate"):
        home.outbox()


def test_birth_record_of_another_unit(home: Home) -> None:
    certificate = (home.site / "authority" / "authority.pem").read_bytes()
    with pytest.raises(OutboxDamaged, match="not the birth record"):
        read_birth(home.config().keys.birth, certificate)


def test_journal_of_a_cut_is_rolled_back(home: Home, tmp_path: Path) -> None:
    """A cut in the middle of a change without the write-ahead log, as when a database is made: no damage either."""
    outbox = home.outbox()
    outbox.append(check_fields())
    outbox.close()
    db = sqlite3.connect(home.database, isolation_level=None)
    db.execute("PRAGMA journal_mode=DELETE")
    db.execute("PRAGMA cache_size=1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE records SET envelope = randomblob(200000)")
    shutil.copytree(home.folder, tmp_path / "after the cut")
    db.execute("ROLLBACK")
    db.close()
    after = Home(tmp_path / "after the cut")
    assert after.database.with_name("outbox.db-journal").stat().st_size > 0
    again = after.outbox()
    assert home.verified(again).sound
    assert again.head.seq == 2
    again.close()
