"""Detect, align, embed: ours beside OpenCV's own classes on the same weights, dlib, and the bare networks.

Both peers live in environments of their own, which tests/bench/README.md says how to make. What is not there is said to
be absent. Contenders take turns, each in its own process on one thread, so that a change of the machine's speed meets
all of them; all are started anew some times. Besides the table: `figures/faces.svg` and `figures/faces.json`, with the
machine's load beside them.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.faces_figure import drawn
from tests.bench.faces_worker import STAGES, WORK
from tests.bench.table import Row

STARTS, ROUNDS = 5, 3
"""Each contender is started so often and asked so often each time: where a process's memory comes to lie makes 10 %."""
WORKER = Path(__file__).with_name("faces_worker.py")
OPENCV = WORK / "venv" / "bin" / "python"
DLIB = WORK / "dlib" / "bin" / "python"
FIGURES = Path(__file__).with_name("figures")
MIN_TIMES_OPENCV, MAX_ADDED_MB, MAX_OVERHEAD = 2.0, 60.0, 0.20
BYTE_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})
Times = dict[str, float]


class Worker:
    """A contender's process."""

    def __init__(self, name: str, python: str) -> None:
        self.process = subprocess.Popen(
            [python, str(WORKER), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.added_mb = self._answer()

    def one_pass(self) -> Times:
        """Milliseconds for each stage."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)

    def _answer(self) -> Times:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args}: ended with status {self.process.wait(timeout=30)}")
        answer: Times = json.loads(line)
        return answer


def contenders() -> dict[str, str]:
    """Who is there, and the Python that runs him."""
    found = {"ours": sys.executable, "floor": sys.executable}
    if OPENCV.exists() and list(WORK.glob("*_int8bq.onnx")):
        found["opencv"] = str(OPENCV)
    if DLIB.exists():
        found["dlib"] = str(DLIB)
    return found


def measure(found: dict[str, str]) -> tuple[dict[str, Times], Times]:
    """The median milliseconds of each contender's stages and whole, and the most memory that ours added."""
    samples: dict[str, list[Times]] = {name: [] for name in found}
    added_mb: Times = {}
    for start in range(STARTS):
        with ExitStack() as stack:
            workers = {name: Worker(name, python) for name, python in found.items()}
            for worker in workers.values():
                stack.callback(worker.close)
            for number in range(ROUNDS):
                for name, worker in workers.items():
                    samples[name].append(worker.one_pass())
                sys.stderr.write(f"faces: round {start * ROUNDS + number + 1} of {STARTS * ROUNDS}\n")
            ours = workers["ours"].added_mb
            added_mb = {what: max(value, added_mb.get(what, 0.0)) for what, value in ours.items()}
    return {name: medians(passes) for name, passes in samples.items()}, added_mb


def medians(passes: list[Times]) -> Times:
    """For each stage, for what all contenders do, and for that with passive liveness."""
    result = {stage: statistics.median(one[stage] for one in passes) for stage in STAGES}
    compared = statistics.median(sum(one[stage] for stage in STAGES[:3]) for one in passes)
    return result | {"whole": compared, "with passive": statistics.median(sum(one.values()) for one in passes)}


def run() -> Sequence[Row]:
    """The table, and the picture of it."""
    load = [os.getloadavg()[0]]
    times, added_mb = measure(contenders())
    load.append(os.getloadavg()[0])
    keep(times, load)
    rows = [
        Row(f"{name}: {stage}", value, "ms")
        for name, one in times.items()
        for stage, value in one.items()
        if name in ("ours", "floor") or "passive" not in stage
    ]
    ours = times["ours"]["whole"]
    most = added_mb["added at most"]
    overhead = times["ours"]["with passive"] / times["floor"]["with passive"] - 1
    return [
        *rows,
        ratio(
            "OpenCV / ours",
            times.get("opencv"),
            ours,
            MIN_TIMES_OPENCV,
            "not set up: tests/bench/README.md",
        ),
        ratio("dlib / ours", times.get("dlib"), ours, None, "not set up: tests/bench/README.md"),
        Row("ours above the bare networks", 100 * overhead, "%", "<= 20 %", overhead <= MAX_OVERHEAD),
        Row("memory added by the models", added_mb["added"], "MB"),
        Row(
            "the same at most, while they are loaded or a chip photo is seen", most, "MB", "<= 60", most <= MAX_ADDED_MB
        ),
        Row("load before and after", load[0], "", note=f"{load[0]:.1f}, {load[1]:.1f} (1 minute's mean); {machine()}"),
    ]


def keep(times: dict[str, Times], load: Sequence[float], folder: Path = FIGURES) -> None:
    """Write figures and picture."""
    document = {
        "machine": machine(),
        "cpus": os.cpu_count(),
        "load": list(load),
        "starts": STARTS,
        "rounds": ROUNDS,
    }
    text = json.dumps({**document, "ms": times}, indent=1)
    (folder / "faces.json").write_text(text + "\n", encoding="utf-8")
    (folder / "faces.svg").write_text(drawn(times, STAGES), encoding="utf-8")


def machine() -> str:
    """Architecture, processor, and how it adds up products of bytes in one instruction: ours is mostly of these."""
    known = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    lines = {name.strip(): value.split() for name, value in known.items()}
    flags = {*lines.get("flags", ()), *lines.get("Features", ())}
    dots = sorted(flags & BYTE_PRODUCTS)
    name = lines.get("model name") or lines.get("CPU part") or [platform.processor()]
    return f"{platform.machine()}, {' '.join(name)}, {', '.join(dots) or 'no products of bytes'}"


def ratio(what: str, peer: Times | None, ours_ms: float, target: float | None, absence: str) -> Row:
    """How many times as long the peer takes."""
    if peer is None:
        return Row(what, None, "times", note=absence)
    value = peer["whole"] / ours_ms
    if target is None:
        return Row(what, value, "times")
    return Row(what, value, "times", f">= {target:g} times", value >= target)
