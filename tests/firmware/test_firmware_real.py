"""The compiled firmware in a process of its own: killed anywhere, left alone by the host, short of memory."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.coprocessor.codec import Frame
from hw.coprocessor.driver import Coprocessor, Timing
from hw.coprocessor.errors import VersionMismatch
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import Colour, EventKind, Feature, ResetCause
from hw.uri import DeviceUri
from tests.firmware.micropython import HEAP_BYTES
from tests.firmware.real_firmware import RealFirmware

KEY = bytes(range(1, 33))
TIMING = Timing(ready_s=15.0, reopen_s=0.05)


@pytest.fixture
def firmware(tmp_path: Path, compiled: Path) -> Iterator[RealFirmware]:
    with RealFirmware(tmp_path, KEY, firmware=compiled) as device:
        yield device


def connected(firmware: RealFirmware) -> Coprocessor:
    return Coprocessor(DeviceUri.parse(firmware.uri), event_key=KEY, timing=TIMING)


def events_of(host: Coprocessor, quiet_s: float = 1.0) -> list[CoprocessorEvent]:
    """All events that the device keeps: until none comes for a while and it says that it has told all."""
    found: list[CoprocessorEvent] = []
    end_s = time.monotonic() + TIMING.ready_s
    while True:
        event = host.next_event(quiet_s)
        if event is not None:
            found.append(event)
        elif host.status is not None and len(found) >= host.status.pending:
            return found
        else:
            assert time.monotonic() < end_s, f"{len(found)} events told, {host.status}"


def test_silent_host(firmware: RealFirmware) -> None:
    """Nothing is closed: the host's process is there, its line is open, it just says nothing any more."""
    with connected(firmware) as host:
        host.lock()
        host.heartbeat()
        firmware.wait(lambda: firmware.locked, "not locked")
        locked_s = time.monotonic()
        firmware.wait(lambda: not firmware.locked, "not released")
        assert time.monotonic() - locked_s > 1.5
        firmware.wait(lambda: firmware.told[-1].startswith("ring"), "the ring is dark")
        red, green, blue = map(int, firmware.told[-1].split()[1:])
        assert green > red == blue, "care first is green and white"
        assert EventKind.HOST_SILENT in [event.kind for event in events_of(host)]


def test_emergency_with_the_host_dead(firmware: RealFirmware) -> None:
    """Pressed while nobody listens, and again after a power cut; recorded when a host is back."""
    firmware.press_emergency()
    time.sleep(0.3)
    firmware.kill()
    firmware.start()
    with connected(firmware) as host:
        host.lock()
        events = events_of(host)
        assert sorted(event.kind for event in events) == [EventKind.STARTED, EventKind.STARTED, EventKind.EMERGENCY]
        assert all(event.authentic for event in events)
        for _ in range(20):
            host.heartbeat()
            time.sleep(0.02)
            assert not firmware.locked, "an emergency outlives a reset"
        pressed = next(event.counter for event in events if event.kind == EventKind.EMERGENCY)
        firmware.wait(lambda: host.status is not None and host.status.last_emergency == pressed, "no status")
        host.confirm(3)
        firmware.wait(lambda: host.status is not None and host.status.pending == 0, "not confirmed")
    firmware.kill()
    firmware.start()
    with connected(firmware) as host:
        host.lock()
        for _ in range(20):
            host.heartbeat()
            time.sleep(0.02)
            assert not firmware.locked, "confirmed is not cleared"
        firmware.wait(lambda: host.status is not None and host.status.last_emergency == pressed, "not told any more")
        host.clear_emergency(pressed)
        deadline = time.monotonic() + 30  # a machine that is busy may miss heartbeats, then it is locked anew
        while not firmware.locked and time.monotonic() < deadline:
            host.lock()
            host.heartbeat()
            time.sleep(0.02)
        assert firmware.locked


ROUNDS = 12
OPENED, CLOSED = "obeyed pin 5 1", "obeyed pin 5 0"


def test_killed_at_any_instruction(firmware: RealFirmware) -> None:
    """The supply fails at moments drawn at random around the opening of the housing, or around its closing.

    Each page that was written is an event in the end. An opening is one for certain when the loop has turned long
    enough after it to obey the next contact; of each life at most the last change may be forgotten.
    """
    dice = random.Random(7)
    written = certain = uncertain = 0
    for number in range(ROUNDS):
        firmware.tamper(True)
        firmware.tamper(False)
        last = CLOSED if number % 2 else OPENED
        firmware.wait(lambda last=last: last in firmware.told, "the contact is not seen")
        time.sleep(dice.random() * 0.03)
        firmware.kill()
        written += sum(line.startswith("wrote") for line in firmware.told)
        certain += CLOSED in firmware.told
        uncertain += CLOSED not in firmware.told
        firmware.start()
    with connected(firmware) as host:
        events = events_of(host)
    assert [event.counter for event in events] == list(range(1, len(events) + 1))
    assert all(event.authentic for event in events)
    kinds = [event.kind for event in events if event.boot <= ROUNDS]
    assert certain >= ROUNDS // 2
    assert kinds.count(EventKind.STARTED) == ROUNDS
    assert certain <= kinds.count(EventKind.TAMPER_OPENED) <= certain + uncertain
    assert written <= len(kinds) <= written + ROUNDS, "a page whose writing was not told yet may be whole"


def test_whatever_ends_the_loop_opens_the_door(firmware: RealFirmware) -> None:
    """An exception leaves the pins as they are for the 2 s until the watchdog's reset; so the door is opened first."""
    with connected(firmware) as host:
        host.lock()
        host.heartbeat()
        firmware.wait(lambda: firmware.locked, "not locked")
        firmware.stop()
    ended = next(at for at, line in enumerate(firmware.told) if line.startswith("heap"))
    levels = [line.split()[:3] for line in firmware.told]
    assert ["out", "2", "0"] not in levels[:ended], "locked to the end"
    assert ["out", "2", "0"] in levels[ended:]


def test_watchdog_restart_is_told(firmware: RealFirmware) -> None:
    with connected(firmware) as host:
        host.lock()
        host.heartbeat()
        firmware.wait(lambda: firmware.locked, "not locked")
        firmware.restart()
        firmware.wait(lambda: host.ready and host.wait_ready(1).reset_cause == ResetCause.WATCHDOG, "not told")
        assert not firmware.locked


def test_heap(firmware: RealFirmware) -> None:
    """The firmware lives in 128 KB whatever happens, its stand-ins included; what it holds for good is far less."""
    assert firmware.heap_bytes == HEAP_BYTES == 128 * 1024
    with connected(firmware) as host:
        for number in range(40):
            host.heartbeat()
            firmware.tamper(number % 2 == 0)
            time.sleep(0.08)
        host.heartbeat()
        assert len(host.run_challenge([Colour.RED] * 24, 20).steps) == 24
        assert len(events_of(host)) >= 41
    assert firmware.stop() < 96 * 1024


def test_stock_micropython_keeps_events_in_memory(tmp_path: Path, compiled: Path) -> None:
    """Where the file system takes all of the flash, nothing is written into it, and the host is told."""
    with RealFirmware(tmp_path, KEY, firmware=compiled, file_system=1441792) as firmware:
        firmware.tamper(True)
        with connected(firmware) as host:
            before = events_of(host)
            assert host.features == Feature.EVENT_KEY
            firmware.restart()
            firmware.tamper(True)
            after = events_of(host, 2)
        for events in (before, after):
            assert [event.kind for event in events] == [EventKind.STARTED, EventKind.TAMPER_OPENED]
            assert [event.counter for event in events] == [1, 2]
        assert before[0].boot == before[1].boot != after[0].boot == after[1].boot
        assert not firmware.flash.exists() or set(firmware.flash.read_bytes()) == {0xFF}


def test_without_key_no_event_is_authentic(tmp_path: Path, compiled: Path) -> None:
    with RealFirmware(tmp_path, firmware=compiled) as firmware, connected(firmware) as host:
        assert [event.authentic for event in events_of(host)] == [False]
        assert host.features == Feature.FLASH_RING


def test_other_version(firmware: RealFirmware) -> None:
    """A host of another release gets a named error, and the door stays open."""

    def older_host(data: bytes) -> bytes:
        # Every greeting becomes one of version 1; other frames cannot come before it is answered.
        return b"".join(Frame(1, 0, 0, b"\x01" + bytes(6)).to_bytes() for _ in range(1 if data else 0))

    firmware.to_device = older_host
    newer = Frame(2, 0, 0, b"\x03" + bytes(30)).to_bytes()
    firmware.to_host = lambda data: newer if data else data
    host = connected(firmware)
    with pytest.raises(VersionMismatch) as caught:
        host.open()
    assert (caught.value.host, caught.value.firmware) == (2, 3)
    assert "flash" in caught.value.advice
    assert not firmware.locked


def test_power_cycles_of_a_hung_pi(tmp_path: Path, compiled: Path) -> None:
    """The rules' own tests have the real limits; here the pin is seen to follow them."""
    limits = {"silent_ms": 200, "hung_ms": 400, "grace_ms": 600, "off_ms": 200}
    with RealFirmware(tmp_path, KEY, limits, compiled) as firmware:
        with connected(firmware) as host:
            host.heartbeat()
            firmware.wait(lambda: any("out 3 1" in line for line in firmware.told), "no power cycle")
            firmware.wait(lambda: sum("out 3 0" in line for line in firmware.told) == 3, "not three power cycles")
            time.sleep(1)
            kinds = [event.kind for event in events_of(host)]
            assert kinds.count(EventKind.POWER_CYCLED) == 3
        assert firmware.powered
        moments = [int(line.split()[3]) for line in firmware.told if line.startswith("out 3 1")]
        waits = [round((later - earlier) / 1e6, 1) for earlier, later in itertools.pairwise(moments)]
        assert waits == pytest.approx([1.4, 2.6], abs=0.4), "the grace doubles"


def test_a_dead_pi_is_not_fed_through_its_pins(tmp_path: Path, compiled: Path) -> None:
    """TX is let go of before the power is cut, and is a UART's again once it is back."""
    limits = {"silent_ms": 200, "hung_ms": 300, "grace_ms": 400, "off_ms": 300}
    with RealFirmware(tmp_path, KEY, limits, compiled) as firmware:
        with connected(firmware) as host:
            host.heartbeat()
            firmware.wait(lambda: any("out 3 1" in line for line in firmware.told), "no power cycle")
            firmware.wait(lambda: any("out 3 0" in line for line in firmware.told), "not switched on again")
            firmware.wait(lambda: any("mode 0 alt" in line for line in firmware.told), "TX stays mute")
            steps = [" ".join(line.split()[:3]) for line in firmware.told if line.startswith(("mode 0", "out 3"))]
            assert steps[:4] == ["mode 0 in", "out 3 1", "out 3 0", "mode 0 alt"]
            assert host.ready
        assert steps.count("mode 0 in") == steps.count("out 3 1")


def test_a_watchdog_reset_gives_a_hung_pi_no_more_power_cycles(tmp_path: Path, compiled: Path) -> None:
    """Three are three, whatever resets the co-processor in between; a power-on begins anew."""
    limits = {"silent_ms": 100, "hung_ms": 150, "grace_ms": 150, "off_ms": 50}
    with RealFirmware(tmp_path, KEY, limits, compiled) as firmware:

        def cycles_of_a_hung_pi() -> int:
            with connected(firmware) as host:
                host.heartbeat()
                firmware.wait(lambda: host.counts.sent > 1 and host._link.waiting == 0, "not sent")
                time.sleep(2.5)  # 150 + 300 + 600 ms of grace, the pauses, and a busy machine
            return sum(line.startswith("out 3 1") for line in firmware.told)

        assert cycles_of_a_hung_pi() == 3
        for _ in range(2):
            firmware.restart()
            assert cycles_of_a_hung_pi() == 0
        firmware.kill()
        firmware.start()
        assert cycles_of_a_hung_pi() == 3


@pytest.mark.parametrize(
    "content", ["", "00" * 31, "00" * 33, "00" * 32 + "00", "zz" * 32, "00 " * 32, "0" * 63], ids=range(7)
)
def test_a_key_of_another_length_is_none(tmp_path: Path, compiled: Path, content: str) -> None:
    """Exactly 32 bytes, or the host is told that there is no key."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "event.key").write_text(content, encoding="ascii")
    with RealFirmware(tmp_path, firmware=compiled) as firmware, connected(firmware) as host:
        assert host.features == Feature.FLASH_RING
        assert not events_of(host)[0].authentic


def test_a_key_with_a_newline_is_one(tmp_path: Path, compiled: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "event.key").write_text(KEY.hex() + "\n", encoding="ascii")
    with RealFirmware(tmp_path, firmware=compiled) as firmware, connected(firmware) as host:
        assert Feature.EVENT_KEY in host.features
        assert events_of(host)[0].authentic


def test_an_update_is_left_alone(tmp_path: Path, compiled: Path) -> None:
    limits = {"silent_ms": 200, "hung_ms": 300, "grace_ms": 400, "off_ms": 100}
    with RealFirmware(tmp_path, KEY, limits, compiled) as firmware:
        with connected(firmware) as host:
            host.heartbeat(keep_power=True)
            firmware.wait(lambda: host.counts.sent > 2 and host._link.waiting == 0, "not sent")
        time.sleep(2)
        assert firmware.powered
        assert not any("out 3 1" in line for line in firmware.told)


def test_service_pin(tmp_path: Path, compiled: Path) -> None:
    """Held low at the start, MicroPython stays at its prompt, without a watchdog."""
    with RealFirmware(tmp_path, KEY, firmware=compiled) as firmware:
        firmware.kill()
        firmware.service = True
        firmware.start(wait=False)
        firmware.wait(lambda: not firmware.alive, "the loop runs although the service pin is low")
        assert "watchdog 2000" not in firmware.told
