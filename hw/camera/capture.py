"""The capture process: opens one camera and pushes its frames into shared memory until it is killed.

Started by :mod:`hw.camera.driver`; imports only the standard library beside what the source needs, because it may run
under another Python than the daemon (picamera2 comes from apt, for the system's). There is no orderly end: the parent
kills it, or it reports an error and exits, or the parent dies and the kernel kills it.
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from hw.camera.codec import Event, Failed, Held, Loaded, Ready, Released, encode
from hw.camera.errors import CameraDark
from hw.camera.mode import Mode
from hw.camera.ring import RingError, RingWriter
from hw.camera.sources import Holdable, Named, Setting, Source, SourceModule, checked, entry_for
from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceProtocolError, HardwareError
from hw.private_memory import keep_memory_private
from hw.uri import DeviceUri

if TYPE_CHECKING:
    from hw.camera.darkness import DarkWatch

_ABSENT = {errno.ENOENT, errno.ENODEV, errno.ENXIO}


def die_with_parent(pipe: int) -> None:
    """Have the kernel kill this process once the other end of ``pipe`` closes.

    Not PR_SET_PDEATHSIG, which fires when the *thread* that started us ends. The signal needs no co-operation: it works
    while a camera's library holds the interpreter lock.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    ready, _, _ = select.select([pipe], [], [], 0)
    if ready:  # it closed before the signal was armed
        os.kill(os.getpid(), signal.SIGKILL)


def named(device: str, error: OSError, *, opening: bool) -> HardwareError:
    """The operating system's ``error`` as one of ours."""
    reason = error.strerror or str(error)
    if error.errno == errno.EBUSY:
        return DeviceBusy(device, "in use by another program")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceMissing(device, f"{reason}: may this user read it (is the user in group video)?")
    if opening and error.errno in _ABSENT:
        return DeviceMissing(device, reason)
    return DeviceGone(device, reason)


def load(uri: DeviceUri) -> tuple[SourceModule, DarkWatch]:
    """Import everything that is not the standard library's.

    Raises:
        BadDeviceUri: no source serves ``uri``.
        DeviceMissing: a library is not installed for this Python.
    """
    try:
        module = importlib.import_module(entry_for(uri).module)
        darkness = importlib.import_module("hw.camera.darkness")
    except ImportError as error:
        raise DeviceMissing(uri.text, f"{sys.executable} cannot serve this camera: {error}") from error
    return cast(SourceModule, module), darkness.DarkWatch()


def open_source(module: SourceModule, uri: DeviceUri) -> Source:
    """Open ``uri``; every failure is a HardwareError."""
    try:
        return module.open_source(uri, Mode.from_uri(uri))
    except OSError as error:
        raise named(uri.text, error, opening=True) from error


def pump(source: Source, writer: RingWriter, watch: DarkWatch, device: str) -> None:
    """Read one frame and publish it; every failure is a HardwareError."""
    try:
        image, captured_ns = source.read()
    except OSError as error:
        raise named(device, error, opening=False) from error
    image = checked(image, device)
    if watch.sees_only_dark(image, captured_ns):
        raise CameraDark(device, "the picture has been black for a second")
    height, width = image.shape[:2]
    try:
        writer.write(image.data.cast("B"), captured_ns, width, height)
    except RingError as error:
        raise DeviceProtocolError(device, str(error)) from error


def hold(source: Source, held: bool, device: str) -> Held | Released:
    """Have the source's automatics stand still or go on; what the parent is to hear. Every failure is a HardwareError.

    A source without such controls holds nothing.
    """
    settings: tuple[Setting, ...] = ()
    if isinstance(source, Holdable):
        try:
            settings = source.hold(held)
        except OSError as error:
            raise named(device, error, opening=False) from error
    return Held(settings) if held else Released()


def capture(uri: DeviceUri, writer: RingWriter, notify: Callable[[], None], report: Callable[[Event], None]) -> None:
    """Serve ``uri`` without end: ``notify`` after each frame, ``report`` as the state changes.

    Raises:
        HardwareError: the camera cannot be opened or failed.
    """
    module, watch = load(uri)
    report(Loaded())
    source = open_source(module, uri)
    report(Ready(source.identity if isinstance(source, Named) else ""))
    held = False
    while True:
        if writer.held != held:
            held = not held
            report(hold(source, held, uri.text))
        pump(source, writer, watch, uri.text)
        notify()


def main(argv: Sequence[str]) -> int:
    """``URI ring-descriptor event-descriptor status-descriptor first-frame-number``; 1 when the camera failed."""
    uri_text, *numbers = argv
    ring_fd, event_fd, status_fd, first = map(int, numbers)
    die_with_parent(sys.stdin.fileno())
    keep_memory_private()

    def report(event: Event) -> None:
        os.write(status_fd, encode(event))

    try:
        capture(
            DeviceUri.parse(uri_text), RingWriter(ring_fd, first=first), lambda: os.eventfd_write(event_fd, 1), report
        )
    except HardwareError as error:
        report(Failed.from_error(error))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
