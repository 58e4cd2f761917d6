"""Health messages: what a unit signs about the end of its chain, so that a tail that was cut off shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evidence import jws
from evidence.chain import Head
from evidence.encoding import json_object
from evidence.errors import MalformedError, SignatureError
from evidence.instants import read_instant
from evidence.verify import Origin

TYPE = "vernix-health+jws"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Claim:
    """The unit's chain reaches ``head``; it said so ``at`` that time of its own clock."""

    head: Head
    at: str

    @property
    def order(self) -> tuple[int, str]:
        """A later claim is greater. Instants have one spelling, so their texts are in the order of time."""
        return self.head.seq, self.at


def read_claim(payload: bytes, origin: Origin) -> Claim:
    """The claim in a health message of the unit of ``origin``.

    Raises:
        MalformedError: not a health message.
        SignatureError: not signed by the unit, or it names another one.
    """
    try:
        token = payload.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedError("the health message is not a JWS") from None
    health = json_object(jws.verify(token, TYPE, origin.key_for).payload)
    seq, sha256, at = health.get("seq"), health.get("head"), health.get("at")
    if type(seq) is not int or seq < 1 or not isinstance(at, str):
        raise MalformedError("the health message has no seq and time")
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
        raise MalformedError("the health message has no head")
    read_instant(at)
    if (health.get("unit"), health.get("site")) != (origin.unit, origin.site):
        raise SignatureError("the health message names another unit or site than its topic")
    return Claim(Head(seq, sha256), at)
