"""The loop: every turn does all of safety and one piece of everything else.

A turn is bounded by its most expensive piece, so a pressed button reaches the relay within two turns whatever the link
does. Pieces: up to 32 bytes received and one message obeyed; one frame sent; one step of the journal (one flash
operation); the ring and the buzzer; housekeeping (a collection of garbage, so that it never comes by itself).
"""

import gc
import struct

from micropython import const

from coprocessor.buzzer import SOUNDS, Buzzer
from coprocessor.frames import FRAME, Parser
from coprocessor.inputs import Contact
from coprocessor.journal import Journal
from coprocessor.lights import COLOURS, PATTERNS, Lights
from coprocessor.link import MAX_QUEUE, Link
from coprocessor.messages import (
    BUZZER,
    CHALLENGE,
    CHALLENGE_COMPLETE,
    CHALLENGE_DONE,
    CHALLENGE_STEP,
    CHALLENGE_STOPPED,
    CLEAR_EMERGENCY,
    CLOCK,
    CLOCK_IS,
    CONFIRM,
    EVENT,
    EVENT_DOOR_CLOSED,
    EVENT_DOOR_OPENED,
    EVENT_EMERGENCY,
    EVENT_HOST_SILENT,
    EVENT_POWER_CYCLED,
    EVENT_STARTED,
    EVENT_TAMPER_CLOSED,
    EVENT_TAMPER_OPENED,
    FLAG_CARE_FIRST,
    FLAG_DOOR_OPEN,
    FLAG_EMERGENCY,
    FLAG_LOCKED,
    FLAG_NO_ROOM,
    FLAG_PI_POWERED,
    FLAG_TAMPER_OPEN,
    FLAG_WATCHING,
    GET_STATUS,
    HEARTBEAT,
    LAYOUTS,
    REFUSE_BAD_PAYLOAD,
    REFUSE_BAD_VALUE,
    REFUSE_UNKNOWN_TYPE,
    REFUSED,
    RELEASE,
    RING,
    STATUS,
    TICKS_MASK,
)
from coprocessor.safety import CYCLED, WENT_SILENT, Safety
from coprocessor.ticks import ticks_diff, ticks_ms, ticks_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from coprocessor.board import Board

CHUNK = const(32)
STATUS_MS = const(250)
EVENTS_ON_THE_WAY = const(4)
TAMPER_DEBOUNCE_MS = const(20)
DOOR_DEBOUNCE_MS = const(50)
REST_MS = const(100)  # how long the button has to be at rest before it can be pressed anew
AGAIN_MS = const(10000)  # a press within this time belongs to the emergency that is open


class Controller:
    """Everything put together. ``board`` has the pins, ``link`` and ``journal`` what talks and remembers."""

    def __init__(self, board: Board, safety: Safety, link: Link, journal: Journal) -> None:
        self.board = board
        self.safety = safety
        self.link = link
        self.journal = journal
        self.lights = Lights(board.ring)
        self.buzzer = Buzzer(board.tone)
        self.emergency = Contact(board.emergency, 0)
        self.tamper = Contact(board.tamper, TAMPER_DEBOUNCE_MS)
        self.door = Contact(board.door, DOOR_DEBOUNCE_MS)
        self.uptime_ms = 0
        self.turns = 0
        self.emergency_owed = False
        self._since_press_ms = AGAIN_MS
        self._at_rest_ms = 0
        self._silent_owed = False
        self._cycled_owed = False
        self._started_owed = True
        self._told = 0
        self._status = (-1, 0, 0, 0, 0, 0)
        self._status_due = False
        self._kept_cycles = safety.cycles
        self._last = ticks_ms()
        self._drawn_at = self._last
        self._status_at = self._last
        self._parser = Parser()
        self._chunk = bytearray(CHUNK)
        self._view = memoryview(self._chunk)
        self._at = self._end = 0
        self._stage = 0
        self._stages = (
            self.receive,
            self.transmit,
            self.receive,
            self.record,
            self.receive,
            self.transmit,
            self.show,
            self.keep_house,
        )
        self._orders: dict[int, Callable[..., bool]] = {
            HEARTBEAT: self._heartbeat,
            RELEASE: self._release,
            CLEAR_EMERGENCY: self._clear_emergency,
            RING: self._ring,
            BUZZER: self._buzz,
            CHALLENGE: self._challenge,
            CONFIRM: self._confirm,
            CLOCK: self._clock,
            GET_STATUS: self._get_status,
        }
        if journal.open_emergency:
            safety.press_emergency()

    def turn(self) -> None:
        """One turn: safety, then the next piece."""
        now = ticks_ms()
        self.keep_safe(now)
        self._stages[self._stage](now)
        self._stage = (self._stage + 1) % len(self._stages)
        self.turns += 1
        self.board.feed()

    def keep_safe(self, now: int) -> None:
        """Inputs, rules, outputs, in this order and all in this turn."""
        elapsed = ticks_diff(now, self._last)
        self._last = now
        self.uptime_ms = (self.uptime_ms + elapsed) & 0xFFFFFFFF
        safety = self.safety
        self._watch_button(elapsed)
        news = safety.pass_time(elapsed)
        safety.may_lock = self.journal.may_lock(safety.locked)
        self.board.lock(safety.locked)
        self.board.power(safety.powered)
        if news & WENT_SILENT:
            self._silent_owed = True
        if news & CYCLED:
            self._cycled_owed = True
        if safety.cycles != self._kept_cycles:
            self._kept_cycles = safety.cycles
            self.board.keep(safety.cycles)
        self._play(safety.care_first)

    def _watch_button(self, elapsed: int) -> None:
        """The emergency button. Pressed anew long after the emergency that is open, it is one of its own, so that
        clearing the old one does not clear it."""
        self._since_press_ms = min(self._since_press_ms + elapsed, AGAIN_MS)
        if not self.emergency.struck():
            self._at_rest_ms = min(self._at_rest_ms + elapsed, REST_MS)
            return
        self.journal.to_clear = 0
        is_anew = self._at_rest_ms >= REST_MS and self._since_press_ms >= AGAIN_MS
        if self.safety.press_emergency() or is_anew:
            self.emergency_owed = True
            self._since_press_ms = 0
        self._at_rest_ms = 0

    def receive(self, now: int) -> None:
        """Take up to a chunk of bytes; at most one message is obeyed."""
        if self._at == self._end:
            waiting = self.board.uart.any()
            if not waiting:
                return
            self._at = 0
            self._end = self.board.uart.readinto(self._chunk, min(waiting, CHUNK)) or 0
        parser = self._parser
        link = self.link
        while self._at < self._end:
            self._at = parser.take(self._view, self._at, self._end)
            if parser.found == FRAME:
                if link.received(now, parser.kind, parser.session, parser.number, parser.payload):
                    self._obey(parser.kind, parser.payload, now)
                return

    def transmit(self, now: int) -> None:
        """Send one frame, if one is due."""
        link = self.link
        if link.begun:
            link.begun = False
            self._told = 0
            self._status_due = True
        if link.room() > MAX_QUEUE - EVENTS_ON_THE_WAY:
            self._tell_event()
            self._tell_status(now)
        length = link.due(now, self.uptime_ms)
        if length:
            self.board.uart.write(memoryview(link.out)[:length])

    def record(self, now: int) -> None:
        """Turn what happened into events, then one step of the journal."""
        self._note_owed()
        if self.journal.room():
            self._note_change(self.tamper.poll(now), EVENT_TAMPER_OPENED, EVENT_TAMPER_CLOSED)
        if self.journal.room():
            self._note_change(self.door.poll(now), EVENT_DOOR_OPENED, EVENT_DOOR_CLOSED)
        # An erasure stops the processor for up to 400 ms; nobody is locked in meanwhile.
        self.journal.work(not self.safety.locked, self.uptime_ms)
        if self.safety.emergency and not self.emergency_owed and not self.journal.open_emergency:
            self.safety.clear_emergency()  # that it was cleared is in flash now
            self._status_due = True

    def show(self, now: int) -> None:
        """Ring and buzzer."""
        self.lights.draw(now, ticks_diff(now, self._drawn_at), self.safety.care_first)
        self._drawn_at = now
        self.buzzer.poll(now)

    def keep_house(self, _now: int) -> None:
        """Collect garbage here and not in the middle of something."""
        gc.collect()

    def _play(self, care_first: bool) -> None:
        """The light challenge, every turn because its moments matter."""
        lights = self.lights
        if not lights.busy:
            return
        if care_first:
            self.link.send(CHALLENGE_DONE, lights.stop(), CHALLENGE_STOPPED, ticks_us() & TICKS_MASK)
            return
        shown = lights.poll()
        if shown:
            number, step, at_us = shown
            if step < 0:
                self.link.send(CHALLENGE_DONE, number, CHALLENGE_COMPLETE, at_us)
            else:
                self.link.send(CHALLENGE_STEP, number, step, at_us)

    def _obey(self, kind: int, payload: bytes, now: int) -> None:
        order = self._orders.get(kind)
        if order is None:
            self._refuse(kind, REFUSE_UNKNOWN_TYPE)
        elif len(payload) != struct.calcsize(LAYOUTS[kind]):
            self._refuse(kind, REFUSE_BAD_PAYLOAD)
        elif not order(now, *struct.unpack(LAYOUTS[kind], payload)):
            self._refuse(kind, REFUSE_BAD_VALUE)

    def _refuse(self, kind: int, reason: int) -> None:
        self.link.send(REFUSED, kind, reason)

    def _heartbeat(self, _now: int, flags: int, age_ms: int) -> bool:
        self.safety.heartbeat(flags, age_ms)
        return True

    def _release(self, _now: int) -> bool:
        self.safety.release()
        self.board.lock(self.safety.locked)
        return True

    def _clear_emergency(self, _now: int, counter: int) -> bool:
        """Not while the button is pressed or its wire is broken; see also :meth:`record`."""
        self._status_due = True
        if not self.emergency_owed and self._at_rest_ms >= REST_MS:
            self.journal.clear(counter)
        return True

    def _ring(self, _now: int, pattern: int) -> bool:
        if pattern not in PATTERNS:
            return False
        self.lights.pattern = pattern
        return True

    def _buzz(self, now: int, sound: int) -> bool:
        if sound not in SOUNDS:
            return False
        self.buzzer.play(sound, now)
        return True

    def _challenge(self, _now: int, number: int, step_ms: int, count: int, colours: bytes) -> bool:
        if not 1 <= count <= len(colours) or not step_ms or max(colours[:count]) >= len(COLOURS):
            return False
        if self.lights.busy:
            self.link.send(CHALLENGE_DONE, self.lights.stop(), CHALLENGE_STOPPED, ticks_us() & TICKS_MASK)
        self.lights.start(number, step_ms, colours[:count])
        return True

    def _confirm(self, _now: int, counter: int) -> bool:
        self.journal.confirm(counter)
        return True

    def _clock(self, _now: int, token: int) -> bool:
        self.link.send(CLOCK_IS, token, ticks_us() & TICKS_MASK)
        return True

    def _get_status(self, _now: int) -> bool:
        self._status_due = True
        return True

    def _note_owed(self) -> None:
        """What the safety rules found out; noted as soon as there is room, so that none is lost."""
        journal = self.journal
        uptime = self.uptime_ms
        if self._started_owed:
            self._started_owed = not journal.note(EVENT_STARTED, self.link.identity.reset_cause, uptime)
        if self.emergency_owed:
            self.emergency_owed = not journal.note(EVENT_EMERGENCY, 0, uptime)
        if self._cycled_owed:
            self._cycled_owed = not journal.note(EVENT_POWER_CYCLED, self.safety.cycles, uptime)
        if self._silent_owed:
            self._silent_owed = not journal.note(EVENT_HOST_SILENT, 0, uptime)

    def _note_change(self, change: int, opened: int, closed: int) -> None:
        if change:
            self.journal.note(opened if change > 0 else closed, 0, self.uptime_ms)

    def _tell_event(self) -> None:
        """Queue the oldest event that this session has not been told."""
        pending = self.journal.store.pending
        if not pending or pending[-1][0] <= self._told:
            return
        # Counters may have gaps: a confirmed event's page comes back when the power fails in its sector's erasure.
        index = min(max(0, self._told + 1 - pending[0][0]), len(pending) - 1)
        while index and pending[index - 1][0] > self._told:
            index -= 1
        self._told = pending[index][0]
        payload = self.journal.store.event(index)
        if payload:
            self.link.send_packed(EVENT, payload)

    def _tell_status(self, now: int) -> None:
        """At once when asked or when inputs or outputs change; the rest may wait, so that events have the line."""
        status = self._now_status()
        calm = ticks_diff(now, self._status_at) < STATUS_MS
        if self._status_due or status[0] != self._status[0] or (status != self._status and not calm):
            self._status_due = False
            self._status = status
            self._status_at = now
            self.link.send(STATUS, *status)

    def _now_status(self) -> tuple[int, int, int, int, int, int]:
        safety = self.safety
        flags = (
            (FLAG_LOCKED if safety.locked else 0)
            | (FLAG_EMERGENCY if safety.emergency else 0)
            | (FLAG_TAMPER_OPEN if self.tamper.open else 0)
            | (FLAG_DOOR_OPEN if self.door.open else 0)
            | (FLAG_PI_POWERED if safety.powered else 0)
            | (FLAG_CARE_FIRST if safety.care_first else 0)
            | (FLAG_WATCHING if safety.armed and not safety.keep_power else 0)
            | (0 if safety.may_lock else FLAG_NO_ROOM)
        )
        journal = self.journal
        pending = len(journal.store.pending)
        return flags, safety.cycles, pending, journal.missed, self.lights.pattern, journal.last_emergency
