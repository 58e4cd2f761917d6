"""The stage's child processes, and the signals that end it. No child outlives the stage, however the stage ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from daemon.demo.screen import DemoError

_STOP_S = 20.0
"""A unit gives its own parts 8 s, after its screen and its link have ended."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends the demo: Ctrl-C, ``kill``, and a terminal that is closed."""


class Process:
    """A child process with its log in a file. It dies with this process: see :mod:`daemon.demo.tied`."""

    def __init__(self, module: str, arguments: list[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daemon.demo.tied", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env=os.environ | {"TMPDIR": str(log.parent)},
                process_group=0,  # a terminal's Ctrl-C is for the stage, which stops its children in order
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of its log, for a message: the log goes with the stage's folder."""
        return " | ".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-3:])

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._process.kill()
        self._wait(None)

    def stop(self) -> int:
        """SIGTERM and wait; its exit status, 0 also for one that was only just starting and had no handler yet."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._wait(_STOP_S)
            return 0 if status == -signal.SIGTERM else status
        except subprocess.TimeoutExpired:
            self.kill()
            raise DemoError(
                f"{self.log.stem} did not stop within {_STOP_S:g} s; its log ends with: {self.last_words}"
            ) from None

    def _wait(self, timeout_s: float | None) -> int:
        status = self._process.wait(timeout_s)
        if self._process.stdin is not None:
            self._process.stdin.close()
        return status


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold the signals back until the block is through: what is half started could not be stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread only
        return
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


def finished(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """``python`` with ``arguments``, run to its end and told ``given``; what it says on both outputs.

    Whatever interrupts it, the child has ended when this raises. `subprocess.run` waits a quarter of a second for one
    it has killed on Ctrl-C, and on a busy machine that one still makes files in a folder that is being removed.
    """
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    child = None
    try:
        with uninterrupted():
            child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        said, complained = child.communicate(given)
    except BaseException:
        if child is not None:
            with uninterrupted():
                child.kill()
                child.wait()
        raise
    finally:
        for stream in () if child is None else (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    return subprocess.CompletedProcess(command, child.returncode, said, complained)


def quiet_signals() -> None:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does, so that everything it started is stopped.

    SIGINT too is set: a shell starts its background jobs with SIGINT ignored. SIGHUP stays ignored under ``nohup``.
    """
    for number in _SIGNALS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
