"""A short run of the power cuts, and proof that they find what they are there to find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.faults.tracing import Say
from tests.faults.ways import Verdict
from tests.support import ROOT
from tests.support.programs import FindProgram

SHORT = ("--cuts", "24", "--share", "0.12", "--seed", "7")
"""Some 50 cuts. All of them: ``python -m tests.faults powercut``."""
POINTS = 10


def test_short_campaign_finds_nothing(program: FindProgram) -> None:
    """A process of its own: it forks, and a test's process has threads."""
    program("strace")
    command = [sys.executable, "-m", "tests.faults", "powercut", "--json", *SHORT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ways = json.loads(done.stdout)["ways"]
    assert [one["way"] for one in ways] == ["unit", "gateway"]
    for one in ways:
        assert one["points"] >= POINTS
        assert one["killed"] >= POINTS
        assert one["torn"] > 0
        assert one["records"] > one["points"]
        assert (one["lost"], one["doubled"], one["broken"], one["faults"]) == (0, 0, 0, [])


WITHOUT_FSYNC = """
import os, stat, sys
from pathlib import Path
sync = os.fsync
os.fsync = lambda number: sync(number) if stat.S_ISDIR(os.fstat(number).st_mode) else None
from tests.daemon.support import Home, build
from tests.faults.powercut import Campaign
from tests.faults.unit_way import UnitWay
build(Path(sys.argv[1]))
found = Campaign(UnitWay(Home(Path(sys.argv[1]))), 3, lambda done, way: None).run(18, 0.01)
sys.stdout.writelines(f"{one}\\n" for one in found.faults)
"""


def test_journal_that_is_not_synced_is_found_out(program: FindProgram, tmp_path: Path) -> None:
    """Whoever takes the fsync out of ``evidence/files.py`` hears of it: here it is out."""
    program("strace")
    command = [sys.executable, "-c", WITHOUT_FSYNC, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert "the journal of a check is damaged" in done.stdout, done.stdout + done.stderr


class Careless:
    """Numbers in a file each, in the ways in which programs lose them."""

    name = "careless"

    def __init__(self, how: str) -> None:
        self.how = how

    def live(self, folder: Path, say: Say, _random: Random) -> None:
        first = len(list(folder.iterdir()))
        for number in range(first, first + 4):
            path = folder / str(number)
            with path.open("xb") as stream:
                stream.write(b"evidence" * 200)
                stream.flush()
                if self.how != "no fsync":
                    os.fsync(stream.fileno())
            if self.how == "none":
                self._sync(folder)
            say(f"done {number}")

    @staticmethod
    def _sync(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)

    def judge(self, folder: Path, said: Sequence[str]) -> Verdict:
        verdict = Verdict()
        for line in said:
            path = folder / line.split()[1]
            if not path.exists() or path.read_bytes() != b"evidence" * 200:
                verdict.lost.append(line)
        return verdict


MAIN = """
import sys
from tests.faults.powercut import Campaign
from tests.faults.test_faults_powercut import Careless
sys.stdout.write(str(Campaign(Careless(sys.argv[1]), 1, lambda done, way: None).run(40).lost))
"""


@pytest.mark.parametrize(("how", "found"), [("no fsync", True), ("name not synced", True), ("none", False)])
def test_careless_program_is_found_out(how: str, found: bool, program: FindProgram) -> None:
    program("strace")
    done = subprocess.run(
        [sys.executable, "-c", MAIN, how], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert (int(done.stdout) > 0) is found
