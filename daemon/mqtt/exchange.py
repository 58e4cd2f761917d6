"""What is said over one connection: CONNACK, subscription, birth, then messages both ways within a window."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.mqtt.connection import (
    INCOMING_LIMIT_BYTES,
    WINDOW,
    Accepted,
    Arrived,
    Connection,
    Event,
    Published,
    Refused,
    Subscribed,
)
from daemon.mqtt.dialect import Dialect
from daemon.mqtt.state import NO_RECEIPTS, LinkState, explain_silence
from daemon.mqtt.timing import Timing
from evidence.errors import MalformedError
from evidence.topics import DOWN, Address, Channel, parse

_RESERVE = 4
"""Places of the window that records leave to alerts, state and health."""
_ANSWERED = (Channel.RECORD, Channel.ALERT)
"""What the gateway answers by a receipt."""
_JSON = "application/json"
_FAREWELL_POLL_S = 0.05
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Whom the link tells. All are called from the link's thread, one at a time, while it holds no lock."""

    on_message: Callable[[Channel, bytes], None]
    on_state: Callable[[LinkState], None]
    on_published: Callable[[int], None]


@dataclass(slots=True)
class LinkCounters:
    """What a link met, since it was made.

    Attributes:
        attempts: connections tried, by protocol version.
        oversize: messages down that were dropped for their size.
        foreign: messages on a topic that is no channel down of this unit, dropped.
    """

    attempts: dict[Dialect, int] = field(default_factory=lambda: dict.fromkeys(Dialect, 0))
    oversize: int = 0
    foreign: int = 0


class Exchange:
    """One connection's talk. ``step`` and ``farewell`` belong to the link's thread.

    Attributes:
        accepted: CONNACK came.
        up: the subscription stands too; messages may flow.
        answered: something came down.
    """

    def __init__(
        self,
        connection: Connection,
        address: Address,
        birth: bytes,
        callbacks: Callbacks,
        counters: LinkCounters,
        timing: Timing,
        patience: int = 1,
    ) -> None:
        self.connection = connection
        self.accepted = False
        self.up = False
        self.answered = False
        self._address = address
        self._birth = birth
        self._callbacks = callbacks
        self._counters = counters
        self._timing = timing
        self._deadline = time.monotonic() + timing.answer_s
        self._unanswered_s = patience * timing.unanswered_s
        self._unanswered_since_s: float | None = None
        # High bits: which exchange. So an identifier of an earlier connection never means a message of this one.
        self._base = next(_numbers) << 16
        self._birth_mid: int | None = None
        self._window = WINDOW
        # One thread adds to each, so that neither needs a lock: publishers (one at a time), and the link's thread.
        self._sent = 0
        self._taken = 0

    def step(self, timeout_s: float) -> LinkState | None:
        """Wait up to ``timeout_s`` for events and deal with them. Returns why the talk is over, or None."""
        events, ended = self.connection.poll(timeout_s)
        for event in events:
            refused = self._handle(event)
            if refused is not None:
                return refused
        return ended or self._silence()

    def _silence(self) -> LinkState | None:
        """Who has not answered for too long, if somebody has not."""
        now_s, since_s = time.monotonic(), self._unanswered_since_s
        if not self.up and now_s > self._deadline:
            return explain_silence("the subscription" if self.accepted else "CONNECT", self.connection.broker)
        if self.up and since_s is not None and now_s - since_s > self._unanswered_s:
            self.connection.disconnect()  # else the broker would publish the will: the unit is not offline
            self.connection.poll(_FAREWELL_POLL_S)
            return NO_RECEIPTS
        return None

    def publish(self, channel: Channel, payload: bytes, *, retain: bool, content_type: str | None) -> int | None:
        """As :meth:`daemon.mqtt.MqttLink.publish`; one caller at a time."""
        reserve = _RESERVE if channel == Channel.RECORD and self._window > _RESERVE else 0
        if self._sent - self._taken >= self._window - reserve:
            return None
        mid = self._send(channel, payload, retain=retain, content_type=content_type)
        if mid is None:
            return None
        if channel in _ANSWERED and self._unanswered_since_s is None:
            self._unanswered_since_s = time.monotonic()
        return self._base + mid

    def farewell(self, death: bytes) -> None:
        """Replace the retained state by ``death`` and disconnect, as far as the broker plays along in time."""
        deadline = time.monotonic() + self._timing.farewell_s
        last = self._send(Channel.STATE, death, retain=True, content_type=_JSON) if self.up else None
        ended: LinkState | None = None
        while last is not None and ended is None and time.monotonic() < deadline:
            events, ended = self.connection.poll(_FAREWELL_POLL_S)
            if Published(last) in events:
                break
        self.connection.disconnect()
        while ended is None and time.monotonic() < deadline:
            _, ended = self.connection.poll(_FAREWELL_POLL_S)

    def _send(self, channel: Channel, payload: bytes, *, retain: bool, content_type: str | None) -> int | None:
        topic = self._address.topic(channel)
        mid = self.connection.publish(topic, payload, retain=retain, content_type=content_type)
        if mid is not None:
            self._sent += 1
        return mid

    def _handle(self, event: Event) -> LinkState | None:
        match event:
            case Accepted():
                self._accept(event)
            case Subscribed():
                self.up = True
                self._birth_mid = self._send(Channel.STATE, self._birth, retain=True, content_type=_JSON)
            case Published():
                self._taken += 1
                if event.mid != self._birth_mid:
                    self._callbacks.on_published(self._base + event.mid)
            case Arrived():
                self.answered, self._unanswered_since_s = True, None
                self._receive(event)
                self.connection.acknowledge(event)
            case Refused():
                return event.state
        return None

    def _accept(self, event: Accepted) -> None:
        self.accepted = True
        self._window = max(1, min(WINDOW, event.receive_maximum))
        self._deadline = time.monotonic() + self._timing.answer_s
        self.connection.subscribe([self._address.topic(channel) for channel in DOWN])

    def _receive(self, message: Arrived) -> None:
        channel = self._channel_down(message.topic)
        if channel is None:
            self._counters.foreign += 1
        elif len(message.payload) > INCOMING_LIMIT_BYTES:
            self._counters.oversize += 1
        else:
            self._callbacks.on_message(channel, message.payload)

    def _channel_down(self, topic: str) -> Channel | None:
        try:
            address, channel = parse(topic)
        except MalformedError:
            return None
        return channel if address == self._address and channel in DOWN else None
