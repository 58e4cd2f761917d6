"""Device URIs as somebody types them."""

from __future__ import annotations

import pytest

from hw.errors import BadDeviceUri
from hw.uri import DeviceUri


def test_a_device_and_its_options() -> None:
    uri = DeviceUri.parse("serial:///dev/ttyUSB0?baud=115200")
    assert (uri.scheme, uri.path, uri.number("baud", 9600)) == ("serial", "/dev/ttyUSB0", 115200)
    assert str(uri) == "serial:///dev/ttyUSB0?baud=115200"


@pytest.mark.parametrize(
    "text", ["", "usb:0", "serial://[/dev/ttyUSB0", "serial://[::/dev/ttyUSB0", "serial:///dev/x?baud=1&baud=2"]
)
def test_what_is_no_device_uri(text: str) -> None:
    with pytest.raises(BadDeviceUri):
        DeviceUri.parse(text)
