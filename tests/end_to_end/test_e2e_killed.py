"""A stage that is killed, hung up on or not read any more leaves nothing behind that could disturb the next one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from daemon.demo.folder import PREFIX, remove_stale, stage_folder
from tests.end_to_end.support import Mark, eventually_nothing
from tests.end_to_end.test_e2e_demo import COMMAND, read_until
from tests.support import ROOT
from tests.support.brokers import wait_for

SIMULATED = [sys.executable, "-m", "daemon.cli", "run", "--simulated"]


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Mark]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    made = Mark(folder)
    yield made
    made.end_all()


def started(mark: Mark, command: list[str], until: str) -> subprocess.Popen[str]:
    """The program, at the moment at which it says ``until``."""
    program = subprocess.Popen(
        command,
        cwd=ROOT,
        env=mark.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout is not None
    read_until(program.stdout, until)
    return program


def running(mark: Mark) -> list[str]:
    """What of it still runs."""
    return [str(one) for one in mark.processes()]


def only_match(mark: Mark) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--json", "--only", "match"],
        cwd=ROOT,
        env=mark.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_killed_stage_takes_its_children_along_and_the_next_one_works(mark: Mark) -> None:
    demo = started(mark, COMMAND, "card laid")
    children: list[psutil.Process] = []

    def all_there() -> bool:
        children[:] = psutil.Process(demo.pid).children(recursive=True)
        lines = [" ".join(child.cmdline()) for child in children]
        names = ("daemon.cli", "gateway.cli", "daemon.demo.broker", "hw.camera.capture")
        return all(any(name in line for line in lines) for name in names)

    wait_for(all_there, "unit, gateway, broker and camera")
    demo.kill()
    demo.communicate(timeout=20)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert running(mark) == []
    (left,) = mark.folder.iterdir()
    assert list(left.glob("**/*.key")), "what the test is about: keys of a stage that could not tidy up"

    done = only_match(mark)
    assert done.returncode == 0, done.stderr[-2000:]
    assert eventually_nothing(mark.left) == [], "the folder of the killed stage is gone too"


def test_killed_simulated_unit_takes_its_children_along(mark: Mark) -> None:
    unit = started(mark, SIMULATED, "Type: ")
    unit.kill()
    unit.communicate(timeout=20)
    assert eventually_nothing(lambda: running(mark)) == []


@pytest.mark.parametrize("command", [COMMAND, SIMULATED], ids=["demo", "run"])
def test_terminal_is_closed(mark: Mark, command: list[str]) -> None:
    """The kernel tells the program by SIGHUP, and there is nowhere to write any more."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        # Whoever runs the tests in the background or under nohup has these ignored, and children inherit that.
        ["env", "--default-signal=HUP,INT", "setsid", "--ctty", *command],
        cwd=ROOT,
        env=mark.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    while b"unit: starts" not in said:
        said += os.read(ours, 4096)
    os.close(ours)
    assert program.wait(40) in (0, 130)
    assert eventually_nothing(mark.left) == []


def test_hung_up_under_nohup_goes_on(mark: Mark) -> None:
    unit = started(mark, ["nohup", *SIMULATED], "Type: ")
    unit.send_signal(signal.SIGHUP)
    rest, _ = unit.communicate("dance\nquit\n", timeout=40)
    assert (unit.returncode, rest.startswith("known: ")) == (0, True)
    assert eventually_nothing(mark.left) == []


def test_nobody_reads_any_more(mark: Mark) -> None:
    """As in ``vernix demo | head -1``."""
    demo = started(mark, COMMAND, "broker:")
    assert demo.stdout is not None
    demo.stdout.close()
    assert demo.wait(40) == 141
    assert eventually_nothing(mark.left) == []


def test_living_stage_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{PREFIX}a-file").touch()
    dead = tmp_path / f"{PREFIX}dead"
    dead.mkdir()
    with stage_folder() as folder:
        (folder / "key").touch()
        assert not dead.exists()
        remove_stale(tmp_path)
        assert (folder / "key").exists()
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}a-file"]
