"""Delivery: from the outbox to the gateway, until its receipt comes back.

A broker's acknowledgement means only that a copy left the unit. What counts is the gateway's signed receipt; a record
without one is sent again. Alerts go first, on their own topic, and again in their turn.
"""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.backlog import WINDOW, Backlog
from daemon.outbox import Outbox
from daemon.repeats import Repeats
from evidence import downlink, receipt
from evidence.downlink import Accepted
from evidence.errors import EvidenceError, RefusedError
from evidence.health import write_health
from evidence.instants import write_instant
from evidence.keys import PublicKey, Signer
from evidence.topics import DOWN, Address, Channel

log = logging.getLogger(__name__)

HEALTH_S = 60.0

Publish = Callable[[Channel, bytes], bool]
"""Hands a message to the broker link; False when there is no connection."""


def health_message(
    outbox: Outbox,
    address: Address,
    signer: Signer,
    refused: int,
    storage: Mapping[str, Any] | None = None,
    troubles: Sequence[str] = (),
    roster: int | None = None,
    revocations: int | None = None,
    number: int | None = None,
    overwritten: Sequence[receipt.Range] = (),
) -> str:
    """A signed statement of the chain's head, so that a tail that was cut off shows; a compact JWS.

    It tells too what came of the gateway's messages: the highest counter accepted on each channel.

    Args:
        outbox, address, signer, refused, storage, troubles: what the unit has to say of itself.
        roster: version of the roster in force, so that the gateway sends a newer one.
        revocations: number of the list of revoked keys in force, for the same reason.
        number: which one of this start of the unit it is: of two, the later one is known whatever the clock said.
        overwritten: what goes out with this message no longer holds, for an export.
    """
    fields = {
        "unit": address.unit,
        "site": address.site,
        "at": write_instant(outbox.clock.moment()),
        "waiting": outbox.count_waiting(),
        "refused": refused,
        "counters": {str(channel): outbox.last_counter(channel) for channel in DOWN},
        **({"storage": dict(storage)} if storage else {}),
        **({"troubles": list(troubles)} if troubles else {}),
        **({"overwritten": [list(one) for one in overwritten]} if overwritten else {}),
        **({"roster": roster} if roster is not None else {}),
        **({"revocations": revocations} if revocations is not None else {}),
        **({"boot": outbox.boot, "number": number} if number is not None else {}),
    }
    return write_health(fields, outbox.head, signer)


@dataclass(slots=True)
class Delivery:
    """Sends what waits, and takes the gateway's answers in.

    Call :meth:`pump` whenever something may have changed and at least once a second; it never blocks on the network.
    """

    outbox: Outbox
    address: Address
    signer: Signer
    gateway_key: Callable[[str], PublicKey | None]
    publish: Publish
    monotonic_s: Callable[[], float] = time.monotonic
    storage: Callable[[], Mapping[str, Any] | None] = lambda: None
    troubles: Callable[[], Sequence[str]] = lambda: ()
    """What is wrong with the unit's devices, see ``daemon/troubles.py``."""
    dropped: Callable[[], int] = lambda: 0
    """Messages down that the link did not even hand on: too large, or on a topic that is not ours."""
    roster: Callable[[Mapping[str, Any]], None] | None = None
    """Keeps a roster and brings it into force; raises EvidenceError where it does not."""
    roster_version: Callable[[], int | None] = lambda: None
    """Of the roster in force."""
    worklist: Callable[[Mapping[str, Any]], None] | None = None
    """Takes a worklist; raises EvidenceError where it cannot."""
    revocations: Callable[[str], None] | None = None
    """Keeps a list of revoked keys and goes by it; raises EvidenceError where it cannot."""
    revocations_number: Callable[[], int | None] = lambda: None
    """Of the list in force."""
    refused: int = 0
    _backlog: Backlog = field(init=False)
    _alerted: Repeats = field(init=False)
    _health_due_s: float = 0.0
    _healths: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._backlog = Backlog(self.outbox, lambda sealed: self.publish(Channel.RECORD, sealed), self.monotonic_s)
        self._alerted = Repeats(self.monotonic_s)

    def reconnected(self) -> None:
        """The link is down: what was in flight may be lost, so all that has no receipt goes out on the next one."""
        with self._lock:
            self._backlog.reconnected()
            self._alerted.forget()
            self._health_due_s = 0.0

    def pump(self) -> None:
        """Send alerts, then records in order up to the window, then health when it is due."""
        with self._lock:
            if self._send_alerts():  # the link may have come up in between
                self._backlog.pump()
            self._send_health()

    def _send_alerts(self) -> bool:
        """False when one could not go out: what comes after it must not overtake it then."""
        for item in self.outbox.waiting_alerts(limit=WINDOW):
            due = self._alerted.due(item.seq)
            if due and not self.publish(Channel.ALERT, item.envelope):
                return False
            if due:
                self._alerted.sent(item.seq)
        return True

    def _send_health(self) -> None:
        now_s = self.monotonic_s()
        if now_s >= self._health_due_s and self.publish(Channel.HEALTH, self._health()):
            self._health_due_s = now_s + HEALTH_S

    def _health(self) -> bytes:
        refused = self.refused + self.dropped()
        self._healths += 1
        about = (self.storage(), self.troubles(), self.roster_version(), self.revocations_number(), self._healths)
        return health_message(self.outbox, self.address, self.signer, refused, *about).encode("ascii")

    def receive(self, channel: Channel, payload: bytes) -> None:
        """A message from the gateway; one that is not what it must be is refused and counted, never acted on."""
        try:
            message = self._read(channel, payload)
            if channel is Channel.RECEIPT:
                self._receipt(message)
            elif channel is Channel.COMMAND:
                self._command(message)
            elif channel is Channel.ROSTER and self.roster is not None:
                self.roster(message.body)
            elif channel is Channel.WORKLIST and self.worklist is not None:
                self.worklist(message.body)
            else:
                log.warning("a %s message came; this version has no use for it", channel)
            self.outbox.accept_counter(channel, message.counter)
            self.outbox.clock.vouch(message.issued)
            if channel is not Channel.RECEIPT:
                with self._lock:
                    self._health_due_s = 0.0  # the gateway sends it again until our health shows that it is here
        except (EvidenceError, UnicodeDecodeError) as error:
            self.refused += 1
            log.warning("refused a message on %s: %s", channel, error)
        except sqlite3.OperationalError as error:
            # A full disk. Nothing of it was taken over, so the gateway sends it again.
            log.warning("a message on %s could not be taken: %s; free some room on the disk", channel, error)

    def _read(self, channel: Channel, payload: bytes) -> Accepted:
        clock, last = self.outbox.clock, self.outbox.last_counter(channel)
        # Without a network's time we may be the one who is behind, by days after a week without power, or ahead: what
        # is new by its counter is then taken, for how long it was on its way nobody can say. What was taken so may
        # have been of a time to come, and the gateway goes on from there.
        is_right = clock.interval().source == "network"
        now: dt.datetime | None = clock.moment() if is_right else None
        highest = max(downlink.highest_counter(clock.moment()), last + downlink.AHEAD_MS) if is_right else None
        how = (channel, self.address, self.gateway_key)
        return downlink.read(payload.decode("ascii"), *how, last_counter=last, now=now, highest_counter=highest)

    def _receipt(self, message: Accepted) -> None:
        fresh = self.outbox.apply_receipt(message.body, message.issued)
        log.info("receipt: %d records newly at the gateway, %d waiting", fresh, self.outbox.count_waiting())
        with self._lock:
            self._backlog.receipted(receipt.read_ranges(message.body), fresh)
            self._alerted.answered(item.seq for item in self.outbox.waiting_alerts(limit=WINDOW))

    def _command(self, message: Accepted) -> None:
        """Obey; the schema has refused every command but these two."""
        if message.body["command"] == "revocations":
            if self.revocations is None:
                raise RefusedError("a list of revoked keys; this unit goes by none")
            self.revocations(message.body["list"])
            return
        ranges = receipt.read_ranges(message.body)
        again = self.outbox.resend(ranges)
        # A receipt from before the command is the word of a gateway that has lost since what it receipted then, and
        # somebody may have kept it back. All counters are milliseconds of Unix time.
        self.outbox.accept_counter(Channel.RECEIPT, message.counter)
        log.warning("the gateway asks for records again: %d wait once more", again)
        with self._lock:
            self._backlog.asked_again(ranges)
