"""Another camera is another text: by the kernel's name and place, and by the process that delivers."""

from __future__ import annotations

from pathlib import Path

from hw.camera.driver import Camera
from hw.camera.identity import identity_of, mark_of
from hw.uri import DeviceUri
from tests.hw.camera.support import failure, sim

NULL = "1:3"
"""The numbers of /dev/null, which every machine has: it stands for a camera's device file."""


def kernel(folder: Path, name: str, place: str) -> Path:
    """What sysfs would say of a camera."""
    entry, device = folder / NULL, folder / "bus" / place
    entry.mkdir(parents=True)
    device.mkdir(parents=True)
    (entry / "name").write_text(f"{name}\n", "utf-8")
    (entry / "device").symlink_to(device)
    return folder


def test_a_usb_camera_is_its_name_and_place(tmp_path: Path) -> None:
    uri = DeviceUri.parse("v4l2:///dev/null")
    one = identity_of(uri, kernel(tmp_path / "a", "HD Camera", "1-1.2:1.0"))
    assert one == "HD Camera at 1-1.2:1.0"
    assert identity_of(uri, kernel(tmp_path / "b", "Dummy video device", "v4l2loopback-000")) != one
    assert identity_of(uri, kernel(tmp_path / "c", "HD Camera", "1-1.3:1.0")) != one


def test_without_the_kernels_word_it_is_the_uri(tmp_path: Path) -> None:
    assert identity_of(DeviceUri.parse("picamera:0")) == "picamera:0"
    assert "which the kernel does not know" in identity_of(DeviceUri.parse("v4l2:///no/such/device"))
    assert "which the kernel does not know" in identity_of(DeviceUri.parse("v4l2:///dev/null"), tmp_path)


def test_the_source_changes_with_the_capture_process() -> None:
    with Camera(DeviceUri.parse("sim:camera?width=64&height=48")) as camera:
        first = camera.source
        assert first.endswith("sim:camera?width=64&height=48")
        camera.restart()
        assert camera.source != first


def test_only_a_camera_that_opened_has_an_identity(tmp_path: Path) -> None:
    absent = Camera(DeviceUri.parse(f"v4l2://{tmp_path}/video0"))
    failure(absent.open)
    assert absent.identity == "", "or whatever is plugged in later would be another camera"
    with sim() as camera:
        known = camera.identity
        assert known == camera.uri.text
        camera.close()
        assert camera.identity == known


def test_a_records_mark_tells_cameras_apart_and_names_nothing() -> None:
    one, other = mark_of("HD Camera at 1-1.2:1.0"), mark_of("HD Camera at 1-1.3:1.0")
    assert one != other
    assert (len(one), set(one) <= set("0123456789abcdef")) == (16, True)
