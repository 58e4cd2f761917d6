"""The thermal sensor's task and its test, against the sensor's registers behind smbus2's interface."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from daemon.parts import thermal_of
from daemon.selftest import TESTS
from daemon.thermal import ThermalTask
from daemon.troubles import of_thermal
from hw.errors import HardwareError
from hw.thermal.driver import BusStuck, NotAcknowledged, ThermalSensor
from hw.thermal.simulator import AMBIENT_C, FACE_C, SimulatedBus
from hw.uri import DeviceUri
from models.liveness import thermal
from tests.daemon.support import Home
from tests.support.brokers import wait_for

URI = "i2c:/dev/i2c-1?address=0x69"


def task(bus: SimulatedBus, clock: Callable[[], float] = lambda: 100.0) -> ThermalTask:
    return ThermalTask(ThermalSensor(DeviceUri.parse(URI), bus.open, lambda _: None, clock), clock)


def test_newest_picture_and_its_age() -> None:
    bus, now_s = SimulatedBus(), 50.0
    sensor = task(bus, lambda: now_s)
    assert sensor.view is None
    assert sensor.look()
    bus.show_face()
    now_s = 51.0
    assert sensor.look()
    view = sensor.view
    assert view is not None
    assert float(view.frame.pixels_c.max()) == FACE_C
    assert view.age_s(51.25) == 0.25


def test_runs_until_it_is_closed() -> None:
    bus = SimulatedBus()
    sensor = task(bus)
    thread = threading.Thread(target=sensor.run)
    thread.start()
    wait_for(lambda: sensor.view is not None, "a picture")
    sensor.close()
    thread.join(10)
    assert not thread.is_alive()
    assert bus.closed


def _absent(bus: SimulatedBus) -> None:
    bus.absent = True


def _stuck(bus: SimulatedBus) -> None:
    bus.stuck = True


def _naks(bus: SimulatedBus) -> None:
    bus.naks = 3


def _short(bus: SimulatedBus) -> None:
    bus.short = True


@pytest.mark.parametrize(
    ("fault", "name"),
    [(_absent, "no_answer"), (_stuck, "bus_stuck"), (_naks, "no_answer"), (_short, "garbled")],
)
@pytest.mark.parametrize("running", [False, True])
def test_a_fault_is_named_and_ends_with_its_cause(
    fault: Callable[[SimulatedBus], None], name: str, *, running: bool
) -> None:
    bus = SimulatedBus()
    sensor = task(bus)
    if running:
        assert sensor.look()
    fault(bus)
    assert not sensor.look()
    assert of_thermal(sensor.problem) == (f"thermal:{name}",)
    assert sensor.view is None, "an old picture proves nothing"
    assert bus.closed
    bus.absent = bus.stuck = bus.short = False
    bus.naks = 0
    assert sensor.look()
    assert of_thermal(sensor.problem) == ()


def test_a_picture_that_stands_still_is_no_sign_of_life() -> None:
    """A sensor whose registers froze over a warm face would go on telling of warmth when a print stands there."""
    bus, now_s = SimulatedBus(), 100.0
    bus.show_face()
    sensor = task(bus, lambda: now_s)
    assert sensor.look()
    bus.frozen = True
    for _ in range(49):
        now_s += 0.1
        assert sensor.look()
    now_s += 0.2
    assert not sensor.look()
    assert of_thermal(sensor.problem) == ("thermal:frozen",)
    assert sensor.view is None
    for _ in range(3):  # opened anew, and reset, it is no better
        now_s += 1.0
        assert not sensor.look()
    bus.frozen = False
    assert sensor.look()
    assert of_thermal(sensor.problem) == ()


def test_a_picture_that_hardly_changes_is_one() -> None:
    bus, now_s = SimulatedBus(), 100.0
    sensor = task(bus, lambda: now_s)
    for _ in range(200):
        now_s += 0.1
        assert sensor.look()


def test_a_sensor_that_is_away_is_looked_for_again() -> None:
    bus = SimulatedBus()
    bus.absent = True
    sensor = task(bus)
    thread = threading.Thread(target=sensor.run)
    thread.start()
    wait_for(lambda: sensor.problem is not None, "the fault")
    bus.absent = False
    wait_for(lambda: sensor.view is not None, "the sensor that was plugged in")
    sensor.close()
    thread.join(10)


def test_selftest_reads_a_picture(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = SimulatedBus()
    bus.show_face()
    monkeypatch.setattr("smbus2.SMBus", bus.open)
    home.edit("[devices]", f'[devices]\nthermal = "{URI}"')
    text = TESTS["thermal"](home.config())
    sees = f"pixels of {AMBIENT_C} to {FACE_C} °C, ambient {AMBIENT_C} °C; warmest"
    assert text == f"{sees} 12° left, 12° up from the middle of the camera's picture"
    bus.absent = True
    with pytest.raises(NotAcknowledged, match="0x69"):
        TESTS["thermal"](home.config())
    bus.stuck = True
    with pytest.raises(BusStuck):
        TESTS["thermal"](home.config())


@pytest.mark.parametrize(
    ("told", "place", "reason"),
    [
        ("", "4° left, 27° up", "not_warmer"),
        ("turned_deg = 90", "27° right, 4° up", "warmer_than_surroundings"),
        ("turned_deg = 270", "27° left, 4° down", "not_warmer"),
        ("turned_deg = 270\nmirrored = true", "27° right, 4° down", "warmer_than_surroundings"),
        ("turned_deg = 90\nright_deg = -20.0", "8° right, 4° up", "face_outside"),
    ],
)
def test_what_the_configuration_says_of_the_mounting_reaches_selftest_and_finding(
    home: Home, monkeypatch: pytest.MonkeyPatch, told: str, place: str, reason: str
) -> None:
    """A sensor that was turned: the face at the right edge of the camera's picture is at the top of its own."""
    bus = SimulatedBus()
    bus.pixels_c[0:3, 3:5] = 33.0
    bus.pixels_c[0, 3] = FACE_C
    monkeypatch.setattr("smbus2.SMBus", bus.open)
    home.edit("[devices]", f'[thermal]\n{told}\n[devices]\nthermal = "{URI}"')
    config = home.config()
    assert f"warmest {place} from the middle" in TESTS["thermal"](config)
    sensor = thermal_of(config)
    assert sensor is not None
    assert sensor.look()
    view = sensor.view
    assert view is not None
    found = thermal.judge(view.frame.pixels_c, (420.0, 170.0, 200.0, 140.0), (640, 480), view.mounting)
    assert found.reasons == (reason,)
    sensor.close()


def test_selftest_without_a_bus(home: Home) -> None:
    home.edit("[devices]", '[devices]\nthermal = "i2c:/dev/i2c-977"')
    with pytest.raises(HardwareError, match="is I2C enabled"):
        TESTS["thermal"](home.config())
