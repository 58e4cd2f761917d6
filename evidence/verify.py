"""Verifying a unit's records, as numbered steps.

Given: the records of one unit as JWS, and the site authority's certificate, which the verifier has from elsewhere
(a bundle cannot vouch for itself).

For each record, in the order of the bundle:

1. *Form.* A compact JWS with exactly ``alg`` ES256, ``kid`` and ``typ`` vernix-record+jws; a strict JSON payload that
   obeys the schema.
2. *Origin.* The first record is a birth record with seq 1; its certificate was issued by the authority for record
   use, was valid at the record's time, and names the unit and site that the record names; the chain grows out of its
   hash.
3. *Signature.* By the key of that certificate, which has not expired at the record's earliest time. A record whose
   signature does not hold is not looked at any further: nothing below is said of it, or by it.
4. *Chain.* seq follows without a gap, and ``prev`` is the hash of the record before.
5. *Identity.* Unit and site are those of the birth record.
6. *Order.* The boot counter does not fall, ``time.latest`` does not fall before an earlier ``time.earliest``, and
   nothing follows a retire record.
7. *Checks.* A check id has exactly one check record; an addendum names an earlier record by number and hash, and
   that record's check.

And for the whole:

8. *Tail.* Where the verifier has a signed head (from a health message), the last record is that head or later.

Each broken step is a finding; verification goes on with the next record wherever that makes sense.

A ``key`` record announces another key of the unit. This version gives it no effect: the birth certificate's key stays
the only one that verifies, and a record signed by the announced key is a finding of step 3.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509

from evidence import certificates, chain, jws, record
from evidence.certificates import Profile, check_certificate, from_der
from evidence.chain import Head
from evidence.encoding import b64url_decode
from evidence.errors import ChainError, EvidenceError, MalformedError, SignatureError
from evidence.instants import read_instant
from evidence.keys import PublicKey, thumbprint
from evidence.record import Kind, Record


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: the step of this module's list, the record, and what is wrong."""

    step: int
    place: int
    text: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who a chain belongs to: from the birth record and its certificate."""

    unit: str
    site: str
    key: PublicKey
    head: Head
    until: dt.datetime
    """When the certificate expires."""

    def key_for(self, kid: str) -> PublicKey | None:
        """The key named ``kid``, if it is this unit's."""
        return self.key if kid == thumbprint(self.key) else None


@dataclass(slots=True)
class Verified:
    """The result over a whole bundle."""

    unit: str = ""
    site: str = ""
    count: int = 0
    head: Head | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing at all was found, and there was something to verify."""
        return self.count > 0 and not self.findings


def read_record(token: str) -> Record:
    """Step 1 alone: the record in ``token``, its signature not yet believed.

    Raises:
        MalformedError: not a record.
    """
    return Record(record.parse_payload(jws.parse(token, record.TYPE).payload), token)


def read_origin(birth: Record, authority: x509.Certificate) -> Origin:
    """Steps 2 and 3 for a birth record.

    Raises:
        MalformedError, SignatureError: it is none, or the authority does not vouch for it.
    """
    origin = _origin_of(birth, authority)
    jws.verify(birth.jws, record.TYPE, origin.key_for)
    return origin


def _origin_of(birth: Record, authority: x509.Certificate) -> Origin:
    if birth.kind is not Kind.BIRTH or birth.seq != 1:
        raise MalformedError("a chain begins with the birth record, seq 1")
    der = b64url_decode(birth.payload["key"]["certificate"])
    certificate = from_der(der)
    at = read_instant(birth.payload["time"]["latest"])
    key = check_certificate(certificate, authority, Profile.RECORD, at)
    named = (certificates.common_name(certificate), certificates.site_of(certificate))
    if named != (birth.payload["unit"], birth.payload["site"]):
        raise SignatureError("the certificate names another unit or site than the record")
    if birth.payload["key"]["kid"] != thumbprint(key):
        raise SignatureError("the birth record names another key than its certificate")
    return Origin(*named, key, chain.genesis(der), certificate.not_valid_after_utc)


def check_signature(item: Record, origin: Origin) -> None:
    """Steps 3 and 5 for one record, the certificate's expiry apart: a wrong clock must not keep a record out.

    Raises:
        SignatureError: not signed by the unit's key, or it names another unit.
    """
    jws.verify(item.jws, record.TYPE, origin.key_for)
    if (item.payload["unit"], item.payload["site"]) != (origin.unit, origin.site):
        raise SignatureError("the record names another unit or site than the birth record")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What later records are held against; the whole record would be too much to keep of 100 000."""

    sha256: str
    check: str | None


class _Walk:
    """The state carried from record to record."""

    def __init__(self, authority: x509.Certificate, result: Verified) -> None:
        self.authority = authority
        self.result = result
        self.origin: Origin | None = None
        self.head: Head | None = None
        self.boot = 0
        self.earliest: dt.datetime | None = None
        self.retired = False
        self.checks: dict[str, int] = {}
        self.seen: dict[int, _Seen] = {}

    def find(self, step: int, place: int, text: object) -> None:
        self.result.findings.append(Finding(step, place, str(text)))

    def take(self, place: int, token: str) -> None:
        try:
            item = read_record(token)
        except MalformedError as error:
            self.find(1, place, error)
            return
        if self.origin is None and not self._begin(place, item):
            return
        if not self._signature(place, item):
            return
        self._chain(place, item)
        self._order(place, item)
        self._checks(place, item)
        self.seen.setdefault(item.seq, _Seen(item.sha256, item.payload.get("check")))
        self.result.count += 1
        self.result.kinds[item.kind] = self.result.kinds.get(item.kind, 0) + 1

    def _begin(self, place: int, item: Record) -> bool:
        try:
            self.origin = _origin_of(item, self.authority)
        except EvidenceError as error:
            self.find(2, place, error)
            return False
        self.head = self.origin.head
        self.result.unit, self.result.site = self.origin.unit, self.origin.site
        return True

    def _signature(self, place: int, item: Record) -> bool:
        assert self.origin is not None
        try:
            jws.verify(item.jws, record.TYPE, self.origin.key_for)
        except SignatureError as error:
            self.find(3, place, error)
            return False
        if read_instant(item.payload["time"]["earliest"]) > self.origin.until:
            self.find(3, place, f"the unit's certificate had expired on {self.origin.until:%Y-%m-%d}")
        if (item.payload["unit"], item.payload["site"]) != (self.origin.unit, self.origin.site):
            self.find(5, place, "the record names another unit or site than the birth record")
        return True

    def _chain(self, place: int, item: Record) -> None:
        assert self.head is not None
        try:
            self.head = chain.follow(self.head, item)
        except ChainError as error:
            self.find(4, place, error)
            # Go on from the later record, so that one gap is one finding.
            self.head = max(self.head, Head(item.seq, item.sha256), key=lambda head: head.seq)
        self.result.head = self.head

    def _order(self, place: int, item: Record) -> None:
        payload = item.payload
        if self.retired:
            self.find(6, place, "a record follows the unit's retirement")
        self.retired = self.retired or item.kind is Kind.RETIRE
        if payload["boot"] < self.boot:
            self.find(6, place, f"boot counter fell from {self.boot} to {payload['boot']}")
        self.boot = max(self.boot, payload["boot"])
        earliest, latest = (read_instant(payload["time"][name]) for name in ("earliest", "latest"))
        if latest < earliest or (self.earliest is not None and latest < self.earliest):
            self.find(6, place, "time runs backwards")
        self.earliest = max(earliest, self.earliest or earliest)

    def _checks(self, place: int, item: Record) -> None:
        if item.kind is Kind.CHECK:
            check = item.payload["check"]
            if check in self.checks:
                self.find(7, place, f"check {check} has a record already, seq {self.checks[check]}")
            self.checks.setdefault(check, item.seq)
        elif item.kind is Kind.ADDENDUM:
            target = self.seen.get(item.payload["refers_to"]["seq"])
            if target is None or target.sha256 != item.payload["refers_to"]["sha256"]:
                self.find(7, place, "the addendum refers to a record that is not there")
            elif target.check != item.payload["check"]:
                self.find(7, place, "the addendum names another check than the record it refers to")


def verify_records(tokens: Iterable[str], authority: x509.Certificate, head: Head | None = None) -> Verified:
    """Verify the records of one unit.

    Args:
        tokens: JWS in ascending order of ``seq``, from the birth record on.
        authority: the site authority's certificate, from a source the verifier trusts.
        head: a head the unit once signed, if there is one: the bundle must reach it.
    """
    result = Verified()
    walk = _Walk(authority, result)
    for place, token in enumerate(tokens, start=1):
        walk.take(place, token)
    if not result.count and not result.findings:
        walk.find(1, 0, "there is no record to verify")
    if head is not None:
        _check_tail(walk, head)
    return result


def _check_tail(walk: _Walk, head: Head) -> None:
    reached = walk.seen.get(head.seq)
    if reached is None:
        walk.find(8, 0, f"the records end before seq {head.seq}, which the unit had signed: the tail is cut off")
    elif reached.sha256 != head.sha256:
        walk.find(8, 0, f"seq {head.seq} is another record than the one the unit had signed")
