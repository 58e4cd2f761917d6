"""Revocation: the authority says from when on a key is no longer believed.

The list is a JWS by the authority's own key, typ ``vernix-revocations+jws``; a later list has a higher ``number`` and
repeats every entry of the one before. An entry names a key, since when it is not believed, and why. Records from before
stay valid. What is "before" is decided by the best there is:

1. ``last``: where the entry names the last record to be believed (number and hash, as the gateway had it in good time),
   the place in the chain decides, and no clock.
2. Otherwise, for a key that may be in other hands (compromised, lost), the time at which the verifier itself received
   the record, if it knows it (a gateway does).
3. Otherwise the record's own ``time.latest``. A key that was retired or replaced in its owner's hands wrote no false
   time, and its records may come late. Who has a stolen key writes that time too, so an entry for a stolen key should
   name ``last``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

from cryptography import x509

from evidence import certificates, jws, schema
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError, RefusedError, RevokedError, SignatureError
from evidence.instants import read_instant, write_instant
from evidence.keys import Signer, thumbprint
from evidence.record import Record

TYPE = "vernix-revocations+jws"
SCHEMA = "revocations-v1"


@unique
class Reason(StrEnum):
    """Why a key is no longer believed."""

    COMPROMISED = "compromised"
    LOST = "lost"
    REPLACED = "replaced"
    RETIRED = "retired"


_IN_OTHER_HANDS = frozenset({Reason.COMPROMISED, Reason.LOST})


@dataclass(frozen=True, slots=True)
class Revoked:
    """One entry.

    Attributes:
        kid: RFC 7638 thumbprint of the key.
        serial: of its certificate, hexadecimal.
        since: the first moment at which it is no longer believed.
        last: the last record of the unit to be believed under this key, where it is known.
    """

    kid: str
    serial: str
    since: dt.datetime
    reason: Reason
    last: Head | None = None

    def to_dict(self) -> dict[str, Any]:
        """The entry as the list holds it."""
        entry = {"kid": self.kid, "serial": self.serial, "since": write_instant(self.since), "reason": str(self.reason)}
        return entry if self.last is None else entry | {"last": {"seq": self.last.seq, "sha256": self.last.sha256}}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Revoked:
        """An entry of a list that obeys the schema."""
        last = Head(**entry["last"]) if "last" in entry else None
        return cls(entry["kid"], entry["serial"], read_instant(entry["since"]), Reason(entry["reason"]), last)


@dataclass(frozen=True, slots=True)
class Revocations:
    """A list whose signature held; entries by ``kid``."""

    site: str
    number: int
    issued: dt.datetime
    entries: Mapping[str, Revoked]

    def check(self, item: Record, kid: str, received: dt.datetime | None = None) -> None:
        """Hold a record signed by ``kid`` against the list.

        Raises:
            RevokedError: it was not made before the key was revoked.
        """
        entry = self.entries.get(kid)
        if entry is None:
            return
        if entry.last is not None:
            if item.seq > entry.last.seq:
                raise RevokedError(f"the key is revoked ({entry.reason}); seq {entry.last.seq} is its last record")
            if item.seq == entry.last.seq and item.sha256 != entry.last.sha256:
                raise RevokedError(f"the key is revoked ({entry.reason}); its last record is another one")
            return
        if received is None or entry.reason not in _IN_OTHER_HANDS:
            received = read_instant(item.payload["time"]["latest"])
        if received >= entry.since:
            raise RevokedError(f"the key is revoked ({entry.reason}) since {write_instant(entry.since)}")

    def refuses_now(self, kid: str, now: dt.datetime) -> bool:
        """Whether ``kid`` is revoked at the time ``now``: for connections, health and whatever is no record."""
        return kid in self.entries and now >= self.entries[kid].since

    def refuses_said(self, kid: str, at: dt.datetime) -> bool:
        """Whether what ``kid`` signed is not believed, where only its own word ``at`` tells when that was."""
        entry = self.entries.get(kid)
        return entry is not None and (entry.reason in _IN_OTHER_HANDS or at >= entry.since)


def check_later(old: Revocations, new: Revocations) -> None:
    """Hold a list against the one in force.

    Raises:
        RefusedError: it is older, or it lacks a key: what was revoked once stays so.
    """
    if new.number < old.number:
        raise RefusedError(f"list {new.number} is older than list {old.number}")
    if old.entries.keys() - new.entries.keys():
        raise RefusedError(f"list {new.number} lacks a key that list {old.number} has")


def sign_revocations(site: str, number: int, entries: Iterable[Revoked], issued: dt.datetime, authority: Signer) -> str:
    """The list as a JWS by the authority's key.

    Raises:
        MalformedError: an entry breaks the schema.
    """
    message = {
        "v": 1,
        "site": site,
        "number": number,
        "issued": write_instant(issued),
        "revoked": [entry.to_dict() for entry in entries],
    }
    schema.check(SCHEMA, message)
    return jws.sign(json_bytes(message), authority, TYPE)


def read_revocations(token: str, authority: x509.Certificate) -> Revocations:
    """The list in ``token``.

    Raises:
        MalformedError: not such a list, or a key twice in it.
        SignatureError: not signed by this authority, or of another site.
    """
    key = certificates.key_of(authority)
    signed = jws.verify(token, TYPE, lambda kid: key if kid == thumbprint(key) else None)
    message = json_object(signed.payload)
    schema.check(SCHEMA, message)
    if message["site"] != certificates.site_of(authority):
        raise SignatureError("the revocations are of another site")
    entries = {entry["kid"]: Revoked.from_dict(entry) for entry in message["revoked"]}
    if len(entries) != len(message["revoked"]):
        raise MalformedError("the revocations name one key twice")
    return Revocations(message["site"], message["number"], read_instant(message["issued"]), entries)
