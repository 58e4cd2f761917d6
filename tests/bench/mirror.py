"""The mirror while the whole unit works: pictures a second that her page draws, and the memory that all of it takes.

A real unit with simulated devices, its page in Chromium, willing women: their cards are read, their faces found,
compared and followed while the ring plays, their records signed and delivered to a gateway. Counted is what the page
draws, from the first picture of a check to its last. Browser, broker, gateway and the simulated camera, which draws
thirty frames a second, share the machine with it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import psutil
from playwright.sync_api import Page

from daemon.demo.process import finished
from daemon.demo.stage import Stage
from tests.bench.kiosk import opened_page, willing_s
from tests.bench.table import Row

CHECKS = 8
MIN_RATE, MAX_RESIDENT_MB = 15.0, 400.0
_SAMPLE_S = 0.05

COUNT = """() => {
  window.drawn = [];
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...rest) {
    if (this.canvas.id === "mirror") window.drawn.push(performance.now());
    return draw.apply(this, rest);
  };
}"""
"""The moment of each picture in the mirror, in milliseconds."""


class Resident:
    """The most memory that a process and its children hold at one time, looked at again and again."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.own_mb = self.all_mb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_SAMPLE_S):
            own = _resident_mb(self._process)
            self.own_mb = max(self.own_mb, own)
            self.all_mb = max(self.all_mb, own + sum(map(_resident_mb, self._process.children(recursive=True))))


def _resident_mb(process: psutil.Process) -> float:
    """Millions of bytes; 0 for a capture process that has just ended."""
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _thirty_a_second(stage: Stage) -> None:
    """So many frames has the camera from now on, so that the mirror could show more than are wanted."""
    stage.stop_unit()
    text, changed = re.subn(r"fps=15\b", "fps=30", stage.unit_toml.read_text("utf-8"))
    if changed != 1:
        raise RuntimeError("unit.toml has no camera of 15 frames a second")
    stage.unit_toml.write_text(text, "utf-8")
    accepted = finished("-m", "daemon.cli", "selftest", "--accept-camera", "--config", str(stage.unit_toml))
    if not accepted.stdout.startswith("ok    accept"):  # what else it finds, a clock say, is this machine's
        raise RuntimeError(f"the faster camera was not accepted: {accepted.stdout}{accepted.stderr}")
    stage.start_unit()


def _drawn_ms(stage: Stage, page: Page) -> list[float]:
    """When the mirror's pictures were drawn in one willing woman's check."""
    page.evaluate("window.drawn.length = 0")
    willing_s(stage, page)
    drawn: list[float] = page.evaluate("window.drawn")
    return drawn


def run() -> Sequence[Row]:
    """Play the checks."""
    with Stage(lambda _text: None) as stage:
        _thirty_a_second(stage)
        assert stage.unit is not None
        with opened_page(stage) as page, Resident(stage.unit.pid) as resident:
            page.evaluate(COUNT)
            checks = [_drawn_ms(stage, page) for _ in range(CHECKS)]
    rates = [1e3 * (len(drawn) - 1) / (drawn[-1] - drawn[0]) for drawn in checks]
    gaps_ms = [later - one for drawn in checks for one, later in pairwise(drawn)]
    slowest, load = min(rates), os.getloadavg()[0]
    return [
        Row(f"mirror in the page, whole unit at work, median of {CHECKS}", float(np.median(rates)), "frames/s"),
        Row("the same in the slowest check", slowest, "frames/s", f">= {MIN_RATE:g}", slowest >= MIN_RATE),
        Row("from one picture to the next, p99", float(np.percentile(gaps_ms, 99)), "ms"),
        Row("the daemon's own process, resident at most", resident.own_mb, "MB"),
        Row(
            "the daemon and its capture process",
            resident.all_mb,
            "MB",
            f"<= {MAX_RESIDENT_MB:g}",
            resident.all_mb <= MAX_RESIDENT_MB,
        ),
        Row("machine's load", load, "", note="1 minute's mean"),
    ]
