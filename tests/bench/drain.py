"""A backlog and its way out: how long an alert behind it takes, how fast it drains, and what memory that needs.

Delivery runs in a process of its own (:mod:`tests.bench.drain_worker`); this one is the gateway and signs a receipt for
whatever comes: verifying is measured elsewhere.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from daemon.delivery import Delivery
from daemon.outbox import Outbox
from evidence import downlink, keys, receipt
from evidence.keys import FileSigner, Signer, public_pem
from evidence.topics import Address, Channel
from tests.bench.record import SITE, UNIT, _fields
from tests.bench.table import Row
from tests.support import ROOT

BACKLOG, SMALL = 100_000, 2_000
GROWTH_MIB = 8.0
"""What an allocator may keep; 100 000 records are 240 MB."""
_FILL = """
WITH RECURSIVE numbers (seq) AS (SELECT max(seq) + 1 FROM records UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ?)
INSERT INTO records (seq, sha256, kind, check_id, alert, earliest, envelope) SELECT seq, lower(hex(randomblob(32))),
    'check', printf('00000000-0000-7000-8000-%012d', seq), 0, (SELECT max(earliest) FROM records),
    CAST(hex(randomblob(1200)) || '}' AS BLOB)
    FROM numbers
"""

Open = Callable[[str], Outbox]


def _backlog(folder: Path, open_outbox: Open, name: str, count: int) -> Mapping[int, str]:
    """An outbox in which ``count`` records wait; their hashes by number."""
    open_outbox(name).close()
    with closing(sqlite3.connect(folder / name)) as db, db:
        db.execute(_FILL, (count,))
        return dict(db.execute("SELECT seq, sha256 FROM records"))


def _alert(outbox: Outbox, signer: Signer) -> float:
    """Seconds from making an alert until it is handed to the link."""
    sent: list[Channel] = []

    def publish(channel: Channel, _payload: bytes) -> bool:
        sent.append(channel)
        return True

    delivery = Delivery(outbox, Address(SITE, UNIT), signer, lambda _: None, publish=publish)
    began_s = time.perf_counter()
    outbox.append(_fields(), alert=True)
    delivery.pump()
    if sent[0] is not Channel.ALERT:
        raise RuntimeError("the alert did not go first")
    return time.perf_counter() - began_s


@dataclass(frozen=True, slots=True)
class Drained:
    """Records a second, and resident memory: when a tenth was through, and at most after that."""

    rate: float
    early_mib: float
    highest_mib: float


def _drain(folder: Path, name: str, hashes: Mapping[int, str], gateway: Signer) -> Drained:
    command = [sys.executable, "-m", "tests.bench.drain_worker", str(folder), name]
    resident, began_s = [], time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as unit:
        assert unit.stdin is not None
        assert unit.stdout is not None
        for counter, line in enumerate(unit.stdout, 1):
            turn = json.loads(line)
            resident.append(turn["rss"] / 2**20)
            unit.stdin.write(_receipt(turn["numbers"], hashes, counter, gateway) + "\n")
            unit.stdin.flush()
    if unit.returncode:
        raise RuntimeError(f"the unit ended with {unit.returncode}")
    early = len(resident) // 10
    return Drained(len(hashes) / (time.perf_counter() - began_s), resident[early], max(resident[early:]))


def _receipt(numbers: Sequence[int], hashes: Mapping[int, str], counter: int, signer: Signer) -> str:
    body = receipt.make_body({seq: hashes[seq] for seq in numbers})
    now, lifetime = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    address = Address(SITE, UNIT)
    return downlink.write(Channel.RECEIPT, address, body, counter=counter, now=now, lifetime=lifetime, signer=signer)


def rows(folder: Path, open_outbox: Open) -> Iterator[Row]:
    """The figures; ``open_outbox`` opens or makes an outbox by its name in ``folder``."""
    gateway_key = keys.generate_key(folder / "signing.key")
    (folder / "signing.pub").write_bytes(public_pem(gateway_key.public_key()))
    gateway, signer = FileSigner(folder / "signing.key"), FileSigner(folder / "record.key")
    small = _drain(folder, "small.db", _backlog(folder, open_outbox, "small.db", SMALL), gateway)
    _backlog(folder, open_outbox, "backlog.db", BACKLOG)
    with closing(open_outbox("backlog.db")) as outbox:
        alert_s = _alert(outbox, signer)
        hashes = {seq: sha256 for seq, sha256, _ in outbox.every_envelope()}
    large = _drain(folder, "backlog.db", hashes, gateway)
    grown, more = large.highest_mib - large.early_mib, large.highest_mib - small.highest_mib
    yield Row(f"an alert behind {BACKLOG} records", alert_s, "s", "<= 2", alert_s <= 2)
    yield Row(f"{BACKLOG} drained, receipts signed and applied", large.rate, "/s")
    yield Row("delivery, resident while it drains", large.highest_mib, "MiB")
    yield Row("grown between the first tenth and the end", grown, "MiB", f"<= {GROWTH_MIB:g}", grown <= GROWTH_MIB)
    yield Row(f"more than with {SMALL} waiting", more, "MiB", f"<= {GROWTH_MIB:g}", more <= GROWTH_MIB)
