"""``vernix run --simulated``: a unit to touch, until somebody ends it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.demo.screen import Screen
from tests.end_to_end.support import Mark, eventually_nothing
from tests.end_to_end.test_e2e_demo import read_until
from tests.support import ROOT


class Simulated:
    """The program, its typed commands and its page."""

    def __init__(self, mark: Mark) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "daemon.cli", "run", "--simulated"],
            cwd=ROOT,
            env=mark.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = read_until(self.process.stdout, "Type: ")
        found = re.search(r"The unit's screen: (http://localhost:(\d+)/)", said)
        assert found, said
        self.url, self.port = found[1], int(found[2])

    def type(self, line: str) -> str:
        """Type ``line``; what it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """End it; its exit status and last words."""
        self.process.send_signal(how)
        rest, _ = self.process.communicate(timeout=40)
        return self.process.returncode, rest


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Mark]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    made = Mark(folder)
    yield made
    made.end_all()


def test_check_is_played_by_typed_commands(mark: Mark) -> None:
    unit = Simulated(mark)
    with urllib.request.urlopen(unit.url, timeout=10) as page:
        assert b"unit-demo" in page.read()
    screen = Screen(unit.port, lambda: unit.process.poll() is None)
    screen.touch("begin", visit="V-0001")
    screen.wait("notice", lambda view: view["step"] == "notice")
    assert unit.type("face a") == "ok: face a"
    screen.touch("consent")
    screen.wait("card", lambda view: view["step"] == "card")
    assert unit.type("wave").startswith("known: lift, nobody, card a, face a")
    assert unit.type("  card   a ") == "ok: card a"
    screen.wait("the pad", lambda view: view["step"] == "sign")
    screen.touch("sign_later")
    view = screen.wait("the record", lambda view: view["step"] == "done")
    assert view["outcome"] == "passed"
    assert view["seq"] > 1
    screen.wait("the receipt", lambda view: view["online"] and not view["waiting"])
    assert unit.type("lift") == "ok: lift"
    screen.close()
    assert unit.end(signal.SIGINT) == (0, "stopped\n")
    assert eventually_nothing(mark.left) == []


def test_told_to_stop(mark: Mark) -> None:
    """By systemd. That ``quit`` ends it too is seen where it is hung up on: test_e2e_killed."""
    unit = Simulated(mark)
    assert unit.end(signal.SIGTERM) == (0, "stopped\n")
    assert eventually_nothing(mark.left) == []
