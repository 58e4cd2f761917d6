"""The host's end of the link, without I/O: greeting, numbering, acknowledgement, repetition. Time is passed in.

One message at a time is on its way in each direction (stop and wait); it is repeated until it is acknowledged, and
the other end takes only the number it waits for. A session belongs to one host process and one start of the firmware:
while both live, greeting again changes nothing, so that a message is delivered exactly once however bad the line is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hw.coprocessor.codec import NEED_DATA, Damaged, Frame, Parser
from hw.coprocessor.messages import (
    MESSAGES,
    Ack,
    Booted,
    Hello,
    Message,
    Welcome,
)
from hw.coprocessor.numbers import (
    FIRST_SEQUENCED,
    PROTOCOL_VERSION,
    MessageType,
)

SEQUENCE_MASK: Final = 0xFFFF
MAX_QUEUE: Final = 32
MAX_EVENTS: Final = 256
DOUBTS: Final = 3
"""How often the same unbelievable message is heard before it is taken for what the co-processor really says."""


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """Seconds. ``repeat_s`` is longer than a full frame, its answer and a turn of the firmware's loop together."""

    repeat_s: float = 0.04
    greet_s: float = 0.1
    probe_s: float = 0.5
    silent_s: float = 2.0


DEFAULT_TIMING: Final = LinkTiming()


@dataclass(frozen=True, slots=True)
class Up:
    """A session has begun. ``restarted``: the co-processor has started anew since the last one."""

    welcome: Welcome
    restarted: bool


@dataclass(frozen=True, slots=True)
class Down:
    """Nothing is heard any more."""


@dataclass(frozen=True, slots=True)
class WrongVersion:
    """The firmware speaks another version; there is no session."""

    firmware: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the co-processor, once."""

    message: Message


@dataclass(frozen=True, slots=True)
class Sent:
    """A message has left for the first time, at ``at_s``."""

    message: Message
    at_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """The co-processor restarted before it acknowledged this message: it may or may not have been obeyed."""

    message: Message


@dataclass(frozen=True, slots=True)
class Odd:
    """A numbered frame of an unknown type, or with a payload its type does not have. It is acknowledged."""

    type: int


LinkEvent = Up | Down | WrongVersion | Received | Sent | Lost | Odd


@dataclass(slots=True)
class LinkCounts:
    """What the line has seen, for the health message and the bench."""

    sent: int = 0
    repeated: int = 0
    received: int = 0
    doubled: int = 0
    damaged: int = 0
    stale: int = 0
    doubted: int = 0
    sessions: int = 0


class HostLink:
    """The host's end. ``random_number(bits)`` gives nonces and tokens."""

    def __init__(
        self,
        random_number: Callable[[int], int],
        timing: LinkTiming = DEFAULT_TIMING,
        believe: Callable[[Message], bool] = lambda _: True,
    ) -> None:
        """``believe`` doubts a message that the CRC let pass; it is asked for again until it stays the same.

        :attr:`refresh` makes of a message what is true at the moment it leaves, also at each repetition: the other
        end takes one of them, whichever arrives first.
        """
        self.counts = LinkCounts()
        self._believe = believe
        self._doubted = (b"", 0)
        self.accepting = True
        self.refresh: Callable[[Message, float], Message] = lambda message, _now_s: message
        self._random = random_number
        self._timing = timing
        self._nonce = random_number(32)
        self._parser = Parser()
        self._queue: deque[Message] = deque()
        self._events: deque[LinkEvent] = deque()
        self._welcome: Welcome | None = None
        self._up = False
        self._token = 0
        self._greeting_since_s: float | None = None
        self._greet_at_s = 0.0
        self._heard_s = 0.0
        self._acks: list[int] = []
        self._clear_numbers()

    def _clear_numbers(self) -> None:
        self._send_number = self._take_number = 0
        self._flying: bytes | None = None
        self._first_sent_s: float | None = None
        self._repeat_at_s = 0.0

    @property
    def up(self) -> bool:
        """Whether there is a session and the co-processor is heard."""
        return self._up

    @property
    def waiting(self) -> int:
        """Messages not yet acknowledged."""
        return len(self._queue)

    def send(self, message: Message, *, urgent: bool = False) -> bool:
        """Queue ``message``; urgent ones overtake what has not left yet. False when the queue is full."""
        if len(self._queue) >= MAX_QUEUE and not urgent:
            return False
        if urgent:
            self._queue.insert(1 if self._flying else 0, message)
        else:
            self._queue.append(message)
        return True

    def forget(self, kind: type[Message]) -> None:
        """Drop the messages of one kind that have not left yet: something newer makes them wrong."""
        flying = 1 if self._flying else 0
        self._queue = deque(m for i, m in enumerate(self._queue) if i < flying or not isinstance(m, kind))

    def line_opened(self, now_s: float) -> None:
        """The line is new: greet on it."""
        self._parser = Parser()
        self._up = False
        self._heard_s = now_s
        self._greet(now_s)

    def line_lost(self) -> None:
        """The line is gone."""
        self._down()

    def next_event(self) -> LinkEvent | None:
        """What has happened, oldest first; None: nothing more."""
        return self._events.popleft() if self._events else None

    def receive_data(self, data: bytes, now_s: float) -> None:
        """Bytes from the line."""
        self._parser.receive_data(data)
        while (event := self._parser.next_event()) is not NEED_DATA:
            if isinstance(event, Damaged):
                self.counts.damaged += 1
            elif isinstance(event, Frame):
                self._take(event, now_s)

    def data_to_send(self, now_s: float) -> bytes:
        """The frames that are due."""
        frames = [Frame(MessageType.ACK, self._session, number).to_bytes() for number in self._acks]
        self._acks.clear()
        self._watch(now_s)
        if self._greeting_since_s is not None and now_s >= self._greet_at_s:
            frames.append(self._hello(now_s))
        if self._up and self._queue and (self._flying is None or now_s >= self._repeat_at_s):
            frames.append(self._next_frame(now_s))
        return b"".join(frames)

    @property
    def _session(self) -> int:
        return self._welcome.session if self._welcome else 0

    def _watch(self, now_s: float) -> None:
        """Greet again when an answer is overdue, and give up what is not heard any more."""
        overdue = self._first_sent_s is not None and now_s - self._first_sent_s >= self._timing.probe_s
        if self._up and overdue and self._greeting_since_s is None:
            self._greet(now_s)
        if self._up and self._greeting_since_s is not None and now_s - self._heard_s >= self._timing.silent_s:
            self._down()
            self._greet(now_s)

    def _greet(self, now_s: float) -> None:
        self._greeting_since_s = now_s
        self._greet_at_s = now_s
        self._token = self._random(16)

    def _down(self) -> None:
        if self._up:
            self._up = False
            self._events.append(Down())

    def _hello(self, now_s: float) -> bytes:
        self._greet_at_s = now_s + self._timing.greet_s
        return Frame(MessageType.HELLO, 0, 0, Hello(PROTOCOL_VERSION, self._nonce, self._token).to_bytes()).to_bytes()

    def _next_frame(self, now_s: float) -> bytes:
        self._repeat_at_s = now_s + self._timing.repeat_s
        message = self.refresh(self._queue[0], now_s)
        is_new = self._flying is None
        self._flying = Frame(message.TYPE, self._session, self._send_number, message.to_bytes()).to_bytes()
        if is_new:
            self._first_sent_s = now_s
            self.counts.sent += 1
            self._events.append(Sent(message, now_s))
        else:
            self.counts.repeated += 1
        return self._flying

    def _take(self, frame: Frame, now_s: float) -> None:
        if frame.type == MessageType.WELCOME:
            self._take_welcome(frame, now_s)
        elif frame.type == MessageType.BOOTED:
            self._take_booted(frame, now_s)
        elif not self._up or frame.session != self._session:
            self.counts.stale += 1
        elif frame.type == MessageType.ACK:
            self._take_ack(frame, now_s)
        elif frame.type >= FIRST_SEQUENCED:
            self._take_message(frame, now_s)

    def _take_booted(self, frame: Frame, now_s: float) -> None:
        """The co-processor says it has no session. That may be an old frame: only the answer to a greeting counts."""
        if len(frame.payload) == Booted.size() and self._greeting_since_s is None:
            self._greet(now_s)

    def _take_welcome(self, frame: Frame, now_s: float) -> None:
        # The version stands first in every version of this message, whatever follows.
        expected = Welcome.size()
        if frame.payload[:1] not in (b"", bytes([PROTOCOL_VERSION])) and self._greeting_since_s is not None:
            self._events.append(WrongVersion(frame.payload[0]))
            self._greet_at_s = now_s + self._timing.silent_s
            return
        if len(frame.payload) != expected:
            self.counts.damaged += 1
            return
        welcome = Welcome.from_bytes(frame.payload)
        mine = welcome.host_nonce == self._nonce and welcome.token == self._token
        if self._greeting_since_s is None or not mine or not welcome.session:
            self.counts.stale += 1
            return
        self._begin(welcome, now_s)

    def _begin(self, welcome: Welcome, now_s: float) -> None:
        """A session is confirmed, or begins."""
        old = self._welcome
        same = old is not None and (old.boot_nonce, old.session) == (welcome.boot_nonce, welcome.session)
        self._greeting_since_s = None
        self._heard_s = now_s
        if same and self._first_sent_s is not None:
            self._first_sent_s = now_s
        if same and self._up:
            return
        if not same:
            self._lose()
            self.counts.sessions += 1
        self._welcome, self._up = welcome, True
        restarted = old is not None and old.boot_nonce != welcome.boot_nonce
        self._events.append(Up(welcome, restarted))

    def _lose(self) -> None:
        """What was on its way in the old session cannot be finished in the new one; what has not left yet can."""
        if self._flying is not None:
            self._events.append(Lost(self._queue.popleft()))
        self._acks.clear()
        self._clear_numbers()

    def _take_ack(self, frame: Frame, now_s: float) -> None:
        if self._flying is None or frame.sequence != self._send_number or frame.payload != Ack().to_bytes():
            self.counts.stale += 1
            return
        self._heard_s = now_s
        self._send_number = (self._send_number + 1) & SEQUENCE_MASK
        self._flying = self._first_sent_s = None
        self._queue.popleft()

    def _take_message(self, frame: Frame, now_s: float) -> None:
        self._heard_s = now_s
        if frame.sequence == (self._take_number - 1) & SEQUENCE_MASK:
            self.counts.doubled += 1
            self._acks = [frame.sequence]
        elif frame.sequence != self._take_number:
            self.counts.stale += 1
        elif self.accepting and len(self._events) < MAX_EVENTS and not self._doubt(frame):
            self._acks = [frame.sequence]
            self._take_number = (self._take_number + 1) & SEQUENCE_MASK
            self.counts.received += 1
            self._events.append(_understand(frame))

    def _doubt(self, frame: Frame) -> bool:
        """Whether to wait for a repetition: one damaged frame in 65536 passes the CRC, hardly twice the same way."""
        event = _understand(frame)
        if not isinstance(event, Received) or self._believe(event.message):
            return False
        before, times = self._doubted
        self._doubted = (frame.payload, times + 1 if frame.payload == before else 1)
        self.counts.doubted += 1
        return self._doubted[1] < DOUBTS


def _is_known(frame: Frame) -> bool:
    return frame.type in frozenset(MessageType) and len(frame.payload) == MESSAGES[MessageType(frame.type)].size()


def _understand(frame: Frame) -> LinkEvent:
    if not _is_known(frame):
        return Odd(frame.type)
    return Received(MESSAGES[MessageType(frame.type)].from_bytes(frame.payload))
