"""The unit at work: one loop that steps the check's state machine and carries out what it asks for."""

from __future__ import annotations

import logging
import queue
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from daemon import events, record_fields, session
from daemon.cards import CardTask, LaidCard, Photo
from daemon.config import Config
from daemon.door import Door
from daemon.events import Event, SealRecord, TimedOut
from daemon.faces import FaceTask
from daemon.journal import Entry, Journal
from daemon.outbox import Outbox, Stored
from daemon.policy import Policy
from daemon.session import State, Step
from evidence.record import Outcome

log = logging.getLogger(__name__)

T = TypeVar("T")

DONE_S = 10.0
"""How long a result, and what is personal about it, stays on the screen."""
TICK_S = 0.5


@dataclass(slots=True)
class _Timer:
    due_s: float
    event: TimedOut


@dataclass(slots=True)
class Unit:
    """The loop and what it works with. :meth:`post` may be called from any thread, everything else is the loop's own.

    Attributes:
        state: the state after the last event; read by the screen.
        changed: called after every step, to tell the screen.
    """

    config: Config
    policy: Policy
    outbox: Outbox
    journal: Journal
    door: Door
    changed: Callable[[State], None]
    stored: Callable[[], None]
    cards: CardTask = field(init=False)
    faces: FaceTask = field(init=False)
    state: State = field(init=False)
    give_reserve: Callable[[], bool] = lambda: False
    _events: queue.SimpleQueue[Event | None] = field(default_factory=queue.SimpleQueue)
    _to_seal: queue.SimpleQueue[SealRecord | None] = field(default_factory=queue.SimpleQueue)
    _timer: _Timer | None = None
    _photo: Photo | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.state = State(self.policy)

    # --- from any thread ---------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Tell the loop what happened."""
        self._events.put(event)

    def laid(self, card: LaidCard) -> None:
        """Keep the picture of a card that was read; its event follows."""
        self._photo = card.photo

    def close(self) -> None:
        """End both loops."""
        self._events.put(None)
        self._to_seal.put(None)

    # --- at start ----------------------------------------------------------------------------------------------

    def recover(self) -> int:
        """Give every check that a crash or power cut ended its ``interrupted`` record; how many there were."""
        entries = self.journal.open_checks()
        for entry in entries:
            if self.outbox.check_record(entry.check) is None:
                urgent = entry.step == Outcome.EMERGENCY and not entry.drill
                self.outbox.append(record_fields.interrupted(entry, self.policy), alert=urgent)
                log.warning("check %s was interrupted at %s and is recorded so", entry.check, entry.step)
            self.journal.clear(entry.check)
        return len(entries)

    # --- the loop ----------------------------------------------------------------------------------------------

    def run(self, alive: Callable[[], None]) -> None:
        """Step until :meth:`close`; ``alive`` is called at least every half second, and the door's heart beats with it.

        Nothing else beats it: a loop that hangs stops holding the door.
        """
        self.door.lock()
        while True:
            self.door.heartbeat()
            alive()
            try:
                event = self._events.get(timeout=TICK_S)
            except queue.Empty:
                event = self._due()
                if event is None:
                    continue
            if event is None:
                return
            self._step(event)
            if (late := self._due()) is not None:
                self._step(late)

    def _due(self) -> Event | None:
        if self._timer is None or time.monotonic() < self._timer.due_s:
            return None
        event, self._timer = self._timer.event, None
        return event

    def _step(self, event: Event) -> None:
        before = self.state.step
        self.state, effects = session.step(self.state, event)
        for effect in effects:
            _EFFECTS[type(effect)](self, effect)
        if self.state.step not in (Step.CARD, Step.FACE):
            self._photo = None  # also that of a card whose reading ended too late to count
        log.info("%s: %s -> %s", type(event).__name__, before, self.state.step)
        self.door.show(self.state)
        self.changed(self.state)

    # --- effects -----------------------------------------------------------------------------------------------

    def _write_journal(self, _effect: object) -> None:
        begin = self.state.begin
        assert begin is not None
        step = record_fields.reached(self.state)
        entry = Entry(begin.check, begin.checkpoint, begin.visit, begin.visit_source, begin.role, begin.drill, step)
        self.durably(lambda: self.journal.write(entry))

    def durably(self, write: Callable[[], T]) -> T:
        """``write``, and once more with the reserve of the disk given free, where the disk was full.

        Raises:
            OSError, sqlite3.OperationalError: there is no room even then, or something else is wrong with the disk.
        """
        try:
            return write()
        except (OSError, sqlite3.OperationalError) as error:
            if not self.give_reserve():
                raise
            log.warning("the disk is full (%s): tried again in the reserve", type(error).__name__)
            return write()

    def _read_card(self, _effect: object) -> None:
        assert self.state.check is not None
        self.cards.read(self.state.check)

    def _open_camera(self, _effect: object) -> None:
        self.faces.open_camera()

    def _compare_face(self, _effect: object) -> None:
        assert self.state.check is not None
        assert self._photo is not None
        self.faces.compare(self.state.check, self._photo)

    def _stop_devices(self, _effect: object) -> None:
        self.cards.cancel()
        self.faces.cancel()

    def _forget(self, _effect: object) -> None:
        self._photo = None
        self._timer = None

    def _release_door(self, _effect: object) -> None:
        self.door.release()

    def _lock_door(self, _effect: object) -> None:
        self.door.lock()

    def _clear_emergency(self, _effect: object) -> None:
        self.door.clear_emergency()

    def _start_timer(self, _effect: object) -> None:
        limits = self.config.limits
        seconds = {
            Step.CARD: limits.card_s,
            Step.FACE: limits.face_s,
            Step.DONE: DONE_S,
        }.get(self.state.step, limits.decision_s)
        assert self.state.check is not None
        self._timer = _Timer(time.monotonic() + seconds, TimedOut(self.state.check, self.state.step))

    def _seal_record(self, effect: SealRecord) -> None:
        self._to_seal.put(effect)

    # --- the writer: a thread of its own, since a TPM may need a second ------------------------------------------

    def run_writer(self) -> None:
        """Commit records one after the other until :meth:`close`."""
        while (request := self._to_seal.get()) is not None:
            stored = self._seal(request)
            self.journal.clear(request.check)
            self.post(events.Sealed(request.check, stored.seq, stored.sha256))
            self.stored()

    def _seal(self, request: SealRecord) -> Stored:
        return self.durably(lambda: self.outbox.append(request.fields, alert=request.alert))


_EFFECTS: dict[type, Callable[..., None]] = {
    events.Journal: Unit._write_journal,
    events.ReadCard: Unit._read_card,
    events.OpenCamera: Unit._open_camera,
    events.CompareFace: Unit._compare_face,
    events.StopDevices: Unit._stop_devices,
    events.Forget: Unit._forget,
    events.ReleaseDoor: Unit._release_door,
    events.LockDoor: Unit._lock_door,
    events.ClearEmergency: Unit._clear_emergency,
    events.StartTimer: Unit._start_timer,
    events.SealRecord: Unit._seal_record,
}
