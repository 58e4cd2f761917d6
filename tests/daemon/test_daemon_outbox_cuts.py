"""Power cuts and full disks: what was confirmed is there, nothing is there twice, the chain is whole."""

from __future__ import annotations

import random
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.support import Home, check_fields
from tests.support import ROOT

CUTS = 20
ROUNDS = 4


def _write_and_cut(home: Home, rest: random.Random, cuts: int) -> tuple[list[str], int]:
    """Start a writer and kill it ``cuts`` times; every confirmation that came out, and how often it was killed."""
    confirmed: list[str] = []
    for _ in range(cuts):
        command = [sys.executable, "-m", "tests.daemon.outbox_writer", str(home.folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            ready, _, _ = select.select([writer.stdout], [], [], 60)
            assert ready, "the writer confirmed nothing"
            time.sleep(rest.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            lines = writer.stdout.read().decode("ascii").split("\n")
        assert writer.returncode == -signal.SIGKILL
        confirmed += [line for line in lines[:-1] if line]
    return confirmed, cuts


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_writer_loses_and_doubles_nothing(seed: int, home: Home) -> None:
    """Four rounds of five cuts at moments drawn by chance: 20 in all."""
    confirmed, cuts = _write_and_cut(home, random.Random(seed), CUTS // ROUNDS)
    assert len(confirmed) >= cuts
    outbox = home.outbox()
    records = {record.seq: record for record in home.opened(outbox)}
    assert home.verified(outbox).findings == []
    assert sorted(records) == list(range(1, outbox.head.seq + 1))
    for line in confirmed:
        seq, sha256, check = line.split()
        assert (records[int(seq)].sha256, records[int(seq)].payload["check"]) == (sha256, check)
    assert len(records) - 1 - len(confirmed) in range(cuts + 1), "at most one commit a cut came without a word"
    assert outbox.boot == cuts + 1
    assert outbox.count_waiting() == len(records)
    assert outbox.append(check_fields()).seq == len(records) + 1
    outbox.close()


def test_full_disk_shows_and_passes(home: Home) -> None:
    """The file size limit stands for the full disk: SQLite's write fails in the middle of a commit."""
    outbox = home.outbox()
    outbox.append(check_fields())
    before = outbox.head
    log = home.database.with_name("outbox.db-wal")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 5000, hard))
    try:
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                outbox.append(check_fields())
            with pytest.raises(sqlite3.OperationalError):
                outbox.append(check_fields())
        assert outbox.head == before
        assert outbox.count_waiting() == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for _ in range(3):
        outbox.append(check_fields())
    outbox.close()
    again = home.outbox()
    assert (home.verified(again).findings, again.head.seq) == ([], 5)
    again.close()


FULL_DISK = """
import sqlite3, sys
from pathlib import Path
from tests.daemon.support import Home, check_fields
home = Home(Path(sys.argv[1]))
outbox = home.outbox()
filler = home.database.with_name("filler")
failed = written = 0
with filler.open("wb", buffering=0) as stream:
    try:
        while True:
            stream.write(bytes(4096))
    except OSError:
        pass
for _ in range(400):
    try:
        outbox.append(check_fields())
        written += 1
    except sqlite3.OperationalError:
        failed += 1
        if failed == 3:
            break
head = outbox.head.seq
filler.unlink()
assert failed == 3, failed
assert head == 1 + written
later = outbox.append(check_fields()).seq
assert later == head + 1, (later, head)
outbox.close()
again = home.outbox()
result = home.verified(again)
assert not result.findings, result.findings
assert result.count == head + 1
again.close()
print("as it should be")
"""


def test_disk_that_is_really_full(home: Home, tmp_path: Path) -> None:
    """A file system of its own, filled to the last byte. In a private mount namespace: nothing stays mounted."""
    data = home.database.parent
    data.mkdir(exist_ok=True)
    script = tmp_path / "full_disk.py"
    script.write_text(FULL_DISK, "utf-8")
    shell = f'mount -t tmpfs -o size=1m tmpfs "{data}" && exec "{sys.executable}" "{script}" "{home.folder}"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", shell]
    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "as it should be", done.stderr


def test_read_only_database_shows(home: Home) -> None:
    outbox = home.outbox()
    outbox._db.execute("PRAGMA query_only=ON")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        outbox.append(check_fields())
    outbox._db.execute("PRAGMA query_only=OFF")
    assert outbox.append(check_fields()).seq == 2
    outbox.close()


class CommitFails:
    """The connection, but its next COMMIT comes back with an error and leaves the transaction open, as SQLite may."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return self.db.execute(sql, *values)


def test_failed_commit_does_not_block_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = home.outbox()
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_db", CommitFails(outbox._db))
        with pytest.raises(sqlite3.OperationalError, match="disk"):
            outbox.append(check_fields())
    assert outbox.append(check_fields()).seq == 2
    assert home.verified(outbox).sound
    outbox.close()
