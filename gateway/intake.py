"""Taking messages in: decrypt, verify, store, and say what to receipt. Knows no broker.

The steps of a record are those of :mod:`evidence.verify`: form, origin, signature and identity when it arrives; the
chain as soon as its past is here.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from evidence import chain, envelope, jws
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object, sha256_hex
from evidence.errors import ChainError, EvidenceError, MalformedError, SignatureError
from evidence.instants import write_instant
from evidence.keys import PrivateKey
from evidence.record import Kind, Record
from evidence.topics import Address, Channel
from evidence.verify import Origin, check_signature, read_origin, read_record
from gateway.store import Store

log = logging.getLogger(__name__)

HEALTH_TYPE = "vernix-health+jws"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the broker brought it."""

    address: Address
    channel: Channel
    payload: bytes = field(repr=False)


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
    ) -> None:
        self._store, self._site, self._authority, self._key, self._now = store, site, authority, key, now
        self._origins: dict[str, Origin] = {}

    def take(self, messages: Sequence[Message]) -> dict[str, dict[int, str]]:
        """Store ``messages`` in one commit.

        Returns:
            For each unit the records to receipt, as ``seq`` -> hash: those newly verified, and those that came again.
        """
        receipts: dict[str, dict[int, str]] = {}
        with self._store.transaction():
            for message in messages:
                try:
                    known = self._take_one(message)
                except EvidenceError as error:
                    self._quarantine(message, str(error))
                else:
                    receipts.setdefault(message.address.unit, {}).update(known)
        return {unit: known for unit, known in receipts.items() if known}

    def _quarantine(self, message: Message, reason: str) -> None:
        fresh = self._store.quarantine(
            message.address,
            message.channel,
            message.payload,
            sha256_hex(message.payload),
            reason,
            write_instant(self._now()),
        )
        if fresh:
            log.warning("quarantine: %s from %s: %s", message.channel, message.address.unit, reason)

    def _take_one(self, message: Message) -> dict[int, str]:
        if message.address.site != self._site:
            raise SignatureError("the message is from another site")
        if message.channel is Channel.HEALTH:
            self._health(message)
            return {}
        if message.channel in (Channel.RECORD, Channel.ALERT):
            return self._record(message)
        return {}

    # --- records -----------------------------------------------------------------------------------------------

    def _record(self, message: Message) -> dict[int, str]:
        opened = envelope.open_envelope(message.payload, self._key)
        item = read_record(opened.jws)
        unit = message.address.unit
        if (item.payload["unit"], item.payload["site"]) != (unit, self._site):
            raise SignatureError("the record names another unit or site than its topic")
        origin = self._origin(unit, item)
        if origin is not None:
            check_signature(item, origin)
        stored = self._store.digest(unit, item.seq)
        if stored is None:
            self._add(unit, item, message.channel, opened)
        elif stored != item.sha256:
            raise ChainError(f"seq {item.seq} is here already as another record: the chain is forked")
        before, after = self._advance(unit)
        if item.seq <= before:
            return {item.seq: item.sha256}
        return self._digests(unit, before, after)

    def _add(self, unit: str, item: Record, channel: Channel, opened: envelope.Opened) -> None:
        self._store.add(
            unit,
            item,
            alert=channel is Channel.ALERT,
            received=write_instant(self._now()),
            attachments=json_bytes({"attachments": list(opened.attachments)}).decode(),
        )
        if channel is Channel.ALERT:
            log.warning("alert: %s seq %d, outcome %s", unit, item.seq, item.payload.get("outcome"))

    def _digests(self, unit: str, before: int, after: int) -> dict[int, str]:
        numbers = range(before + 1, after + 1)
        return {seq: digest for seq in numbers if (digest := self._store.digest(unit, seq)) is not None}

    def _origin(self, unit: str, item: Record) -> Origin | None:
        """The unit's origin; None as long as its birth record has not come, and the record must wait unverified."""
        if unit not in self._origins:
            row = self._store.unit(unit)
            if row is not None:
                self._origins[unit] = read_origin(read_record(row.birth), self._authority)
            elif item.kind is Kind.BIRTH:
                origin = read_origin(item, self._authority)
                self._store.add_unit(unit, item, origin.head)
                self._origins[unit] = origin
        return self._origins.get(unit)

    def _advance(self, unit: str) -> tuple[int, int]:
        """Go on along the chain as far as records are here; the head's number before and after."""
        row = self._store.unit(unit)
        if row is None:
            return 0, 0
        head = row.head
        while (token := self._store.jws(unit, head.seq + 1)) is not None:
            try:
                head = self._follow(unit, head, read_record(token))
            except EvidenceError as error:
                address = Address(self._site, unit)
                self._quarantine(Message(address, Channel.RECORD, token.encode()), f"seq {head.seq + 1}: {error}")
                self._store.remove_unchained(unit, head.seq + 1)
                break
        if head.seq > row.head.seq:
            self._store.set_head(unit, head)
        return row.head.seq, head.seq

    def _follow(self, unit: str, head: Head, item: Record) -> Head:
        # A record that came before the birth record is verified only now.
        check_signature(item, self._origins[unit])
        return chain.follow(head, item)

    # --- health ------------------------------------------------------------------------------------------------

    def _health(self, message: Message) -> None:
        unit = message.address.unit
        row = self._store.unit(unit)
        if row is None:
            return  # the birth record comes first; the next health message is a minute away
        origin = self._origins.setdefault(unit, read_origin(read_record(row.birth), self._authority))
        try:
            token = message.payload.decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError("the health message is not a JWS") from None
        health = json_object(jws.verify(token, HEALTH_TYPE, origin.key_for).payload)
        head = Head(health.get("seq", 0), health.get("head", ""))
        if health.get("unit") != unit or type(head.seq) is not int or not isinstance(head.sha256, str):
            raise MalformedError("the health message has no unit, seq and head")
        self._store.set_claim(unit, head, write_instant(self._now()))
