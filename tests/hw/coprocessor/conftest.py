"""The host's tests run twice: against the simulator, and against the real firmware on MicroPython."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.coprocessor.driver import Coprocessor, Timing
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from tests.firmware.real_firmware import RealFirmware

KEY = bytes(range(1, 33))
TIMING = Timing(ready_s=10.0, reopen_s=0.05)

Device = SimulatedCoprocessor | RealFirmware


@pytest.fixture
def simulator() -> Iterator[SimulatedCoprocessor]:
    with SimulatedCoprocessor(KEY) as device:
        yield device


@pytest.fixture
def firmware(tmp_path: Path) -> Iterator[RealFirmware]:
    with RealFirmware(tmp_path, KEY) as device:
        yield device


@pytest.fixture(params=["simulator", "firmware"])
def device(request: pytest.FixtureRequest) -> Device:
    """A co-processor with :data:`KEY`."""
    found: Device = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def host(device: Device) -> Iterator[Coprocessor]:
    """The driver, open on the device."""
    with Coprocessor(DeviceUri.parse(device.uri), event_key=KEY, timing=TIMING) as coprocessor:
        yield coprocessor
