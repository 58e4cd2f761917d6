"""The firmware's loop on real MicroPython and the host's link, in one time that passes only when a test says so.

No thread, no line, no waiting: minutes of a bad link are seconds, and every run can be repeated.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Callable
from typing import Final, Self

from hw.coprocessor.dialogue import Dialogue
from hw.coprocessor.events import CoprocessorEvent, is_authentic
from hw.coprocessor.link import HostLink
from hw.coprocessor.messages import ClearEmergency
from hw.coprocessor.numbers import EventKind
from tests.firmware.micropython import CHECKS, HERE, command, environment

KEY: Final = bytes(range(1, 33))
TURN_US: Final = 1250
STEP_MS: Final = 10
TURNS: Final = STEP_MS * 1000 // TURN_US

Wire = Callable[[bytes], bytes]


class Loop:
    """The firmware's end: :mod:`tests.firmware.checks.run_lockstep` in a process of its own."""

    def __init__(self) -> None:
        surroundings = environment()
        surroundings["MICROPYPATH"] = f"{HERE / 'virtual_time'}:{surroundings['MICROPYPATH']}"
        self.alive = self.locked = False
        self.powered = True
        self.ended = ""
        self._process = subprocess.Popen(
            command(CHECKS / "run_lockstep.py", heap_bytes=512 << 10),
            env=surroundings,
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )

    def ask(self, *words: object) -> str:
        """One command and its answer. Raises AssertionError with what the firmware died of."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert not self.ended, self.ended
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer or answer.startswith("Traceback"):
            self.ended = answer + self._process.stdout.read()
        assert not self.ended, self.ended
        return answer

    def start(self, *, watchdog: bool = False) -> int:
        """Power on, or the watchdog's reset; its boot number."""
        self.alive, self.locked, self.powered = True, False, True
        return int(self.ask("start", int(watchdog)))

    def kill(self) -> None:
        """The power is gone: no pin is driven."""
        self.alive = self.locked = False
        self.powered = True

    def run(self, data: bytes, turns: int = TURNS) -> bytes:
        """Some turns with these bytes of the host; what it says."""
        if not self.alive:
            return b""
        answer = self.ask("run", TURN_US, turns, data.hex())
        if answer == "dead":
            self.kill()
            return b""
        locked, powered, *said = answer.split()
        self.locked, self.powered = locked == "1", powered == "1"
        return bytes.fromhex(said[0]) if said else b""

    def state(self) -> tuple[int, int, int, int, int]:
        """Open emergency, missed, counter, idle, erasures."""
        one, two, three, four, five = map(int, self.ask("state").split())
        return one, two, three, four, five

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):  # it has ended by itself
                stream.close()
        self._process.wait(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Bench:
    """Loop, wire and a host that records each event once and confirms it, as the daemon does."""

    def __init__(self, loop: Loop, sectors: int, pages: int, seed: int = 1) -> None:
        self.loop = loop
        self.dice = random.Random(seed)
        self.now_ms = 0
        self.beat_ms = -10_000
        self.beating = True
        self.confirming = True
        self.to_host: Wire = bytes
        self.to_device: Wire = bytes
        self.book: dict[tuple[int, int, int], CoprocessorEvent] = {}
        self.to_clear = self.newest = 0
        self.boots: dict[int, int] = {}
        loop.ask("flash", sectors, pages)
        self.new_host()
        self.start()

    def new_host(self) -> None:
        """The host's process starts anew; what it has recorded stays."""
        self.link = HostLink(self.dice.getrandbits, believe=lambda message: is_authentic(message, KEY))
        self.host = Dialogue("lockstep", self.link, KEY)
        self.to_clear = self.newest = 0
        self.link.line_opened(self.now_ms / 1000)

    def start(self, *, watchdog: bool = False) -> None:
        """The firmware starts."""
        self.boots[self.loop.start(watchdog=watchdog)] = self.now_ms

    def step(self, turns: int = TURNS) -> None:
        """Some turns of the loop, and all that the host has to do meanwhile."""
        now_s = self.now_ms / 1000
        if self.beating:
            self.beat()
        self._ask_to_clear()
        self.host.beat(now_s)
        said = self.loop.run(self.to_device(self.link.data_to_send(now_s)), turns)
        self.now_ms += turns * TURN_US // 1000
        self.link.receive_data(self.to_host(said), self.now_ms / 1000)
        self.host.handle_all(self.now_ms / 1000)
        while not self.host.upward.empty():
            self._record(self.host.upward.get())
        if self.confirming:
            self.host.confirm(self.newest)

    def steps(self, ms: int) -> None:
        """So many milliseconds."""
        for _ in range(ms // STEP_MS):
            self.step()

    def until(self, condition: Callable[[], bool], limit_ms: int = 60_000) -> None:
        """Go on until ``condition`` holds."""
        end_ms = self.now_ms + limit_ms
        while not condition():
            assert self.now_ms < end_ms, "did not happen in time"
            self.step()

    def beat(self) -> None:
        """The daemon is alive at this moment."""
        self.beat_ms = self.now_ms
        self.host.heart_s = self.now_ms / 1000

    def pin(self, name: str, level: int) -> None:
        """Drive a contact."""
        self.loop.ask("pin", name, level)

    def emergencies(self) -> dict[int, int]:
        """Counter and moment in ms of the emergencies recorded."""
        return {
            event.counter: self.boots[event.boot] + event.uptime_ms
            for event in self.book.values()
            if event.kind == EventKind.EMERGENCY
        }

    def count(self, *kinds: EventKind) -> int:
        """How many events of these kinds are recorded."""
        return sum(event.kind in kinds for event in self.book.values())

    def missed(self) -> int:
        """How many events were counted and not kept, as the records tell."""
        return sum(event.detail for event in self.book.values() if event.kind == EventKind.MISSED)

    def _record(self, event: CoprocessorEvent) -> None:
        assert event.authentic
        self.book.setdefault((event.boot, event.counter, event.uptime_ms), event)
        self.newest = event.counter

    def _ask_to_clear(self) -> None:
        """Once a second until it is done, as the daemon's door does."""
        status = self.host.known.status
        if self.to_clear and status is not None and status.last_emergency >= self.to_clear and not status.emergency:
            self.to_clear = 0
        if self.to_clear and self.now_ms % 1000 < STEP_MS:
            self.link.forget(ClearEmergency)
            self.link.send(ClearEmergency(self.to_clear))
