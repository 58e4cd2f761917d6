"""The real loop and the real host on a line that passes no time of ours: the numbers of a bad link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hw.coprocessor.codec import Frame, Parser
from hw.coprocessor.numbers import EventKind, MessageType
from tests.firmware.lockstep import STEP_MS, Bench, Loop
from tests.firmware.wires import corrupting, hostile

TAMPER = (EventKind.TAMPER_OPENED, EventKind.TAMPER_CLOSED)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with Loop() as made:
        yield made


def lived(bench: Bench, events: int, every_ms: int) -> None:
    """So many changes of the lid, then all that is owed; each was recorded once, in order, and nothing was missed."""
    for number in range(events):
        bench.pin("tamper", 1 - number % 2)
        bench.steps(every_ms)
        while number - bench.count(*TAMPER) > 100:  # the ring has room for 240
            bench.step()
    bench.until(lambda: bench.count(*TAMPER) == events, 600_000)
    assert bench.missed() == 0
    kinds = [event.kind for event in bench.book.values() if event.kind in TAMPER]
    assert kinds == [TAMPER[number % 2] for number in range(events)]
    assert sorted(event.counter for event in bench.book.values()) == list(range(1, len(bench.book) + 1))


def test_five_percent_of_bytes_damaged_1000_events(loop: Loop) -> None:
    """Both ways: none lost, none doubled, and the session is the first one."""
    bench = Bench(loop, 16, 16)
    bench.to_host, bench.to_device = corrupting(0.05, 11), corrupting(0.05, 12)
    lived(bench, 1000, 10 * STEP_MS)
    assert bench.link.counts.sessions == 1
    assert bench.link.counts.damaged > 1000


def test_hostile_wire(loop: Loop) -> None:
    """Frames lost, doubled, truncated, reordered, replayed and lengthened, both ways."""
    bench = Bench(loop, 16, 16)
    bench.to_host, bench.to_device = hostile(13), hostile(14)
    lived(bench, 150, 10 * STEP_MS)
    assert bench.link.counts.stale > 50


def test_old_heartbeats_hold_nothing(loop: Loop) -> None:
    """A line that delivers late: the door is open 3 s after the daemon's last sign of life, not after its arrival."""
    bench = Bench(loop, 16, 16)
    bench.host.wanted.lock = True
    bench.until(lambda: bench.loop.locked)
    bench.beating = False
    bench.beat()
    bench.to_device = lambda _: b""
    bench.steps(1500)
    bench.to_device = bytes
    while bench.now_ms - bench.beat_ms < 3000:
        bench.step()
    assert not bench.loop.locked
    bench.steps(3000)
    assert not bench.loop.locked


def test_a_heartbeat_behind_noise_holds_no_longer(loop: Loop) -> None:
    """The device's buffer is full of noise, the heartbeat comes last, and an erasure keeps the loop from reading it:
    its age knows of neither, and the door is open all the same 3 s after the daemon's last sign of life."""
    bench = Bench(loop, 16, 16)
    bench.until(lambda: bench.link.up and not bench.link.waiting)
    bench.beating = False
    bench.host.wanted.lock = True
    bench.steps(100)
    bench.to_device = lambda data: b"\x55" * (1024 - len(data)) + data if data else data
    bench.beat()
    bench.host.beat(bench.now_ms / 1000)
    loop.run(bench.to_device(bench.link.data_to_send(bench.now_ms / 1000)), 0)
    loop.ask("run", 400_000, 1)
    bench.now_ms += 400
    bench.to_device = lambda _: b""
    bench.until(lambda: bench.loop.locked, 300)
    while bench.loop.locked:
        bench.step()
    assert 2700 < bench.now_ms - bench.beat_ms <= 3000


def test_released_while_a_heartbeat_is_under_way(loop: Loop) -> None:
    """The repetition of a heartbeat that was lost does not say what is no longer wanted."""
    bench = Bench(loop, 16, 16)
    bench.until(lambda: bench.link.up and not bench.link.waiting)
    bench.beating = False
    bench.host.wanted.lock = True
    lost = Parser()
    bench.to_device = lambda data: b"" if lost.receive_data(data) is None else data
    bench.beat()
    bench.step()
    frame = lost.next_event()
    assert isinstance(frame, Frame)
    assert frame.type == MessageType.HEARTBEAT, "it is what is under way"
    bench.host.release()
    bench.to_device = bytes
    for _ in range(100):
        bench.step(turns=4)
        assert not bench.loop.locked
    assert not bench.link.waiting


def test_another_coprocessor_is_told_nothing_of_the_old_ones_events(loop: Loop) -> None:
    """It is exchanged while the host runs; its events, whose counters the host had already, are kept until recorded."""
    bench = Bench(loop, 16, 16)
    for level in (1, 0) * 10:
        bench.pin("tamper", level)
        bench.steps(100)
    bench.until(lambda: bench.count(*TAMPER) == 20)
    loop.ask("flash", 16, 16)
    bench.start()
    for _ in range(3):  # another boot number than the old one's
        bench.start()
        bench.steps(100)
    for level in (1, 0) * 2:
        bench.pin("tamper", level)
        bench.steps(100)
    bench.steps(2000)
    assert bench.count(*TAMPER) == 24
    assert bench.count(EventKind.STARTED) >= 3, "one may be the old one's to the millisecond"
    assert bench.host.known.status is not None
    assert bench.host.known.status.pending == 0
