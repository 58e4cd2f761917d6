"""The unit at work: one loop that steps the check's state machine and carries out what it asks for."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from daemon import desk, effects, events, record_fields, session
from daemon.cards import CardTask, LaidCard, Photo
from daemon.config import Config
from daemon.desk import Desk
from daemon.door import Door
from daemon.effects import KnowPress, Note, SealRecord
from daemon.events import Begin, Event, TimedOut, WaitedLong
from daemon.faces import FaceTask
from daemon.fingers import FingerTask
from daemon.journal import Entry, Journal
from daemon.outbox import Outbox, Stored
from daemon.policy import Policy
from daemon.printing.forms import FormDesk
from daemon.slips import person_of
from daemon.state import State, Step
from evidence.envelope import attachment
from evidence.record import Outcome
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

T = TypeVar("T")

SAME_EMERGENCY_S = 60.0
"""Who presses again within that time, while the first press is still on the screen, means the same emergency."""
DONE_S = 10.0
"""How long a result, and what is personal about it, stays on the screen."""
TICK_S = 0.5
_SLIP_STEPS = (Step.ENROL, Step.SIGN, Step.SEALING, Step.DONE)
"""While the slip that was just written may be shown and printed."""


@dataclass(slots=True)
class _Timer:
    due_s: float
    event: TimedOut


@dataclass(slots=True)
class Unit:
    """The loop and what it works with. :meth:`post` may be called from any thread, everything else is the loop's own.

    Attributes:
        desk: the checks after the last event.
        shown: the same, once everything that the event asked for is done, the journal above all; read by the screen.
        changed: called after every step, to tell the screen.
    """

    config: Config
    policy: Policy
    outbox: Outbox
    journal: Journal
    door: Door
    changed: Callable[[Desk], None]
    stored: Callable[[], None]
    cards: CardTask = field(init=False)
    faces: FaceTask = field(init=False)
    fingers: FingerTask = field(init=False)
    desk: Desk = field(init=False)
    shown: Desk = field(init=False)
    give_reserve: Callable[[], bool] = lambda: False
    compared: Callable[[Event, Begin], Event] = lambda event, _begin: event
    """Holds a document that was read against whom the visit expects, and against those read before."""
    forms: FormDesk | None = None
    _events: queue.SimpleQueue[Event | None] = field(default_factory=queue.SimpleQueue)
    _to_write: queue.SimpleQueue[SealRecord | Note | KnowPress | None] = field(default_factory=queue.SimpleQueue)
    _timer: _Timer | None = None
    _parked_since_s: dict[str, float] = field(default_factory=dict)
    _photo: Photo | None = field(default=None, repr=False)
    _emergency_s: float = -SAME_EMERGENCY_S
    """When the emergency on the screen was pressed first."""
    _pressing: int = 0
    """Emergencies that the loop has not come to yet; until then nothing locks the door. Guarded by ``_locking``."""
    _to_clear: bool = False
    """An officer has accounted for an emergency while another one waited: cleared is what may be then."""
    _locking: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[int, int] = field(default_factory=dict)
    """Presses of emergencies that the journal or the outbox has, by counter: of pages never more than their slots."""

    def __post_init__(self) -> None:
        self.desk = self.shown = Desk.of(self.policy)
        self.fingers = FingerTask(DeviceUri.parse("none:"), post=self.post)

    @property
    def state(self) -> State:
        """The check on the screen."""
        return self.desk.active

    # --- from any thread ---------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Tell the loop what happened. An emergency opens the door here: the loop may be waiting for a slow disk.

        Raises:
            ValueError: an emergency is meant for one screen only, and would be dropped at another.
        """
        if isinstance(event, events.Meant) and isinstance(event.event, events.Emergency):
            raise ValueError("an emergency was meant for one screen only: post it as it is")
        try:
            if isinstance(event, events.Emergency):
                with self._locking:
                    self._pressing += 1
                    self.door.release()
        finally:  # also where the door does not obey
            self._events.put(event)

    def keeps(self, press: events.Press) -> bool:
        """Whether this press of an emergency survives a cut, as the journal or the outbox knows it. Never waits."""
        return self._kept.get(press[0]) == press[1]

    def laid(self, card: LaidCard) -> None:
        """Keep the picture of a card that was read; its event follows."""
        self._photo = card.photo
        if self.forms is not None:
            self.forms.laid(card.event.check, card.photo)

    def close(self) -> None:
        """End both loops."""
        self._events.put(None)
        self._to_write.put(None)

    # --- at start ----------------------------------------------------------------------------------------------

    def recover(self) -> int:
        """Give every check that a crash or power cut ended its ``interrupted`` record; how many there were."""
        entries = self.journal.open_checks()
        for entry in entries:
            if self.outbox.check_record(entry.check) is None:
                urgent = entry.step == Outcome.EMERGENCY  # of older software a drill's too: it was one all the same
                self.outbox.append(record_fields.interrupted(entry, self.policy), alert=urgent, press=entry.press)
                log.warning("check %s was interrupted at %s and is recorded so", entry.check, entry.step)
            self.journal.clear(entry.check)
        self._settle()
        return len(entries)

    # --- the loop ----------------------------------------------------------------------------------------------

    def run(self, alive: Callable[[], None]) -> None:
        """Step until :meth:`close`; ``alive`` is called at least every half second, and the door's heart beats with it.

        Nothing else beats it: a loop that hangs stops holding the door.
        """
        self._lock_door()
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
        now_s = time.monotonic()
        for check, since_s in self._parked_since_s.items():
            if now_s - since_s >= self.config.limits.parked_s:
                return WaitedLong(check)
        if self._timer is None or now_s < self._timer.due_s:
            return None
        event, self._timer = self._timer.event, None
        return event

    def _step(self, event: Event) -> None:
        current = self._current(event)
        if current is None:
            return
        event = current
        before, begun = self.state.step, self.state.begin
        if begun is not None and session.expects(self.state, event):
            event = self.compared(event, begun)
        self.desk, wanted = desk.step(self.desk, event)
        self._parked_since_s = {
            one.check: self._parked_since_s.get(one.check, time.monotonic()) for one in self.desk.parked if one.check
        }
        for effect in wanted:
            _EFFECTS[type(effect)](self, effect)
        if isinstance(event, events.Emergency):
            self._came_to_press()
        if self.state.step not in (Step.CARD, Step.FACE):
            self._photo = None  # also that of a card whose reading ended too late to count
        if self.state.step not in _SLIP_STEPS or self.state.outcome is Outcome.EMERGENCY:
            self.fingers.drop_slip()
        log.info("%s: %s -> %s", type(event).__name__, before, self.state.step)
        self.door.show(self.state)
        if self.forms is not None:
            self.forms.follow(self.state, event)
        self.shown = self.desk
        self.changed(self.shown)

    def _current(self, event: Event) -> Event | None:
        """What is still to be dealt with: no touch for a step that is over, no press that is recorded already."""
        if isinstance(event, events.Meant):
            if event.check != self.state.check or self.state.step not in event.steps:
                log.info("%s was meant for %s, which is over", type(event.event).__name__, event.steps)
                return None
            event = event.event
        if not isinstance(event, events.Emergency):
            return event
        if event.press is None or not self.outbox.has_press(event.press):
            return self._same_or_new(event)
        self._keep(event.press)
        self._told_again()
        return None

    # --- effects -----------------------------------------------------------------------------------------------

    def _same_or_new(self, event: events.Emergency) -> Event:
        """Counted from the first press on: who comes later, or when it is accounted for, has one of her own."""
        open_ones = [one.check for one in self.outbox.unaccounted]
        shown = self.state.step is Step.SEALING or (self.state.step is Step.DONE and self.state.check in open_ones)
        soon = time.monotonic() - self._emergency_s < SAME_EMERGENCY_S
        if shown and soon and self.state.outcome is Outcome.EMERGENCY:
            return replace(event, again=True)
        self._emergency_s = time.monotonic()
        return event

    def _told_again(self) -> None:
        """A press that is recorded: told again, it opens nothing that an officer has accounted for since."""
        log.info("this press of the emergency is recorded")
        self._came_to_press()
        if not self.state.lets_in:
            self._lock_door()

    def _came_to_press(self) -> None:
        with self._locking:
            self._pressing -= 1
        if self._to_clear:
            self._clear_emergency()

    def _write_journal(self, effect: effects.Journal) -> None:
        one = effect.begin
        entry = Entry(
            *(one.check, one.checkpoint, one.visit, one.visit_source, one.role, one.drill, effect.reached, effect.press)
        )
        self.durably(lambda: self.journal.write(entry))
        self._keep(effect.press)

    def _keep(self, press: events.Press | None) -> None:
        if press is not None:
            self._kept[press[0]] = press[1]

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

    def _skip_challenge(self, effect: effects.SkipChallenge) -> None:
        self.faces.skip(effect.challenge)

    def _prepare_finger(self, _effect: object) -> None:
        assert self.state.check is not None
        self.fingers.prepare(self.state.check)

    def _compare_finger(self, _effect: object) -> None:
        assert self.state.check is not None
        self.fingers.compare(self.state.check)

    def _enrol_finger(self, _effect: object) -> None:
        state = self.state
        assert state.check is not None
        assert state.document is not None
        assert state.enrol_consent is not None
        self.fingers.enrol(state.check, person_of(state.document), UUID(state.enrol_consent.id))

    def _stop_camera(self, _effect: object) -> None:
        self.faces.cancel()

    def _stop_devices(self, _effect: object) -> None:
        self.cards.cancel()
        self.faces.cancel()
        self.fingers.cancel()

    def _forget(self, _effect: object) -> None:
        self.fingers.forget()
        self._photo = None
        self._timer = None

    def _release_door(self, _effect: object) -> None:
        self.door.release()

    def _lock_door(self, _effect: object = None) -> None:
        """An emergency that nobody has accounted for keeps the door open, also over a restart of anything."""
        with self._locking:
            if not (self._pressing or self.outbox.unaccounted):
                self.door.lock()

    def _clear_emergency(self, _effect: object = None) -> None:
        """Never a press that waits: nobody has accounted for it, and its own account clears all before it."""
        with self._locking:
            self._to_clear = self._pressing > 0
        pressed_again = self.state.step is Step.SEALING and self.state.outcome is Outcome.EMERGENCY
        if not (self._to_clear or pressed_again or self.outbox.unaccounted):
            self.door.clear_emergency()

    def _start_timer(self, _effect: object) -> None:
        limits = self.config.limits
        seconds = {
            Step.CARD: limits.card_s,
            Step.FACE: limits.face_s,
            Step.FINGER: limits.finger_s,
            Step.ENROL: limits.finger_s,
            Step.SIGN: limits.sign_s,
            Step.DONE: DONE_S,
        }.get(self.state.step, limits.decision_s)
        assert self.state.check is not None
        self._timer = _Timer(time.monotonic() + seconds, TimedOut(self.state.check, self.state.step))

    def _write_record(self, effect: SealRecord | Note | KnowPress) -> None:
        self._to_write.put(effect)

    # --- the writer: a thread of its own, since a TPM may need a second ------------------------------------------

    def run_writer(self) -> None:
        """Commit records one after the other until :meth:`close`."""
        while (request := self._to_write.get()) is not None:
            if isinstance(request, KnowPress):
                self.durably(partial(self.outbox.know_press, request.press))
                self._keep(request.press)
                continue
            stored = self._write(request)
            self._settle()
            if isinstance(request, SealRecord):
                self.journal.clear(request.check)
                self.post(events.Sealed(request.check, stored.seq, stored.sha256))
            elif request.fields.get("accounts"):
                self.post(events.Accounted())
            self.stored()

    def _settle(self) -> None:
        """Say of every debt that was settled since that it is; a cut in between is made up for at the next start."""
        for one in self.outbox.settled():
            self.durably(partial(self.outbox.append, record_fields.settlement(one)))

    def _write(self, request: SealRecord | Note) -> Stored:
        files = [attachment(name, data) for name, data in request.attachments]
        press = request.press if isinstance(request, SealRecord) else None
        append = partial(self.outbox.append, request.fields, alert=request.alert, attachments=files, press=press)
        return self.durably(append)


_EFFECTS: dict[type, Callable[..., None]] = {
    effects.Journal: Unit._write_journal,
    effects.ReadCard: Unit._read_card,
    effects.OpenCamera: Unit._open_camera,
    effects.CompareFace: Unit._compare_face,
    effects.SkipChallenge: Unit._skip_challenge,
    effects.PrepareFinger: Unit._prepare_finger,
    effects.CompareFinger: Unit._compare_finger,
    effects.EnrolFinger: Unit._enrol_finger,
    effects.StopCamera: Unit._stop_camera,
    effects.StopDevices: Unit._stop_devices,
    effects.Forget: Unit._forget,
    effects.ReleaseDoor: Unit._release_door,
    effects.LockDoor: Unit._lock_door,
    effects.ClearEmergency: Unit._clear_emergency,
    effects.StartTimer: Unit._start_timer,
    **dict.fromkeys((SealRecord, KnowPress, Note), Unit._write_record),
}
