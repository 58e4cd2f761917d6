"""A simulated reader, and the driver that has it open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hw.card_reader.driver import CardReader, ReaderState
from hw.card_reader.simulator import SimulatedReader
from hw.uri import DeviceUri
from tests.hw.card_reader.support import QUICK


@pytest.fixture
def device() -> Iterator[SimulatedReader]:
    with SimulatedReader() as device:
        yield device


@pytest.fixture
def states() -> list[ReaderState]:
    return []


@pytest.fixture
def reader(device: SimulatedReader, states: list[ReaderState]) -> Iterator[CardReader]:
    with CardReader(DeviceUri.parse(device.uri), on_state=states.append, timing=QUICK) as reader:
        yield reader
