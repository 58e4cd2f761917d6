"""One connection to the broker, from CONNECT to its end. The only module that talks to paho.

paho calls back while it holds its locks. Here its callbacks only put an event into a queue; whoever polls gets the
events when no lock is held, and may publish from anywhere without a deadlock.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from daemon.mqtt.broker import BrokerAddress, MessageTooLargeError, RecordingSocket, client_context
from daemon.mqtt.dialect import Dialect
from daemon.mqtt.state import LinkState, explain_code, explain_end, explain_error, explain_garbage
from daemon.mqtt.timing import Timing

INCOMING_LIMIT_BYTES = 1024 * 1024
"""A larger message from the broker is none of ours."""
WINDOW = 20
"""Unacknowledged messages on their way at most."""
_HEADROOM_BYTES = 4096
# Fixed header, topic, packet identifier and content type of a PUBLISH, generously.
_PACKET_HEAD_BYTES = 512
_SESSION_EXPIRY_S = 7 * 86400
# Without annotations in paho.
_make_properties: Callable[[int], Properties] = Properties
_PROTOCOL = {Dialect.MQTT_5: MQTTProtocolVersion.MQTTv5, Dialect.MQTT_3_1_1: MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True)
class Accepted:
    """CONNACK with success: how many messages the broker takes at once, and how large."""

    receive_maximum: int
    packet_bytes_maximum: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: of the connection, a subscription or a message. The connection is of no use any more."""

    state: LinkState


@dataclass(frozen=True, slots=True)
class Subscribed:
    """SUBACK with success for every topic."""


@dataclass(frozen=True, slots=True)
class Published:
    """PUBACK with success for packet ``mid``."""

    mid: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message. The broker sends it again unless :meth:`Connection.acknowledge` is called."""

    topic: str
    payload: bytes
    mid: int
    qos: int


Event = Accepted | Refused | Subscribed | Published | Arrived


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection breaks."""

    topic: str
    payload: bytes


class Connection:
    """A connection. ``open``, ``poll`` and ``close`` belong to one thread; ``publish`` may be called from any."""

    def __init__(self, broker: BrokerAddress, client_id: str, dialect: Dialect, will: Will, timing: Timing) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            TlsFilesError: a TLS file cannot be used.
        """
        self.broker = broker
        self.dialect = dialect
        self._timing = timing
        self._events: deque[Event] = deque()
        self._answered = False
        self._packet_bytes_maximum: int | None = None
        self._client = self._make_client(client_id, will)

    def open(self) -> None:
        """Connect, shake hands, send CONNECT. Blocks for at most twice ``dial_s`` beside the name's resolution.

        Raises:
            OSError: no connection; :func:`daemon.mqtt.state.explain_error` says why.
            UnicodeError: the host's name can be no name.
        """
        host, port, keepalive_s = self.broker.host, self.broker.port, self._timing.keepalive_s
        if self._is_v5:
            self._client.connect(host, port, keepalive_s, clean_start=False, properties=_connect_properties())
        else:
            self._client.connect(host, port, keepalive_s)

    def poll(self, timeout_s: float) -> tuple[list[Event], LinkState | None]:
        """Move bytes for at most ``timeout_s`` or until something happens.

        Returns:
            The events, in order, and why the connection has ended, or None while it stands.
        """
        sock = self._client.socket()
        try:
            result = self._client.loop(timeout_s)
        except (MQTTException, ValueError, LookupError, TypeError, AssertionError, struct.error):
            # paho's callbacks only queue, so this comes from decoding what the broker sent (paho 2.1 lets it through).
            return self._drain(), explain_garbage(self.broker)
        events = self._drain()
        if result == MQTTErrorCode.MQTT_ERR_SUCCESS and self._client.socket() is not None:
            return events, None
        return events, self._explain(result, sock)

    def subscribe(self, topics: list[str]) -> None:
        """Ask for ``topics`` with QoS 1; :class:`Subscribed` or :class:`Refused` follows."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: bytes, *, retain: bool, content_type: str | None) -> int | None:
        """Send with QoS 1.

        Returns:
            The packet's identifier, which :class:`Published` will name, or None when the connection is gone.

        Raises:
            MessageTooLargeError: larger than the broker said it takes.
        """
        limit = self._packet_bytes_maximum
        if limit is not None and len(payload) + _PACKET_HEAD_BYTES > limit:
            raise MessageTooLargeError(len(payload), limit)
        properties = None
        if self._is_v5 and content_type is not None:
            properties = _make_properties(PacketTypes.PUBLISH)
            properties.ContentType = content_type
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def acknowledge(self, message: Arrived) -> None:
        """Tell the broker that ``message`` is dealt with."""
        self._client.ack(message.mid, message.qos)

    def disconnect(self) -> None:
        """Say goodbye: the broker forgets the will. Poll until the connection has ended."""
        self._client.disconnect()

    def close(self) -> None:
        """Drop the socket without a word, as a power cut would: the broker publishes the will."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    @property
    def _is_v5(self) -> bool:
        return self.dialect == Dialect.MQTT_5

    def _make_client(self, client_id: str, will: Will) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self._is_v5 else False,
            protocol=_PROTOCOL[self.dialect],
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = self._timing.dial_s
        client.max_inflight_messages_set(WINDOW)
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        if self.broker.tls is not None:
            client.tls_set_context(client_context(self.broker.tls))
        _attach(client, self._events)
        return client

    def _drain(self) -> list[Event]:
        events: list[Event] = []
        while self._events:
            event = self._events.popleft()
            if isinstance(event, Accepted):
                self._answered = True
                self._packet_bytes_maximum = event.packet_bytes_maximum
            events.append(event)
        return events

    def _explain(self, result: MQTTErrorCode, sock: object) -> LinkState:
        if isinstance(sock, RecordingSocket) and sock.failure is not None:
            return explain_error(sock.failure, self.broker)
        if result == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            return explain_garbage(self.broker)
        return explain_end(self.broker, answered=self._answered)


def _connect_properties() -> Properties:
    properties = _make_properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = _SESSION_EXPIRY_S
    properties.MaximumPacketSize = INCOMING_LIMIT_BYTES + _HEADROOM_BYTES
    return properties


def _attach(client: Client, events: deque[Event]) -> None:
    """Let paho's callbacks fill ``events``. They hold no reference to the connection: no cycle keeps a socket open."""

    def on_connect(_c: Client, _u: object, _f: ConnectFlags, code: ReasonCode, properties: Properties | None) -> None:
        if code.is_failure:
            events.append(Refused(explain_code(code, "connection")))
            return
        events.append(
            Accepted(
                receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
                packet_bytes_maximum=getattr(properties, "MaximumPacketSize", None),
            )
        )

    def on_subscribe(_c: Client, _u: object, _m: int, codes: list[ReasonCode], _p: Properties | None) -> None:
        failed = [code for code in codes if code.is_failure]
        events.append(Refused(explain_code(failed[0], "subscription")) if failed else Subscribed())

    def on_publish(_c: Client, _u: object, mid: int, code: ReasonCode, _p: Properties) -> None:
        events.append(Refused(explain_code(code, "message")) if code.is_failure else Published(mid))

    def on_message(_c: Client, _u: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        events.append(Arrived(topic, bytes(message.payload), message.mid, message.qos))

    def on_disconnect(_c: Client, _u: object, flags: DisconnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server:
            events.append(Refused(explain_code(code, "connection ended")))

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_publish = on_publish
    client.on_message = on_message
    client.on_disconnect = on_disconnect
    # With this set, publishing from another thread only wakes the polling thread, which does all the writing.
    client.on_socket_register_write = lambda _c, _u, _s: None
