"""A room with a simulated camera and a ring, and the unit's own drivers on both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.demo.people import Studio
from daemon.demo.room import Room
from daemon.liveness.light import RingLight
from hw.camera.simulated_scene import Act
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.numbers import RingPattern
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from models.face import FaceModels


class Booth:
    """``room``, the simulated co-processor ``device``, the driver ``ring`` and the ``light`` that it is."""

    def __init__(self, room: Room, device: SimulatedCoprocessor, ring: Coprocessor) -> None:
        self.room, self.device, self.ring = room, device, ring
        self.light = RingLight(ring)

    def obey(self, asked: str) -> None:
        """Whoever stands there does what the screen asks."""
        if asked in set(Act):
            self.room.obey(Act(asked))


@contextmanager
def open_room(folder: Path, models: FaceModels) -> Iterator[tuple[Room, SimulatedCoprocessor]]:
    """A room, and a co-processor whose ring lights it; nobody is connected to it."""
    room = Room(folder, Studio(models))
    with SimulatedCoprocessor() as device:
        device.light = room.light.shine
        yield room, device


@contextmanager
def open_booth(folder: Path, models: FaceModels) -> Iterator[Booth]:
    """A booth whose files are in ``folder``; the ring is as it is while a face is looked at."""
    with open_room(folder, models) as (room, device), Coprocessor(DeviceUri.parse(device.uri)) as ring:
        ring.ring(RingPattern.FACE)
        yield Booth(room, device, ring)
