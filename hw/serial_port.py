"""A serial line opened from a device URI, with the operating system's errors turned into ours."""

from __future__ import annotations

import contextlib
import errno
import logging
import termios
import time
from typing import Self

import serial

from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceTimeout, HardwareError
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

TRAFFIC = 5
"""Log level under DEBUG that carries frame *lengths*; a card's bytes are personal data and never logged."""

WRITE_SPARE_S = 1.0
"""How long a write may take beyond twice what its bits need; an adapter that takes no more bytes must not hang us."""

_BITS_A_BYTE = 10
_DRAIN_POLL_S = 0.002

_ABSENT = {errno.ENOENT, errno.ENODEV, errno.ENXIO}
_BUSY = {errno.EBUSY, errno.EAGAIN}


def _mapped(device: str, error: OSError | termios.error, doing: str) -> HardwareError:
    # pyserial raises SerialException without errno in some branches; its text then carries the cause.
    if isinstance(error, termios.error):  # draining or flushing a line that hung up; no OSError
        return DeviceGone(device, f"{doing}: {error}")
    number = error.errno
    if number in _ABSENT:
        return DeviceMissing(device, f"{doing}: no such device")
    if number in _BUSY or "exclusively lock" in str(error):
        return DeviceBusy(device, f"{doing}: in use by another program")
    if number == errno.EACCES:
        return DeviceMissing(device, f"{doing}: permission denied (is the user in group dialout?)")
    return DeviceGone(device, f"{doing}: {error.strerror or error}")


class SerialPort:
    """An open serial line, 8N1, without flow control, held exclusively.

    Use as a context manager. Every method raises only :class:`hw.errors.HardwareError`.
    """

    def __init__(self, uri: DeviceUri, *, default_baud: int) -> None:
        """Open ``uri`` (``serial:///dev/ttyUSB0?baud=115200``; any pty path works too).

        Raises:
            DeviceMissing: there is no such device, or it may not be opened.
            DeviceBusy: another program holds it.
        """
        self.device = uri.text
        baud = uri.number("baud", default_baud)
        try:
            self._port = serial.Serial(uri.path, baudrate=baud, timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            cause = OSError(errno.EINVAL, str(error)) if isinstance(error, ValueError) else error
            raise _mapped(self.device, cause, f"open at {baud} baud") from error

    @property
    def baud(self) -> int:
        """The line's rate in bits a second."""
        return int(self._port.baudrate)

    @baud.setter
    def baud(self, value: int) -> None:
        try:
            self._port.baudrate = value
        except (OSError, termios.error) as error:
            raise _mapped(self.device, error, f"set {value} baud") from error

    def write(self, data: bytes) -> None:
        """Write all of ``data`` and wait until it has left.

        Raises:
            DeviceTimeout: the line does not take it; what has not left is thrown away.
        """
        limit_s = WRITE_SPARE_S + 2 * _BITS_A_BYTE * len(data) / self.baud
        end_s = time.monotonic() + limit_s
        try:
            self._port.write_timeout = limit_s
            self._port.write(data)
            self._drain(end_s)
        except serial.SerialTimeoutException as error:
            with contextlib.suppress(OSError, termios.error):
                self._port.reset_output_buffer()
            raise DeviceTimeout(self.device, f"write: the line took no more bytes for {limit_s:.1f} s") from error
        except (OSError, termios.error) as error:
            raise _mapped(self.device, error, "write") from error
        except TypeError as error:  # pyserial on a port closed under it
            raise DeviceGone(self.device, "write: port was closed") from error
        log.log(TRAFFIC, "%s <- %d bytes", self.device, len(data))

    def _drain(self, end_s: float) -> None:
        """What tcdrain does, which waits for ever on an adapter that is stuck."""
        while self._port.out_waiting:
            if time.monotonic() >= end_s:
                raise serial.SerialTimeoutException
            time.sleep(_DRAIN_POLL_S)

    def read(self, deadline_s: float) -> bytes:
        """At least one byte, and all that has arrived by then; ``deadline_s`` is a ``time.monotonic`` value.

        Raises:
            DeviceTimeout: nothing arrived before the deadline.
        """
        try:
            self._port.timeout = max(0.0, deadline_s - time.monotonic())
            data = bytes(self._port.read(1))
            if not data:
                raise DeviceTimeout(self.device, "no answer in time")
            data += bytes(self._port.read(self._port.in_waiting))
        except OSError as error:
            raise _mapped(self.device, error, "read") from error
        except TypeError as error:  # pyserial on a port closed under it
            raise DeviceGone(self.device, "read: port was closed") from error
        log.log(TRAFFIC, "%s -> %d bytes", self.device, len(data))
        return data

    def discard_input(self) -> None:
        """Throw away whatever arrived before now: an answer nobody waits for any more."""
        try:
            self._port.reset_input_buffer()
        except (OSError, termios.error) as error:
            raise _mapped(self.device, error, "flush") from error

    def close(self) -> None:
        """Close the line; closing twice is harmless."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
