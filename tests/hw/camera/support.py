"""What the camera's tests share: a small and quick camera, and errors in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from hw.camera.driver import Camera
from hw.errors import HardwareError
from hw.uri import DeviceUri

SMALL = "width=64&height=48&fps=60"
BOUND_S = 5.0
"""2 s are promised; this leaves room for a loaded machine."""


def camera(text: str, **options: str) -> Camera:
    return Camera(DeviceUri.parse(text), **options)


def sim(options: str = "") -> Camera:
    return camera(f"sim:camera?{SMALL}&{options}".rstrip("&"))


def failure(act: Callable[[], object]) -> HardwareError:
    """What ``act`` raises, in bounded time."""
    began_s = time.monotonic()
    with pytest.raises(HardwareError) as caught:
        act()
    assert time.monotonic() - began_s < BOUND_S
    return caught.value


def drained(source: Camera) -> HardwareError:
    """Fetch frames until the camera fails; the error, which came in bounded time after the last new frame."""
    number = -1
    while True:
        began_s = time.monotonic()
        try:
            number = source.latest(number).number
        except HardwareError as error:
            assert time.monotonic() - began_s < BOUND_S
            return error
