"""What can go wrong with a device, sorted by what the reader of the message can do about it."""

from __future__ import annotations


class HardwareError(Exception):
    """Root of every error a device raises.

    Attributes:
        device: the configured URI, so that the message names the line in the configuration.
        advice: what the person at the unit can do.
    """

    advice = "see the device's README in hw/"

    def __init__(self, device: str, message: str) -> None:
        super().__init__(f"{device}: {message}")
        self.device = device


class BadDeviceUri(HardwareError):
    """The configuration names a device in a way nobody understands: correct the configuration."""

    advice = "correct the device URI in the configuration"


class DeviceMissing(HardwareError):
    """Nothing answers at this address: plug it in, or correct the URI."""

    advice = "check the cable and power, then the device URI in the configuration"


class DeviceBusy(HardwareError):
    """Another process holds the device: stop it, then retry."""

    advice = "stop the other program that uses the device"


class DeviceTimeout(HardwareError):
    """The device did not answer in time: retry; if it stays so, power-cycle the device."""

    advice = "retry; if it stays so, power-cycle the device"


class DeviceGone(HardwareError):
    """The device was there and has disappeared (unplugged, driver reset): it is reopened when it returns."""

    advice = "plug the device in again"


class DeviceProtocolError(HardwareError):
    """The device answered bytes that its protocol does not allow: wrong model, wrong rate or a damaged line."""

    advice = "check model, baud rate and cable"
