"""What can go wrong with the Pi's pins."""

from __future__ import annotations

from hw.errors import DeviceBusy, DeviceMissing


class GpioMissing(DeviceMissing):
    """This machine has no pins, or nothing that drives them."""

    advice = "on a Raspberry Pi: apt-get install python3-rpi-lgpio, and the user in group gpio"


class GpioBusy(DeviceBusy):
    """Another program holds a pin."""

    advice = "stop the other program that uses the pins; `gpioinfo` names it"
