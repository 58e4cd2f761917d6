"""Is every device there that the configuration names? Asked before the unit starts, and by the self-test."""

from __future__ import annotations

from collections.abc import Callable

from daemon.config import Config
from hw.camera.driver import Camera
from hw.card_reader.driver import CardReader
from hw.coprocessor.driver import Coprocessor
from hw.fingerprint.driver import FingerprintModule
from hw.gpio.driver import PinDoor
from hw.thermal.driver import ThermalSensor
from hw.uri import DeviceUri
from models.liveness.thermal import USUAL, Mounting

NONE_FITTED = "none fitted"


def card_reader(uri: DeviceUri) -> str:
    """Ask the reader's security module for its state and number.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with CardReader(uri) as reader:
        return f"security module {reader.self_test()}"


def camera(uri: DeviceUri) -> str:
    """Start the camera and stop it again; which camera it is. No frame is looked at: nobody has consented.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with Camera(uri) as device:
        return device.identity


def fingerprint(uri: DeviceUri) -> str:
    """Ask the module for its parameters.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with FingerprintModule(uri) as module:
        return f"module with room for {module.self_test().capacity} templates"


def coprocessor(uri: DeviceUri) -> str:
    """Ask the co-processor for its release.

    Raises:
        HardwareError: it is not there, or its firmware is of another release.
    """
    with Coprocessor(uri) as device:
        return f"link version {device.wait_ready(0.0).version}"


def door(uri: DeviceUri) -> str:
    """Take the door's pins and give them back. The door is open meanwhile.

    Raises:
        HardwareError: this machine has no pins, or another program holds them.
    """
    with PinDoor(uri) as pins:
        return f"pins answer, emergency button {'pressed' if pins.held else 'not pressed'}"


def thermal(uri: DeviceUri, mounting: Mounting = USUAL) -> str:
    """Read one picture of the thermal sensor, and say where in the camera's picture its warmest pixel looks.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with ThermalSensor(uri) as sensor:
        frame = sensor.self_test()
    low, high = float(frame.pixels_c.min()), float(frame.pixels_c.max())
    right, down = mounting.warmest(frame.pixels_c)
    place = f"{abs(right):.0f}° {'right' if right > 0 else 'left'}, {abs(down):.0f}° {'down' if down > 0 else 'up'}"
    overflow = "; a pixel is out of range" if frame.overflow else ""
    return (
        f"pixels of {low:.1f} to {high:.1f} °C, ambient {frame.board_c:.1f} °C{overflow}; "
        f"warmest {place} from the middle of the camera's picture"
    )


_DEVICES: dict[str, Callable[[DeviceUri], str]] = {
    "card_reader": card_reader,
    "camera": camera,
    "fingerprint": fingerprint,
    "coprocessor": coprocessor,
    "door": door,
    "thermal": thermal,
}
NAMES = tuple(_DEVICES)


def ask(config: Config, name: str) -> str:
    """What the device ``name`` (a key of ``devices`` in the configuration) says of itself.

    Raises:
        HardwareError: it is not there, or not in order; names the URI and what was tried.
    """
    uri = DeviceUri.parse(getattr(config.devices, name))
    if uri.scheme == "none":
        return NONE_FITTED
    return thermal(uri, config.thermal) if name == "thermal" else _DEVICES[name](uri)
