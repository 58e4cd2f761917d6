"""The driver against the simulator and against the real firmware: the same tests for both."""

from __future__ import annotations

import itertools
import secrets
import threading
import time

import pytest

from hw.coprocessor.driver import Coprocessor, Timing
from hw.coprocessor.errors import ChallengeStopped, CoprocessorRestarted
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import (
    PROTOCOL_VERSION,
    Colour,
    EventKind,
    Feature,
    ResetCause,
    RingPattern,
    Sound,
    StatusFlag,
)
from hw.errors import DeviceGone, DeviceMissing, DeviceTimeout, HardwareError
from hw.uri import DeviceUri
from tests.hw.coprocessor.conftest import KEY, TIMING, Device
from tests.hw.coprocessor.support import beating, corrupting, eventually, next_event

COLOURS = [Colour.RED, Colour.BLUE, Colour.GREEN, Colour.WHITE, Colour.RED, Colour.OFF, Colour.YELLOW]


def test_greeting(host: Coprocessor) -> None:
    welcome = host.wait_ready(1)
    assert (welcome.version, welcome.boot, welcome.reset_cause) == (PROTOCOL_VERSION, 1, ResetCause.POWER_ON)
    assert host.features == Feature.EVENT_KEY | Feature.FLASH_RING
    assert host.problem is None
    eventually(lambda: host.status is not None)


def test_born_open_and_locked_only_by_heartbeats(host: Coprocessor, device: Device) -> None:
    assert not device.locked
    host.lock()
    time.sleep(0.2)
    assert not device.locked, "a wish without a sign of life locks nothing"
    host.heartbeat()
    eventually(lambda: device.locked)
    eventually(lambda: host.status is not None and host.status.locked)


def test_release_now(host: Coprocessor, device: Device) -> None:
    host.lock()
    host.heartbeat()
    eventually(lambda: device.locked)
    host.heartbeat()  # still waiting to be sent, with the old wish
    host.release()
    eventually(lambda: not device.locked, 2)
    for _ in range(20):
        host.heartbeat()
        time.sleep(0.02)
        assert not device.locked


def test_silent_host_opens_the_door(host: Coprocessor, device: Device) -> None:
    """The link lives on, its thread answers; only the daemon's heartbeat has stopped."""
    host.lock()
    host.heartbeat()
    eventually(lambda: device.locked)
    started_s = time.monotonic()
    eventually(lambda: not device.locked)
    assert time.monotonic() - started_s > 1.5
    assert host.ready
    assert [next_event(host).kind for _ in range(2)] == [EventKind.STARTED, EventKind.HOST_SILENT]
    eventually(lambda: host.status is not None and StatusFlag.CARE_FIRST in host.status.flags)


def test_closed_driver_opens_the_door(device: Device) -> None:
    with Coprocessor(DeviceUri.parse(device.uri), event_key=KEY, timing=TIMING) as host:
        host.lock()
        beating(host, lambda: device.locked)
    eventually(lambda: not device.locked)


def test_emergency(host: Coprocessor, device: Device) -> None:
    host.lock()
    beating(host, lambda: device.locked)
    assert next_event(host).kind == EventKind.STARTED
    device.press_emergency()
    eventually(lambda: not device.locked, 2)
    event = next_event(host)
    assert (event.kind, event.authentic) == (EventKind.EMERGENCY, True)
    assert event.age_s is not None
    assert -1 < event.age_s < 10
    beating(host, lambda: host.status is not None and host.status.last_emergency == event.counter)
    host.clear_emergency(event.counter - 1)
    for _ in range(10):
        host.heartbeat()
        time.sleep(0.02)
        assert not device.locked
    host.clear_emergency(event.counter)
    beating(host, lambda: device.locked)


def test_events_once_each_in_order(host: Coprocessor, device: Device) -> None:
    device.tamper(True)
    time.sleep(0.1)
    device.tamper(False)
    time.sleep(0.1)
    device.door(True)
    time.sleep(0.15)
    device.door(False)
    events = [next_event(host) for _ in range(5)]
    assert [event.kind for event in events] == [
        EventKind.STARTED,
        EventKind.TAMPER_OPENED,
        EventKind.TAMPER_CLOSED,
        EventKind.DOOR_OPENED,
        EventKind.DOOR_CLOSED,
    ]
    assert [event.counter for event in events] == [1, 2, 3, 4, 5]
    assert all(event.authentic for event in events)
    assert host.next_event(0.2) is None


def test_events_are_kept_until_confirmed(device: Device) -> None:
    """Hosts come and go; only what was confirmed is forgotten."""
    device.tamper(True)
    for _ in range(2):
        with Coprocessor(DeviceUri.parse(device.uri), event_key=KEY, timing=TIMING) as host:
            assert [next_event(host).counter for _ in range(2)] == [1, 2]
            assert host.next_event(0.1) is None
    with Coprocessor(DeviceUri.parse(device.uri), event_key=KEY, timing=TIMING) as host:
        assert [next_event(host).counter for _ in range(2)] == [1, 2]
        host.confirm(2)
        eventually(lambda: host.status is not None and host.status.pending == 0)
    with Coprocessor(DeviceUri.parse(device.uri), event_key=KEY, timing=TIMING) as host:
        assert host.next_event(0.3) is None


def test_restart_of_the_coprocessor(host: Coprocessor, device: Device) -> None:
    host.ring(RingPattern.OFFICER)
    host.lock()
    beating(host, lambda: device.locked)
    first = next_event(host)
    boot_nonce = host.wait_ready(1).boot_nonce
    device.restart()
    assert not device.locked, "open until the next heartbeat"
    beating(host, lambda: host.ready and host.wait_ready(1).boot_nonce != boot_nonce)
    event = next_event(host)
    assert (event.kind, event.detail) == (EventKind.STARTED, ResetCause.WATCHDOG)
    assert (event.counter, event.boot) == (first.counter + 1, first.boot + 1)
    beating(host, lambda: device.locked)
    host.ask_status()
    eventually(lambda: host.status is not None and host.status.pattern == RingPattern.OFFICER)


def test_unplugged_and_plugged(host: Coprocessor, device: Device) -> None:
    host.lock()
    beating(host, lambda: device.locked)
    device.unplug()
    eventually(lambda: isinstance(host.problem, DeviceGone | DeviceMissing))
    assert not host.ready
    host.release()
    host.ring(RingPattern.FACE)
    with pytest.raises(HardwareError):
        host.run_challenge(COLOURS, 50)
    device.plug()
    eventually(lambda: host.ready)
    assert host.problem is None


def test_nothing_answers(simulator: Device) -> None:
    simulator.silent = True
    host = Coprocessor(DeviceUri.parse(simulator.uri), timing=Timing(ready_s=0.3))
    with pytest.raises(DeviceTimeout, match="does not answer"):
        host.open()
    assert not [thread for thread in threading.enumerate() if thread.name == "coprocessor"]


def test_falls_silent_and_comes_back(host: Coprocessor, request: pytest.FixtureRequest, device: Device) -> None:
    if request.node.callspec.params["device"] == "simulator":
        device.silent = True
    else:
        device.to_host = lambda _: b""
    beating(host, lambda: isinstance(host.problem, DeviceTimeout))
    assert not host.ready
    if request.node.callspec.params["device"] == "simulator":
        device.silent = False
    else:
        device.to_host = bytes
    beating(host, lambda: host.ready)


def test_absent() -> None:
    with pytest.raises(DeviceMissing):
        Coprocessor(DeviceUri.parse("serial:///dev/vernix-no-such-line"), timing=TIMING).open()


def test_light_challenge(host: Coprocessor) -> None:
    beating(host, lambda: host.status is not None)
    host.heartbeat()
    before_s = time.monotonic()
    report = host.run_challenge(COLOURS, 60)
    after_s = time.monotonic()
    assert [step.colour for step in report.steps] == COLOURS
    moments = [step.at_s for step in report.steps] + [report.off_s]
    assert before_s - report.error_s <= moments[0]
    assert moments[-1] <= after_s + report.error_s
    for first, second in itertools.pairwise(moments):
        assert 0 < second - first < 2  # how exact it is, the firmware's own loop measures; this machine may be busy
    assert len(COLOURS) * 0.06 * 0.5 < moments[-1] - moments[0] < 3
    assert 0 <= report.error_s < 1


def test_light_challenges_one_after_the_other(host: Coprocessor) -> None:
    beating(host, lambda: host.status is not None)
    for _ in range(3):
        colours = [secrets.choice(list(Colour)) for _ in range(5)]
        host.heartbeat()
        assert [step.colour for step in host.run_challenge(colours, 20).steps] == colours


def test_a_challenge_is_stopped_at_once_and_the_next_one_plays(host: Coprocessor) -> None:
    beating(host, lambda: host.status is not None)
    host.heartbeat()
    host.stop_challenge()  # there is none
    timer = threading.Timer(0.4, host.stop_challenge)
    timer.start()
    begin_s = time.monotonic()
    with pytest.raises(ChallengeStopped, match="was stopped"):
        host.run_challenge([Colour.BLUE] * 20, 1000)
    assert time.monotonic() - begin_s < 10, "it would have taken twenty seconds"
    timer.join()
    host.heartbeat()
    assert [step.colour for step in host.run_challenge(COLOURS, 20).steps] == COLOURS


def test_emergency_stops_the_challenge(host: Coprocessor, device: Device) -> None:
    beating(host, lambda: host.status is not None)
    host.heartbeat()
    timer = threading.Timer(0.3, device.press_emergency)
    timer.start()
    with pytest.raises(ChallengeStopped):
        host.run_challenge([Colour.RED] * 20, 100)
    timer.join()


def test_restart_ends_the_challenge(host: Coprocessor, device: Device) -> None:
    beating(host, lambda: host.status is not None)
    host.heartbeat()
    timer = threading.Timer(0.3, device.restart)
    timer.start()
    with pytest.raises((CoprocessorRestarted, DeviceTimeout)):
        host.run_challenge([Colour.RED] * 24, 100)
    timer.join()


@pytest.mark.parametrize(("colours", "step_ms"), [([], 100), ([1] * 25, 100), ([1], 19), ([1], 2001), ([8], 100)])
def test_impossible_challenge(simulator: Device, colours: list[Colour], step_ms: int) -> None:
    with (
        Coprocessor(DeviceUri.parse(simulator.uri), timing=TIMING) as host,
        pytest.raises(ValueError, match=r"colours|step|Colour"),
    ):
        host.run_challenge(colours, step_ms)


def test_sounds(host: Coprocessor) -> None:
    beating(host, lambda: host.status is not None)
    for sound in Sound:
        host.buzz(sound)
    eventually(lambda: host.counts.sent > len(Sound))
    assert host.ready


def test_wrong_key_is_told_and_hides_nothing(device: Device) -> None:
    device.tamper(True)
    with Coprocessor(DeviceUri.parse(device.uri), event_key=bytes(32), timing=TIMING) as host:
        events = [next_event(host) for _ in range(2)]
        assert [event.authentic for event in events] == [False, False]
        assert [event.kind for event in events] == [EventKind.STARTED, EventKind.TAMPER_OPENED]


def test_five_percent_of_bytes_damaged(device: Device, host: Coprocessor) -> None:
    """Both ways, and still every event arrives once, in order, with its seal."""
    beating(host, lambda: host.status is not None)
    device.to_host, device.to_device = corrupting(0.05, 1), corrupting(0.05, 2)
    host.lock()
    events: list[CoprocessorEvent] = []
    for number in range(12):
        device.tamper(number % 2 == 0)
        until_s = time.monotonic() + 0.08
        while time.monotonic() < until_s:
            host.heartbeat()
            time.sleep(0.02)

    def all_here() -> bool:
        event = host.next_event()
        events.extend([] if event is None else [event])
        return len(events) >= 13

    beating(host, all_here)  # a host that only listens would be silent for the device
    assert [event.counter for event in events] == list(range(1, 14))
    assert all(event.authentic for event in events)
    assert host.next_event(0.2) is None
    assert host.counts.damaged > 10
    assert host.counts.sessions == 1


def test_garbage_for_a_second(device: Device, host: Coprocessor) -> None:
    beating(host, lambda: host.status is not None)
    device.to_host = lambda data: secrets.token_bytes(len(data) * 3) + data
    device.to_device = lambda data: secrets.token_bytes(len(data) * 3) + data
    for _ in range(30):
        host.heartbeat()
        time.sleep(0.02)
    device.tamper(True)
    time.sleep(0.1)
    device.to_host = device.to_device = bytes
    beating(host, lambda: host.ready)
    kinds = [next_event(host).kind for _ in range(2)]
    assert kinds == [EventKind.STARTED, EventKind.TAMPER_OPENED]


def test_an_old_heartbeat_does_not_hold_the_door_when_the_line_is_back(host: Coprocessor, device: Device) -> None:
    """The daemon hangs while the line is away; its last sign of life must not lock anything afterwards."""
    host.lock()
    beating(host, lambda: device.locked)
    device.unplug()
    host.heartbeat()
    silent_s = time.monotonic() + 10
    while device.locked:
        assert time.monotonic() < silent_s, "the door did not open by itself"
        time.sleep(0.01)
    device.plug()
    end_s = time.monotonic() + 3
    while time.monotonic() < end_s:
        assert not device.locked, "locked by a heartbeat of before"
        time.sleep(0.01)
    assert host.ready
