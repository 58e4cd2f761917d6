"""Room on the disk: told long before, and evidence is the last that goes without."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import storage
from daemon.check_id import new_check_id
from daemon.clock import KernelClock, UnitClock
from daemon.outbox import Outbox
from daemon.storage import (
    CRITICAL_BYTES,
    LEAST_A_DAY,
    LOW_BYTES,
    LOW_DAYS,
    MIB,
    RECORD_BYTES,
    SHORT_DAYS,
    Level,
    Storage,
)
from evidence import receipt
from tests.daemon.support import SYNCHRONISED, Home, check_fields, now
from tests.support import ROOT

PLENTY = 100_000 * MIB
REAL_RESERVE = storage.RESERVE_BYTES


class Disk:
    """A disk of which a test says how much is free."""

    def __init__(self, free_bytes: int = PLENTY) -> None:
        self.free_bytes = free_bytes

    def __call__(self, _folder: Path) -> int:
        return self.free_bytes


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(storage, "RESERVE_BYTES", 65536)
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def receipted(outbox: Outbox, *numbers: int) -> None:
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    outbox.apply_receipt(receipt.make_body({seq: hashes[seq] for seq in numbers}), outbox.clock.moment())


def kept(outbox: Outbox) -> list[int]:
    return [seq for seq, _, _ in outbox.every_envelope()]


@pytest.mark.parametrize(
    ("free_bytes", "level"),
    [
        (PLENTY, Level.OK),
        (LOW_BYTES, Level.OK),
        (LOW_BYTES - 1, Level.LOW),
        (CRITICAL_BYTES, Level.LOW),
        (CRITICAL_BYTES - 1, Level.CRITICAL),
        (0, Level.CRITICAL),
    ],
)
def test_level_follows_the_room(free_bytes: int, level: Level, home: Home, outbox: Outbox) -> None:
    state = Storage(home.database.parent, Disk(free_bytes)).look(outbox)
    assert state.level is level
    assert state.free_bytes >= free_bytes
    assert state.days_left == state.free_bytes // (RECORD_BYTES * LEAST_A_DAY)


def test_busy_unit_has_fewer_days(home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is what the last week needed, not the disk's size alone."""
    monkeypatch.setattr(storage, "LEAST_A_DAY", 1)
    disk = Disk(LOW_BYTES)
    for _ in range(14):
        outbox.append(check_fields())
    quiet = Storage(home.database.parent, disk).look(outbox).days_left
    for _ in range(140):
        outbox.append(check_fields())
    busy = Storage(home.database.parent, disk).look(outbox)
    assert busy.days_left < quiet / 5
    disk.free_bytes = 10**12
    assert Storage(home.database.parent, disk).look(outbox).days_left > LOW_DAYS


def test_receipted_records_stay_thirty_days_and_then_go(home: Home) -> None:
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    for _ in range(9):
        outbox.append(check_fields())
    receipted(outbox, 1, 2, 3, 4)
    today[0] += dt.timedelta(days=20)
    receipted(outbox, 5, 6, 9)
    keeper = Storage(home.database.parent, Disk())
    today[0] += dt.timedelta(days=9, hours=23)
    keeper.look(outbox)
    assert kept(outbox) == list(range(1, 11)), "29 days and 23 hours after the first receipt"
    today[0] += dt.timedelta(hours=2)
    keeper.look(outbox)
    assert kept(outbox) == list(range(1, 11)), "the gateway's clock has not come so far"
    receipted(outbox, 1)
    keeper.look(outbox)
    assert kept(outbox) == [1, 5, 6, 7, 8, 9, 10], "without the birth record nobody could tell whose the others are"
    today[0] += dt.timedelta(days=400)
    receipted(outbox, 1)
    keeper.look(outbox)
    assert kept(outbox) == [1, 7, 8, 10], "what has no receipt never goes"
    assert [one.seq for one in outbox.waiting()] == [7, 8, 10]
    assert outbox.resend([(2, 10)]) == 0, "what is gone cannot be sent again"
    before = outbox.head
    stored = outbox.append(check_fields())
    assert stored.seq == before.seq + 1, "the chain goes on"
    assert outbox.apply_receipt(_by_hash(home, outbox), today[0]) == 4, "hashes of overwritten records are still known"
    outbox.close()


def _by_hash(home: Home, outbox: Outbox) -> dict[str, object]:
    """A receipt for the whole chain, as the gateway, which has it all, may give it."""
    with sqlite3.connect(home.database) as db:
        hashes = dict(db.execute("SELECT seq, sha256 FROM records"))
    db.close()
    assert len(hashes) == outbox.head.seq
    return receipt.make_body(hashes)


def test_short_of_room_younger_ones_go_and_never_what_waits(home: Home, outbox: Outbox) -> None:
    for _ in range(30):
        outbox.append(check_fields())
    receipted(outbox, *range(1, 21))
    Storage(home.database.parent, Disk(CRITICAL_BYTES)).look(outbox)
    assert len(kept(outbox)) == 31, "low is no reason"
    months = Storage(home.database.parent, Disk(CRITICAL_BYTES - 1)).look(outbox)
    assert (months.level, months.days_left > 100) == (Level.CRITICAL, True)
    assert len(kept(outbox)) == 31, "there is room for a month"
    Storage(home.database.parent, Disk(SHORT_DAYS * LEAST_A_DAY * 3000)).look(outbox)
    assert kept(outbox) == [1, *range(21, 32)]
    assert outbox.usage(7).free_bytes > 20 * 1000, "room for the next records"
    size = home.database.stat().st_size
    for _ in range(15):
        outbox.append(check_fields())
    assert home.database.stat().st_size <= size + 16384, "they use the room of the old ones"


def test_a_month_is_left_so_nothing_goes_before_its_time(
    home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reserve of a real unit: critical, and 62 days of work."""
    monkeypatch.setattr(storage, "RESERVE_BYTES", REAL_RESERVE)
    for _ in range(30):
        outbox.append(check_fields())
    receipted(outbox, *range(1, 32))
    state = Storage(home.database.parent, Disk(31 * MIB)).look(outbox)
    assert (state.level, state.days_left >= SHORT_DAYS) == (Level.CRITICAL, True)
    assert len(kept(outbox)) == 31


def test_this_weeks_checks_are_known_however_little_room_there_is(home: Home) -> None:
    """Her signature comes hours later, the visit's number perhaps the next day."""
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    checks = []
    for _ in range(2):
        checks.append(new_check_id())
        outbox.append(check_fields(checks[-1]))
        today[0] += dt.timedelta(days=8)
    today[0] -= dt.timedelta(days=7)
    Storage(home.database.parent, Disk(0)).look(outbox)
    assert [outbox.find_check(one) is not None for one in checks] == [False, True]
    outbox.close()


@pytest.mark.parametrize("first", ["gateway", "unit"])
def test_two_clocks_wrong_one_after_the_other_make_nothing_old(first: str, home: Home) -> None:
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    outbox.append(check_fields())
    receipted(outbox, 1)
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    ahead = dt.timedelta(days=40)
    if first == "gateway":
        outbox.apply_receipt(receipt.make_body({2: hashes[2]}), today[0] + ahead)
        today[0] += ahead
    else:
        outbox.apply_receipt(receipt.make_body({2: hashes[2]}), today[0])
        today[0] += ahead
        Storage(home.database.parent, Disk()).look(outbox)
        today[0] -= ahead
        outbox.apply_receipt(receipt.make_body({2: hashes[2]}), today[0] + ahead)
    Storage(home.database.parent, Disk()).look(outbox)
    assert kept(outbox) == [1, 2]
    outbox.close()


@pytest.mark.parametrize("kernel", [SYNCHRONISED, KernelClock(False, dt.timedelta(seconds=16))], ids=["set", "not set"])
def test_a_clock_that_is_ahead_makes_nothing_old(kernel: KernelClock, home: Home) -> None:
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: kernel))
    outbox.append(check_fields())
    receipted(outbox, 1, 2)
    today[0] += dt.timedelta(days=200)
    Storage(home.database.parent, Disk()).look(outbox)
    assert kept(outbox) == [1, 2]
    today[0] -= dt.timedelta(days=200)
    assert outbox.resend([(1, 2)]) == 2
    outbox.close()


def test_logs_give_way_first(home: Home, outbox: Outbox) -> None:
    disk = Disk(CRITICAL_BYTES - 1)
    keeper = Storage(home.database.parent, disk)
    keeper.look(outbox)
    assert logging.getLogger().level == logging.WARNING
    disk.free_bytes = PLENTY
    keeper.look(outbox)
    assert logging.getLogger().level == logging.INFO


def test_reserve_is_kept_and_given_free(home: Home, outbox: Outbox) -> None:
    reserve, disk = home.database.parent / "reserve", Disk()
    keeper = Storage(home.database.parent, disk)
    keeper.look(outbox)
    assert reserve.stat().st_size == 65536
    disk.free_bytes = storage.LAST_BYTES - 1
    keeper.look(outbox)
    assert not reserve.exists()
    keeper.look(outbox)
    assert not reserve.exists()
    disk.free_bytes = PLENTY
    keeper.look(outbox)
    assert reserve.exists()


def test_reserve_is_free_before_the_outbox_opens(home: Home, outbox: Outbox) -> None:
    Storage(home.database.parent, Disk()).look(outbox)
    Storage(home.database.parent, Disk(0))
    assert not (home.database.parent / "reserve").exists()


REALLY_FULL = """
import resource, sqlite3, sys
from pathlib import Path
from daemon.delivery import Delivery
from daemon.storage import Storage
from evidence import receipt
from evidence.topics import Address, Channel
from tests.daemon.support import SITE, UNIT, Home, check_fields
home = Home(Path(sys.argv[1]))
outbox = home.outbox()
keeper = Storage(home.database.parent)
keeper.look(outbox)
reserve = home.database.with_name("reserve")
assert reserve.exists()
for _ in range(100):
    outbox.append(check_fields())
with home.database.with_name("a-log").open("wb", buffering=0) as stream:
    try:
        while True:
            stream.write(bytes(65536))
    except OSError:
        pass
state = keeper.look(outbox)
assert state.level == "critical", state
assert not reserve.exists()
for _ in range(300):
    outbox.append(check_fields())
assert outbox.head.seq == 401
with home.database.with_name("another-log").open("wb", buffering=0) as stream:
    try:
        while True:
            stream.write(bytes(512))
    except OSError:
        pass
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # nor in the pages that the database has already
keeper.look(outbox)  # there is neither room nor reserve any more: said, and nothing ends
delivery = Delivery(outbox, Address(SITE, UNIT), outbox.signer, home.identity().gateway_key, publish=lambda *_: True)
body = receipt.make_body({seq: digest for seq, digest, _ in outbox.every_envelope()})
delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, body, 1))
assert outbox.count_waiting() == 401
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
home.database.with_name("another-log").unlink()
delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, body, 1))
assert outbox.count_waiting() == 0
outbox.close()
print("as it should be")
"""


def test_disk_filled_by_a_log_still_takes_records(home: Home, tmp_path: Path) -> None:
    """A file system of its own, in a private mount namespace, filled to the last byte by something else."""
    data = home.database.parent
    data.mkdir(exist_ok=True)
    script = tmp_path / "really_full.py"
    script.write_text(REALLY_FULL, "utf-8")
    shell = f'mount -t tmpfs -o size=100m tmpfs "{data}" && exec "{sys.executable}" "{script}" "{home.folder}"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", shell]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == "as it should be", done.stderr
