"""The capture process's own steps, run in this process."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw.camera import ring
from hw.camera.capture import capture, hold, named, pump
from hw.camera.codec import Event, Held, Loaded, Ready, Released
from hw.camera.darkness import DarkWatch
from hw.camera.errors import CameraDark
from hw.camera.mode import Mode
from hw.camera.simulator import picture
from hw.camera.sources import Setting, Shot
from hw.errors import (
    BadDeviceUri,
    DeviceBusy,
    DeviceGone,
    DeviceMissing,
    DeviceProtocolError,
    HardwareError,
)
from hw.uri import DeviceUri

MODE = Mode(64, 48, 120)
LAYOUT = ring.Layout(ring.SLOTS, MODE.frame_bytes)
ROOT = str(Path(__file__).resolve().parents[3])


class Parent:
    """What the parent sees of a capture."""

    def __init__(self) -> None:
        descriptor = ring.create(LAYOUT, "test-capture")
        self.reader = ring.RingReader(descriptor, LAYOUT)
        self.writer = ring.RingWriter(os.dup(descriptor))
        self.told: list[Event] = []
        self.notified = 0

    def notify(self) -> None:
        self.notified += 1

    def run(self, options: str) -> HardwareError:
        """Capture a simulated camera until its fault ends it."""
        uri = DeviceUri.parse(f"sim:camera?width=64&height=48&fps=120&{options}")
        with pytest.raises(HardwareError) as caught:
            capture(uri, self.writer, self.notify, self.told.append)
        return caught.value


class Unplugged:
    """A source whose automatics could be held, were it still there."""

    def read(self) -> Shot:
        raise AssertionError("nobody asks for a frame here")

    def hold(self, _held: bool) -> tuple[Setting, ...]:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


class Delivers:
    """A source with one picture."""

    def __init__(self, image: np.ndarray[Any, Any]) -> None:
        self.image = image

    def read(self) -> Shot:
        return Shot(self.image, time.monotonic_ns())


def test_the_parent_hears_once_what_is_held_before_the_next_frame(parent: Parent, tmp_path: Path) -> None:
    wanted = iter((False, True, True, False, False, True, True))
    log: list[Event | str] = []

    def notify() -> None:
        log.append("frame")
        try:
            parent.reader.hold(next(wanted))
        except StopIteration:
            raise KeyboardInterrupt from None

    uri = f"sim:person?scene={tmp_path}/scene&light={tmp_path}/light&lacks=gain&width=64&height=48&fps=120"
    with pytest.raises(KeyboardInterrupt):
        capture(DeviceUri.parse(uri), parent.writer, notify, log.append)
    held = Held((Setting.EXPOSURE, Setting.WHITE_BALANCE))
    frames = ["frame"] * 2
    assert log == [Loaded(), Ready(), *frames, held, *frames, Released(), *frames, held, *frames]


def test_a_source_without_automatics_goes_on_and_says_that_it_holds_nothing(parent: Parent) -> None:
    parent.reader.hold(True)
    assert type(parent.run("fault=gone&after_frames=3")) is DeviceGone
    assert parent.notified == 3
    assert parent.told == [Loaded(), Ready(), Held(())]


def test_a_camera_that_disappears_while_it_is_held_is_gone() -> None:
    with pytest.raises(DeviceGone):
        hold(Unplugged(), True, "v4l2:///dev/video0")


@pytest.fixture
def parent() -> Iterator[Parent]:
    seen = Parent()
    yield seen
    seen.writer.close()
    seen.reader.close()


@pytest.mark.parametrize(
    ("options", "error", "told", "frames"),
    [
        ("fault=busy", DeviceBusy, [Loaded()], 0),
        ("fault=busy&after_frames=3", DeviceBusy, [Loaded(), Ready()], 3),
        ("fault=gone", DeviceMissing, [Loaded()], 0),
        ("fault=gone&after_frames=3", DeviceGone, [Loaded(), Ready()], 3),
        ("fault=huge&after_frames=2", DeviceProtocolError, [Loaded(), Ready()], 2),
        ("fault=flood", BadDeviceUri, [Loaded()], 0),
        ("after_frames=x", BadDeviceUri, [Loaded()], 0),
        ("zoom=2", BadDeviceUri, [], 0),
    ],
)
def test_each_failure_comes_after_the_frames_before_it(
    parent: Parent, options: str, error: type[HardwareError], told: list[Event], frames: int
) -> None:
    assert type(parent.run(options)) is error
    assert parent.told == told
    assert parent.notified == frames


def test_frames_arrive_unchanged(parent: Parent) -> None:
    parent.run("fault=gone&after_frames=4")
    raw = parent.reader.read()
    assert raw is not None
    assert (raw.number, raw.width, raw.height) == (4, 64, 48)
    assert raw.pixels == picture(MODE, 4).tobytes()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((48, 64), np.uint8),
        ((48, 64, 1), np.uint8),
        ((48, 64, 2), np.uint8),
        ((48, 64, 4), np.uint8),
        ((0, 0, 3), np.uint8),
        ((48, 0, 3), np.uint8),
        ((48, 16, 3), np.float32),
        ((48, 32, 3), np.uint16),
        ((48, 64, 3), np.int8),
    ],
)
def test_a_picture_of_another_kind_is_named(parent: Parent, shape: tuple[int, ...], dtype: type) -> None:
    image = np.zeros(shape, dtype)
    with pytest.raises(DeviceProtocolError) as caught:
        pump(Delivers(image), parent.writer, DarkWatch(), "v4l2:///dev/video0")
    assert re.search(rf"video0: .* {image.dtype} {re.escape(str(shape))}, not uint8 \(height", str(caught.value))
    assert parent.reader.read() is None


def test_black_frames_are_delivered_for_a_second_then_named(parent: Parent) -> None:
    error = parent.run("fault=black&after_frames=2")
    assert type(error) is CameraDark
    raw = parent.reader.read()
    assert raw is not None
    assert not np.frombuffer(raw.pixels, np.uint8).any()


@pytest.mark.parametrize(
    ("number", "opening", "error", "words"),
    [
        (errno.EBUSY, True, DeviceBusy, "in use"),
        (errno.EACCES, True, DeviceMissing, "group video"),
        (errno.EPERM, False, DeviceMissing, "group video"),
        (errno.ENOENT, True, DeviceMissing, "No such file"),
        (errno.ENXIO, True, DeviceMissing, "No such device"),
        (errno.ENODEV, False, DeviceGone, "No such device"),
        (errno.EIO, True, DeviceGone, "Input/output"),
    ],
)
def test_the_systems_errors_are_named(number: int, opening: bool, error: type[HardwareError], words: str) -> None:
    mapped = named("v4l2:///dev/video0", OSError(number, os.strerror(number)), opening=opening)
    assert type(mapped) is error
    assert words in str(mapped)


def test_an_error_without_a_number_keeps_its_words() -> None:
    assert "lost the sensor" in str(named("picamera:0", OSError("lost the sensor"), opening=False))


def test_the_capture_process_imports_the_standard_library_only() -> None:
    code = f"import sys; sys.path.append({ROOT!r}); import hw.camera.capture; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert tops - set(sys.stdlib_module_names) == {"hw", "__main__"} - set(sys.stdlib_module_names)
