"""The contract of door and host under random schedules, against a model that knows only what was done from outside.

Resets of either side, frames lost and mangled, power cut in any flash operation, buttons pressed and held, a host that
confirms nothing. Always: never locked with an emergency that was not cleared; never locked longer than 3 s after the
daemon's last sign of life. At the end: each event recorded once, and every change of the lid recorded or counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from hw.coprocessor.numbers import EventKind
from tests.firmware.lockstep import STEP_MS, Bench, Loop
from tests.firmware.wires import corrupting, hostile

TAMPER = (EventKind.TAMPER_OPENED, EventKind.TAMPER_CLOSED)
SECTORS, PAGES = 6, 4
SAME_MS = 10_000
"""Presses within this time of the first belong to one emergency."""

WRITTEN_STEPS = 3
"""After so many steps of the loop an emergency is in flash: the contact is seen in the first, the page follows."""


@dataclass(slots=True)
class Press:
    """The emergency button was pressed at ``at_ms``; ``steps`` of the loop since then."""

    at_ms: int
    steps: int = 0


class Contract(RuleBasedStateMachine):
    """``loop`` is one process for all runs; each begins with blank flash."""

    loop: ClassVar[Loop]

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(self.loop, SECTORS, PAGES)
        self.presses: list[Press] = []
        self.cleared_ms = -SAME_MS
        self.held = False
        self.lid = 0
        self.owed = 0
        self.has_cut = False
        self.locked_steps = 0
        self.bench.beating = False

    def _step(self) -> None:
        was_alive = self.loop.alive
        self.bench.step()
        if self.loop.alive:
            for press in self.presses:
                press.steps += 1
        elif was_alive:
            self._died()
        if self.loop.locked:
            self.locked_steps += 1
            self._may_be_locked()

    def _died(self) -> None:
        """The power failed: what was not in flash yet may be forgotten, as if it had happened after that."""
        self.presses = [press for press in self.presses if press.steps >= WRITTEN_STEPS]

    def _may_be_locked(self) -> None:
        assert not self.held, "locked while the button is held"
        for press in self.presses:
            assert press.at_ms - SAME_MS <= self.cleared_ms, ("locked with an open emergency", press, self.cleared_ms)
        late_ms = self.bench.now_ms - self.bench.beat_ms
        assert late_ms <= 3000, ("locked too long", late_ms)

    @rule(steps=st.sampled_from([1, 5, 30, 100, 350]))
    def wait(self, steps: int) -> None:
        """Time passes; the daemon lives or hangs as it did; a supply that failed comes back."""
        for step in range(steps):
            if step == 20 and not self.loop.alive:
                self.bench.start()
            self._step()

    @rule(cleared_after=st.sampled_from([1, 30, 200]), confirming=st.booleans())
    def incident(self, cleared_after: int, confirming: bool) -> None:
        """An emergency in a locked room, dealt with, or its clearing lost on the way; then the door is locked again."""
        self.good_day(200)
        self.bench.confirming = confirming
        if not self.held:
            self.press(held=False)
        self.wait(cleared_after)
        self.clear()
        self.wait(30)

    @rule(kind=st.sampled_from(["good", "noisy", "mute"]))
    def hang(self, kind: str) -> None:
        """The daemon hangs with the door locked; its last signs of life may still be on the line."""
        self.good_day(200)
        self.bench.beating = False
        self.line(kind)
        self.wait(150)
        self.line("good")
        self.wait(200)

    @rule(ms=st.sampled_from([200, 1000, 3000]))
    def good_day(self, ms: int) -> None:
        """All work, and the daemon wants the door locked."""
        self.line("good")
        if not self.loop.alive:
            self.bench.start()
        self.daemon(alive=True, lock=True)
        self.wait(ms // STEP_MS)

    @rule(alive=st.booleans(), lock=st.booleans())
    def daemon(self, alive: bool, lock: bool) -> None:
        """The daemon hangs or works; it wants the door locked or opens it."""
        self.bench.beating = alive
        if lock:
            self.bench.host.wanted.lock = True
        else:
            self.bench.host.release()
        self._step()

    @rule(confirming=st.booleans())
    def confirm(self, confirming: bool) -> None:
        """The daemon records events but confirms none, or both."""
        self.bench.confirming = confirming

    @rule(kind=st.sampled_from(["good", "good", "noisy", "hostile", "deaf", "mute"]))
    def line(self, kind: str) -> None:
        """What the line does to the bytes."""
        bench = self.bench
        seed = bench.now_ms
        bench.to_host = bench.to_device = bytes
        if kind == "noisy":
            bench.to_host, bench.to_device = corrupting(0.05, seed), corrupting(0.05, seed + 1)
        elif kind == "hostile":
            bench.to_host, bench.to_device = hostile(seed), hostile(seed + 1)
        elif kind == "deaf":
            bench.to_host = _nothing
        elif kind == "mute":
            bench.to_device = _nothing

    @precondition(lambda self: self.loop.alive and not self.held)
    @rule(held=st.booleans())
    def press(self, held: bool) -> None:
        """Somebody presses the emergency button, and holds it or lets go before the loop has turned."""
        self.bench.pin("emergency", 1)
        self.presses.append(Press(self.bench.now_ms))
        self.held = held
        if not held:
            self.bench.pin("emergency", 0)
        self._step()

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        """The held button is let go; a press within 0.1 s after that is the same one, whose contact bounces."""
        self.bench.pin("emergency", 0)
        self.held = False
        self.wait(12)

    @rule()
    def clear(self) -> None:
        """An officer clears the newest emergency that is recorded; the daemon asks until it is done."""
        known = self.bench.emergencies()
        if known:
            self.bench.to_clear = max(known)
            self.cleared_ms = max(self.cleared_ms, known[max(known)])
        self._step()

    @precondition(lambda self: self.loop.alive)
    @rule(times=st.sampled_from([1, 2, 9]))
    def tamper(self, times: int) -> None:
        """The lid is opened or closed, each time long enough for its event to be written."""
        for _ in range(times):
            self.wait(4)  # after a start the contact is seen as it is once it has settled
            if not self.loop.alive:
                return
            self.lid = 1 - self.lid
            self.bench.pin("tamper", self.lid)
            self.wait(8)
            for _ in range(200):
                if not self.loop.alive or self.loop.state()[3]:
                    break
                self._step()
            self.owed += self.loop.alive

    @precondition(lambda self: self.loop.alive)
    @rule(operation=st.integers(1, 6), way=st.integers(0, 6))
    def cut(self, operation: int, way: int) -> None:
        """The power will fail in one of the next flash operations."""
        self.has_cut = True
        self.loop.ask("cut", operation, way)

    @rule(watchdog=st.booleans(), away_steps=st.sampled_from([0, 0, 100]))
    def restart(self, watchdog: bool, away_steps: int) -> None:
        """The co-processor resets, or is without power for a while."""
        if self.loop.alive:
            self._died()
        self.loop.kill()
        for _ in range(away_steps):
            self._step()
        self.bench.start(watchdog=watchdog)
        self._step()

    @rule()
    def host_restarts(self) -> None:
        """Another process of the daemon, which knows what is recorded."""
        self.bench.new_host()
        self._step()

    @invariant()
    def counts_once(self) -> None:
        """A counter names one event."""
        counters = [event.counter for event in self.bench.book.values()]
        assert len(set(counters)) == len(counters), "doubled"

    def teardown(self) -> None:
        """Everything is well again; what happened has to come up now."""
        bench = self.bench
        self.line("good")
        bench.pin("emergency", 0)
        self.held = False
        bench.confirming, bench.beating = True, True
        bench.host.release()
        for _ in range(60):
            if not self.loop.alive:
                bench.start()
            for _ in range(100):
                self._step()
            if not self.loop.alive:
                continue
            status = bench.host.known.status
            if status is not None and not status.pending and not status.missed and self.loop.state()[3]:
                break
        else:
            raise AssertionError(f"never done: {bench.host.known.status}")
        counters = sorted(event.counter for event in bench.book.values())
        assert counters == list(range(1, len(counters) + 1)), "a gap"
        assert self.owed <= bench.count(*TAMPER) + bench.missed(), ("lost", self.owed, bench.missed())
        if not self.has_cut and not bench.missed() and len(bench.boots) == 1:
            assert bench.count(*TAMPER) == self.owed


def _nothing(_: bytes) -> bytes:
    return b""


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with Loop() as made:
        yield made


def run(loop: Loop, machine: type[Contract]) -> None:
    """Random schedules, the same in each run. They are not shrunk: one that fails is short enough to read."""
    machine.loop = loop
    chosen = settings(
        max_examples=30,
        stateful_step_count=40,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        derandomize=True,
        database=None,
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_contract(loop: Loop) -> None:
    """Nothing of it is broken, and what it is about has happened."""
    run(loop, Counted)
    for what, times in Counted.seen.items():
        assert times > 5, what


class Counted(Contract):
    """Counts what the schedules reach."""

    seen: ClassVar[dict[str, int]] = {}

    def teardown(self) -> None:
        """Adds up."""
        super().teardown()
        found = {
            "emergencies": len(self.bench.emergencies()),
            "missed": self.bench.missed(),
            "changes of the lid": self.owed,
            "starts": len(self.bench.boots),
            "locked": self.locked_steps,
        }
        for what, times in found.items():
            self.seen[what] = self.seen.get(what, 0) + times


class ForgetsClearings(Contract):
    """Takes every press for one that nobody has cleared."""

    def _may_be_locked(self) -> None:
        self.cleared_ms = -SAME_MS
        super()._may_be_locked()


class Miscounts(Contract):
    """Expects one change of the lid more than there was."""

    def teardown(self) -> None:
        """One more."""
        self.owed += 1
        super().teardown()


class Impatient(Contract):
    """Expects the door open half a second before the firmware's limit."""

    def _may_be_locked(self) -> None:
        super()._may_be_locked()
        assert self.bench.now_ms - self.bench.beat_ms <= 2000, "locked too long"


@pytest.mark.parametrize(
    ("machine", "match"), [(ForgetsClearings, "open emergency"), (Miscounts, "lost"), (Impatient, "too long")]
)
def test_a_broken_contract_is_noticed(loop: Loop, machine: type[Contract], match: str) -> None:
    """The proof that the model can fail."""
    with pytest.raises(AssertionError, match=match):
        run(loop, machine)
