"""Events, their seal and the unit's key; what the simulator alone can be made to do."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hw.coprocessor.driver import Coprocessor, Timing
from hw.coprocessor.errors import BadEventKey, ChallengeStopped, CommandRefused, LinkBusy
from hw.coprocessor.events import is_authentic, mac, read_event_key, understand
from hw.coprocessor.link import MAX_QUEUE
from hw.coprocessor.messages import EventMessage, Ring
from hw.coprocessor.numbers import Colour, EventKind, Feature, RingPattern, Sound
from hw.coprocessor.simulated_console import run_commands
from hw.coprocessor.simulated_light import COLOUR_LIGHT, light_of
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from tests.hw.coprocessor.conftest import KEY, TIMING
from tests.hw.coprocessor.support import beating, eventually, next_event
from tests.support import ROOT

VECTORS = json.loads((ROOT / "tests/vectors/coprocessor.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["macs"], ids=lambda vector: str(vector["fields"][0]))
def test_macs(vector: dict[str, Any]) -> None:
    key = bytes.fromhex(vector["key"])
    assert mac(key, *vector["fields"]).hex() == vector["mac"]
    message = EventMessage(*vector["fields"], mac=bytes.fromhex(vector["mac"]))
    assert understand(message, key, None).authentic
    assert is_authentic(message, key)
    for at in range(5):
        fields = list(vector["fields"])
        fields[at] ^= 1
        changed = EventMessage(*fields, mac=message.mac)
        assert not understand(changed, key, None).authentic
        assert not is_authentic(changed, key)


def test_without_key_nothing_is_authentic() -> None:
    message = EventMessage(1, 1, 0, EventKind.EMERGENCY, 0, bytes(16))
    assert not understand(message, None, None).authentic
    assert is_authentic(message, None), "nothing speaks against it either"
    assert is_authentic(Ring(1), KEY)


def test_kind_of_a_newer_firmware() -> None:
    event = understand(EventMessage(1, 1, 0, 200, 7, bytes(16)), None, None)
    assert (event.kind, event.detail) == (200, 7)


def test_key_file(tmp_path: Path) -> None:
    path = tmp_path / "coprocessor.key"
    path.write_text(KEY.hex() + "\n", encoding="ascii")
    assert read_event_key(path) == KEY


@pytest.mark.parametrize("content", [None, "", "a1b2", "zz" * 32, KEY.hex() + "00"], ids=range(5))
def test_no_key_file(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "coprocessor.key"
    if content is not None:
        path.write_text(content, encoding="ascii")
    with pytest.raises(BadEventKey) as caught:
        read_event_key(path)
    assert not content or content not in str(caught.value)


def connected(simulator: SimulatedCoprocessor, key: bytes | None = KEY) -> Coprocessor:
    return Coprocessor(DeviceUri.parse(simulator.uri), event_key=key, timing=TIMING)


def test_forged_event_hides_no_real_one(simulator: SimulatedCoprocessor) -> None:
    with connected(simulator) as host:
        assert next_event(host).counter == 1
        simulator.wrong_macs = True
        simulator.tamper(True)
        forged = next_event(host)
        assert (forged.counter, forged.authentic) == (2, False)
        simulator.wrong_macs = False
        simulator.restart()
        assert [(next_event(host).counter, True) for _ in range(2)] == [(2, True), (3, True)]


def test_forged_counter_confirms_nothing(simulator: SimulatedCoprocessor) -> None:
    with connected(simulator) as host:
        assert next_event(host).counter == 1
        simulator.wrong_macs = True
        simulator.tamper(True)
        host.confirm(next_event(host).counter)
        simulator.wrong_macs = False
        eventually(lambda: set(simulator.events) == {2})
        host.confirm(2**32 - 1)
    assert set(simulator.events) == {2}


def test_unit_without_key_goes_on_for_ever(simulator: SimulatedCoprocessor) -> None:
    simulator.key = None
    simulator.restart()
    with connected(simulator, None) as host:
        for number in range(1, 400):
            event = next_event(host)
            assert (event.counter, event.authentic) == (number, False)
            host.confirm(number)
            if number > 1:
                simulator.tamper(number % 2 == 0)
        eventually(lambda: len(simulator.events) < 3)


def test_unit_without_key(simulator: SimulatedCoprocessor) -> None:
    simulator.key = None
    simulator.restart()
    with connected(simulator, None) as host:
        assert host.features == Feature.FLASH_RING
        assert not next_event(host).authentic


def test_refusals_are_named(simulator: SimulatedCoprocessor, caplog: pytest.LogCaptureFixture) -> None:
    with connected(simulator) as host:
        beating(host, lambda: host.status is not None)
        host._send(Ring(77))
        eventually(lambda: "message type 19 refused, reason 3" in caplog.text)
        host.ring(RingPattern.CARD)
        eventually(lambda: simulator.pattern is RingPattern.CARD)


def test_refused_challenge(simulator: SimulatedCoprocessor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(simulator, "_begin_show", refuse)
    with connected(simulator) as host, pytest.raises(CommandRefused):
        host.run_challenge([Colour.RED], 50)


def test_a_challenge_ends_in_the_pattern_and_a_stopped_one_in_its_colour(simulator: SimulatedCoprocessor) -> None:
    """Nothing goes dark in between: each would be a flash more than the sequence promises."""
    with connected(simulator) as host:
        beating(host, lambda: host.status is not None)
        host.ring(RingPattern.FACE)
        eventually(lambda: simulator.pattern is RingPattern.FACE)
        seen: list[tuple[float, float, float]] = []
        simulator.light = seen.append
        host.heartbeat()
        host.run_challenge([Colour.GREEN, Colour.BLUE], 20)
        assert seen == [COLOUR_LIGHT[Colour.GREEN], COLOUR_LIGHT[Colour.BLUE], light_of(RingPattern.FACE)]
        timer = threading.Timer(0.3, host.stop_challenge)
        timer.start()
        with pytest.raises(ChallengeStopped):
            host.run_challenge([Colour.GREEN, *[Colour.BLUE] * 9], 100)
        timer.join()
        eventually(lambda: simulator.shown == [Colour.BLUE])
        eventually(lambda: seen[-1] == light_of(RingPattern.FACE))


@pytest.mark.parametrize("wait_s", [0.0, 0.1, 0.19, 0.2, 0.21])
def test_a_stopped_challenge_changes_no_more_than_three_times_in_a_second(
    simulator: SimulatedCoprocessor, wait_s: float
) -> None:
    """By the rule that its colours were drawn by, wherever between two of them it is stopped."""
    with connected(simulator) as host:
        beating(host, lambda: host.status is not None)
        host.ring(RingPattern.FACE)
        eventually(lambda: simulator.pattern is RingPattern.FACE)
        seen = [(0.0, light_of(RingPattern.FACE))]
        simulator.light = lambda rgb: seen.append((time.monotonic(), rgb))
        colours = [one for one in (Colour.GREEN, Colour.BLUE, Colour.CYAN, Colour.YELLOW) for _ in range(4)]

        def stop() -> None:
            eventually(lambda: COLOUR_LIGHT[Colour.CYAN] in [rgb for _, rgb in seen])
            time.sleep(wait_s)
            host.stop_challenge()

        host.heartbeat()
        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(ChallengeStopped):
            host.run_challenge(colours, 50)
        stopper.join()
        eventually(lambda: seen[-1][1] == light_of(RingPattern.FACE))
    changes = [(at_s, rgb) for (_, before), (at_s, rgb) in itertools.pairwise(seen) if rgb != before]
    assert [rgb for _, rgb in changes[:3]] == [COLOUR_LIGHT[one] for one in (Colour.GREEN, Colour.BLUE, Colour.CYAN)]
    assert changes[-1][0] - changes[-2][0] > 1, "the second in which it may have changed three times is over"
    assert len(changes) == 4 + (COLOUR_LIGHT[Colour.YELLOW] in [rgb for _, rgb in changes])


def test_silence_stops_the_challenge() -> None:
    with SimulatedCoprocessor(KEY, host_silent_s=0.3) as simulator, connected(simulator) as host:
        beating(host, lambda: host.status is not None)
        host.heartbeat()
        with pytest.raises(ChallengeStopped):
            host.run_challenge([Colour.RED] * 20, 100)


def test_line_that_is_down_does_not_pile_up(simulator: SimulatedCoprocessor) -> None:
    simulator.silent = True
    host = Coprocessor(DeviceUri.parse(simulator.uri), timing=Timing())
    host.start()
    try:
        for _ in range(MAX_QUEUE):
            host.buzz(Sound.TOUCH)
        with pytest.raises(LinkBusy, match="BUZZER"):
            host.buzz(Sound.TOUCH)
        host.release()
        host.ring(RingPattern.FAULT)
    finally:
        host.close()
        host.close()


def test_clocks_that_wrap(simulator: SimulatedCoprocessor) -> None:
    """The device's microseconds start over in the middle of the challenge."""
    with connected(simulator) as host:
        beating(host, lambda: host.status is not None)
        simulator.clock_offset_us = -simulator._now_us() - 150_000
        host.heartbeat()
        report = host.run_challenge([Colour.RED, Colour.BLUE] * 4, 50)
        moments = [step.at_s for step in report.steps]
        assert moments == sorted(moments)
        assert moments[-1] - moments[0] == pytest.approx(0.35, abs=0.1)


def test_console(simulator: SimulatedCoprocessor) -> None:
    lines = io.StringIO("emergency\nopen\nshut\ntamper\nuntamper\nstatus\n\nwhat\nquit\nstatus\n")
    replies = list(run_commands(simulator.commands(), simulator.describe, lines))
    assert replies[:6] == ["ok"] * 5 + ["open, ring IDLE, 6 events kept"]
    assert replies[6].startswith("commands: ")
    assert len(replies) == 7


def test_runs_alone() -> None:
    command = [sys.executable, "-m", "hw.coprocessor.simulator", "--key", KEY.hex()]
    done = subprocess.run(
        command, cwd=ROOT, input="status\nquit\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    uri, status = done.stdout.splitlines()
    assert uri.startswith("serial:///")
    assert status == "open, ring IDLE, 1 events kept"
