"""Taking messages in: decrypt, verify, store, and say what to receipt. Knows no broker.

The steps of a record are those of :mod:`evidence.verify`: form, origin, signature and identity when it arrives; the
chain as soon as its past is here. Every check of a message comes before anything is written for it: what goes to
quarantine leaves no other trace.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Final

from cryptography import x509

from evidence import envelope, schema, worklist
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.envelope import Opened
from evidence.errors import (
    ChainError,
    EvidenceError,
    MalformedError,
    RefusedError,
    RevokedError,
    SignatureError,
    UnknownKeyError,
)
from evidence.health import Claim, parse_health, read_health
from evidence.instants import write_instant
from evidence.keys import PrivateKey, PublicKey
from evidence.record import Kind, Record
from evidence.revocation import Revocations
from evidence.topics import Address, Channel
from evidence.verify import Origin, check_signature, read_origin, read_record
from gateway.aside import Message
from gateway.chains import Chains, Digests
from gateway.revocations import RevocationList
from gateway.store import Store, UnitRow

log = logging.getLogger(__name__)

MAX_ABOVE_HOLE: Final = 250
"""Records of one unit that may wait for earlier ones. A unit sends at most 50 records and 50 alerts ahead."""
MAX_UNSTORED_ALERTS: Final = 1000
"""Alerts raised without a place in the store that are told only once, however often they come; the newest ones."""

STATE: Final = "state-v1"

_NO_KEY: Final = "waits for the record that brings its key"


def _ask(message: Message, verified: int, last: int) -> str:
    """What an operator types where that record was receipted before, and this store restored from an older backup."""
    return f"if that does not come: vernix-gateway resend {message.address.unit} {verified + 1} {last}"


def _order_of(row: UnitRow) -> tuple[int, int, int, str]:
    """Of the unit's last claim; a store of older software did not keep the message."""
    return parse_health(row.claim).order if row.claim else (row.claimed.seq, 0, 0, row.claimed_at)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Intake:
    """Verifies and stores. One thread at a time."""

    def __init__(
        self,
        store: Store,
        site: str,
        authority: x509.Certificate,
        key: PrivateKey,
        now: Callable[[], dt.datetime] = _now,
        *,
        revocations: RevocationList | None = None,
    ) -> None:
        """Take in for ``site``, whose ``authority`` vouches for units; open what was sealed to ``key``.

        Args:
            revocations: the site's list of revoked keys; None: whatever the store has kept of it.

        Raises:
            EvidenceError: the store has a list of another authority.
        """
        self._store, self._site, self._authority, self._key, self._now = store, site, authority, key, now
        self._list = revocations or RevocationList(store, authority, None)
        self._chains = Chains(store, authority, self._list, self._expel, now)
        self._unstored_alerts: dict[tuple[str, str], None] = {}
        self._claims: dict[str, Claim] = {}

    def take(self, messages: Sequence[Message]) -> dict[str, Digests]:
        """Store ``messages`` in one commit.

        Returns:
            For each unit the records to receipt: those newly verified, and those that came again.

        Raises:
            sqlite3.Error: the store failed; nothing of ``messages`` is stored and nothing may be acknowledged.
        """
        receipts: dict[str, Digests] = {}
        self._list.refresh()
        try:
            with self._store.transaction():
                for message in messages:
                    self._take_or_quarantine(message, receipts.setdefault(message.address.unit, {}))
        except BaseException:
            self._chains.forget()
            raise
        return {unit: known for unit, known in receipts.items() if known}

    def _take_or_quarantine(self, message: Message, receipt: Digests) -> None:
        try:
            self._take_one(message, receipt)
        except EvidenceError as error:
            self._quarantine(message, str(error))

    def _quarantine(self, message: Message, reason: str) -> None:
        if self._store.quarantine(message, reason, write_instant(self._now())):
            log.warning("quarantine: %s from %s: %s", message.channel, message.address.unit, reason)

    def _take_one(self, message: Message, receipt: Digests) -> None:
        if message.address.site != self._site:
            raise SignatureError("the message is from another site")
        if message.channel is Channel.HEALTH:
            self._health(message)
        elif message.channel is Channel.STATE:
            self._state(message)
        elif message.channel in (Channel.RECORD, Channel.ALERT):
            self._record(message, receipt)

    # --- records -----------------------------------------------------------------------------------------------

    def _record(self, message: Message, receipt: Digests) -> None:
        opened = envelope.open_envelope(message.payload, self._key)
        item = read_record(opened.jws)
        unit = message.address.unit
        if (item.payload["unit"], item.payload["site"]) != (unit, self._site):
            raise SignatureError("the record names another unit or site than its topic")
        known = self._chains.origin(unit)
        origin = known or (read_origin(item, self._authority) if item.kind is Kind.BIRTH else None)
        if origin is None:
            self._store.wait_for_birth(message, write_instant(self._now()))
            return
        if not self._is_signed(message, item, origin):
            return
        envelope.check_attachments(item, opened.attachments)
        self._believe(message, item, opened)
        if known is None:
            self._chains.begin(unit, item, origin)
        receipt.update(self._chains.take(unit, item))
        self._take_waiting(unit, known, receipt)

    def _take_waiting(self, unit: str, before: Origin | None, receipt: Digests) -> None:
        """Take what waited for a key that the unit has now and had not ``before``."""
        origin = self._chains.origin(unit)
        if origin is not None and (before is None or len(origin.keys) > len(before.keys)):
            for waiting in self._store.take_waiting(unit):
                self._take_or_quarantine(waiting, receipt)

    def go_on(self, unit: str) -> None:
        """Verify what waits behind a hole of ``unit`` that was given up just now, inside the store's transaction.

        The unit sends it again, as it has heard no receipt for it, and then it gets one.
        """
        before = self._chains.origin(unit)
        self._chains.go_on(unit)
        self._take_waiting(unit, before, {})

    def _is_signed(self, message: Message, item: Record, origin: Origin) -> bool:
        """Whether the record may be believed; if not, it waits for the record that brings its key.

        Raises:
            SignatureError: it is not signed by the unit.
        """
        try:
            check_signature(item, origin, self._list.current, self._chains.received(origin.unit, item))
        except RevokedError as error:
            raise RevokedError(f"seq {item.seq}: {error}") from error
        except UnknownKeyError:
            head = self._store.head(message.address.unit)
            if head is None or item.seq <= head.seq + 1:
                raise  # nothing is missing that could bring its key
            about = f"seq {item.seq}: {_NO_KEY}; {_ask(message, head.seq, item.seq)}"
            self._store.wait_for_key(message, about, write_instant(self._now()))
            return False
        return True

    def _believe(self, message: Message, item: Record, opened: Opened) -> None:
        """Store a record whose signature holds, unless it is here already and whole."""
        unit = message.address.unit
        stored = self._store.digest(unit, item.seq)
        if stored is not None and self._store.is_damaged(unit, item):
            log.warning("%s seq %d was damaged in the store and is whole again", unit, item.seq)
            self._add(unit, item, opened)
        elif stored not in (None, item.sha256):
            raise ChainError(f"seq {item.seq} is here already as another record: the chain is forked")
        if stored is None and not self._has_place(unit, item):
            self._store.count_dropped(message)
            if message.channel is Channel.ALERT:
                self._alert_unstored(unit, item)
            return
        if stored is None:
            self._store.office.expect(unit, item, self._add(unit, item, opened))
            self._store.release(message)
        if message.channel is Channel.ALERT and self._store.mark_alert(unit, item.seq):
            self._alert(unit, item)

    def _alert_unstored(self, unit: str, item: Record) -> None:
        """Raise an alert that has no place here yet: it is believed, and its record may be long in coming again."""
        self._alert(unit, item, "; its record has no place yet, too many wait for earlier ones")
        self._unstored_alerts[unit, item.sha256] = None
        while len(self._unstored_alerts) > MAX_UNSTORED_ALERTS:
            del self._unstored_alerts[next(iter(self._unstored_alerts))]

    def _alert(self, unit: str, item: Record, more: str = "") -> None:
        if (unit, item.sha256) not in self._unstored_alerts:
            log.warning("alert: %s seq %d, outcome %s%s", unit, item.seq, item.payload.get("outcome"), more)

    def _has_place(self, unit: str, item: Record) -> bool:
        head = self._store.head(unit)
        if head is None or item.seq == head.seq + 1:
            return True
        if item.seq > head.seq:
            return self._store.count_unchained(unit) < MAX_ABOVE_HOLE
        return self._store.is_chained(unit, item.seq + 1) or self._store.count_late(unit) < MAX_ABOVE_HOLE

    def _add(self, unit: str, item: Record, opened: Opened) -> dt.datetime:
        attachments = json_bytes({"attachments": list(opened.attachments)}).decode()
        now = self._now()
        self._store.add(unit, item, received=write_instant(now), attachments=attachments)
        return now

    def _expel(self, unit: str, item: Record, error: EvidenceError) -> None:
        """``item`` waited above a hole, or in a gap, and turns out to be another than the one that belongs there."""
        message = Message(Address(self._site, unit), Channel.RECORD, item.jws.encode("ascii"))
        self._quarantine(message, f"seq {item.seq}: {error}")
        self._store.remove_unchained(unit, item.seq)

    # --- state -------------------------------------------------------------------------------------------------

    def _state(self, message: Message) -> None:
        """Of what the state says, the key for worklists is kept; its signature is looked at when it is used.

        The birth record may come later, so it is kept of a unit that is not known yet; one announcement for each.
        """
        if not message.payload:
            return  # somebody has cleared what was retained
        said = json_object(message.payload)
        schema.check(STATE, said)
        if (announced := said.get("worklist_key")) is not None:
            self._store.set_worklist_key(message.address.unit, announced)

    def worklist_key(self, unit: str) -> PublicKey:
        """The key to which a worklist for ``unit`` is to be encrypted.

        Raises:
            RefusedError: the unit is not known, or has announced none.
            MalformedError, SignatureError: what it announced cannot be believed.
        """
        origin, announced = self._chains.origin(unit), self._store.worklist_key(unit)
        if origin is None or announced is None:
            missing = "no verified records" if origin is None else "announced no key"
            raise RefusedError(f"{unit}: {missing}; the unit and the running gateway must have been connected once")
        self._list.refresh()
        key = worklist.read_announcement(announced, origin)
        if self._list.current is not None and self._list.current.refuses_now(origin.current.kid, self._now()):
            raise RevokedError(f"{unit}: the announcement is signed by a revoked key")
        return key

    # --- health ------------------------------------------------------------------------------------------------

    def _health(self, message: Message) -> None:
        unit = message.address.unit
        origin = self._chains.origin(unit)
        row = self._store.unit(unit)
        if origin is None or row is None:
            return  # the birth record comes first; the next health message is a minute away
        claim = self._claim(message, origin, row.head)
        if claim is None:
            return  # its key comes with a record that is still on its way
        if claim.order <= _order_of(row):
            log.info("health of %s: a repetition, it says nothing", unit)
            return
        stored = self._store.digest(unit, claim.head.seq)
        if stored not in (None, claim.head.sha256):
            raise ChainError(f"the unit claims another record seq {claim.head.seq} than the one that is here")
        self._claims[unit] = claim
        heard, token = write_instant(self._now()), message.payload.decode("ascii")
        self._store.set_claim(unit, claim.head, claim.at, heard, claim.refused or 0, token)

    def take_claims(self) -> list[Claim]:
        """What the units' health said since this was asked last, the latest of each."""
        said, self._claims = self._claims, {}
        return list(said.values())

    @property
    def revocations(self) -> Revocations | None:
        """The site's list of revoked keys that is in force."""
        return self._list.current

    def _claim(self, message: Message, origin: Origin, head: Head) -> Claim | None:
        """What the unit says; None where it is signed by a key that may come with a record which is not here yet.

        Raises:
            MalformedError, SignatureError: it is no health message of this unit, by the key in force at its place.
        """
        try:
            token = message.payload.decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError("the health message is not a JWS") from None
        try:
            claim = read_health(token, origin)
        except UnknownKeyError:
            said = parse_health(token).head.seq
            if said <= head.seq:
                raise  # nothing is missing that could bring its key
            if not self._store.has_waiting(origin.unit, Channel.HEALTH):  # one shows it; the next is a minute away
                about = f"claims seq {said}: {_NO_KEY}; {_ask(message, head.seq, said)}"
                self._store.wait_for_key(message, about, write_instant(self._now()))
            return None
        if claim.kid != origin.key_at(claim.head.seq + 1).kid:
            raise SignatureError(f"signed by a key that was not in force after seq {claim.head.seq}")
        if self._list.current is not None and self._list.current.refuses_now(claim.kid, self._now()):
            raise RevokedError("the health message is signed by a revoked key")
        return claim
