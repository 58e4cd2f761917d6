"""The cases about time: a clock that falls back, and a month without a network."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from typing import Final

from daemon.clock import KernelClock, UnitClock
from daemon.mqtt import Cause
from evidence.files import write_atomic
from evidence.topics import Channel
from tests.delivery.proxy import Line
from tests.delivery.stage import Case, now, receipted
from tests.delivery.unit import Look, WorkingUnit
from tests.support import ROOT

DECADE: Final = dt.timedelta(days=3653)
MONTH: Final = dt.timedelta(days=30)


def clock_set_back(case: Case) -> None:
    """The unit's clock falls back ten years: it records in order, delivery waits for the clock, then all goes out."""
    case.gateway(case.line())
    line = case.line()
    unit: UnitProcess = case.enter(UnitProcess(case, line))
    third = case.records // 3
    unit.append(third)
    case.wait(lambda: unit.look().waiting == 0, "the first receipts")
    unit.set_clock(-DECADE)
    line.cut()
    unit.append(third)
    case.wait(lambda: unit.look().cause == Cause.CLOCK, "delivery to wait for the clock")
    reason = unit.look().reason
    if not reason.startswith("delivery waits: clock"):
        case.wrong.append(f"the screen would say: {reason}")
    unit.append(case.records - 2 * third)
    if not unit.look().waiting:
        case.wrong.append("records count as receipted that could not go out")
    unit.set_clock(dt.timedelta())
    case.wait(lambda: unit.look().waiting == 0, "the receipts")


class UnitProcess:
    """The unit in a process whose clock can be set."""

    def __init__(self, case: Case, line: Line) -> None:
        self._shift = case.folder / "shift"
        self.set_clock(dt.timedelta())
        command = [sys.executable, "-m", "tests.delivery.unit", str(case.folder), str(line.port), str(case.hurry)]
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(shifted_clock(case)),
            "SHIFTED_CLOCK": str(self._shift),
        }
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> UnitProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate(timeout=60)

    def set_clock(self, shift: dt.timedelta) -> None:
        """From now on the process' clock goes wrong by ``shift``."""
        write_atomic(self._shift, str(round(shift.total_seconds())).encode())

    def append(self, count: int) -> None:
        """Commit ``count`` records."""
        self._ask(f"append {count}")

    def look(self) -> Look:
        """How far it is."""
        return self._ask("look")

    def _ask(self, command: str) -> Look:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return Look(**json.loads(self._process.stdout.readline()))


def shifted_clock(case: Case) -> str:
    """The library that stands before the system's clock, compiled once."""
    library = case.tools / "shifted_clock.so"
    if not library.exists():
        new = library.with_suffix(f".{os.getpid()}")
        source = ROOT / "tests/daemon/shifted_clock.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", new, source], check=True)
        new.rename(library)
    return str(library)


def month_offline(case: Case) -> None:
    """30 days without a network, with 100 checks a day for 300 records; then it is back, and an alert is made."""
    checks_a_day = case.records // 3
    case.move_in(now() - MONTH - dt.timedelta(hours=1))
    calendar = Calendar(now() - MONTH)
    line = case.line()
    unit = WorkingUnit(
        case.folder / "unit.toml",
        line.port,
        clock=lambda floor: UnitClock(floor, now=calendar.now, monotonic_s=calendar.monotonic_s, kernel=_synchronised),
        monotonic_s=calendar.monotonic_s,
    )
    for _ in range(MONTH.days):
        for _ in range(checks_a_day):
            unit.append(1)
            calendar.pass_by(dt.timedelta(days=1) / checks_a_day)
            if unit.outbox.head.seq % 10 == 0:
                unit.delivery.pump()  # nobody is there
        unit.outbox.make_room()
    calendar.set(now())
    if unit.look().waiting != MONTH.days * checks_a_day + 1:
        case.wrong.append(f"{unit.look().waiting} records wait")
    case.gateway(case.line())
    unit.append(1, alert=True)
    case.enter(unit)
    receipted(case, unit)
    # NATS keeps the order within a topic only; there the alert may come a few records later than it was sent.
    if case.broker.name != "nats" and case.hospital.intake.first[case.name] is not Channel.ALERT:
        case.wrong.append("the alert did not come first")


def _synchronised() -> KernelClock:
    return KernelClock(synchronised=True, error=dt.timedelta(milliseconds=5))


class Calendar:
    """A clock that is moved by hand, and then goes on by itself."""

    def __init__(self, begin: dt.datetime) -> None:
        self._ahead = begin - now()
        self._monotonic_s = 0.0

    def now(self) -> dt.datetime:
        """The wall clock."""
        return now() + self._ahead

    def monotonic_s(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() + self._monotonic_s

    def pass_by(self, span: dt.timedelta) -> None:
        """Let ``span`` pass at once."""
        self._ahead += span
        self._monotonic_s += span.total_seconds()

    def set(self, moment: dt.datetime) -> None:
        """Put the wall clock right."""
        self._ahead = moment - now()
