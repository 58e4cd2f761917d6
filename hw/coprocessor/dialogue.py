"""What the driver does with what the link tells: keeps what is known, tells again what is wanted, passes events upward.

No thread and no line of its own: the driver calls it under its lock, with the time.
"""

from __future__ import annotations

import logging
import queue
from dataclasses import dataclass, field
from typing import Final

from hw.coprocessor.challenge import ChallengeRun
from hw.coprocessor.errors import CommandRefused, CoprocessorRestarted, LinkBusy, VersionMismatch
from hw.coprocessor.events import CoprocessorEvent, understand
from hw.coprocessor.link import Down, HostLink, LinkEvent, Lost, Odd, Received, Sent, Up, WrongVersion
from hw.coprocessor.messages import (
    Challenge,
    ChallengeDone,
    ChallengeStep,
    ClearEmergency,
    Clock,
    ClockIs,
    Confirm,
    EventMessage,
    GetStatus,
    Heartbeat,
    Message,
    Refused,
    Release,
    Ring,
    StatusMessage,
    Welcome,
)
from hw.coprocessor.numbers import PROTOCOL_VERSION, Feature, HeartbeatFlag, RingPattern, StatusFlag
from hw.errors import DeviceTimeout, HardwareError

log = logging.getLogger(__name__)

FRESH_S: Final = 1.0
"""A sign of life older than this is not begun to be sent. What is under way tells its age, see :class:`Heartbeat`."""

MAX_AGE_MS: Final = 0xFFFF

MAX_UPWARD: Final = 256
"""Events the daemon has not fetched yet; beyond that the co-processor keeps them."""

MAX_SEEN: Final = 1024
"""Events that are known again when they are told again; a co-processor's flash holds 256."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the co-processor last said of itself.

    Attributes:
        power_cycles: how often it has power-cycled the Pi since that last ran well.
        pending: events it keeps because nobody has confirmed them.
        missed: events it had no room for and has not told in an event MISSED yet.
        pattern: what the ring was told to show (:class:`RingPattern`).
        last_emergency: counter of the newest emergency, for ``clear_emergency``; 0: none.
    """

    flags: StatusFlag
    power_cycles: int
    pending: int
    missed: int
    pattern: int
    last_emergency: int

    @property
    def locked(self) -> bool:
        """Whether the lock is energised."""
        return StatusFlag.LOCKED in self.flags

    @property
    def emergency(self) -> bool:
        """Whether an emergency holds the door open until it is cleared."""
        return StatusFlag.EMERGENCY in self.flags


@dataclass(slots=True)
class Wanted:
    """What the daemon wants, whether or not a co-processor is there to do it."""

    lock: bool = False
    keep_power: bool = False
    pattern: RingPattern = RingPattern.IDLE
    confirmed: int = 0

    @property
    def flags(self) -> HeartbeatFlag:
        """As a heartbeat says it."""
        lock = HeartbeatFlag.WANT_LOCK if self.lock else HeartbeatFlag(0)
        return lock | (HeartbeatFlag.KEEP_POWER if self.keep_power else HeartbeatFlag(0))


@dataclass(slots=True)
class Known:
    """What the co-processor has told. ``delivered``: counter of the newest event that went upward and was not forged;
    ``seen``: the newest of these events as they travel, oldest first.
    """

    welcome: Welcome | None = None
    welcomed_s: float = 0.0
    status: Status | None = None
    problem: HardwareError | None = None
    delivered: int = 0
    seen: dict[bytes, None] = field(default_factory=dict)
    forged: set[bytes] = field(default_factory=set)

    @property
    def features(self) -> Feature:
        """What the co-processor can do; nothing before it said so."""
        return Feature(self.welcome.features) if self.welcome else Feature(0)

    def age_s(self, message: EventMessage, now_s: float) -> float | None:
        """Seconds since the event, when it is of the running boot."""
        if self.welcome is None or message.boot != self.welcome.boot:
            return None
        before_ms = (self.welcome.uptime_ms - message.uptime_ms + (1 << 31)) % (1 << 32) - (1 << 31)
        return now_s - self.welcomed_s + before_ms / 1000


class Dialogue:
    """The driver's state. Not for two threads at once."""

    def __init__(self, device: str, link: HostLink, key: bytes | None) -> None:
        self.wanted = Wanted()
        self.known = Known()
        self.heart_s: float | None = None
        self.challenge: ChallengeRun | None = None
        self.upward: queue.SimpleQueue[CoprocessorEvent] = queue.SimpleQueue()
        self._device = device
        self._link = link
        self._key = key
        self._beat_s = 0.0
        link.refresh = self._refreshed

    def beat(self, now_s: float) -> None:
        """Turn the daemon's sign of life into a message, with what is wanted at this moment.

        An old one is none: what waited for the line while the daemon hung must not hold the door when the line is back.
        """
        if not self._link.up:
            self._link.forget(Heartbeat)
        if self.heart_s is None:
            return
        fresh = now_s - self.heart_s < FRESH_S
        if fresh and not self._link.up:
            return
        self._beat_s, self.heart_s = self.heart_s, None
        if fresh:
            self.newest(Heartbeat(self.wanted.flags, 0))

    def _refreshed(self, message: Message, now_s: float) -> Message:
        """A heartbeat, however late it leaves, tells how old it is and what is wanted by now."""
        if not isinstance(message, Heartbeat):
            return message
        beat_s = self._beat_s if self.heart_s is None else self.heart_s
        return Heartbeat(self.wanted.flags, min(MAX_AGE_MS, int((now_s - beat_s) * 1000)))

    def newest(self, message: Message, *, urgent: bool = False) -> None:
        """Send ``message`` in place of those of its kind that still wait."""
        self._link.forget(type(message))
        self._link.send(message, urgent=urgent)

    def release(self) -> None:
        """Want the door open, and say so before all else."""
        self.wanted.lock = False
        self._link.forget(Heartbeat)
        self.newest(Release(), urgent=True)

    def confirm(self, counter: int) -> None:
        """Let the co-processor forget events up to ``counter``, but none that went not up for real.

        A forged event must not make it forget the true ones behind its counter.
        """
        counter = min(counter, self.known.delivered)
        if counter > self.wanted.confirmed:
            self.wanted.confirmed = counter
            self.newest(Confirm(counter))

    def lost_line(self, error: HardwareError, now_s: float) -> None:
        """The line is gone."""
        self._link.line_lost()
        self.handle_all(now_s)
        self.known.problem = error
        if self.challenge is not None:
            self.challenge.fail(error)

    def handle_all(self, now_s: float) -> bool:
        """Deal with all that the link tells; whether there was anything."""
        self._link.accepting = self.upward.qsize() < MAX_UPWARD
        handled = False
        while (event := self._link.next_event()) is not None:
            handled = True
            self._handle(event, now_s)
        return handled

    def advance(self, run: ChallengeRun) -> None:
        """Send what the challenge wants to say next."""
        message = run.next_message()
        if message is not None and not self._link.send(message):
            run.fail(LinkBusy(self._device, "the challenge cannot be sent"))

    def _handle(self, event: LinkEvent, now_s: float) -> None:
        match event:
            case Up():
                self._begin(event, now_s)
            case Down():
                log.warning("%s: the co-processor is silent", self._device)
                self.known.problem = DeviceTimeout(self._device, "the co-processor is silent")
            case WrongVersion():
                self.known.problem = VersionMismatch(self._device, PROTOCOL_VERSION, event.firmware)
            case Received():
                self._receive(event.message, now_s)
            case Sent():
                if isinstance(event.message, Clock) and self.challenge is not None:
                    self.challenge.clock_sent(event.at_s)
            case Lost():
                log.info("%s: %s was under way when the session ended", self._device, event.message.TYPE.name)
            case Odd():
                log.warning("%s: message of type %d is not understood", self._device, event.type)

    def _begin(self, event: Up, now_s: float) -> None:
        """A session: tell again what is wanted."""
        known = self.known
        known.welcome, known.welcomed_s, known.problem = event.welcome, now_s, None
        if event.restarted:
            self._restarted(event.welcome)
        elif self.wanted.confirmed:
            self.newest(Confirm(self.wanted.confirmed))
        self.newest(Ring(self.wanted.pattern))
        self.newest(GetStatus())

    def _restarted(self, welcome: Welcome) -> None:
        """It may be another one: what names an event by its counter waits until the event is told again."""
        known = self.known
        log.warning("%s: the co-processor has restarted (cause %d)", self._device, welcome.reset_cause)
        self._link.forget(Confirm)
        self._link.forget(ClearEmergency)
        known.status = None
        if Feature.FLASH_RING not in known.features:  # its counter starts anew
            known.delivered = self.wanted.confirmed = 0
            known.seen.clear()
        if self.challenge is not None:
            self.challenge.fail(CoprocessorRestarted(self._device, "restarted during the challenge"))

    def _receive(self, message: Message, now_s: float) -> None:
        match message:
            case EventMessage():
                self._receive_event(message, now_s)
            case StatusMessage():
                self.known.status = _status(message)
            case ClockIs() | ChallengeStep() | ChallengeDone():
                if self.challenge is not None:
                    self.challenge.receive(message, now_s)
                    self.advance(self.challenge)
            case Refused():
                self._refused(message)
            case _:
                log.warning("%s: message %s is not for a host", self._device, message.TYPE.name)

    def _refused(self, message: Refused) -> None:
        error = CommandRefused(self._device, f"message type {message.refused} refused, reason {message.reason}")
        log.error("%s", error)
        if message.refused == Challenge.TYPE and self.challenge is not None:
            self.challenge.fail(error)

    def _receive_event(self, message: EventMessage, now_s: float) -> None:
        known = self.known
        event = understand(message, self._key, known.age_s(message, now_s))
        told = message.to_bytes()
        if self._key is not None and not event.authentic:
            # It must not hide a real one of the same counter; the same bytes are told once.
            if told in known.forged or len(known.forged) >= MAX_UPWARD:
                return
            known.forged.add(told)
        elif told in known.seen:
            if message.counter <= self.wanted.confirmed:  # that was lost
                self.newest(Confirm(message.counter))
            return
        else:
            self._deliver(message.counter, told)
        self.upward.put(event)

    def _deliver(self, counter: int, told: bytes) -> None:
        """Remember an event that goes upward."""
        known = self.known
        if counter <= known.delivered:
            log.warning("%s: the co-processor counts anew; it is another one, or its flash was erased", self._device)
            self.wanted.confirmed = 0
        known.delivered = counter
        known.seen[told] = None
        if len(known.seen) > MAX_SEEN:
            del known.seen[next(iter(known.seen))]


def _status(message: StatusMessage) -> Status:
    return Status(
        StatusFlag(message.flags),
        message.power_cycles,
        message.pending,
        message.missed,
        message.pattern,
        message.last_emergency,
    )
