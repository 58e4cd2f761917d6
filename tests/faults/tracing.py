"""strace(1) on a child of this process: what it asked of the disk, and a SIGKILL at the n-th call of a kind."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CUTTING = (
    *("write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat"),
)
"""Calls that change the disk or make a change durable: before each of them the power may go."""
FOLLOWED = (*CUTTING, "openat", "open", "close", "lseek", "dup", "dup2", "dup3", "copy_file_range", "sendfile")
"""These too must be seen to know what a call is about."""
_LINE = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_PR_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)
_CRASHED = 70

Say = Callable[[str], None]
"""Tells the world a line, as a screen does: what was said before the cut must still hold after it."""


class TracingFailed(Exception):
    """strace did not do what it was asked to."""


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded. Strings among ``arguments`` are bytes; others are as strace writes them."""

    name: str
    arguments: tuple[str | bytes, ...] = field(repr=False)
    result: int

    @classmethod
    def parse(cls, line: str) -> Call | None:
        """The call on a line of strace's output; None for a call that failed, or another line."""
        found = _LINE.match(line)
        if found is None or int(found[3]) < 0:
            return None
        return cls(found[1], tuple(map(_argument, found[2].split(", "))), int(found[3]))


def _argument(text: str) -> str | bytes:
    if not text.startswith('"'):
        return text
    if not text.endswith('"'):
        raise TracingFailed("strace has shortened a string")
    return bytes.fromhex(text[1:-1].replace("\\x", ""))


@dataclass(frozen=True, slots=True)
class Point:
    """Before the ``nth`` call called ``name``."""

    name: str
    nth: int


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a child: how it ended, and what it had said."""

    killed: bool
    said: tuple[str, ...]


def run(live: Callable[[Say], None], *, kill: Point | None = None, trace: Path | None = None) -> Run:
    """Call ``live`` in a child of this process.

    Args:
        live: gets a function that says a line.
        kill: where the child is killed.
        trace: file for its calls.

    Raises:
        TracingFailed: strace is not allowed to trace, or ``live`` raised.
    """
    gate, opener = os.pipe()
    heard, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(live, gate, mouth)
    os.close(gate)
    os.close(mouth)
    with _attached(child, _options(kill, trace)), os.fdopen(opener, "wb") as door:
        door.write(b"go")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(heard, "rb") as stream:
        said = tuple(stream.read().decode().splitlines())
    if status not in (0, -signal.SIGKILL):
        raise TracingFailed(f"what should be cut ended by itself, status {status}: see above")
    return Run(status != 0, said)


def _be_the_child(live: Callable[[Say], None], gate: int, mouth: int) -> None:
    """Never returns."""
    status = _CRASHED
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)  # else only an ancestor may trace, on some systems
        os.read(gate, 2)
        live(lambda line: _say(mouth, line))
        status = 0
    finally:  # the process ends here: whatever it was must be seen
        if status:
            traceback.print_exc()
        os._exit(status)


def _say(mouth: int, line: str) -> None:
    os.write(mouth, f"{line}\n".encode())


def _options(kill: Point | None, trace: Path | None) -> list[str]:
    """strace's options; the question mark: a call that this architecture does not have is none to trace."""
    if kill is not None:
        return [f"-etrace=?{kill.name}", f"-einject=?{kill.name}:signal=KILL:when={kill.nth}", "-o/dev/null"]
    names = ",".join(f"?{name}" for name in FOLLOWED)
    return [f"-etrace={names}", "-xx", "-s4194304", f"-o{trace or '/dev/null'}"]


class _attached:
    """strace on the process ``child``, from when it has attached until it has ended with it."""

    def __init__(self, child: int, options: Sequence[str]) -> None:
        self._child, self._options = child, options

    def __enter__(self) -> None:
        self._strace = subprocess.Popen(["strace", *self._options, "-p", str(self._child)], stderr=subprocess.PIPE)
        assert self._strace.stderr is not None
        line = self._strace.stderr.readline()
        if b"attached" not in line:
            os.kill(self._child, signal.SIGKILL)
            self._strace.wait()
            raise TracingFailed(f"strace: {line.decode().strip() or 'said nothing'}")

    def __exit__(self, *exc: object) -> None:
        self._strace.communicate()


def read_trace(path: Path) -> list[Call]:
    """The calls that succeeded, in order."""
    with path.open("r", encoding="ascii") as lines:
        return [call for line in lines if (call := Call.parse(line)) is not None]


def points_of(calls: Sequence[Call]) -> list[Point]:
    """Every point at which a run that made ``calls`` can be cut."""
    counts: dict[str, int] = {}
    points = []
    for call in calls:
        if call.name in CUTTING:
            counts[call.name] = counts.get(call.name, 0) + 1
            points.append(Point(call.name, counts[call.name]))
    return points
