"""The link: one thread that keeps a connection to the broker, and the callbacks that tell its owner about it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from daemon.mqtt.broker import BrokerAddress, LinkError, TlsFilesError, client_context
from daemon.mqtt.connection import Connection, Will
from daemon.mqtt.dialect import Dialect, DialectMemory
from daemon.mqtt.exchange import Callbacks, Exchange, LinkCounters
from daemon.mqtt.state import NO_RECEIPTS, Cause, LinkState, explain_error
from daemon.mqtt.timing import Timing
from evidence.topics import Address, Channel

log = logging.getLogger(__name__)

_POLL_S = 0.2
# paho shows a 3.1.1 CONNACK of "unacceptable protocol version" as a protocol error.
_NO_MORE = (Cause.OLD_PROTOCOL, Cause.GARBAGE)
_MOST_PATIENT = 12
"""Times ``Timing.unanswered_s``: an hour."""
_CONNECTING = LinkState(connected=False, cause=Cause.CONNECTING, reason="connecting for the first time")
_STOPPED = LinkState(connected=False, cause=Cause.STOPPED, reason="the link was stopped")
_FAILED = LinkState(connected=False, cause=Cause.FAILED, reason="the link's thread has ended: see its failure")


class MqttLink:
    """Keeps the unit connected to its broker.

    * MQTT 5, or 3.1.1 where the broker needs it; QoS 1; a session that the broker keeps for 7 days, so that receipts
      sent while the unit is away arrive.
    * ``state`` is retained: ``online`` at each connection, ``offline`` when stopped or as the last will.
    * A message down is acknowledged to the broker after ``on_message`` returned; if the unit dies before, it comes
      again. So ``on_message`` must tolerate a message twice, and should return within a second.
    * What the network does is a :class:`LinkState`. What a callback raises ends the link's thread, is kept in
      ``failure`` and sets ``failed``: whoever owns the link ends the process then.

    Attributes:
        failed: set when the thread died of an exception.
        failure: that exception.
        counters: attempts by protocol version, and messages that were refused here.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        address: Address,
        *,
        on_message: Callable[[Channel, bytes], None],
        on_state: Callable[[LinkState], None],
        on_published: Callable[[int], None],
        remembered: Path | None,
        software: str = "",
        about: Mapping[str, str | int] | None = None,
        timing: Timing | None = None,
        random: Random | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            broker: where to connect.
            address: whose topics; also the client identifier, ``site-unit``.
            on_message: a message on one of the channels down.
            on_state: the state has changed; never called with the same state twice in a row.
            on_published: the broker took the message with this identifier. May be called before :meth:`publish`
                has returned it: hold a lock of your own around publishing and noting it, and take it here.
            remembered: file in which brokers that need MQTT 3.1.1 are remembered, or None.
            software: version of this software; a new one tries MQTT 5 again.
            about: further members of the ``online`` message.
            timing: waits.
            random: for the back-off.
        """
        self.failed = threading.Event()
        self.failure: BaseException | None = None
        self.counters = LinkCounters()
        self._broker = broker
        self._address = address
        self._callbacks = Callbacks(on_message, on_state, on_published)
        self._memory = DialectMemory(remembered, software)
        self._timing = timing or Timing()
        self._random = random or Random()
        self._birth = _state_payload("online", about or {})
        self._death = _state_payload("offline", {})
        self._state = _CONNECTING
        self._exchange: Exchange | None = None
        self._patience = 1
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    def start(self) -> None:
        """Begin to connect, and keep at it until :meth:`stop`.

        Raises:
            TlsFilesError: a TLS file cannot be used. Later, when a renewal went wrong, that is a state.
            LinkError: started before.
        """
        if self._thread.ident is not None:
            raise LinkError("the link was started before: make a new one")
        if self._broker.tls is not None:
            client_context(self._broker.tls)
        self._thread.start()

    def stop(self) -> None:
        """Publish ``offline``, disconnect and join the thread. May be called twice, and before :meth:`start`.

        Takes at most ``farewell_s``, or what a connection that is just being made takes (twice ``dial_s``).
        """
        self._stopping.set()
        if self._thread.ident is None or self._thread is threading.current_thread():
            return
        timing = self._timing
        self._thread.join(2 * timing.dial_s + timing.answer_s + timing.farewell_s)
        if self._thread.is_alive():
            log.warning("the link's thread still waits for the network (name resolution?); it ends by itself")

    def publish(
        self, channel: Channel, payload: bytes, *, retain: bool = False, content_type: str | None = None
    ) -> int | None:
        """Hand ``payload`` to the broker, QoS 1. Nothing is kept for later: the outbox is the only store.

        Args:
            channel: one of the channels up. ``record`` leaves a little of the window to the others, so that an alert
                finds room.
            payload: the message.
            retain: the broker keeps it for who subscribes later.
            content_type: media type, told in MQTT 5 only.

        Returns:
            An identifier, unique in this link's life, that ``on_published`` will name; None when not connected or
            when the window is full - try again after the next ``on_published`` or state. Identifiers that were not
            named when the state changes to disconnected never will be: send these messages again.

        Raises:
            MessageTooLargeError: the broker announced that it takes no message of this size.
        """
        with self._lock:
            if self._exchange is None:
                return None
            return self._exchange.publish(channel, payload, retain=retain, content_type=content_type)

    @property
    def connected(self) -> bool:
        """Whether messages flow both ways: accepted and subscribed."""
        return self._state.connected

    @property
    def state(self) -> LinkState:
        """The newest state."""
        return self._state

    def _run(self) -> None:
        try:
            self._keep_connecting()
            self._tell(_STOPPED)
        except BaseException as error:  # noqa: BLE001  # kept for the owner, who ends the process with it
            self._leave()
            self._state = _FAILED
            self.failure = error
            self.failed.set()

    def _keep_connecting(self) -> None:
        failures = 0
        dialect = self._memory.get(self._broker)
        while not self._stopping.is_set():
            began = time.monotonic()
            ended, accepted = self._connect_once(dialect)
            if self._stopping.is_set():
                return
            other = self._other_dialect(dialect, ended, accepted=accepted)
            if other is not None:
                log.info("broker %s: %s; trying MQTT %s", self._broker, ended.reason, other.name)
                dialect = other
                continue
            self._tell(ended)
            failures = 1 if time.monotonic() - began > self._timing.steady_s else failures + 1
            self._stopping.wait(self._timing.retry_s(failures, self._random))
            dialect = self._memory.get(self._broker)

    def _other_dialect(self, dialect: Dialect, ended: LinkState, *, accepted: bool) -> Dialect | None:
        if accepted:
            return None
        if dialect == Dialect.MQTT_5 and ended.cause in (Cause.OLD_PROTOCOL, Cause.SILENT):
            return Dialect.MQTT_3_1_1
        if self._memory.get(self._broker) == dialect == Dialect.MQTT_3_1_1 and ended.cause in _NO_MORE:
            # It was remembered, and has meanwhile learnt MQTT 5 and forgotten 3.1.1.
            self._memory.learn(self._broker, Dialect.MQTT_5)
            return Dialect.MQTT_5
        return None

    def _connect_once(self, dialect: Dialect) -> tuple[LinkState, bool]:
        """One connection from beginning to end: why it ended, and whether the broker had accepted it."""
        self.counters.attempts[dialect] += 1
        will = Will(self._address.topic(Channel.STATE), self._death)
        client_id = f"{self._address.site}-{self._address.unit}"
        try:
            connection = Connection(self._broker, client_id, dialect, will, self._timing)
        except TlsFilesError as error:
            return LinkState(connected=False, cause=Cause.CERTIFICATE, reason=str(error)), False
        exchange = Exchange(
            connection, self._address, self._birth, self._callbacks, self.counters, self._timing, self._patience
        )
        try:
            connection.open()
        except (OSError, UnicodeError) as error:
            return explain_error(error, self._broker), False
        try:
            ended = self._serve(exchange)
            self._weigh(exchange, ended)
            return ended, exchange.accepted
        finally:
            self._leave()
            connection.close()

    def _weigh(self, exchange: Exchange, ended: LinkState) -> None:
        """How patient to be the next time: a gateway that is away for a day is not the broker's fault."""
        if exchange.answered:
            self._patience = 1
        elif ended == NO_RECEIPTS:
            self._patience = min(2 * self._patience, _MOST_PATIENT)

    def _serve(self, exchange: Exchange) -> LinkState:
        while not self._stopping.is_set():
            ended = exchange.step(_POLL_S)
            if ended is not None:
                return ended
            if exchange.up and self._exchange is None:
                self._enter(exchange)
        self._leave()
        exchange.farewell(self._death)
        return _STOPPED

    def _enter(self, exchange: Exchange) -> None:
        dialect = exchange.connection.dialect
        if self._memory.get(self._broker) != dialect:
            self._memory.learn(self._broker, dialect)
        with self._lock:
            self._exchange = exchange
        self._tell(
            LinkState(connected=True, cause=Cause.CONNECTED, reason=f"connected to {self._broker}", dialect=dialect)
        )

    def _leave(self) -> None:
        with self._lock:
            self._exchange = None

    def _tell(self, state: LinkState) -> None:
        if state == self._state:
            return
        self._state = state
        log.info("broker %s: %s", self._broker, state.reason)
        self._callbacks.on_state(state)


def _state_payload(state: str, about: Mapping[str, str | int]) -> bytes:
    return json.dumps({"v": 1, "state": state, **about}, sort_keys=True).encode()
