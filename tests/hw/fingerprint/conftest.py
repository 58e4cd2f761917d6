"""A simulated module and the production driver on its pseudo-terminal, with short waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from hw.fingerprint.driver import FingerprintModule
from hw.fingerprint.link import Timing
from hw.fingerprint.simulator import SimulatedModule
from hw.uri import DeviceUri


@pytest.fixture
def timing() -> Timing:
    return Timing(answer_s=0.8, stray_s=0.1, packet_s=0.5, transfer_s=5.0, quiet_s=0.03, poll_s=0.005)


@pytest.fixture
def sim() -> Iterator[SimulatedModule]:
    with SimulatedModule() as device:
        yield device


@pytest.fixture
def module(sim: SimulatedModule, timing: Timing) -> Iterator[FingerprintModule]:
    with FingerprintModule(DeviceUri.parse(sim.uri), timing=timing) as driver:
        yield driver


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()
