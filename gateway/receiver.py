"""The gateway on the broker: messages in, acknowledged only when they are stored; receipts out.

One thread does it all: what fails in it ends :meth:`Receiver.run`, and with it the process.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from evidence import downlink, receipt, topics
from evidence.encoding import MAX_BYTES
from evidence.errors import EvidenceError
from evidence.keys import Signer
from evidence.topics import Address, Channel
from gateway import command, roster
from gateway.aside import Message
from gateway.command import Command
from gateway.config import Broker
from gateway.connection import SILENT_S, Arrived, Connection, TlsFileError
from gateway.intake import Digests, Intake
from gateway.store import Store

log = logging.getLogger(__name__)

BATCH = 200
"""Messages per commit at most: one fsync serves them all."""
RECEIPT_LIFETIME = dt.timedelta(days=30)
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
_GROWTH = 1.25
"""Of the pause after each failure. Slow, so that the gateway is back before most units are: there is only one of it."""
_POLL_S = 0.2
ROSTER_AGAIN_S = 600.0
"""After a roster was sent to a unit whose health still shows an older one."""


class Receiver:
    """Connects, takes messages in batches through the intake, acknowledges and receipts them."""

    def __init__(
        self,
        broker: Broker,
        site: str,
        intake: Intake,
        store: Store,
        signer: Signer,
        *,
        silent_s: float = SILENT_S,
    ) -> None:
        """Prepare; nothing is opened yet. ``silent_s``: see :data:`gateway.connection.SILENT_S`.

        Raises:
            TlsFileError: a TLS file cannot be used. Later, when a renewal went wrong, it is tried again.
        """
        self._broker, self._site, self._intake, self._store, self._signer = broker, site, intake, store, signer
        self._silent_s = silent_s
        self._roster_due_s: dict[str, float] = {}
        self._commands: dict[int, Command] = {}  # sent on this connection, not yet acknowledged
        self._stop = threading.Event()
        self.connected = False
        """Whether the broker has accepted the gateway and its subscriptions."""
        Connection(broker, site)  # only to learn of unusable TLS files at the start

    def run(self) -> None:
        """Serve until :meth:`stop`.

        Raises:
            sqlite3.Error: the store failed; nothing unacknowledged is lost, the broker and the units bring it again.
        """
        retry_s = FIRST_RETRY_S
        trouble = ""
        while not self._stop.is_set():
            try:
                self._serve_once()
            except (OSError, UnicodeError, TlsFileError) as error:
                if self.connected or str(error) != trouble:
                    trouble = str(error)
                    log.warning("broker %s:%d: %s; tried again and again", self._broker.host, self._broker.port, error)
            retry_s = FIRST_RETRY_S if self.connected else min(_GROWTH * retry_s, LONGEST_RETRY_S)
            self.connected = False
            self._stop.wait(retry_s)

    def stop(self) -> None:
        """End :meth:`run`; from any thread or signal handler."""
        self._stop.set()

    def _serve_once(self) -> None:
        self._commands.clear()
        with closing(Connection(self._broker, self._site, self._silent_s)) as connection:
            connection.open()
            while not (self._stop.is_set() or connection.silent):
                arrived = connection.poll(_POLL_S, BATCH)
                if connection.up and not self.connected:
                    self.connected = True
                    log.info("connected to %s:%d", self._broker.host, self._broker.port)
                if arrived:
                    self._take(connection, arrived)
                if connection.up:
                    self._send_commands(connection)
            connection.disconnect()

    def _send_commands(self, connection: Connection) -> None:
        """Send what lies there, and clear it away when the broker has it.

        A gateway that dies in between sends it again: to the unit it is then a repetition, by its counter.
        """
        for number in connection.published():
            if (sent := self._commands.pop(number, None)) is not None:
                sent.path.unlink(missing_ok=True)
                log.info("a %s was sent to %s", sent.channel, sent.unit)
        under_way = {one.path for one in self._commands.values()}
        for one in command.waiting(self._store):
            if one.path not in under_way:
                number = connection.publish(Address(self._site, one.unit).topic(one.channel), one.token)
                self._commands[number] = one

    def _take(self, connection: Connection, arrived: Sequence[Arrived]) -> None:
        receipts = self._intake.take([message for one in arrived if (message := _read(one)) is not None])
        for one in arrived:  # stored: only now the broker may forget them
            connection.acknowledge(one)
        for unit, digests in receipts.items():
            self._send_receipt(connection, Address(self._site, unit), digests)
        for unit, version in self._intake.take_rosters().items():
            self._bring_roster(Address(self._site, unit), version)

    def _bring_roster(self, address: Address, has: int) -> None:
        """A new unit, and one that has an older roster than the officers' accounts give now, gets it by itself."""
        now_s = time.monotonic()
        if now_s < self._roster_due_s.get(address.unit, now_s):
            return  # it is on its way, or the unit does not take it
        sent = roster.catch_up(self._store, address, has, self._signer, dt.datetime.now(dt.UTC))
        if sent is not None:
            self._roster_due_s[address.unit] = now_s + ROSTER_AGAIN_S
            log.info("roster %d is on its way to %s, which has %d", sent, address.unit, has)

    def _send_receipt(self, connection: Connection, address: Address, digests: Digests) -> None:
        now = dt.datetime.now(dt.UTC)
        token = downlink.write(
            Channel.RECEIPT,
            address,
            receipt.make_body(digests),
            counter=self._store.next_counter(address.unit, Channel.RECEIPT, command.least_counter(now)),
            now=now,
            lifetime=RECEIPT_LIFETIME,
            signer=self._signer,
        )
        connection.publish(address.topic(Channel.RECEIPT), token)


def _read(arrived: Arrived) -> Message | None:
    """The message, or None for one that nobody can keep: of no unit's topic, or larger than any envelope."""
    try:
        address, channel = topics.parse(arrived.topic)
    except EvidenceError as error:
        log.warning("a message on a foreign topic was dropped: %s", error)
        return None
    if len(arrived.payload) > MAX_BYTES:
        log.warning("a message of %d bytes from %s was dropped: too large", len(arrived.payload), address.unit)
        return None
    return Message(address, channel, arrived.payload)
