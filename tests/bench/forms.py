"""Forms: from a sheet to its PDF, in a process of its own as the unit does it, and what memory that process takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from evidence.forms.register import Month, Seen, register
from evidence.forms.sheet import Sheet
from tests.bench.table import Row
from tests.evidence.forms.samples import PLAIN, record, sheets

ROUNDS = 7
WOMEN = 1000
"""A month of a large hospital."""


def _set(sheet: Sheet) -> tuple[float, float]:
    """Seconds, and MiB at most."""
    began_s = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "evidence.forms"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(sheet.to_bytes())
    child.stdin.close()
    pdf = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or not pdf.startswith(b"%PDF"):
        raise RuntimeError("the form was not set")
    return time.perf_counter() - began_s, usage.ru_maxrss / 1024


def _row(what: str, sheet: Sheet, rounds: int = ROUNDS) -> tuple[Row, float]:
    measured = [_set(sheet) for _ in range(rounds)]
    seconds = float(np.median([one for one, _ in measured]))
    return Row(f"{what}, median", seconds, "s", "<= 1", seconds <= 1), max(size for _, size in measured)


def run() -> Sequence[Row]:
    """The usual form, the one with the rarest characters, and a whole month."""
    made = sheets()
    usual, most = _row("form, process and all", made["jiangxi"])
    rare, more = _row("the same, name of extension B and one without glyph", made["jiangxi_failed"])
    women = [
        record(visit={"ref": f"ZY{at:05d}", "source": "typed"}, document=PLAIN | {"number": f"E{at:08d}"})
        for at in range(WOMEN)
    ]
    seconds, month = _set(register(Month(2026, 11), map(Seen.of, women)))
    return [
        usual,
        rare,
        Row("memory of that process, at most", max(most, more), "MiB"),
        Row(f"register of {WOMEN} women", seconds, "s"),
        Row("memory of that process", month, "MiB"),
    ]
