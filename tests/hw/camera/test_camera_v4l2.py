"""V4L2 cameras against a stand-in for OpenCV's capture and the kernel's controls: there is no camera here."""

from __future__ import annotations

import errno
import os
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hw.camera.identity import VIDIOC_QUERYCAP
from hw.camera.mode import Mode
from hw.camera.process import STALL_S
from hw.camera.sources import Holdable, Named, Setting
from hw.camera.sources.v4l2 import UNREADABLE_S, V4l2Camera, open_source
from hw.camera.sources.v4l2_controls import VIDIOC_G_CTRL, VIDIOC_QUERYCTRL, VIDIOC_S_CTRL, Control, Controls
from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceProtocolError
from hw.uri import DeviceUri
from tests.hw.camera.support import BOUND_S, camera, failure

MODE = Mode(64, 48, None)


class Kernel:
    """A camera's controls behind ioctl. As with many UVC cameras, values are refused while their automatic runs."""

    def __init__(self, *lacking: Control) -> None:
        self.values = {
            Control.EXPOSURE_AUTO: 3,
            Control.EXPOSURE_AUTO_PRIORITY: 1,
            Control.AUTOGAIN: 1,
            Control.AUTO_WHITE_BALANCE: 1,
            Control.BACKLIGHT_COMPENSATION: 2,
            Control.EXPOSURE_ABSOLUTE: 312,
            Control.GAIN: 40,
            Control.WHITE_BALANCE_TEMPERATURE: 4600,
        }
        for control in lacking:
            del self.values[control]
        self.defaults = dict(self.values)
        self.refused: set[Control] = set()
        """Answered with an error when they are set."""
        self.deaf: set[Control] = set()
        """Set without an error, and as they were."""
        self.gone = False

    def ioctl(self, _: int, request: int, buffer: bytearray) -> int:
        number, value = struct.unpack_from("=Ii", buffer)
        if self.gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if number not in self.values:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        control = Control(number)
        if request == VIDIOC_S_CTRL:
            if control is Control.EXPOSURE_ABSOLUTE and self.values.get(Control.EXPOSURE_AUTO, 1) != 1:
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
            if control in self.refused:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if control not in self.deaf:
                self.values[control] = value
        elif request == VIDIOC_QUERYCTRL:
            assert len(buffer) == 68
            struct.pack_into("=i", buffer, 52, self.defaults[control])
        else:
            assert request == VIDIOC_G_CTRL
            struct.pack_into("=Ii", buffer, 0, number, self.values[control])
        return 0


class Video:
    """What is used of cv2.VideoCapture."""

    def __init__(self, opened: bool = True) -> None:
        self.opened, self.stamp_ms, self.image = opened, 0.0, np.full((48, 64, 3), 90, np.uint8)
        self.properties: dict[int, float] = {}
        self.damaged: list[Callable[[], Any]] = []
        """How the next pictures are decoded, before the whole ones."""
        self.pulled = False
        self.reads = 0

    def isOpened(self) -> bool:
        return self.opened

    def read(self) -> tuple[bool, np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None]:
        self.reads += 1
        if self.pulled:
            return False, None
        image = self.damaged.pop(0)() if self.damaged else self.image
        return image is not None, image

    def get(self, propId: int) -> float:
        return self.stamp_ms if propId == cv2.CAP_PROP_POS_MSEC else 0.0

    def set(self, propId: int, value: float) -> bool:
        self.properties[propId] = value
        return True


def source(video: Video, kernel: Kernel) -> V4l2Camera:
    return V4l2Camera("v4l2:///dev/video0", video, Controls(3, kernel.ioctl), MODE, "HD Camera")


def test_held_is_what_the_automatics_had_found_and_comes_back_to_them() -> None:
    kernel = Kernel()
    before = dict(kernel.values)
    held = source(Video(), kernel)
    assert isinstance(held, Holdable)
    assert held.hold(True) == tuple(Setting)
    assert {c: kernel.values[c] for c in list(Control) if "AUTO" in c.name} == {
        Control.AUTO_WHITE_BALANCE: 0,
        Control.AUTOGAIN: 0,
        Control.EXPOSURE_AUTO: 1,
        Control.EXPOSURE_AUTO_PRIORITY: 0,
    }
    for control in (Control.EXPOSURE_ABSOLUTE, Control.GAIN, Control.WHITE_BALANCE_TEMPERATURE):
        assert kernel.values[control] == before[control]
    assert held.hold(True) == tuple(Setting)
    assert held.hold(False) == ()
    assert kernel.values == before


@pytest.mark.parametrize("lacking", [None, *Control])
def test_a_camera_that_was_left_held_is_opened_with_its_automatics_running(lacking: Control | None) -> None:
    """Whoever held it was killed: what a camera is told outlives the process that told it."""
    kernel = Kernel(*([lacking] if lacking else []))
    before = dict(kernel.values)
    source(Video(), kernel).hold(True)
    assert kernel.values != before
    again = source(Video(), kernel)
    assert kernel.values == before
    again.hold(True)
    again.hold(False)
    assert kernel.values == before


@pytest.mark.parametrize("lacking", list(Control))
def test_a_camera_that_lacks_a_control_is_held_by_the_others(lacking: Control) -> None:
    kernel = Kernel(lacking)
    before = dict(kernel.values)
    controls = Controls(3, kernel.ioctl)
    assert controls.hold() == tuple(Setting)
    assert kernel.values.get(Control.AUTO_WHITE_BALANCE, 0) == 0
    controls.release()
    assert kernel.values == before


EXPOSURE, GAIN, WHITE = Setting


@pytest.mark.parametrize(
    ("lacking", "held"),
    [
        ((Control.EXPOSURE_AUTO, Control.EXPOSURE_ABSOLUTE), (GAIN, WHITE)),
        ((Control.AUTOGAIN, Control.GAIN), (EXPOSURE, WHITE)),
        ((Control.AUTO_WHITE_BALANCE, Control.WHITE_BALANCE_TEMPERATURE), (EXPOSURE, GAIN)),
        ((Control.AUTOGAIN, Control.EXPOSURE_AUTO_PRIORITY, Control.BACKLIGHT_COMPENSATION), tuple(Setting)),
    ],
)
def test_what_a_camera_has_no_control_for_is_not_held(lacking: tuple[Control, ...], held: tuple[Setting, ...]) -> None:
    assert source(Video(), Kernel(*lacking)).hold(True) == held


@pytest.mark.parametrize("how", ["refused", "deaf"])
@pytest.mark.parametrize(
    ("control", "lacking", "held"),
    [
        (Control.EXPOSURE_AUTO, (), (WHITE,)),
        (Control.EXPOSURE_AUTO, (Control.AUTOGAIN,), (WHITE,)),  # it moves the gain too, though that took its value
        (Control.AUTOGAIN, (), (EXPOSURE, WHITE)),
        (Control.AUTO_WHITE_BALANCE, (), (EXPOSURE, GAIN)),
        (Control.GAIN, (), tuple(Setting)),  # its automatic is off
    ],
)
def test_a_camera_that_does_not_obey_is_not_held(
    how: str, control: Control, lacking: tuple[Control, ...], held: tuple[Setting, ...]
) -> None:
    kernel = Kernel(*lacking)
    before = dict(kernel.values)
    getattr(kernel, how).add(control)
    one = source(Video(), kernel)
    assert one.hold(True) == held
    one.hold(False)
    assert kernel.values == before


def test_a_camera_without_controls_is_left_alone_and_one_that_is_gone_is_told() -> None:
    kernel = Kernel(*Control)
    assert Controls(3, kernel.ioctl).hold() == ()
    kernel.gone = True
    with pytest.raises(OSError, match="No such device"):
        Controls(3, kernel.ioctl).hold()


def test_frames_carry_the_kernels_time_if_it_is_of_this_clock() -> None:
    video = Video()
    open_camera = source(video, Kernel())
    now_ms = time.monotonic_ns() / 1e6
    for stamp_ms, trusted in ((now_ms - 20, True), (now_ms + 60_000, False), (now_ms - 5000, False), (0.0, False)):
        video.stamp_ms = stamp_ms
        shot = open_camera.read()
        assert shot.image.shape == (48, 64, 3)
        assert (abs(shot.captured_ns / 1e6 - stamp_ms) < 0.01) is trusted
        assert shot.captured_ns <= time.monotonic_ns()


def test_what_is_asked_of_the_camera_and_a_picture_of_another_size() -> None:
    video = Video()
    open_camera = source(video, Kernel())
    assert (video.properties[cv2.CAP_PROP_FRAME_WIDTH], video.properties[cv2.CAP_PROP_FPS]) == (64, 15)
    video.image = np.full((96, 128, 3), 90, np.uint8)
    assert open_camera.read().image.shape == (48, 64, 3)


def truncated() -> Any:
    """What OpenCV makes of a Motion-JPEG picture whose end was lost on the bus."""
    done, data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))
    assert done
    return cv2.imdecode(data[:200], cv2.IMREAD_COLOR)


def without_a_byte() -> Any:
    return cv2.imdecode(np.empty(0, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("damaged", [[truncated], [without_a_byte], [truncated, without_a_byte, truncated]])
def test_a_damaged_picture_is_passed_over(damaged: list[Callable[[], Any]]) -> None:
    video = Video()
    video.damaged = list(damaged)
    assert source(video, Kernel()).read().image.mean() == 90
    assert video.reads == len(damaged) + 1


@pytest.mark.parametrize(("decode", "words"), [(truncated, "none can be decoded"), (without_a_byte, "buf.empty")])
def test_damaged_pictures_alone_are_told_before_the_drivers_limit_without_haste(
    decode: Callable[[], Any], words: str
) -> None:
    video = Video()
    video.damaged = [decode] * 1000
    began_s = time.monotonic()
    with pytest.raises(DeviceGone, match=f"video0: no picture for 1 s: .*{words}"):
        source(video, Kernel()).read()
    assert UNREADABLE_S <= time.monotonic() - began_s < BOUND_S
    assert UNREADABLE_S < STALL_S - 0.5
    assert 1 < video.reads < 100


def test_a_pulled_camera_is_gone_at_once() -> None:
    video, kernel = Video(), Kernel()
    open_camera = source(video, kernel)
    video.pulled = kernel.gone = True
    with pytest.raises(OSError, match="No such device"):
        open_camera.read()
    assert video.reads == 1


@pytest.mark.parametrize("image", [np.zeros((24, 32), np.uint8), np.zeros((24, 32, 4), np.uint8), np.zeros((0, 0, 3))])
def test_a_picture_of_another_kind_is_named_before_it_is_fitted(image: np.ndarray[Any, Any]) -> None:
    video = Video()
    video.image = image
    with pytest.raises(DeviceProtocolError, match=re.escape(f"{image.dtype} {image.shape}")):
        source(video, Kernel()).read()


def test_a_device_that_delivers_nothing_is_busy(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(DeviceBusy):
        open_source(DeviceUri.parse(f"v4l2://{tmp_path}/video0"), MODE, lambda _: Video(opened=False))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_open_camera_tells_which_it_is(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    uri = DeviceUri.parse(f"v4l2://{tmp_path}/video0")

    def ioctl(_: int, request: int, buffer: bytearray) -> int:
        if request != VIDIOC_QUERYCAP:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        buffer[:8], buffer[16:25], buffer[48:53] = b"uvcvideo", b"HD Camera", b"usb-1"
        return 0

    found = open_source(uri, MODE, lambda _: Video(), ioctl)
    assert isinstance(found, Named)
    assert found.identity == "uvcvideo, HD Camera, usb-1"


def test_a_device_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    """It delivers pictures, and is no camera that the kernel knows."""
    (tmp_path / "video0").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=os.strerror(errno.ENOTTY)):
        open_source(DeviceUri.parse(f"v4l2://{tmp_path}/video0"), MODE, lambda _: Video())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_no_device_is_missing_through_the_capture_process(tmp_path: Path) -> None:
    error = failure(lambda: camera(f"v4l2://{tmp_path}/video9").open())
    assert isinstance(error, DeviceMissing)


def test_what_is_no_camera_is_busy_through_the_capture_process(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    assert isinstance(failure(lambda: camera(f"v4l2://{tmp_path}/video0").open()), DeviceBusy)
