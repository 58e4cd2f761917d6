"""The thermal sensor beside the camera: its newest picture, in memory, for whoever judges what stands before it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hw.errors import HardwareError
from hw.thermal.codec import ThermalFrame
from hw.thermal.driver import ThermalSensor
from models.liveness.thermal import USUAL, Mounting

log = logging.getLogger(__name__)

_FRAME_S = 0.1
_AGAIN_S = 1.0
_AGAIN_MOST_S = 30.0


@dataclass(frozen=True, slots=True)
class ThermalView:
    """A picture, when it was read, in ``time.monotonic`` seconds, and how it lies over the camera's."""

    frame: ThermalFrame
    read_s: float
    mounting: Mounting = USUAL

    def age_s(self, now_s: float) -> float:
        """How old it is; a new one comes every 0.1 s while the sensor works."""
        return now_s - self.read_s


class ThermalTask:
    """Reads the sensor ten times a second. A sensor that fails is opened anew, after 1 s, 2 s ... 30 s."""

    def __init__(
        self, sensor: ThermalSensor, clock: Callable[[], float] = time.monotonic, mounting: Mounting = USUAL
    ) -> None:
        self._sensor, self._clock, self._mounting = sensor, clock, mounting
        self._view: ThermalView | None = None
        self._closed = threading.Event()
        self.problem: HardwareError | None = None

    @property
    def view(self) -> ThermalView | None:
        """The newest picture; None before the first and while the sensor fails. From any thread."""
        return self._view

    def run(self) -> None:
        """Read until :meth:`close`; one thread's whole life."""
        again_s = _AGAIN_S
        try:
            while not self._closed.is_set():
                if self.look():
                    again_s = _AGAIN_S
                    self._closed.wait(_FRAME_S)
                else:
                    self._closed.wait(again_s)
                    again_s = min(2 * again_s, _AGAIN_MOST_S)
        finally:
            self._sensor.close()

    def close(self) -> None:
        """End :meth:`run`; the last picture is forgotten."""
        self._closed.set()
        self._view = None

    def look(self) -> bool:
        """Read one picture, opening the sensor if it is not open; whether it came."""
        try:
            self._sensor.open()
            view = ThermalView(self._sensor.read(), self._clock(), self._mounting)
        except HardwareError as error:
            self._fail(error)
            return False
        if self.problem is not None:
            log.info("thermal sensor: works again")
        self.problem, self._view = None, view
        return True

    def _fail(self, error: HardwareError) -> None:
        if type(error) is not type(self.problem):
            log.warning("thermal sensor: %s; %s", error, error.advice)
        self.problem, self._view = error, None
        self._sensor.close()
