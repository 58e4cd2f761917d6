"""The serial line of all drivers, over real pseudo-terminals: a line that takes no more bytes, one that goes away."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import tty
from collections.abc import Iterator

import pytest

from hw.coprocessor.driver import Coprocessor, Timing
from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceTimeout
from hw.serial_port import WRITE_SPARE_S, SerialPort
from hw.uri import DeviceUri


@pytest.fixture
def pty() -> Iterator[tuple[int, DeviceUri]]:
    """The far end, which is read by nobody, and the line's URI."""
    far, near = os.openpty()
    tty.setraw(near)
    yield far, DeviceUri.parse(f"serial://{os.ttyname(near)}?baud=115200")
    for end in (far, near):
        os.close(end)


def fill(uri: DeviceUri) -> None:
    """Write until the line takes no more."""
    end = os.open(uri.path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    for size in (512, *[1] * 10):  # again, because the kernel moves on what it has taken when it finds the time
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(end, bytes(size))
        time.sleep(0.02)
    os.close(end)


def test_a_line_that_takes_no_more_bytes(pty: tuple[int, DeviceUri]) -> None:
    """The write ends, and nothing of it comes late; once somebody reads, the next one goes through."""
    far, uri = pty
    with SerialPort(uri, default_baud=9600) as port:
        fill(uri)
        started_s = time.monotonic()
        with pytest.raises(DeviceTimeout, match="took no more bytes") as caught:
            port.write(b"lost")
        assert WRITE_SPARE_S / 2 < time.monotonic() - started_s < 30
        assert caught.value.device == uri.text
        port.write(b"again")
        got = b""
        while not got.endswith(b"again"):
            got += os.read(far, 65536)
        assert b"lost" not in got


def test_a_long_write_has_its_time(pty: tuple[int, DeviceUri]) -> None:
    """A slow reader is none that has stopped: the limit grows with what is written."""
    far, uri = pty
    data = os.urandom(60000)
    got = bytearray()

    def read_slowly() -> None:
        while len(got) < len(data):
            got.extend(os.read(far, 2000))
            time.sleep(0.05)

    reader = threading.Thread(target=read_slowly, daemon=True)
    reader.start()
    with SerialPort(uri, default_baud=115200) as port:
        port.write(data)
        reader.join(timeout=30)
    assert bytes(got) == data


def test_a_driver_goes_on(pty: tuple[int, DeviceUri]) -> None:
    """The co-processor's thread on a line that is stuck tells it as a problem, and can be ended."""
    _, uri = pty
    fill(uri)
    host = Coprocessor(uri, timing=Timing(ready_s=30))
    with pytest.raises(DeviceTimeout, match="took no more bytes"):
        host.open()
    assert not [thread for thread in threading.enumerate() if thread.name == "coprocessor"]


def test_closed_under_it(pty: tuple[int, DeviceUri]) -> None:
    _, uri = pty
    port = SerialPort(uri, default_baud=115200)
    port.close()
    port.close()
    with pytest.raises(DeviceGone):
        port.write(b"x")
    with pytest.raises(DeviceGone):
        port.read(time.monotonic())


def test_far_end_gone() -> None:
    far, near = os.openpty()
    tty.setraw(near)
    with SerialPort(DeviceUri.parse(f"serial://{os.ttyname(near)}"), default_baud=115200) as port:
        os.close(near)
        os.close(far)
        with pytest.raises(DeviceGone):
            port.write(b"x")
        with pytest.raises(DeviceGone):
            port.read(time.monotonic() + 5)


def test_missing_and_busy(pty: tuple[int, DeviceUri]) -> None:
    _, uri = pty
    with pytest.raises(DeviceMissing):
        SerialPort(DeviceUri.parse("serial:///dev/vernix-no-such-line"), default_baud=9600)
    with SerialPort(uri, default_baud=9600), pytest.raises(DeviceBusy):
        SerialPort(uri, default_baud=9600)
