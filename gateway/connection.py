"""One connection to the broker, driven by hand: no thread of paho's in which something could die unseen.

MQTT 3.1.1 with a persistent session: everything the gateway needs is in it, and every broker speaks it. Each
connection has a client of its own, so nothing of the one before (a packet number, half a message) leaks into it, and
renewed TLS files are read.
"""

from __future__ import annotations

import logging
import select
import ssl
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from evidence import topics
from evidence.topics import Channel
from gateway.config import Broker, Tls

log = logging.getLogger(__name__)

LISTENED = (Channel.RECORD, Channel.ALERT, Channel.HEALTH, Channel.STATE)
CONNECT_S = 5.0
KEEPALIVE_S = 20
SILENT_S = 180.0
"""Nothing came for so long, though every unit sends its health each minute: the connection is made anew. A broker may
have lost the session while the connection stands (amqtt, when somebody took it over); nothing else would show."""


class TlsFileError(Exception):
    """A TLS file of the configuration cannot be used; says which."""


class RefusedByBroker(ConnectionError):
    """The broker is there and does not let the gateway in, or does not let it hear the units."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message. The broker sends it again unless :meth:`Connection.acknowledge` is called."""

    topic: str
    payload: bytes = field(repr=False)
    identifier: int
    qos: int


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer with the gateway's certificate, towards a broker of the site's authority.

    Raises:
        TlsFileError: a file is missing or damaged.
    """
    for path in (tls.authority, tls.certificate, tls.key):
        _readable(path)
    try:
        context = ssl.create_default_context(cafile=str(tls.authority))
    except ssl.SSLError as error:
        raise TlsFileError(f"{tls.authority}: not a PEM certificate") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise TlsFileError(f"{tls.certificate}, {tls.key}: not a certificate and its unencrypted key") from error
    return context


def _readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise TlsFileError(f"{path}: cannot be read: {error.strerror}") from error


class Connection:
    """From :meth:`open` to :meth:`close`; belongs to one thread."""

    def __init__(self, broker: Broker, site: str, silent_s: float = SILENT_S) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            TlsFileError: see :func:`tls_context`.
        """
        self._broker, self._site, self._silent_s = broker, site, silent_s
        self._heard_s = time.monotonic()
        self._arrived: deque[Arrived] = deque()
        self._published: list[int] = []
        self._refusal: str | None = None
        self._lost = False
        self.up = False
        """Whether the broker has accepted the gateway and its subscriptions."""
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._site}-gateway",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        if self._broker.tls is not None:
            client.tls_set_context(tls_context(self._broker.tls))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def open(self) -> None:
        """Connect, shake hands, ask to be let in. Blocks for at most twice ``CONNECT_S`` beside the name's resolution.

        Raises:
            OSError: no connection.
            UnicodeError: the host's name can be no name.
        """
        self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)

    def poll(self, timeout_s: float, most: int) -> list[Arrived]:
        """Wait up to ``timeout_s`` for something to happen; the messages that are here, at most ``most`` at a time.

        Raises:
            ConnectionError: the connection is gone; what arrived before it is given out first.
        """
        if not self._lost:
            self._loop(timeout_s)
        while len(self._arrived) < most and self._more():
            self._loop(0.0)
        if not self._arrived:
            self._check()
        return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    def _more(self) -> bool:
        sock = self._client.socket()
        if self._lost or sock is None:
            return False
        pending = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
        return bool(pending or select.select([sock], [], [], 0)[0])

    def _loop(self, timeout_s: float) -> None:
        try:
            result = self._client.loop(timeout_s)
        except (MQTTException, ValueError, LookupError, TypeError, AssertionError, struct.error) as error:
            # Our callbacks only take notes, so this comes from decoding what the broker sent.
            log.warning("the broker sent what is not MQTT: %s", type(error).__name__)
            result = MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._lost = result != MQTTErrorCode.MQTT_ERR_SUCCESS or self._client.socket() is None

    def _check(self) -> None:
        if self._refusal is not None:
            raise RefusedByBroker(self._refusal)
        if self._lost:
            raise ConnectionError("the connection has ended")

    @property
    def silent(self) -> bool:
        """Whether nothing came for so long that the broker may have lost the session."""
        return time.monotonic() - self._heard_s > self._silent_s

    def acknowledge(self, message: Arrived) -> None:
        """Tell the broker that it may forget ``message``."""
        self._client.ack(message.identifier, message.qos)

    def publish(self, topic: str, payload: str) -> int:
        """Send with QoS 1, as far as the connection still stands; the number that :meth:`published` will tell."""
        return self._client.publish(topic, payload, qos=1).mid

    def published(self) -> list[int]:
        """What the broker has acknowledged since the last call, by the numbers of :meth:`publish`."""
        numbers, self._published = self._published, []
        return numbers

    def disconnect(self) -> None:
        """Say goodbye. The broker keeps the session."""
        self._client.disconnect()

    def close(self) -> None:
        """Drop the connection without a word."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    # --- paho's callbacks: they take notes, nothing else ---------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refuses the gateway: {reason}"
        else:
            client.subscribe([(topics.every_unit(self._site, channel), 1) for channel in LISTENED])

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _props: object
    ) -> None:
        refused = [reason for reason in reasons if reason.is_failure]
        if refused:
            self._refusal = f"the broker refuses the gateway's subscriptions: {refused[0]}"
        else:
            self.up = True

    def _on_publish(self, _client: mqtt.Client, _data: object, mid: int, _reason: ReasonCode, _props: object) -> None:
        self._published.append(mid)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._heard_s = time.monotonic()
        self._arrived.append(Arrived(topic, bytes(message.payload), message.mid, message.qos))
