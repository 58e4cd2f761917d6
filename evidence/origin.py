"""Whose chain it is: the unit, the site, and the keys in force from record to record.

A key is believed because the site's authority certified it: the first one in the birth record, every later one in a
``key`` record (:mod:`evidence.rotation`). Steps 2, 3 and 5 of :mod:`evidence.verify` are here, record by record, so
that a gateway, which never has the whole chain before it, takes the same steps as a verifier of bundles.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from cryptography import x509

from evidence import certificates, chain, jws, record, rotation
from evidence.certificates import Profile, check_certificate, from_der
from evidence.chain import Head
from evidence.encoding import b64url_decode
from evidence.errors import MalformedError, SignatureError, UnknownKeyError
from evidence.instants import read_instant
from evidence.keys import PublicKey, thumbprint
from evidence.record import Kind, Record
from evidence.revocation import Revocations


@dataclass(frozen=True, slots=True)
class UnitKey:
    """One key of a unit.

    Attributes:
        since: ``seq`` of the first record it signs; it signs until the next key's ``since``.
        until: when its certificate expires.
        protection: how the unit says it is kept.
    """

    kid: str
    public: PublicKey
    since: int
    until: dt.datetime
    protection: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who a chain belongs to, and its keys as far as the chain is known; :func:`advance` adds to them.

    Attributes:
        head: the head before the birth record.
        keys: in the order in which they came into force; never empty.
    """

    unit: str
    site: str
    head: Head
    keys: tuple[UnitKey, ...]

    @property
    def current(self) -> UnitKey:
        """The key that came into force last."""
        return self.keys[-1]

    @property
    def key(self) -> PublicKey:
        """The public half of :attr:`current`."""
        return self.current.public

    @property
    def until(self) -> dt.datetime:
        """When the certificate of :attr:`current` expires."""
        return self.current.until

    def key_for(self, kid: str) -> PublicKey | None:
        """The key named ``kid``, if it is the one in force now: for what is no record, such as health."""
        return self.key if kid == self.current.kid else None

    def key_at(self, seq: int) -> UnitKey:
        """The key that signs the record ``seq``."""
        return next((one for one in reversed(self.keys) if one.since <= seq), self.keys[0])


def certified_key(item: Record, authority: x509.Certificate) -> UnitKey:
    """The key that ``item`` brings into force, as the authority's certificate in it says.

    Raises:
        MalformedError, SignatureError: the authority does not vouch for it, for this unit at the record's time.
    """
    announced = item.payload["key"]
    certificate = from_der(b64url_decode(announced["certificate"]))
    at = read_instant(item.payload["time"]["latest"])
    key = check_certificate(certificate, authority, Profile.RECORD, at)
    named = (certificates.common_name(certificate), certificates.site_of(certificate))
    if named != (item.payload["unit"], item.payload["site"]):
        raise SignatureError("the certificate names another unit or site than the record")
    if announced["kid"] != thumbprint(key):
        raise SignatureError(f"the {item.kind} record names another key than its certificate")
    since = 1 if item.kind is Kind.BIRTH else item.seq + 1
    return UnitKey(announced["kid"], key, since, certificate.not_valid_after_utc, announced["protection"])


def origin_of(birth: Record, authority: x509.Certificate) -> Origin:
    """Step 2 for a birth record, its signature not yet believed.

    Raises:
        MalformedError, SignatureError: it is none, or the authority does not vouch for it.
    """
    if birth.kind is not Kind.BIRTH or birth.seq != 1:
        raise MalformedError("a chain begins with the birth record, seq 1")
    der = b64url_decode(birth.payload["key"]["certificate"])
    key = certified_key(birth, authority)
    return Origin(birth.payload["unit"], birth.payload["site"], chain.genesis(der), (key,))


def read_origin(birth: Record, authority: x509.Certificate) -> Origin:
    """Steps 2 and 3 for a birth record.

    Raises:
        MalformedError, SignatureError: it is none, or the authority does not vouch for it.
    """
    origin = origin_of(birth, authority)
    jws.verify(birth.jws, record.TYPE, origin.key_for)
    return origin


def advance(origin: Origin, item: Record, authority: x509.Certificate) -> Origin:
    """The origin after ``item``, whose signature held and which is the next of the chain.

    Any record but a ``key`` record leaves ``origin`` as it is.

    Raises:
        MalformedError, SignatureError: step 2 for a key record. The old key stays in force.
    """
    if item.kind is not Kind.KEY:
        return origin
    key = certified_key(item, authority)
    if (item.payload["unit"], item.payload["site"]) != (origin.unit, origin.site):
        raise SignatureError("the key record names another unit or site than the birth record")
    if any(key.kid == one.kid for one in origin.keys):
        raise SignatureError("the key record announces a key that the unit had before")
    if item.seq < origin.current.since:
        raise SignatureError("the key record stands before the one that brought the present key")
    rotation.check_proof(item, key.public)
    return replace(origin, keys=(*origin.keys, key))


def check_key(item: Record, origin: Origin) -> UnitKey:
    """Step 3, the signature alone: the key in force at the record's place, which has signed it.

    Raises:
        SignatureError: another key, or the signature does not hold.
        UnknownKeyError: by a key that the chain has not brought as far as it is known here.
    """
    key = origin.key_at(item.seq)

    def in_force(kid: str) -> PublicKey:
        if kid == key.kid:
            return key.public
        if any(kid == one.kid for one in origin.keys):
            raise SignatureError(f"signed by a key that was not in force at seq {item.seq}, kid {kid}")
        raise UnknownKeyError(f"signed by an unknown key, kid {kid}")

    jws.verify(item.jws, record.TYPE, in_force)
    return key


def check_revocation(
    item: Record, key: UnitKey, revocations: Revocations | None, received: dt.datetime | None = None
) -> None:
    """Step 3, revocation: ``key`` had not been revoked when ``item`` was made.

    A key record is apart: the new key has signed its place in the chain and the authority has certified that key, so it
    holds even where the old key, which it takes out of force, was revoked before.

    Raises:
        RevokedError: it had been.
    """
    if revocations is not None and item.kind is not Kind.KEY:
        revocations.check(item, key.kid, received)


def check_signature(
    item: Record, origin: Origin, revocations: Revocations | None = None, received: dt.datetime | None = None
) -> None:
    """Steps 3 and 5 for one record, the certificate's expiry apart: a wrong clock must not keep a record out.

    Args:
        revocations: the authority's list, where there is one.
        received: when the record came, by the verifier's own clock. Without it the record's own time counts.

    Raises:
        UnknownKeyError: by a key that the chain has not brought as far as it is known here: where records of the chain
            are still missing, the record may wait; otherwise it is as bad as any other.
        RevokedError: by a key that was revoked before.
        SignatureError: not signed by the unit's key at that place, or it names another unit.
    """
    key = check_key(item, origin)
    if (item.payload["unit"], item.payload["site"]) != (origin.unit, origin.site):
        raise SignatureError("the record names another unit or site than the birth record")
    check_revocation(item, key, revocations, received)
