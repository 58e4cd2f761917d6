"""The gateway on the broker: messages in, acknowledged only when they are stored; receipts out.

MQTT 3.1.1 with a persistent session: everything the gateway needs is in it, and every broker speaks it.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import ssl
import threading
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from evidence import downlink, receipt, topics
from evidence.errors import EvidenceError
from evidence.keys import Signer
from evidence.topics import Address, Channel
from gateway.config import Broker
from gateway.intake import Intake, Message
from gateway.store import Store

log = logging.getLogger(__name__)

BATCH = 200
"""Messages per commit at most: one fsync serves them all."""
RECEIPT_LIFETIME = dt.timedelta(days=30)
_LISTENED = (Channel.RECORD, Channel.ALERT, Channel.HEALTH)
_MAX_PAYLOAD = 1 << 20


@dataclass(frozen=True, slots=True)
class _Arrived:
    message: Message
    identifier: int
    qos: int


class Receiver:
    """Connects, takes messages in batches through the intake, acknowledges and receipts them."""

    def __init__(self, broker: Broker, site: str, intake: Intake, store: Store, signer: Signer) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            OSError, ssl.SSLError: the TLS files cannot be used.
        """
        self._broker, self._site, self._intake, self._store, self._signer = broker, site, intake, store, signer
        self._arrived: queue.Queue[_Arrived] = queue.Queue(maxsize=10 * BATCH)
        self._stop = threading.Event()
        self._client = self._make_client()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._site}-gateway",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if self._broker.tls is not None:
            context = ssl.create_default_context(cafile=str(self._broker.tls.authority))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self._broker.tls.certificate, self._broker.tls.key)
            client.tls_set_context(context)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def run(self) -> None:
        """Serve until :meth:`stop`.

        Raises:
            sqlite3.Error: the store failed; nothing unacknowledged is lost, the broker and the units bring it again.
        """
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=20)
        self._client.loop_start()
        try:
            while not self._stop.is_set():
                batch = self._batch()
                if batch:
                    self._take(batch)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def stop(self) -> None:
        """End :meth:`run`."""
        self._stop.set()

    def _batch(self) -> list[_Arrived]:
        try:
            batch = [self._arrived.get(timeout=0.2)]
        except queue.Empty:
            return []
        while len(batch) < BATCH:
            try:
                batch.append(self._arrived.get_nowait())
            except queue.Empty:
                break
        return batch

    def _take(self, batch: list[_Arrived]) -> None:
        receipts = self._intake.take([one.message for one in batch])
        for one in batch:  # stored: only now the broker may forget them
            self._client.ack(one.identifier, one.qos)
        for unit, digests in receipts.items():
            self._send_receipt(Address(self._site, unit), digests)

    def _send_receipt(self, address: Address, digests: dict[int, str]) -> None:
        token = downlink.write(
            Channel.RECEIPT,
            address,
            receipt.make_body(digests),
            counter=self._store.next_counter(address.unit, Channel.RECEIPT),
            now=dt.datetime.now(dt.UTC),
            lifetime=RECEIPT_LIFETIME,
            signer=self._signer,
        )
        self._client.publish(address.topic(Channel.RECEIPT), token, qos=1)

    # --- paho's callbacks, on its thread -------------------------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if reason.is_failure:
            log.error("broker refused the gateway: %s", reason)
            return
        log.info("connected to %s:%d", self._broker.host, self._broker.port)
        client.subscribe([(topics.every_unit(self._site, channel), 1) for channel in _LISTENED])

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if not self._stop.is_set():
            log.warning("connection to the broker lost: %s", reason)

    def _on_message(self, client: mqtt.Client, _data: object, arrived: mqtt.MQTTMessage) -> None:
        try:
            address, channel = topics.parse(arrived.topic)
        except EvidenceError as error:
            log.warning("a message on a foreign topic was dropped: %s", error)
            client.ack(arrived.mid, arrived.qos)
            return
        if len(arrived.payload) > _MAX_PAYLOAD:
            log.warning("a message of %d bytes from %s was dropped: too large", len(arrived.payload), address.unit)
            client.ack(arrived.mid, arrived.qos)
            return
        self._arrived.put(_Arrived(Message(address, channel, bytes(arrived.payload)), arrived.mid, arrived.qos))
