"""One chain per unit: seq 1, 2, 3 ... without gaps, each record holding the hash of the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence import jws, record
from evidence.encoding import sha256_hex
from evidence.errors import ChainError
from evidence.keys import Signer
from evidence.record import Record


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the last record's number and the hash its successor must name."""

    seq: int
    sha256: str


def genesis(certificate_der: bytes) -> Head:
    """The head before any record: the chain grows out of the unit's certificate."""
    return Head(0, sha256_hex(certificate_der))


def seal(fields: Mapping[str, Any], head: Head, signer: Signer) -> Record:
    """Make the record that follows ``head``: number, link, salt and signature are added to ``fields``.

    Raises:
        MalformedError: the payload would break the schema.
    """
    payload = {**fields, "v": 1, "seq": head.seq + 1, "prev": head.sha256, "salt": record.new_salt()}
    return Record(payload, jws.sign(record.payload_bytes(payload), signer, record.TYPE))


def follow(head: Head, following: Record) -> Head:
    """The head after ``following``.

    Raises:
        ChainError: a gap, a repetition, or a link to another record.
    """
    if following.seq != head.seq + 1:
        raise ChainError(f"seq {following.seq} does not follow seq {head.seq}")
    if following.prev != head.sha256:
        raise ChainError(f"seq {following.seq} is linked to another record than seq {head.seq}")
    return Head(following.seq, following.sha256)
