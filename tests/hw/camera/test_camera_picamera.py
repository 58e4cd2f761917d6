"""The Pi's camera against a stand-in for picamera2, which is no wheel and needs a Pi."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hw.camera.driver import Camera
from hw.camera.mode import Mode
from hw.camera.sources import Holdable, Named, Setting
from hw.errors import BadDeviceUri, DeviceMissing
from hw.uri import DeviceUri
from tests.hw.camera.support import failure

MODE = Mode(64, 48, 10)


class Request:
    def __init__(self, metadata: dict[str, Any], image: np.ndarray[Any, Any]) -> None:
        self.metadata, self.image, self.released = metadata, image, False

    def make_array(self, name: str) -> np.ndarray[Any, Any]:
        assert name == "main"
        return self.image

    def get_metadata(self) -> dict[str, Any]:
        return self.metadata

    def release(self) -> None:
        self.released = True


class StandIn:
    """What is used of picamera2.Picamera2."""

    def __init__(self, number: int) -> None:
        self.number, self.started = number, False
        self.configuration: dict[str, Any] = {}
        self.controls: list[dict[str, Any]] = []
        names = ("AeEnable", "AwbEnable", "ExposureTime", "AnalogueGain", "ColourGains")
        self.camera_controls: dict[str, tuple[Any, ...]] = dict.fromkeys(names, (None, None, None))
        self.image: np.ndarray[Any, Any] = np.full((48, 64, 3), 77, np.uint8)
        self.requests: list[Request] = []
        self.metadata: dict[str, Any] = {"ExposureTime": 9000, "AnalogueGain": 2.5, "ColourGains": (1.7, 1.4)}

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [
            {"Model": "imx708", "Location": 2, "Rotation": 180, "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": 0}
        ]

    def create_video_configuration(self, **options: Any) -> dict[str, Any]:
        return options

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def start(self) -> None:
        self.started = True

    def set_controls(self, controls: dict[str, Any]) -> None:
        for name in controls:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.controls.append(controls)

    def capture_request(self) -> Request:
        stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 30_000_000
        self.requests.append(Request({**self.metadata, "SensorTimestamp": stamp}, self.image))
        return self.requests[-1]


@pytest.fixture
def picamera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    library = ModuleType("picamera2")
    library.Picamera2 = StandIn
    monkeypatch.setitem(sys.modules, "picamera2", library)
    monkeypatch.delitem(sys.modules, "hw.camera.sources.picamera", raising=False)
    yield importlib.import_module("hw.camera.sources.picamera")
    sys.modules.pop("hw.camera.sources.picamera", None)


def opened(module: Any) -> tuple[Any, StandIn]:
    source = module.open_source(DeviceUri.parse("picamera:0"), MODE)
    return source, source._camera


def test_frames_and_their_time(picamera: Any) -> None:
    source, library = opened(picamera)
    assert library.started
    assert library.configuration["main"] == {"size": (64, 48), "format": "RGB888"}
    assert library.configuration["controls"] == {"FrameDurationLimits": (100_000, 100_000)}
    before_ns = time.monotonic_ns()
    shot = source.read()
    assert shot.image.shape == (48, 64, 3)
    # 30 ms ago the exposure began, 9 ms later it ended.
    assert before_ns - 22_000_000 <= shot.captured_ns <= time.monotonic_ns() - 20_000_000
    assert library.requests[-1].released


def test_samples_of_another_type_reach_the_check_as_they_are(picamera: Any) -> None:
    source, library = opened(picamera)
    library.image = np.full((48, 64, 3), 770, np.uint16)
    assert source.read().image.dtype == np.uint16


def test_held_is_what_the_last_frame_had(picamera: Any) -> None:
    source, library = opened(picamera)
    assert isinstance(source, Holdable)
    source.read()
    assert source.hold(True) == tuple(Setting)
    assert library.controls[-1] == {
        "AeEnable": False,
        "AwbEnable": False,
        "ExposureTime": 9000,
        "AnalogueGain": 2.5,
        "ColourGains": (1.7, 1.4),
    }
    assert source.hold(False) == ()
    assert library.controls[-1] == {"AeEnable": True, "AwbEnable": True}


def test_a_sensor_without_colours_is_held_by_what_it_has(picamera: Any) -> None:
    source, library = opened(picamera)
    del library.camera_controls["AwbEnable"], library.camera_controls["ColourGains"]
    source.read()
    assert source.hold(True) == (Setting.EXPOSURE, Setting.GAIN)
    assert library.controls[-1] == {"AeEnable": False, "ExposureTime": 9000, "AnalogueGain": 2.5}
    assert source.hold(False) == ()
    assert library.controls[-1] == {"AeEnable": True}


def test_nothing_is_held_before_a_frame_has_said_what_to_hold(picamera: Any) -> None:
    source, _ = opened(picamera)
    assert source.hold(True) == ()


def test_metadata_without_a_time_or_from_the_future(picamera: Any) -> None:
    now_ns = time.monotonic_ns()
    assert picamera.captured_ns({}, now_ns) == now_ns
    assert picamera.captured_ns({"SensorTimestamp": now_ns * 3, "ExposureTime": 9000}, now_ns) == now_ns


@pytest.mark.parametrize(("text", "error"), [("picamera:front", BadDeviceUri), ("picamera:1", DeviceMissing)])
def test_what_is_not_there(picamera: Any, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        picamera.open_source(DeviceUri.parse(text), MODE)


def test_which_camera_it_is(picamera: Any) -> None:
    """Model, place and side, as libcamera tells them; which of them is number 0 may change with what is connected."""
    source, library = opened(picamera)
    assert isinstance(source, Named)
    assert source.identity == "Model imx708, Id /base/soc/i2c0mux/i2c@1/imx708@1a, Location 2"
    (known,) = library.global_camera_info()
    stick = known | {"Model": "USB Video", "Id": "/base/axi/pcie@120000/rp1/usb@200000-1:1.0-534d:2109"}
    assert picamera.identity_of(stick) != source.identity
    assert picamera.identity_of(known | {"Num": 1, "Rotation": 0}) == source.identity
    assert picamera.identity_of({"Num": 0}) == "", "then it is the URI"


def test_without_the_library_the_capture_process_says_so() -> None:
    error = failure(lambda: Camera(DeviceUri.parse("picamera:0"), interpreter=sys.executable).open())
    assert isinstance(error, DeviceMissing)
    assert "picamera2" in str(error)
