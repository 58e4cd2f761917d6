"""The unit's loop with its real tasks, outbox and journal: whole checks and time limits."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon import events as ev
from daemon import unit as unit_module
from daemon.cards import CardTask
from daemon.check_id import new_check_id
from daemon.config import Config, Limits
from daemon.demo.people import ANNA, STRANGER, Person, Studio, document_of
from daemon.desk import Desk
from daemon.door import NoDoor
from daemon.events import Begin, Closed, Confirmed, Consented, Emergency, Event, Explained, Left, Proposed
from daemon.faces import FaceTask
from daemon.journal import Entry, Journal
from daemon.liveness.eyes import Eyes
from daemon.liveness.inspection import Means
from daemon.liveness.light import Light
from daemon.outbox import Outbox
from daemon.outbox.known_events import of_screen
from daemon.policy import load_policy
from daemon.state import State, Step
from daemon.unit import Unit
from evidence.decision import DecisionStatement
from evidence.record import Outcome
from hw.card_reader.photo import photo_decoder
from hw.card_reader.simulator import SimulatedReader
from hw.uri import DeviceUri
from models.face import FaceModels
from tests.daemon.liveness.booth import Booth, open_booth
from tests.daemon.support import Home, now
from tests.support.brokers import wait_for

PATIENCE_S = 60.0
EXPIRES = "2030-01-01T00:00:00.000Z"
CONSENT = Consented("2026-11-21T08:00:00.000Z")


POLICY = replace(load_policy("neutral"), signatures=())
"""Nobody signs: what happens after that has its own tests."""


class Running:
    """A unit whose threads run, and what its screen was told."""

    def __init__(self, home: Home, eyes: Eyes, config: Config, light: Light | None = None) -> None:
        self.home, self.seen = home, [State(POLICY)]
        self._news = threading.Condition()
        self.outbox = home.outbox()
        self.door = NoDoor()
        self.journal = Journal(config.unit.data / "journal")
        self.unit = Unit(config, POLICY, self.outbox, self.journal, self.door, self._changed, lambda: None)
        self.unit.cards = CardTask(
            DeviceUri.parse(config.devices.card_reader),
            photo_decoder("simulated"),
            today=lambda: now().date(),
            post=self.unit.post,
            laid=self.unit.laid,
        )
        camera = DeviceUri.parse(config.devices.camera)
        means = Means.of(POLICY, light)
        self.asked: Callable[[str], None] = lambda _: None
        self.unit.faces = FaceTask(
            camera, eyes, post=self.unit.post, means=means, told=lambda: self.asked(str(self.unit.faces.asked))
        )
        self.alive = 0
        tasks: tuple[Callable[[], object], ...] = (
            self.unit.run_writer,
            self.unit.cards.run,
            self.unit.faces.run,
            lambda: self.unit.run(self._beat),
        )
        self._threads = [threading.Thread(target=task) for task in tasks]
        for thread in self._threads:
            thread.start()

    def _beat(self) -> None:
        self.alive += 1

    def _changed(self, desk: Desk) -> None:
        with self._news:
            self.seen.append(desk.active)
            self._news.notify_all()

    def post(self, *happened: Event) -> None:
        for event in happened:
            self.unit.post(event)

    def at(self, step: Step, after: int = 0) -> State:
        """The first state at ``step`` beyond number ``after``."""

        def there() -> State | None:
            return next((state for state in self.seen[after:] if state.step is step), None)

        with self._news:
            assert self._news.wait_for(lambda: there() is not None, PATIENCE_S), f"never came to {step}"
        found = there()
        assert found is not None
        return found

    def begin(self) -> str:
        check = new_check_id()
        self.post(Begin(check, "delivery", "V-0001", "typed"))
        self.at(Step.NOTICE)
        return check

    def close(self) -> None:
        self.unit.cards.close()
        self.unit.faces.close()
        self.unit.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        self.outbox.close()


@pytest.fixture
def reader() -> Iterator[SimulatedReader]:
    with SimulatedReader() as simulated:
        yield simulated


@pytest.fixture
def booth(face_models: FaceModels, tmp_path: Path) -> Iterator[Booth]:
    with open_booth(tmp_path, face_models) as made:
        yield made


Start = Callable[..., Running]


@pytest.fixture
def start(home: Home, eyes: Eyes, reader: SimulatedReader, booth: Booth) -> Iterator[Start]:
    """Starts the unit with the simulated reader and ring, before ``person``, with the given limits."""
    made: list[Running] = []

    def run(person: Person | None = None, **limits: float) -> Running:
        booth.room.stand(person)
        config = home.config()
        devices = replace(config.devices, card_reader=reader.uri, camera=booth.room.uri)
        made.append(Running(home, eyes, replace(config, devices=devices, limits=Limits(**limits)), booth.light))
        made[-1].asked = booth.obey
        return made[-1]

    yield run
    for one in made:
        one.close()


def confirmation(state: State, officer: str) -> Confirmed:
    assert state.statement is not None
    return Confirmed(ev.Confirmation(officer, "officer", "pin", state.statement.sha256))


def outcomes(running: Running) -> list[str]:
    return [str(record.payload.get("outcome", record.kind)) for record in running.home.opened(running.outbox)[1:]]


def test_whole_check_passes(start: Start, reader: SimulatedReader, face_models: FaceModels) -> None:
    running = start(ANNA)
    check = running.begin()
    assert [entry.check for entry in running.journal.open_checks()] == [check]
    running.post(CONSENT)
    running.at(Step.CARD)
    laid = Studio(face_models).card(ANNA, document_of(ANNA, now().date()))
    reader.lay(laid)
    done = running.at(Step.DONE)
    assert (done.outcome, done.check) == (Outcome.PASSED, check)
    record = running.home.opened(running.outbox)[-1].payload
    assert (record["outcome"], record["check"]) == ("passed", check)
    assert (record["face"]["decision"], record["document"]["number"]) == ("match", laid.document.number)
    assert record["liveness"]["decision"] == "live"
    assert done.sealed is not None
    assert done.sealed.seq == record["seq"]
    assert running.journal.open_checks() == []
    assert running.door.released_at_s is not None
    assert running.unit._photo is None
    before = len(running.seen)
    running.post(Closed())
    assert running.at(Step.IDLE, before) == State(POLICY)
    assert running.home.verified(running.outbox).sound


def test_another_woman_is_tried_again_and_then_decided(
    start: Start, reader: SimulatedReader, face_models: FaceModels
) -> None:
    running = start(STRANGER)
    running.begin()
    running.post(CONSENT)
    running.at(Step.CARD)
    reader.lay(Studio(face_models).card(ANNA, document_of(ANNA, now().date())))
    state = running.at(Step.DECISION)
    assert [face.decision for face in state.faces] == ["no_match"] * 3
    running.post(Proposed(Outcome.PASSED, "looks right", EXPIRES))
    running.post(Proposed(Outcome.FAILED, "face differs", EXPIRES))
    running.post(confirmation(running.at(Step.CONFIRM), "o-101"))
    assert running.at(Step.DONE).outcome is Outcome.FAILED
    record = running.home.opened(running.outbox)[-1].payload
    assert (record["face"]["attempts"], record["officers"][0]["id"]) == (3, "o-101")
    assert running.door.released_at_s is None


class WatchedDoor(NoDoor):
    """Notes how many records there were when it opened."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.opened_at: list[int] = []

    def release(self) -> None:
        self.opened_at.append(self._outbox.head.seq)


def test_emergency_opens_the_door_before_anything_is_stored(start: Start) -> None:
    running = start()
    check = running.begin()
    running.unit.door = door = WatchedDoor(running.outbox)
    running.post(Emergency(new_check_id(), "delivery"))
    state = running.at(Step.DONE)
    assert set(door.opened_at) == {1}, "the door opened before the record was there"
    assert (state.outcome, state.check) == (Outcome.EMERGENCY, check)
    statement = DecisionStatement(check, None, Outcome.EMERGENCY, "birth began", EXPIRES)
    before = len(running.seen)
    running.post(Explained(statement, ev.Confirmation("o-101", "officer", "pin", statement.sha256)))
    running.at(Step.IDLE, before)
    assert outcomes(running) == ["emergency", "addendum"]
    assert running.home.verified(running.outbox).sound


class SlowDisk(Journal):
    """Writes when ``ready`` is set, and says when somebody waits for it."""

    ready, asked = threading.Event(), threading.Event()

    def write(self, entry: Entry) -> None:
        self.asked.set()
        assert self.ready.wait(PATIENCE_S)
        super().write(entry)


def test_emergency_does_not_wait_for_the_disk_and_nothing_locks_before_it_is_known(start: Start) -> None:
    running = start()
    running.unit.journal = disk = SlowDisk(running.home.folder / "slow")
    running.post(Begin(new_check_id(), "delivery", "V-0001", "typed"))
    assert disk.asked.wait(PATIENCE_S)
    assert running.door.released_at_s is None
    press = of_screen(0xBEEF)
    running.post(Emergency(new_check_id(), "delivery", press=press))
    assert running.door.released_at_s is not None
    running.unit._lock_door()
    assert running.door.released_at_s is not None
    assert not running.unit.keeps(press)
    disk.ready.set()
    wait_for(lambda: running.unit.keeps(press), "the press in the journal")
    statement = DecisionStatement(str(running.at(Step.DONE).check), None, Outcome.EMERGENCY, "birth began", EXPIRES)
    before = len(running.seen)
    running.post(Explained(statement, ev.Confirmation("o-101", "officer", "pin", statement.sha256)))
    running.at(Step.IDLE, before)
    wait_for(lambda: running.door.released_at_s is None, "a locked door")
    assert outcomes(running) == ["emergency", "addendum"]


@pytest.mark.parametrize(
    ("limit", "steps", "last", "outcome"),
    [
        ("decision_s", (), Step.DONE, Outcome.INTERRUPTED),
        ("card_s", (CONSENT,), Step.DECISION, None),
    ],
)
def test_time_limits(limit: str, steps: tuple[Event, ...], last: Step, outcome: Outcome | None, start: Start) -> None:
    running = start(**{limit: 0.2})
    running.begin()
    running.post(*steps)
    state = running.at(last)
    assert state.outcome is outcome
    if outcome is None:
        assert state.trouble == "timeout:card"


def test_nobody_before_the_camera(
    start: Start, reader: SimulatedReader, face_models: FaceModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.faces.ATTEMPT_S", 30.0)
    running = start(face_s=0.5)
    running.begin()
    running.post(CONSENT)
    running.at(Step.CARD)
    reader.lay(Studio(face_models).card(ANNA, document_of(ANNA, now().date())))
    assert running.at(Step.DECISION).trouble == "timeout:face"
    assert running.unit._photo is None, "the picture stays no longer than it is needed"


def test_result_is_shown_for_ten_seconds_at_most(start: Start) -> None:
    """The domain's bound: no personal data on the screen 10 s after the end."""
    running = start()
    running.begin()
    running.post(Left())
    running.at(Step.DONE)
    timer = running.unit._timer
    assert timer is not None
    assert 0 < timer.due_s - time.monotonic() <= 10
    assert unit_module.DONE_S == 10


def test_result_disappears(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_module, "DONE_S", 0.2)
    running = start()
    running.begin()
    before = len(running.seen)
    running.post(Left())
    running.at(Step.DONE)
    running.at(Step.IDLE, before)
    assert outcomes(running) == ["interrupted"]


def test_loop_says_that_it_is_alive(start: Start) -> None:
    running = start()
    begun, end_s = running.alive, time.monotonic() + PATIENCE_S
    while running.alive < begun + 3:
        assert time.monotonic() < end_s
        time.sleep(0.05)


# --- cuts: a unit whose writer never runs stands for one that lost power before the commit ---------------------------


def test_a_full_disk_is_tried_again_in_the_reserve(start: Start) -> None:
    unit = start().unit
    tries: list[str] = []

    def write() -> str:
        tries.append("try")
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "no room")
        return "written"

    unit.give_reserve = lambda: True
    assert unit.durably(write) == "written"
    tries.clear()
    unit.give_reserve = lambda: False
    with pytest.raises(OSError, match="no room"):
        unit.durably(write)
