"""What every simulated serial device shares: a pseudo-terminal, a thread that answers, and faults of the wire.

This is the wire of the simulators, not of the drivers. A test, the demo or a person at the console changes the public
state while the device runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import tempfile
import threading
import time
import tty
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

Fault = Callable[[bytes], list[tuple[float, bytes]]]
"""Turns one answer into what really leaves the device: pairs of (pause before, in seconds; bytes)."""


def drop() -> Fault:
    """The whole answer is lost."""
    return lambda _: []


def truncate(length: int) -> Fault:
    """Only the first ``length`` bytes arrive."""
    return lambda answer: [(0.0, answer[:length])]


def corrupt(index: int) -> Fault:
    """One byte arrives with its bits inverted; ``index`` may be negative."""

    def apply(answer: bytes) -> list[tuple[float, bytes]]:
        damaged = bytearray(answer)
        damaged[index] ^= 0xFF
        return [(0.0, bytes(damaged))]

    return apply


def delay(pause_s: float) -> Fault:
    """The answer comes ``pause_s`` late."""
    return lambda answer: [(pause_s, answer)]


def split(size: int, pause_s: float = 0.002) -> Fault:
    """The answer comes in pieces of ``size`` bytes."""
    return lambda answer: [(pause_s, answer[i : i + size]) for i in range(0, len(answer), size)]


def garbage(before: bytes) -> Fault:
    """Line noise arrives ahead of the answer."""
    return lambda answer: [(0.0, before + answer)]


class PtyDevice(ABC):
    """A simulated serial device behind a pseudo-terminal.

    ``path`` stays the same through :meth:`unplug` and :meth:`plug`, as a udev link does. ``faults`` are used up one an
    answer, first in first out. Use as a context manager.
    """

    def __init__(self, name: str) -> None:
        self.faults: deque[Fault] = deque()
        self._folder = tempfile.TemporaryDirectory(prefix=f"vernix-{name}-")
        self.path = str(Path(self._folder.name) / name)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._master: int | None = None
        self._slave: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"sim-{name}", daemon=True)
        self.error: BaseException | None = None
        self.plug()
        self._thread.start()

    @property
    def uri(self) -> str:
        """The device as the configuration names it."""
        return f"serial://{self.path}"

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Bytes from the host. Answer with :meth:`answer`."""

    def plugged(self) -> None:
        """Called when power returns: forget what a real device forgets."""

    def answer(self, data: bytes) -> None:
        """Send ``data`` to the host, through the next waiting fault if there is one."""
        pieces = self.faults.popleft()(data) if self.faults else [(0.0, data)]
        for pause_s, piece in pieces:
            if pause_s:
                time.sleep(pause_s)
            self._write(piece)

    def unplug(self) -> None:
        """Pull the cable: the host's open port hangs up and the path disappears."""
        with self._lock:
            with contextlib.suppress(FileNotFoundError):
                Path(self.path).unlink()
            for end in (self._master, self._slave):
                if end is not None:
                    os.close(end)
            self._master = self._slave = None

    def plug(self) -> None:
        """Put the cable in: the path is there again, the device starts anew."""
        with self._lock:
            if self._master is not None:
                return
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            Path(self.path).symlink_to(os.ttyname(self._slave))
        self.plugged()

    def close(self) -> None:
        """Stop the device and remove its path. Raises what the device's own thread died of, if it did."""
        self._stop.set()
        self._thread.join(timeout=5)
        self.unplug()
        self._folder.cleanup()
        if self.error is not None:
            raise RuntimeError(f"simulator of {self.path} died") from self.error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._stop.is_set():
            with self._lock:
                if self._master is None:
                    return
                try:
                    view = view[os.write(self._master, view) :]
                    continue
                except BlockingIOError:
                    pass
            time.sleep(0.001)

    def _read(self) -> bytes:
        with self._lock:
            master = self._master
            if master is None:
                return b""
            ready, _, _ = select.select([master], [], [], 0)
            if not ready:
                return b""
            try:
                return os.read(master, 4096)
            except OSError as error:
                if error.errno in (errno.EIO, errno.EAGAIN):  # nobody has the other end open
                    return b""
                raise

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                data = self._read()
                if data:
                    self.receive(data)
                else:
                    time.sleep(0.001)
        except BaseException as error:  # noqa: BLE001  # kept for close(), which raises it
            self.error = error
