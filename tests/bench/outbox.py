"""The outbox: what a record costs, how a backlog drains, and what peers lose when they are killed.

Each contender is told 500 messages while the hospital's broker is away, is killed (SIGKILL) as soon as the last one was
confirmed to its caller, and is started again when the hospital's broker is there: what arrives? A kill is milder than a
power cut, which also takes what was never synced.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from daemon.journal import Entry, Journal
from daemon.outbox import Outbox
from evidence import keys, receipt
from tests.bench import drain
from tests.bench.outbox_peers import MESSAGES, Bridge, Killed, PahoQueue
from tests.bench.record import SITE, UNIT, _birth, _fields
from tests.bench.table import Row

RECORDS = 300
BACKLOG = 100_000
WARMED = 10_000
DRAINED = BACKLOG - WARMED
STEPS = 5
"""Journal entries of a usual check."""


class Bench:
    """A unit's keys and outboxes in a folder, and a gateway that believes everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _, self.signer, self.birth = _birth(folder)
        generated = (keys.generate_key(folder / f"{name}.key") for name in ("gateway", "recovery"))
        self.recipients = tuple(key.public_key() for key in generated)

    def open(self, name: str) -> Outbox:
        """The outbox called ``name``."""
        return Outbox(
            self.folder / name,
            identity={"unit": UNIT, "site": SITE, "software": {"version": "bench"}},
            signer=self.signer,
            recipients=self.recipients,
            birth=lambda: self.birth,
        )


def _written_bytes() -> int:
    """What this process has sent to the disk (proc(5), ``write_bytes``)."""
    found = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(found["write_bytes"])


def _cost(bench: Bench) -> Iterator[Row]:
    """Time, room and flash wear of a record."""
    with closing(bench.open("cost.db")) as outbox:
        before, samples = _written_bytes(), []
        for _ in range(RECORDS):
            began_s = time.perf_counter()
            outbox.append(_fields())
            samples.append((time.perf_counter() - began_s) * 1e3)
        appended = _written_bytes() - before
        size = outbox.usage(7)
        journal = _journal_bytes(bench.folder)
        receipts = _receipt_bytes(outbox)
    p95 = float(np.percentile(samples, 95))
    yield Row("sign, chain and commit, median", float(np.median(samples)), "ms")
    yield Row("sign, chain and commit, p95", p95, "ms", "<= 50 (file key)", p95 <= 50)
    yield Row("room that a record takes", size.used_bytes / size.full, "bytes")
    yield Row("flash: appending a record", appended / RECORDS, "bytes", note="write-ahead log and checkpoints")
    yield Row("flash: its receipt, 10 at a time", receipts / RECORDS, "bytes")
    yield Row(f"flash: {STEPS} journal entries", journal / RECORDS, "bytes")


def _journal_bytes(folder: Path) -> int:
    journal, before = Journal(folder / "journal"), _written_bytes()
    for number in range(RECORDS):
        check = f"00000000-0000-7000-8000-{number:012d}"
        for _ in range(STEPS):
            journal.write(Entry(check, "delivery", "V-1", "typed", "mother", False, "face"))
        journal.clear(check)
    return _written_bytes() - before


def _receipt_bytes(outbox: Outbox) -> int:
    hashes = {seq: sha256 for seq, sha256, _ in outbox.every_envelope()}
    before = _written_bytes()
    for first in range(1, len(hashes), 10):
        body = receipt.make_body({seq: hashes[seq] for seq in range(first, first + 10) if seq in hashes})
        outbox.apply_receipt(body, outbox.clock.moment())
    return _written_bytes() - before


def _ours(bench: Bench) -> Killed:
    """A process that appends is killed after its last confirmation."""
    heard, mouth = os.pipe()
    began_s = time.perf_counter()
    child = os.fork()
    if child == 0:
        outbox = bench.open("killed.db")
        for _ in range(MESSAGES):
            os.write(mouth, f"{outbox.append(_fields()).sha256}\n".encode())
        time.sleep(60)
        os._exit(0)
    os.close(mouth)
    with os.fdopen(heard, "r") as lines:
        confirmed = [next(lines).strip() for _ in range(MESSAGES)]
        taken_s = time.perf_counter() - began_s
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with closing(bench.open("killed.db")) as outbox:
        there = {sha256 for _, sha256, _ in outbox.every_envelope()}
        chain_is_whole = outbox.head.seq == MESSAGES + 1
    if not chain_is_whole:
        raise RuntimeError("the chain has lost its end")
    return Killed(MESSAGES / taken_s, len(set(confirmed) - there))


def _peers(folder: Path) -> Iterator[tuple[str, Callable[[], Killed]]]:
    yield "paho's own queue", PahoQueue(folder / "paho").measure
    for name, extra in (
        ("mosquitto bridge, persistence", ""),
        ("mosquitto bridge, saved at every change", "autosave_on_changes true\nautosave_interval 1\n"),
    ):
        yield name, Bridge(folder / name.replace(" ", "-"), extra).measure


def _killed(bench: Bench, folder: Path) -> Iterator[Row]:
    ours = _ours(bench)
    yield Row("outbox: signed, sealed, committed and confirmed", ours.rate, "/s")
    yield Row("outbox, killed: lost", ours.lost, f"of {MESSAGES}", "0", ours.lost == 0)
    for name, measure in _peers(folder):
        if shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") is None:
            yield Row(f"{name}, killed: lost", None, f"of {MESSAGES}", note="mosquitto is missing")
            continue
        one = measure()
        yield Row(f"{name}: confirmed", one.rate, "/s")
        yield Row(f"{name}, killed: lost", one.lost, f"of {MESSAGES}", note=one.note)


def run() -> Sequence[Row]:
    """The table."""
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vernix-bench-", dir=Path.cwd())))
        bench = Bench(folder)
        return [*_cost(bench), *_killed(bench, folder), *drain.rows(bench.folder, bench.open)]
