"""Another camera is another text: by what kernel or library tells, and by the process that delivers."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.camera.codec import MAX_LINE, Ready, encode
from hw.camera.driver import Camera
from hw.camera.identity import VIDIOC_QUERYCAP, Ioctl, identity_of, mark_of, plain
from hw.uri import DeviceUri
from tests.hw.camera.support import camera, failure, sim

NULL = "1:3"
"""The numbers of /dev/null, which every machine has: it stands for a camera's device file."""


def driver(name: str = "uvcvideo", card: str = "HD Camera", bus: str = "usb-0000:01:00.0-1.2") -> Ioctl:
    """A driver's answer to VIDIOC_QUERYCAP, laid out by hand as videodev2.h has it."""

    def ioctl(_: int, request: int, buffer: bytearray) -> int:
        assert (request, len(buffer)) == (VIDIOC_QUERYCAP, 104)
        for at, size, text in ((0, 16, name), (16, 32, card), (48, 32, bus)):
            buffer[at : at + size] = text.encode()[: size - 1].ljust(size, b"\0")
        buffer[80:84] = struct.pack("=I", 0x060C4E)
        return 0

    return ioctl


@pytest.fixture
def null() -> Iterator[int]:
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


def usb(folder: Path, **facts: str) -> Path:
    """What sysfs would say of a USB camera: the interface's folder lies in the device's."""
    interface = folder / "devices" / "1-1.2" / "1-1.2:1.0"
    interface.mkdir(parents=True)
    for name, text in facts.items():
        (interface.parent / name).write_text(f"{text}\n", "utf-8")
    (folder / NULL).mkdir()
    (folder / NULL / "device").symlink_to(interface)
    return folder


def test_a_usb_camera_is_what_its_driver_and_its_device_tell(null: int, tmp_path: Path) -> None:
    known = usb(tmp_path / "a", idVendor="046d", idProduct="0825", serial="8F2C")
    assert identity_of(null, driver(), known) == (
        "uvcvideo, HD Camera, usb-0000:01:00.0-1.2, idVendor 046d, idProduct 0825, serial 8F2C"
    )
    others = [
        identity_of(null, driver(bus="usb-0000:01:00.0-1.3"), known),
        identity_of(null, driver(card="USB Video"), known),
        identity_of(null, driver("v4l2 loopback", bus="platform:v4l2loopback-000"), known),
        identity_of(null, driver(), usb(tmp_path / "b", idVendor="534d", idProduct="2109")),
        identity_of(null, driver(), usb(tmp_path / "c", idVendor="046d", idProduct="0825", serial="8F2D")),
    ]
    assert len({identity_of(null, driver(), known), *others}) == 6, "each is another camera"


def test_a_camera_that_is_on_no_usb_is_what_its_driver_tells(null: int, tmp_path: Path) -> None:
    told = identity_of(null, driver("unicam", "unicam", "platform:fe801000.csi"), tmp_path)
    assert told == "unicam, unicam, platform:fe801000.csi"


def test_what_is_no_camera_has_no_identity(null: int) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOTTY)):
        identity_of(null, fcntl.ioctl)


def test_a_device_writes_its_name_itself(null: int, tmp_path: Path) -> None:
    """Lines of its own, an endless name, or one that differs from another's only at its end."""
    told = identity_of(null, driver(card="HD\n\x1b[31mCamera"), usb(tmp_path, serial="\u202eX"))
    assert told == "uvcvideo, HD??[31mCamera, usb-0000:01:00.0-1.2, serial ?X"
    for one in ("x", "\U0001f4f7", "忙"):
        first, second = plain(one * 5000 + "1"), plain(one * 5000 + "2")
        assert first != second
        assert len(encode(Ready(plain(one * 239)))) <= MAX_LINE
        assert len(encode(Ready(first))) <= MAX_LINE


def test_the_source_changes_with_the_capture_process() -> None:
    with Camera(DeviceUri.parse("sim:camera?width=64&height=48")) as opened:
        first = opened.source
        assert first.endswith("sim:camera?width=64&height=48")
        opened.restart()
        assert opened.source != first


def test_only_a_camera_that_opened_has_an_identity(tmp_path: Path) -> None:
    absent = Camera(DeviceUri.parse(f"v4l2://{tmp_path}/video0"))
    failure(absent.open)
    assert absent.identity == "", "or whatever is plugged in later would be another camera"
    with sim() as opened:
        known = opened.identity
        assert known == opened.uri.text
        opened.close()
        assert opened.identity == known


def test_a_replay_is_known_by_its_uri(tmp_path: Path) -> None:
    with camera(f"replay://{tmp_path}?width=64&height=48") as opened:
        assert opened.identity == opened.uri.text


def test_another_camera_at_the_same_uri_is_told_when_it_opens(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("uvcvideo, HD Camera, usb-1", "utf-8")
    with sim(f"identity={tmp_path}/told") as opened:
        assert opened.identity == "uvcvideo, HD Camera, usb-1"
        (tmp_path / "told").write_text("uvcvideo, USB Video, usb-1", "utf-8")
        opened.restart()
        assert opened.identity == "uvcvideo, USB Video, usb-1"


def test_a_records_mark_tells_cameras_apart_and_names_nothing() -> None:
    one, other = mark_of("HD Camera, usb-1.2"), mark_of("HD Camera, usb-1.3")
    assert one != other
    assert (len(one), set(one) <= set("0123456789abcdef")) == (16, True)
