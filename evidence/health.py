"""Health messages: what a unit signs about the end of its chain, so that a tail that was cut off shows.

A JWS of typ ``vernix-health+jws``; its payload obeys ``schema/health-v1.schema.json``. It is signed by the key that
signs the record after the head it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from evidence import jws, schema
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.errors import SignatureError, UnknownKeyError
from evidence.keys import PublicKey, Signer
from evidence.origin import Origin
from evidence.receipt import Range
from evidence.topics import DOWN, Channel

TYPE = "vernix-health+jws"
SCHEMA = "health-v1"
_COUNTS = ("waiting", "refused", "roster", "revocations", "boot", "number")


@dataclass(frozen=True, slots=True)
class Claim:
    """The unit's chain reaches ``head``; it said so ``at`` that time of its own clock.

    Attributes:
        unit, site: whose chain, by its own word.
        kid: the key that has signed.
        waiting: records without a receipt, if it says.
        refused: messages down that it did not take since it was started, if it says.
        roster: version of the officers' roster in force, 0 for provisioning's file, if it says.
        counters: the highest counter accepted on each channel down, if it says.
        revocations: number of the list of revoked keys in force, 0 where there is none, if it says.
        boot, number: which message it is, of which start of the unit, if it says.
        overwritten: first and last seq of what it has no longer: overwritten after the gateway's receipt.
    """

    unit: str
    site: str
    head: Head
    at: str
    kid: str
    waiting: int | None = None
    refused: int | None = None
    roster: int | None = None
    counters: Mapping[Channel, int] | None = None
    revocations: int | None = None
    boot: int | None = None
    number: int | None = None
    overwritten: tuple[Range, ...] = ()

    @property
    def order(self) -> tuple[int, int, int, str]:
        """A later claim is greater.

        The clock decides only between those of older software: it may have been set back. Instants have one spelling,
        so their texts are in the order of time.
        """
        if self.boot is None or self.number is None:
            return self.head.seq, 0, 0, self.at
        return self.head.seq, self.boot, self.number, ""


def write_health(fields: Mapping[str, Any], head: Head, signer: Signer) -> str:
    """Sign that the chain reaches ``head``.

    Args:
        fields: ``unit``, ``site``, ``at`` and whatever else the unit has to say of itself.

    Raises:
        MalformedError: the message would break the schema.
    """
    message = {**fields, "v": 1, "seq": head.seq, "head": head.sha256}
    schema.check(SCHEMA, message)
    return jws.sign(json_bytes(message), signer, TYPE)


def parse_health(token: str) -> Claim:
    """The claim in ``token``, not yet believed.

    Raises:
        MalformedError: not a health message.
    """
    signed = jws.parse(token, TYPE)
    said = json_object(signed.payload)
    schema.check(SCHEMA, said)
    head = Head(said["seq"], said["head"])
    further: dict[str, Any] = {name: said.get(name) for name in _COUNTS}
    counters = said.get("counters")
    accepted = None if counters is None else {channel: counters.get(channel, 0) for channel in DOWN}
    gone = tuple((first, last) for first, last in said.get("overwritten", ()))
    claim = Claim(said["unit"], said["site"], head, said["at"], signed.kid, **further, counters=accepted)
    return replace(claim, overwritten=gone)


def read_health(token: str, origin: Origin) -> Claim:
    """The claim in a health message of the unit of ``origin``, whose keys are known as far as its chain is.

    Raises:
        MalformedError: not a health message.
        UnknownKeyError: by a key that the chain has not brought as far as it is known.
        SignatureError: not signed by the unit, or it names another one.
    """
    claim = parse_health(token)
    keys = {one.kid: one.public for one in origin.keys}

    def known(kid: str) -> PublicKey:
        if kid not in keys:
            raise UnknownKeyError(f"signed by an unknown key, kid {kid}")
        return keys[kid]

    jws.verify(token, TYPE, known)
    if (claim.unit, claim.site) != (origin.unit, origin.site):
        raise SignatureError("the health message names another unit or site than its chain")
    return claim
