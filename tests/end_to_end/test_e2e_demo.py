"""``vernix demo`` as a user runs it: right to the last line, and nothing left behind, however it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from daemon.demo.scenarios import SCENARIOS
from tests.end_to_end.support import Mark, eventually_nothing
from tests.support import ROOT

COMMAND = [sys.executable, "-m", "daemon.cli", "demo"]


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Mark]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    made = Mark(folder)
    yield made
    made.end_all()


def test_everybody_comes_out_right(mark: Mark) -> None:
    done = subprocess.run(
        [*COMMAND, "--json"], cwd=ROOT, env=mark.environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["scenario"], one["expected"]) for one in results] == [(one.name, one.expected) for one in SCENARIOS]
    for one in results:
        assert list(one) == ["scenario", "expected", "outcome", "reason", "seq", "delivered", "verified", "ms"]
        assert one["outcome"] == one["expected"]
        assert one["delivered"] is True
        assert one["verified"] is True
        assert one["ms"] > 0
    reasons = {one["scenario"]: one["reason"] for one in results if one["reason"]}
    assert reasons.pop("screen") in ("light:only_surroundings_answer", "light:no_response")
    assert reasons == {"print": "light:flat_response", "injected": "light:no_response"}
    numbers = [one["seq"] for one in results]
    assert numbers == sorted(set(numbers))
    # Sixteen checks, one of which was parked, birth, camera, the emergency's addendum, and what the co-processor told.
    assert re.search(r"has 2[0-7] records, all told", done.stderr)
    assert eventually_nothing(mark.left) == []


def test_unknown_scenario(mark: Mark) -> None:
    done = subprocess.run(
        [*COMMAND, "--only", "dance"], cwd=ROOT, env=mark.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "known: match, another_person" in done.stderr
    assert eventually_nothing(mark.left) == []


FIRST_PERSON = f"-- 1/{len(SCENARIOS)}"
MOMENTS = [
    ("site:", signal.SIGINT),
    ("broker:", signal.SIGTERM),
    ("gateway:", signal.SIGINT),
    ("unit: starts", signal.SIGTERM),
    ("card laid", signal.SIGINT),
]


@pytest.mark.parametrize(("moment", "how"), MOMENTS, ids=[moment.split()[0].strip(":") for moment, _ in MOMENTS])
def test_interrupted(mark: Mark, moment: str, how: signal.Signals) -> None:
    with subprocess.Popen(
        COMMAND, cwd=ROOT, env=mark.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        said = read_until(demo.stdout, moment)
        demo.send_signal(how)
        rest, _ = demo.communicate(timeout=40)
    assert demo.returncode == 130, said + rest
    assert "vernix demo: stopped" in rest
    assert "Traceback" not in rest
    assert eventually_nothing(mark.left) == []


def test_interrupted_twice(mark: Mark) -> None:
    """An impatient second Ctrl-C, while everything is being stopped, must not leave half of it."""
    with subprocess.Popen(
        COMMAND, cwd=ROOT, env=mark.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        read_until(demo.stdout, FIRST_PERSON)
        again = threading.Event()
        for pause_s in (0.0, 0.05, 0.1, 0.2):
            again.wait(pause_s)
            demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=40)
    assert demo.returncode in (130, -signal.SIGINT)
    assert eventually_nothing(mark.left) == []


def read_until(stream: IO[str], text: str) -> str:
    said = ""
    for line in stream:
        said += line
        if text in line:
            return said
    raise AssertionError(f"ended without saying {text!r}: {said}")
