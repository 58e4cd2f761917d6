"""Watches from outside when the unit has a camera's process, and holds that against the touches of consent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

LOOK_S = 0.03
"""Between two looks: a camera's process takes longer to start than that."""
_TICKS = os.sysconf("SC_CLK_TCK")
_SLACK_S = 2 / _TICKS
_STARTED = 19  # field 22 of /proc/PID/stat, counted behind the process's name


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # ended meanwhile
        return b""


def _cameras_of(pid: int) -> list[int]:
    children = b" ".join(_read(str(one)) for one in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return [int(one) for one in children if b"hw.camera.capture" in _read(f"/proc/{int(one)}/cmdline")]


def _started_s(pid: int) -> float:
    """``CLOCK_BOOTTIME`` at the start of ``pid``; 0.0 if it has ended."""
    after_name = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return int(after_name[_STARTED]) / _TICKS if after_name else 0.0


class CameraWatch:
    """Looks until :meth:`close`. ``faults``: cameras that nobody had consented to; ``seen``: cameras at all."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid = pid
        self._consented_s: list[float] = []
        self._begun_s: list[float] = []
        self.faults: list[str] = []
        self.seen: set[int] = set()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera-watch", daemon=True)
        self._thread.start()

    def consent_is_sent(self) -> None:
        """Right before the touch of consent."""
        self._consented_s.append(time.clock_gettime(time.CLOCK_BOOTTIME))

    def check_begins(self) -> None:
        """Right before a new check begins: what was consented to before is over."""
        self._begun_s.append(time.clock_gettime(time.CLOCK_BOOTTIME))

    @property
    def running(self) -> list[int]:
        """Cameras right now."""
        pid = self._pid()
        return _cameras_of(pid) if pid is not None else []

    def _run(self) -> None:
        while not self._closed.wait(LOOK_S):
            for pid in self.running:
                if pid not in self.seen:
                    self.seen.add(pid)
                    self.judge(_started_s(pid))

    def judge(self, started_s: float) -> None:
        """Hold a camera's start against the touches before it: it may be seen late, when others have followed."""
        begun_s = max((one for one in self._begun_s if one <= started_s), default=0.0)
        if started_s and not any(begun_s < one <= started_s + _SLACK_S for one in self._consented_s):
            self.faults.append(f"a camera started {started_s - begun_s:.2f} s after the check began, without consent")

    def close(self) -> None:
        self._closed.set()
        self._thread.join(5)
