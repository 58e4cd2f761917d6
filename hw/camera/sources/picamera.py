"""``picamera:0``: a Raspberry Pi camera through picamera2, which comes from apt for the system's Python.

Imported only by the capture process under ``/usr/bin/python3``; where picamera2 is not installed that process says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from picamera2 import Picamera2

from hw.camera.identity import plain
from hw.camera.mode import Mode
from hw.camera.sources import Setting, Shot
from hw.errors import BadDeviceUri, DeviceMissing
from hw.uri import DeviceUri

DEFAULT_FPS = 15
HELD = {
    Setting.EXPOSURE: "ExposureTime",
    Setting.GAIN: "AnalogueGain",
    Setting.WHITE_BALANCE: "ColourGains",
}
"""Controls (libcamera) that are set to what the automatics have found, once these are off."""
AUTOMATIC = ("AeEnable", "AwbEnable")


class PiCamera:
    """One camera; frames in the sensor's own time."""

    def __init__(self, camera: Any, mode: Mode, identity: str) -> None:
        self.identity = identity
        self._camera = camera
        self._metadata: Mapping[str, Any] = {}
        period_us = round(1_000_000 / (mode.fps or DEFAULT_FPS))
        camera.configure(
            camera.create_video_configuration(
                main={"size": (mode.width, mode.height), "format": "RGB888"},  # blue, green, red in memory
                controls={"FrameDurationLimits": (period_us, period_us)},
                buffer_count=3,
            )
        )
        camera.start()

    def read(self) -> Shot:
        """The next frame; its time is the end of the exposure of its first row."""
        request = self._camera.capture_request()
        try:
            image = np.ascontiguousarray(request.make_array("main"))
            self._metadata = request.get_metadata()
        finally:
            request.release()
        return Shot(image, captured_ns(self._metadata, time.monotonic_ns()))

    def hold(self, held: bool) -> tuple[Setting, ...]:
        """Hold exposure, gain and white balance at what the last frame had, or let them go; which of them are held.

        A sensor without colour filters has no white balance, and picamera2 raises RuntimeError for what it has not.
        """
        known = self._camera.camera_controls
        found = {one: name for one, name in HELD.items() if held and name in known and name in self._metadata}
        stopped = {name: not held for name in AUTOMATIC if name in known}
        self._camera.set_controls(stopped | {name: self._metadata[name] for name in found.values()})
        return tuple(found)


def captured_ns(metadata: Mapping[str, Any], now_ns: int) -> int:
    """CLOCK_MONOTONIC at the end of the exposure; now, if the metadata do not tell.

    SensorTimestamp is CLOCK_BOOTTIME at the begin of the first row's exposure (libcamera, control_ids_core.yaml).
    """
    if "SensorTimestamp" not in metadata:
        return now_ns
    asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now_ns
    stamp_ns = int(metadata["SensorTimestamp"]) - asleep_ns + 1000 * int(metadata.get("ExposureTime", 0))
    return min(stamp_ns, now_ns)


def identity_of(info: Mapping[str, Any]) -> str:
    """The sensor's model, where it is connected and which way it looks: an entry of ``Picamera2.global_camera_info``.

    A sensor has no serial number that libcamera tells: another one of the same model on the same cable is the same.
    """
    return plain(*(f"{name} {info[name]}" for name in ("Model", "Id", "Location") if name in info))


def open_source(uri: DeviceUri, mode: Mode) -> PiCamera:
    """The camera of ``uri``.

    Raises:
        BadDeviceUri: the path is no number.
        DeviceMissing: there are not so many cameras.
    """
    if not uri.path.isdecimal():
        raise BadDeviceUri(uri.text, "picamera: needs the camera's number, as in picamera:0")
    number = int(uri.path)
    known = Picamera2.global_camera_info()
    if number >= len(known):
        raise DeviceMissing(uri.text, f"{len(known)} cameras are connected; check the ribbon cable")
    return PiCamera(Picamera2(number), mode, identity_of(known[number]))
