"""Is every device there that the configuration names? Asked before the unit starts, and by the self-test."""

from __future__ import annotations

from collections.abc import Callable

from daemon.config import Config
from hw.camera.driver import Camera
from hw.card_reader.driver import CardReader
from hw.coprocessor.driver import Coprocessor
from hw.fingerprint.driver import FingerprintModule
from hw.uri import DeviceUri

NONE_FITTED = "none fitted"


def card_reader(uri: DeviceUri) -> str:
    """Ask the reader's security module for its state and number.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with CardReader(uri) as reader:
        return f"security module {reader.self_test()}"


def camera(uri: DeviceUri) -> str:
    """Start the camera and stop it again. No frame is looked at: nobody has consented.

    Raises:
        HardwareError: it is not there, or not in order.
    """
    with Camera(uri):
        return "opens"


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


_DEVICES: dict[str, Callable[[DeviceUri], str]] = {
    "card_reader": card_reader,
    "camera": camera,
    "fingerprint": fingerprint,
    "coprocessor": coprocessor,
}


def ask(config: Config, name: str) -> str:
    """What the device ``name`` (a key of ``devices`` in the configuration) says of itself.

    Raises:
        HardwareError: it is not there, or not in order; names the URI and what was tried.
    """
    uri = DeviceUri.parse(getattr(config.devices, name))
    return NONE_FITTED if uri.scheme == "none" else _DEVICES[name](uri)


def ask_all(config: Config) -> None:
    """Ask every device.

    Raises:
        HardwareError: the first one that is not there, or not in order.
    """
    for name in _DEVICES:
        ask(config, name)
