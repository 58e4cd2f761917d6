"""A unit that wakes in 1970, or ten years back: it works, its records stay in order, and delivery waits."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.demo.stage import UNIT, Stage
from evidence.files import write_atomic
from evidence.instants import read_instant
from tests.daemon.support import now
from tests.end_to_end.support import act, all_receipted, silent
from tests.support.programs import FindProgram

EPOCH = datetime(1970, 1, 2, tzinfo=UTC)


SOURCE = Path(__file__).with_name("shifted_clock.c")


class Clock:
    """What a process takes for the time, by a library that stands before the system's."""

    def __init__(self, compiler: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file, library = folder / "shift", folder / "shifted_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, SOURCE], check=True)
        self.set(timedelta())
        monkeypatch.setenv("LD_PRELOAD", str(library))
        monkeypatch.setenv("SHIFTED_CLOCK", str(self._file))

    def set(self, shift: timedelta) -> None:
        """From now on the clock goes wrong by ``shift``."""
        write_atomic(self._file, str(round(shift.total_seconds())).encode())


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(silent) as made:
        yield made


def check(stage: Stage, visit: str) -> None:
    """One that ends soon, and needs no officer: those of a fresh unit are younger than the clock's uncertainty."""
    play = act(stage, visit)
    play.begin()
    play.touch("left")
    play.done()


def times(stage: Stage) -> list[dict[str, Any]]:
    """The times of the last three checks' records at the gateway."""
    rows = stage.gateway("list", "--json", "--limit", "-1", "--unit", UNIT)
    checks = [row for row in rows if row["kind"] == "check"]
    return [stage.gateway("show", "--json", UNIT, str(row["seq"]))[0]["time"] for row in checks[-3:]]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("wrong", [EPOCH - now(), timedelta(days=-3652)], ids=["1970", "ten years back"])
def test_wrong_clock_at_boot(
    wrong: timedelta, stage: Stage, program: FindProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(stage, "V-0001")
    all_receipted(stage)
    stage.kill_unit()
    with monkeypatch.context() as patch:
        clock = Clock(program("gcc"), tmp_path, patch)
        clock.set(wrong)
        stage.officer = None
        stage.start_unit()
    check(stage, "V-0002")
    view = stage.screen.wait("the reason", lambda view: "clock" in str(view["why_offline"]), 30)
    assert view["why_offline"].startswith("delivery waits: clock")
    assert view["waiting"] == 1

    clock.set(timedelta())  # network time has come
    all_receipted(stage, 90)
    check(stage, "V-0003")
    all_receipted(stage)
    assert stage.verify()["sound"]
    told = times(stage)
    earliest = [read_instant(one["earliest"]) for one in told]
    assert [one["source"] == "floor" for one in told] == [False, True, False]
    assert earliest == sorted(earliest)
    assert abs(earliest[-1] - now()) < timedelta(minutes=2)
