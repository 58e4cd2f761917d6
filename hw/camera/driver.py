"""The camera as the daemon uses it: newest frame on request, every fault an error within 2 s, never a hang."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Self

from hw.camera.frame import Frame
from hw.camera.mode import Mode
from hw.camera.process import CaptureProcess, same_error
from hw.camera.ring import RingError
from hw.camera.sources import Setting, entry_for
from hw.errors import BadDeviceUri, DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout, HardwareError
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

BACKOFF_FIRST_S = 0.5
BACKOFF_LIMIT_S = 8.0
SYSTEM_PYTHON = "/usr/bin/python3"
"""Has picamera2, which comes from apt and not into a virtual environment."""
_GLANCE_S = 0.25


class Camera:
    """One camera behind a URI, served by a process of its own.

    ``open`` and ``latest`` raise :class:`~hw.errors.HardwareError` only. After a failure the process is dead and its
    memory freed; ``latest`` repeats the error until ``open`` or ``restart``. :meth:`frames` restarts by itself. All
    methods may be called from any thread; ``close`` ends a ``latest`` that waits in another. ``none:`` opens, and is
    missing on use.
    """

    def __init__(self, uri: DeviceUri, *, interpreter: str | None = None) -> None:
        """``interpreter`` runs the capture process; without one it is this Python, for picamera2 the system's.

        Raises:
            BadDeviceUri: no camera source serves ``uri``, or an option is unknown or out of range.
        """
        self.uri = uri
        self._absent = uri.scheme == "none"
        if not self._absent:
            entry_for(uri)
            Mode.from_uri(uri)
        self._interpreter = interpreter or (SYSTEM_PYTHON if uri.scheme == "picamera" else sys.executable)
        self.identity = ""
        """Which camera it was when it was last open, as it told itself; empty before."""
        self._lock = threading.RLock()
        self._process: CaptureProcess | None = None
        self._failure: HardwareError | None = None
        self._last = 0

    @property
    def pid(self) -> int | None:
        """The capture process's id while there is one."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def source(self) -> str:
        """Who delivers: the capture process and the camera that it has open. Another text: it was opened anew."""
        return f"{self.pid} {self.identity}"

    def open(self) -> None:
        """Start the capture process and wait until the camera is open.

        Raises:
            BadDeviceUri: an option's value means nothing to the source.
            DeviceMissing: no such device, folder, library or interpreter.
            DeviceBusy: another program holds the camera.
            DeviceTimeout: it did not open within 2 s (starting Python and importing libraries apart: 10 s).
            RuntimeError: it is open already.
        """
        with self._lock:
            if self._process is not None:
                raise RuntimeError(f"{self.uri}: the camera is open already")
            self._failure = None
            if self._absent:
                return
            with self._failing():
                self._process = CaptureProcess(self.uri, self._interpreter, first=self._last + 1)
                self._wait_ready(self._process)
                self.identity = self._process.identity

    def _wait_ready(self, process: CaptureProcess) -> None:
        process.check()
        while not process.ready:
            process.wait(process.limit_s())
            process.check()

    def latest(self, newer_than: int = -1, timeout_s: float = 2.0) -> Frame:
        """The newest frame numbered above ``newer_than``; waits for one, ``timeout_s`` at most.

        Frames in between are skipped: a slow caller sees fewer frames, never old ones.

        Raises:
            DeviceTimeout: no such frame in time. The camera is killed only if it gave no frame at all for 1.8 s.
            DeviceGone: the camera was unplugged, or its process died.
            DeviceMissing: the device is ``none:``.
            CameraDark: everything was black for a second.
            HardwareError: whatever else the source reports; or the same error again after a failure.
            RuntimeError: the camera was never opened.
        """
        deadline_s = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            raise DeviceTimeout(self.uri.text, f"another thread waited for the camera longer than {timeout_s:g} s")
        try:
            frame = self._next(newer_than, deadline_s)
        finally:
            self._lock.release()
        if frame is None:
            raise DeviceTimeout(self.uri.text, f"no frame above number {newer_than} within {timeout_s:g} s")
        return frame

    def _next(self, newer_than: int, deadline_s: float) -> Frame | None:
        process = self._running()
        with self._failing():
            while True:
                process.check()
                raw = process.ring.read(newer_than)
                if raw is not None:
                    self._last = raw.number
                    return Frame.from_raw(raw, self.uri.text)
                if time.monotonic() >= deadline_s:
                    return None
                process.wait(min(deadline_s, process.limit_s()))

    def _running(self) -> CaptureProcess:
        if self._absent:
            raise DeviceMissing(self.uri.text, "no camera is configured")
        if self._failure is not None:
            raise same_error(self._failure)
        if self._process is None:
            raise RuntimeError(f"{self.uri}: open the camera first")
        return self._process

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever goes wrong inside ends the capture process and is remembered."""
        try:
            try:
                yield
            except RingError as error:
                raise DeviceProtocolError(self.uri.text, f"shared memory: {error}") from error
        except HardwareError as error:
            log.warning("%s", error)
            self._failure = same_error(error)  # without the traceback, which would keep pixels alive
            self._end()
            raise

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def hold(self, held: bool) -> None:
        """Hold exposure, gain and white balance as they are (for a light challenge), or let them go on.

        From the next frame on; cameras without such controls go on as they do. A restart lets go: a source is opened
        with its automatics running. Harmless while the camera is closed.
        """
        process = self._process
        if process is not None:
            with self._lock:
                if process is self._process:
                    process.ring.hold(held)

    @property
    def held(self) -> tuple[Setting, ...] | None:
        """What really stands still since ``hold(True)``: less than all, or nothing, with a camera that cannot hold it.

        None: it is not held, or the capture process has not said so yet. It says so before the second frame after
        ``hold``, and is heard by whoever waits for the frame after. One that was opened anew is not held.
        """
        process = self._process
        return process.held if process is not None else None

    def restart(self) -> None:
        """Kill the capture process, if there is one, and open anew; raises as :meth:`open`. Numbers go on counting."""
        with self._lock:
            self._end()
            self.open()

    def close(self) -> None:
        """Kill the capture process and free its memory; closing twice is harmless."""
        process = self._process
        if process is not None:
            process.kill()  # before the lock: a thread that waits in latest holds it
        with self._lock:
            self._end()
            self._failure = DeviceGone(self.uri.text, "the camera was closed")

    def frames(self, stop: threading.Event) -> Iterator[Frame | HardwareError]:
        """Every new frame until ``stop`` is set; opens the camera, and restarts it after a failure.

        A failure is yielded, so that the screen can show it, and tried again after 0.5 s, then twice that, up to 8 s.
        The camera stays open when the iterator ends: first set ``stop``, then ``close``.

        Raises:
            BadDeviceUri: the configuration must be corrected first; trying again is useless.
        """
        number, pause_s = -1, BACKOFF_FIRST_S
        while not stop.is_set():
            try:
                frame = self._glance(number)
            except BadDeviceUri:
                raise
            except HardwareError as error:
                yield error
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_LIMIT_S)
                continue
            if frame is not None:
                number, pause_s = frame.number, BACKOFF_FIRST_S
                yield frame

    def _glance(self, newer_than: int) -> Frame | None:
        with self._lock:
            if self._process is None and not self._absent:
                self.open()
            return self._next(newer_than, time.monotonic() + _GLANCE_S)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
