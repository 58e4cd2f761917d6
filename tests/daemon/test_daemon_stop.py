"""How a whole unit stops, as the co-processor sees it; and what it says of a co-processor that is not in order."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.selftest import TESTS, Failed
from hw.coprocessor.events import KEY_SIZE
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.errors import DeviceMissing
from tests.daemon.support import Home, RunningUnit
from tests.support.brokers import wait_for
from tests.support.signals import take_signal

KEY = bytes(range(KEY_SIZE))


@pytest.fixture
def device(home: Home) -> Iterator[SimulatedCoprocessor]:
    """A co-processor that the unit is wired to."""
    with SimulatedCoprocessor(KEY) as simulated:
        (home.toml.parent / "coprocessor.key").write_text(KEY.hex(), "ascii")
        home.edit("[devices]", f'[devices]\ncoprocessor = "{simulated.uri}"')
        home.edit("[keys]", '[keys]\ncoprocessor = "coprocessor.key"')
        yield simulated


def test_stopped_on_purpose(home: Home, device: SimulatedCoprocessor) -> None:
    with RunningUnit(home) as unit:
        wait_for(lambda: device.locked, "the lock")
        assert not device.keep_power
        assert unit.stop() == 0
        assert device.keep_power
        assert not device.locked
    with RunningUnit(home) as unit:
        wait_for(lambda: device.locked and not device.keep_power, "the next start, watched again")
        unit.kill()
    wait_for(lambda: not device.locked, "the door of a unit that was killed")
    assert not device.keep_power, "nobody said that this was meant"


def test_stopped_whichever_thread_takes_the_signal(home: Home) -> None:
    """The kernel gives it to any that is awake, such as one that starts the camera's process."""
    with RunningUnit(home) as unit:
        threads = [int(task.name) for task in Path(f"/proc/{unit.process.pid}/task").iterdir()]
        take_signal(unit.process.pid, max(set(threads) - {unit.process.pid}), signal.SIGTERM)
        assert unit.process.wait(30) == 0


def test_a_part_that_dies_is_not_stopped_on_purpose(home: Home, device: SimulatedCoprocessor) -> None:
    with RunningUnit(home) as unit:
        wait_for(lambda: device.locked, "the lock")
        unit.screen.wait("the idle screen", lambda view: view["step"] == "idle")
        _break_outbox(home)
        unit.screen.touch("emergency")
        assert unit.process.wait(30) == 3
    assert not device.keep_power
    wait_for(lambda: not device.locked, "the open door")


def _break_outbox(home: Home) -> None:
    """From here on no record can be committed: the writer's thread dies of the first one."""
    with sqlite3.connect(home.database, timeout=30) as database:
        database.execute("DROP TABLE records")
    database.close()


def test_the_screen_names_an_open_housing(home: Home, device: SimulatedCoprocessor) -> None:
    with RunningUnit(home) as unit:
        unit.screen.wait("the idle screen", lambda view: view["step"] == "idle" and view["devices"] == [])
        device.tamper(True)
        unit.screen.wait("the open housing", lambda view: view["devices"] == ["coprocessor:tamper_open"])
        device.tamper(False)
        unit.screen.wait("the closed housing", lambda view: view["devices"] == [])
        device.unplug()
        lost = ["coprocessor:gone"], ["coprocessor:missing"]
        unit.screen.wait("the lost line", lambda view: view["devices"] in lost)
        assert unit.stop() == 0
    log = unit.log.read_text("utf-8")
    assert "devices: coprocessor:tamper_open" in log
    assert "devices: all in order again" in log
    assert "did not hear that this stop is meant" in log


def test_selftest(home: Home, device: SimulatedCoprocessor) -> None:
    assert TESTS["coprocessor"](home.config()).startswith("link version ")
    device.tamper(True)
    with pytest.raises(Failed, match="coprocessor:tamper_open: its housing is open"):
        TESTS["coprocessor"](home.config())
    device.tamper(False)
    (home.toml.parent / "coprocessor.key").write_text(bytes(KEY_SIZE).hex(), "ascii")
    with pytest.raises(Failed, match=r"not_authentic: .*is it this unit's own"):
        TESTS["coprocessor"](home.config())
    home.edit('[keys]\ncoprocessor = "coprocessor.key"', "[keys]")
    with pytest.raises(Failed, match=r"no_host_key: keys\.coprocessor is not set"):
        TESTS["coprocessor"](home.config())
    assert len(device.events) == device.counter, "nothing was confirmed"
    device.unplug()
    with pytest.raises(DeviceMissing):
        TESTS["coprocessor"](home.config())
