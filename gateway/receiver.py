"""The gateway on the broker: messages in, acknowledged only when they are stored; receipts out.

One thread does it all: what fails in it ends :meth:`Receiver.run`, and with it the process.
"""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from evidence import topics
from evidence.encoding import MAX_BYTES
from evidence.errors import EvidenceError
from evidence.health import Claim
from evidence.keys import Signer
from evidence.topics import Address, Channel
from gateway import command, revocations, roster
from gateway.aside import Message
from gateway.config import Broker
from gateway.connection import SILENT_S, Arrived, Connection, TlsFileError
from gateway.intake import Intake
from gateway.outgoing import AGAIN_S, Outgoing
from gateway.store import Store

log = logging.getLogger(__name__)

BATCH = 200
"""Messages per commit at most: one fsync serves them all."""
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
_GROWTH = 1.25
"""Of the pause after each failure. Slow, so that the gateway is back before most units are: there is only one of it."""
_POLL_S = 0.2
REMIND_EVERY_S = 60.0
"""So often overdue alerts are looked for."""


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
        again_s: float = AGAIN_S,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            silent_s: see :data:`gateway.connection.SILENT_S`.
            again_s: see :data:`gateway.outgoing.AGAIN_S`.

        Raises:
            TlsFileError: a TLS file cannot be used. Later, when a renewal went wrong, it is tried again.
        """
        self._broker, self._site, self._intake, self._store, self._signer = broker, site, intake, store, signer
        self._silent_s = silent_s
        self._outgoing = Outgoing(store, site, signer, again_s=again_s)
        self._stop = threading.Event()
        self._remind_at = 0.0
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
            self._remind()
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
        """End :meth:`run`; from any thread, never from a signal handler: that may hold the event's lock."""
        self._stop.set()

    def _serve_once(self) -> None:
        self._outgoing.reconnected()
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
                self._remind()
            connection.disconnect()

    def _send_commands(self, connection: Connection) -> None:
        for one, token in self._outgoing.take(_now()):
            connection.publish(Address(self._site, one.unit).topic(one.channel), token)
            log.info("a %s was sent to %s", one.channel, one.unit)

    def _remind(self) -> None:
        """Say again which alerts nobody has in hand though their policy's time is over.

        While somebody else has the store locked that waits for the next round: it is no reason to receive nothing.
        """
        if time.monotonic() < self._remind_at:
            return
        self._remind_at = time.monotonic() + REMIND_EVERY_S
        try:
            with self._store.transaction():
                overdue = self._store.office.remind(_now())
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            log.warning("overdue alerts were not looked for: %s; again in %.0f s", error, REMIND_EVERY_S)
            return
        for one in overdue:
            about = "alert: %s seq %d, outcome %s: nobody has it in hand, and the time for it was over at %s; tell %r"
            log.warning(about, one.unit, one.seq, one.outcome, one.due, one.told)

    def _take(self, connection: Connection, arrived: Sequence[Arrived]) -> None:
        receipts = self._intake.take([message for one in arrived if (message := _read(one)) is not None])
        for one in arrived:  # stored: only now the broker may forget them
            connection.acknowledge(one)
        for claim in self._intake.take_claims():
            self._outgoing.heard(claim, _now())
            self._bring_up_to_date(claim)
        for unit, digests in receipts.items():
            address = Address(self._site, unit)
            token = command.write_receipt(self._store, address, digests, self._signer, _now())
            connection.publish(address.topic(Channel.RECEIPT), token)

    def _bring_up_to_date(self, claim: Claim) -> None:
        """What has changed here since the unit heard of it last, and a new unit never heard of, it gets by itself."""
        how = (self._store, Address(self._site, claim.unit))
        if claim.roster is not None:
            sent = roster.catch_up(*how, claim.roster, self._signer, _now())
            if sent is not None:
                log.info("roster %d is on its way to %s, which has %d", sent, claim.unit, claim.roster)
        if claim.revocations is not None:
            number = revocations.catch_up(*how, self._intake.revocations, claim.revocations, self._signer, _now())
            if number is not None:
                log.info("list %d of revoked keys is on its way to %s", number, claim.unit)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


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
