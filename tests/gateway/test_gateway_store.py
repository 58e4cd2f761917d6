"""The store: a real SQLite file, refused unchanged when it is not whole; what is kept apart is bounded."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evidence.topics import Address, Channel
from gateway import aside
from gateway.aside import STRANGERS, Message
from gateway.schema import MIGRATIONS
from gateway.store import SCHEMA_VERSION, Row, Store, StoreDamaged, StoreMissing
from tests.gateway.conftest import Desk
from tests.gateway.support import Hospital, Unit, digests, full_disk


@pytest.fixture
def path(memory: Path, hospital: Hospital) -> Path:
    """A store that was closed in order, with one unit of 30 records."""
    path = memory / "gateway.db"
    unit = hospital.unit()
    with closing(Store(path)) as store:
        hospital.intake(store).take([unit.message(record) for record in unit.grow(30)])
    return path


def everything(folder: Path) -> dict[str, str]:
    """What is in ``folder``. An empty log and its index, which SQLite makes to read a file, say nothing."""
    files = [one for one in folder.iterdir() if not one.name.endswith("-shm") and one.stat().st_size]
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwrite_head(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"\0" * 512)


def overwrite_middle(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(3 * 4096)
        stream.write(b"\xa5" * 20_000)


def text(path: Path) -> None:
    path.write_text("not a database " * 500)


@pytest.mark.parametrize("damage", [cut, empty, overwrite_head, overwrite_middle, text])
def test_damaged_file_is_refused_and_unchanged(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    content = path.read_bytes()
    with pytest.raises(StoreDamaged, match=r"gateway\.db: .*restore the store from backup"):
        Store(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_other_schema_version_is_refused_and_unchanged(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute(f"PRAGMA user_version={version}")
    before = everything(path.parent)
    with pytest.raises(StoreDamaged, match=f"schema version {version}, this software knows 1 to {SCHEMA_VERSION}"):
        Store(path)
    assert everything(path.parent) == before


def test_store_of_the_first_version_is_upgraded(tmp_path: Path, unit: Unit) -> None:
    path = tmp_path / "gateway.db"
    birth = unit.birth()
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"BEGIN;{MIGRATIONS[0]}PRAGMA user_version=1;COMMIT;")
        db.execute("INSERT INTO units (unit, birth, seq, sha256) VALUES ('u1', ?, 1, ?)", (birth.jws, birth.sha256))
        db.commit()
    with closing(Store(path)) as store:
        (row,) = store.units()
        assert (row.unit, row.head.seq, row.refused, store.revocations()) == ("u1", 1, 0, None)
    Store(path).close()  # and once more: nothing to do


def test_damage_beside_a_write_ahead_log_is_refused_and_both_stay(path: Path) -> None:
    """As after a power cut: the log is there, and the file it belongs to was overwritten."""
    holder = Store(path)
    holder.next_counter("u1", Channel.RECEIPT)
    left = {one.name: one.read_bytes() for one in path.parent.iterdir() if not one.name.endswith("-shm")}
    holder.close()
    for name, content in left.items():
        (path.parent / name).write_bytes(content)
    overwrite_middle(path)
    before = everything(path.parent)
    assert len(before) == 2
    with pytest.raises(StoreDamaged):
        Store(path)
    assert everything(path.parent) == before


def test_write_ahead_log_of_a_killed_gateway_counts(path: Path, memory: Path) -> None:
    holder = Store(path)
    assert holder.next_counter("u1", Channel.RECEIPT) == 1
    left = {one.name: one.read_bytes() for one in path.parent.iterdir() if not one.name.endswith("-shm")}
    holder.close()
    other = memory / "other"
    other.mkdir()
    for name, content in left.items():
        (other / name).write_bytes(content)
    with closing(Store(other / "gateway.db")) as store:
        assert store.next_counter("u1", Channel.RECEIPT) == 2
        assert len(store.rows()) == 30


def test_a_full_disk_is_no_damage(path: Path) -> None:
    before = everything(path.parent)
    with pytest.raises(StoreDamaged) as error, full_disk():
        Store(path)
    assert "the disk is full or failing: make room" in str(error.value)
    assert "backup" not in str(error.value)
    assert everything(path.parent) == before
    Store(path).close()


def test_folder_in_place_of_the_file(memory: Path) -> None:
    (memory / "gateway.db").mkdir()
    with pytest.raises(StoreDamaged):
        Store(memory / "gateway.db")


def test_missing_store_is_made_only_if_asked(memory: Path) -> None:
    with pytest.raises(StoreMissing, match="no store yet"):
        Store(memory / "new/gateway.db", create=False)
    assert list(memory.iterdir()) == []
    Store(memory / "new/gateway.db").close()
    Store(memory / "new/gateway.db", create=False).close()
    assert [one.name for one in (memory / "new").iterdir()] == ["gateway.db"]


def test_half_made_store_of_a_killed_gateway_is_made_anew(memory: Path) -> None:
    (memory / ".gateway.db.new").write_bytes(b"half")
    Store(memory / "gateway.db").close()
    assert [one.name for one in memory.iterdir()] == ["gateway.db"]


def test_path_with_characters_of_a_uri(memory: Path) -> None:
    path = memory / "50% #1 ?mode=ro" / "gateway.db"
    Store(path).close()
    with closing(Store(path)) as store:
        assert store.next_counter("u1", Channel.RECEIPT) == 1


def test_read_while_it_is_written(path: Path) -> None:
    with closing(Store(path)) as writer, closing(Store(path, create=False)) as reader, writer.transaction():
        writer.quarantine(Message(Address("s1", "u1"), Channel.RECORD, b"x"), "why", "now")
        assert reader.kept_apart() == []
    with closing(Store(path, create=False)) as reader:
        assert len(reader.kept_apart()) == 1


def test_counters_rise_by_unit_and_channel(store: Store) -> None:
    assert [store.next_counter("u1", Channel.RECEIPT) for _ in range(3)] == [1, 2, 3]
    assert store.next_counter("u2", Channel.RECEIPT) == 1
    assert store.next_counter("u1", Channel.COMMAND) == 1


def test_counters_from_several_threads(store: Store) -> None:
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(store.next_counter("u1", Channel.RECEIPT) for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 201))


def test_rows_are_the_last_ones_in_order(desk: Desk, hospital: Hospital) -> None:
    for name in ("u2", "u1"):
        unit = hospital.unit(name)
        desk.take(*[unit.message(record) for record in unit.grow(3)])
    assert [(row.unit, row.seq) for row in desk.store.rows(limit=4)] == [("u1", 3), ("u2", 1), ("u2", 2), ("u2", 3)]
    assert [row.seq for row in desk.store.rows("u1", 2)] == [2, 3]
    assert desk.store.rows(limit=0) == []
    assert len(desk.store.rows(limit=-1)) == 6
    assert desk.store.rows("u9") == []


def junk(unit: str, number: int, size: int = 16) -> Message:
    return Message(Address("s1", unit), Channel.RECORD, number.to_bytes(4) + bytes(size - 4))


def test_quarantine_of_a_unit_is_bounded_by_number(desk: Desk, unit: Unit) -> None:
    desk.take(unit.message(unit.birth()))
    desk.intake.take([junk("u1", number) for number in range(aside.MAX_MESSAGES + 30)])
    room = desk.store.rooms()["u1"]
    assert (room.messages, room.dropped) == (aside.MAX_MESSAGES, 30)
    assert len(desk.store.kept_apart()) == aside.MAX_MESSAGES
    assert desk.take(unit.message(unit.event())) == digests(unit.records[-1:])


def test_quarantine_of_a_unit_is_bounded_by_bytes(desk: Desk, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "MAX_BYTES", 10_000)
    desk.take(unit.message(unit.birth()))
    desk.intake.take([junk("u1", number, 3000) for number in range(5)])
    room = desk.store.rooms()["u1"]
    assert (room.messages, room.bytes, room.dropped) == (3, 9000, 2)
    desk.intake.take([junk("u1", 77)])  # a small one still fits
    assert desk.store.rooms()["u1"].messages == 4


def test_units_that_nobody_knows_share_one_room(desk: Desk, unit: Unit) -> None:
    """One certificate, a thousand names: as much room as for one, and nobody else's."""
    desk.intake.take([junk(f"x{number}", number) for number in range(aside.MAX_MESSAGES + 5)])
    assert desk.store.rooms()[STRANGERS].dropped == 5
    assert set(desk.store.rooms()) == {STRANGERS}
    assert desk.take(*[unit.message(record) for record in unit.grow(2)]) == digests(unit.records)
    desk.intake.take([junk("u1", 1)])
    assert desk.store.rooms()["u1"].messages == 1


def test_full_room_keeps_no_new_unit_out(desk: Desk, unit: Unit) -> None:
    desk.intake.take([junk("x", number) for number in range(aside.MAX_MESSAGES)])
    records = unit.grow(3)
    assert desk.take(*[unit.message(record) for record in records[1:]]) == {}
    assert desk.store.rooms()[STRANGERS].dropped == 2
    assert desk.take(*[unit.message(record) for record in records]) == digests(records)


def test_same_message_is_kept_once_for_each_unit(store: Store) -> None:
    for name in ("u1", "u1", "u2"):
        store.quarantine(Message(Address("s1", name), Channel.RECORD, b"same"), "why", "now")
    assert [one.unit for one in store.kept_apart()] == ["u1", "u2"]


def test_transaction_is_all_or_nothing(store: Store) -> None:
    def half() -> None:
        with store.transaction():
            store.next_counter("u1", Channel.RECEIPT)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        half()
    assert store.next_counter("u1", Channel.RECEIPT) == 1


def test_journal_of_a_cut_is_rolled_back(path: Path) -> None:
    """A cut in the middle of a change without the write-ahead log, as when the store was just made: no damage."""
    before = [row.sha256 for row in _rows(path)]
    after = path.with_name("after.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("PRAGMA cache_size=1")
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE more AS SELECT randomblob(200000)")
        db.execute("UPDATE records SET sha256 = ''")
        after.write_bytes(path.read_bytes())
        after.with_name("after.db-journal").write_bytes(path.with_name("gateway.db-journal").read_bytes())
        db.execute("ROLLBACK")
    assert [row.sha256 for row in _rows(after)] == before


def _rows(path: Path) -> list[Row]:
    with closing(Store(path)) as store:
        return store.rows()
