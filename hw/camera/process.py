"""The parent's handle on one capture process: its start, its words, its frames and its end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import time
from pathlib import Path

from hw.camera import ring
from hw.camera.codec import Event, Failed, Held, Loaded, Ready, Released, StatusError, StatusReader
from hw.camera.mode import Mode
from hw.camera.sources import Setting
from hw.errors import DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout, HardwareError
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

START_S = 10.0
"""To start an interpreter and import a camera's libraries; seconds from an SD card on a busy unit."""
STALL_S = 1.8
"""To open the camera, and then from one frame to the next: with the kill, an error within 2 s."""
_KILL_S = 0.5

# The root is appended, not put on PYTHONPATH: under another Python its own libraries must stay ahead of the daemon's
# virtual environment, whose numpy may be built for a different interpreter.
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from hw.camera.capture import main; sys.exit(main(sys.argv[1:]))"
_ROOT = str(Path(__file__).resolve().parents[2])
_MAX_PICTURE_PX = 64_000_000


def _environment() -> dict[str, str]:
    # Limits what a hostile picture header can make OpenCV allocate; it must be set before OpenCV is imported.
    return {**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": str(_MAX_PICTURE_PX)}


class CaptureProcess:
    """A running child. Owns the shared memory, both descriptors it is told by, and the pipe whose end ends it."""

    def __init__(self, uri: DeviceUri, interpreter: str, *, first: int) -> None:
        """Start capturing ``uri`` under ``interpreter``; ``first`` is the number of the first frame.

        Raises:
            DeviceMissing: there is no such interpreter.
        """
        self._device = uri.text
        self.identity = uri.text
        """Which camera it is, once it is :attr:`ready`."""
        self.held: tuple[Setting, ...] | None = None
        """What stands still while it is held, when :meth:`check` last looked; None: it does not say that it is held."""
        self._status = StatusReader()
        layout = ring.Layout(ring.SLOTS, Mode.from_uri(uri).frame_bytes)
        with contextlib.ExitStack() as undo:
            # memfd labels appear in /proc/PID/maps: which daemon the memory belongs to.
            ring_fd = ring.create(layout, f"vernix-camera-{os.getpid()}")
            self.ring = ring.RingReader(ring_fd, layout)
            undo.callback(self.ring.close)
            self._event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            undo.callback(os.close, self._event_fd)
            self._status_fd, status_end = os.pipe()
            undo.callback(os.close, self._status_fd)
            os.set_blocking(self._status_fd, False)
            with os.fdopen(status_end, "wb", buffering=0):
                numbers = [ring_fd, self._event_fd, status_end, first]
                self._child = self._spawn(interpreter, [uri.text, *map(str, numbers)], numbers[:3])
            self._undo = undo.pop_all()
        self._limit_s = time.monotonic() + START_S
        self._doing = "start"
        log.info("%s: capture process %d started", self._device, self._child.pid)

    def _spawn(self, interpreter: str, arguments: list[str], fds: list[int]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [interpreter, "-P", "-c", _BOOT, _ROOT, *arguments],
                stdin=subprocess.PIPE,
                stdout=2,  # a camera library that prints must not get into the daemon's own output
                pass_fds=fds,
                env=_environment(),
                process_group=0,  # Ctrl-C at a console is the parent's to handle
            )
        except OSError as error:
            raise DeviceMissing(self._device, f"cannot start {interpreter}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def ready(self) -> bool:
        """Whether the camera was open when :meth:`check` last looked."""
        return self._doing == "frame"

    def limit_s(self) -> float:
        """The ``time.monotonic`` value by which the child must have made its next step."""
        if not self.ready:
            return self._limit_s
        return max(self._limit_s, self.ring.newest_ns() / 1e9 + STALL_S)

    def check(self) -> None:
        """Look at what the child said, without waiting.

        Raises:
            HardwareError: it reported an error, died, or missed its limit.
        """
        self._receive()
        if self.ring.newest_ns() > time.monotonic_ns():  # no limit would ever be missed
            raise DeviceProtocolError(self._device, "its frames' capture time lies in the future: not CLOCK_MONOTONIC")
        if time.monotonic() > self.limit_s():
            took_s = START_S if self._doing == "start" else STALL_S
            raise DeviceTimeout(self._device, f"no {self._doing} within {took_s:g} s; its capture process was killed")

    def _receive(self) -> None:
        try:
            while True:
                while (event := self._status.next_event()) is not None:
                    self._take(event)
                    if isinstance(event, Ready):  # what follows is no longer about opening: left to the next look
                        return
                data = os.read(self._status_fd, 65536)
                if not data:
                    break
                self._status.receive_data(data)
        except BlockingIOError:
            return
        except StatusError as error:
            raise DeviceProtocolError(self._device, f"capture process: {error}") from error
        raise DeviceGone(self._device, f"its capture process {self._ending()}")

    def _take(self, event: Event) -> None:
        match event:
            case Loaded():
                self._doing = "opening"
            case Ready(identity):
                self._doing, self.identity = "frame", identity or self.identity
            case Held(settings):
                self.held = settings
                return  # no step on the way to a frame: the next one is due as before
            case Released():
                self.held = None
                return
            case Failed(error, message):
                raise error(self._device, message)
        self._limit_s = time.monotonic() + STALL_S

    def _ending(self) -> str:
        try:
            status = self._child.wait(_KILL_S)
        except subprocess.TimeoutExpired:
            return "closed its status pipe"
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}; its error output says why"

    def wait(self, until_s: float) -> None:
        """Sleep until a frame came, the child said something, or ``time.monotonic()`` reached ``until_s``."""
        poller = select.poll()
        poller.register(self._event_fd, select.POLLIN)
        poller.register(self._status_fd, select.POLLIN)
        poller.poll(max(0.0, until_s - time.monotonic()) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event_fd)

    def kill(self) -> None:
        """End the child at once, from any thread; a waiting one is told by :meth:`check`."""
        self._child.kill()

    def close(self) -> None:
        """Kill the child, wait for it, free everything.

        A child in uninterruptible sleep (a hung kernel driver) is left to the kernel after half a second; it has its
        own memory and pipes, so it cannot disturb the next one.
        """
        self.kill()
        try:
            self._child.wait(_KILL_S)
        except subprocess.TimeoutExpired:
            log.warning("%s: capture process %d does not die; left behind", self._device, self._child.pid)
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._undo.close()


def same_error(error: HardwareError) -> HardwareError:
    """A fresh copy of ``error``, to raise again without piling up tracebacks."""
    return Failed.from_error(error).error(error.device, Failed.from_error(error).message)
