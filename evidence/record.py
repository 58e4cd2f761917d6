"""Records, version 1: what is in one, and how its bytes are made and read."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from evidence import schema
from evidence.encoding import b64url_encode, json_bytes, json_object, sha256_hex
from evidence.instants import read_instant

TYPE = "vernix-record+jws"
SCHEMA = "record-v1"
_LONGEST_S = 12 * 3600
"""A check that seems to have taken longer began before a clock was set right."""


@unique
class Kind(StrEnum):
    """What a record attests."""

    BIRTH = "birth"
    CHECK = "check"
    ADDENDUM = "addendum"
    KEY = "key"
    EVENT = "event"
    RETIRE = "retire"


@unique
class Outcome(StrEnum):
    """How a check ended; exactly one per check."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    UNABLE = "unable"
    MANUAL = "manual"
    EMERGENCY = "emergency"
    DEVICE_FAULT = "device_fault"
    INTERRUPTED = "interrupted"


OWED = frozenset({Outcome.EMERGENCY, Outcome.UNABLE, Outcome.INTERRUPTED, Outcome.DEVICE_FAULT})
"""Outcomes after which the check is still owed at the next checkpoint."""
MISTAKEN, NOBODY = "mistaken_emergency", "nobody_checked"
"""What an addendum says (``amends``) where nobody was there: a touch by mistake, or a check that nobody came to."""


CLAIMANT = "claimant"
"""The role of a subject who came for the birth certificate (领证人), and need not be its mother."""


def of_claimant(check: Mapping[str, Any]) -> bool:
    """Whether this check's record is of who came for the certificate: it says nothing of the woman of its visit."""
    return bool(check.get("subject", {}).get("role") == CLAIMANT)


def plain_number(number: str) -> str:
    """A document's number without width, small letters, and signs between its parts: as two readings are compared."""
    return "".join(char for char in unicodedata.normalize("NFKC", number).upper() if char.isalnum())


UNDER_14 = "under_14"
"""A finding about a document: it says that she is not 14 yet."""


def is_child(check: Mapping[str, Any]) -> bool | None:
    """Whether this check's record is of somebody under 14; None where no document tells."""
    return UNDER_14 in check["document"]["findings"] if "document" in check else None


def signature_counts(check: Mapping[str, Any], by: str) -> bool:
    """Whether a signature, in the record or in an addendum, counts: for who is under 14 a guardian signs."""
    return by != "subject" or not is_child(check)


def may_be_nobody(check: Mapping[str, Any]) -> bool:
    """Whether this check's record leaves open that nobody was there: no visit, no document, nothing told by her."""
    began_without = check["visit"]["source"] == "provisional" and check["outcome"] in ("emergency", "interrupted")
    unread = not {"document", "contact"} & check.keys() and check.get("step_reached", "notice") in ("notice", "consent")
    return began_without and unread


def took_s(check: Mapping[str, Any]) -> float | None:
    """Seconds from the beginning of a check to its record.

    Its id holds the beginning by the unit's clock (RFC 9562 section 5.7); the same clock reads the middle of the
    record's interval, whose ends are that clock's possible error away. None: the clock was not believed, or was set
    meanwhile.
    """
    time = check["time"]
    ends = (read_instant(time[name]).timestamp() for name in ("earliest", "latest"))
    found = sum(ends) / 2 - int(check["check"][:8] + check["check"][9:13], 16) / 1000
    return found if time["source"] != "floor" and 0 <= found <= _LONGEST_S else None


def says_nobody(addendum: Mapping[str, Any]) -> bool:
    """Whether officers say that nobody was there: one of an emergency's touch, two of any other check.

    Where the check's record leaves that open (:func:`may_be_nobody`), nobody is owed a check then.
    """
    officers = {one["id"] for one in addendum.get("officers", ())}
    return len(officers) >= {MISTAKEN: 1, NOBODY: 2}.get(addendum.get("amends", ""), 99)


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """When something happened, as far as the unit can tell: RFC 3339, UTC, milliseconds.

    ``source``: ``network`` (synchronised), ``clock`` (running but not synchronised), ``floor`` (the clock is not
    trusted; ``earliest`` is the last record's time).
    """

    earliest: str
    latest: str
    source: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read: its payload, the exact JWS, and that JWS's hash."""

    payload: Mapping[str, Any] = field(repr=False)
    jws: str = field(repr=False)

    @property
    def seq(self) -> int:
        """Place in the unit's chain, from 1."""
        return int(self.payload["seq"])

    @property
    def kind(self) -> Kind:
        """What the record attests."""
        return Kind(self.payload["kind"])

    @property
    def prev(self) -> str:
        """SHA-256 of the previous record's JWS; of the unit's certificate for seq 1."""
        return str(self.payload["prev"])

    @property
    def sha256(self) -> str:
        """SHA-256 of this record's JWS, hexadecimal."""
        return sha256_hex(self.jws.encode("ascii"))


def new_salt() -> str:
    """128 random bits, so that a hash left after erasure confirms no guess about a person."""
    return b64url_encode(secrets.token_bytes(16))


def payload_bytes(payload: Mapping[str, Any]) -> bytes:
    """The bytes to be signed.

    Raises:
        MalformedError: the payload breaks the schema (names the path), or could not be read again. What nobody can read
            must not be signed: it would be a hole in the chain for ever.
    """
    data = json_bytes(dict(payload))
    parse_payload(data)
    return data


def parse_payload(data: bytes) -> dict[str, Any]:
    """The payload of a record's JWS.

    Raises:
        MalformedError: not strict JSON, or breaks the schema.
    """
    payload = json_object(data)
    schema.check(SCHEMA, payload)
    return payload
