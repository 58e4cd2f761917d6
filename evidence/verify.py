"""Verifying a unit's records, as numbered steps.

Given: the records of one unit as JWS, and the site authority's certificate, which the verifier has from elsewhere
(a bundle cannot vouch for itself). Where there is one, the authority's list of revoked keys.

For each record, in the order of the bundle:

1. *Form.* A compact JWS with exactly ``alg`` ES256, ``kid`` and ``typ`` vernix-record+jws; a strict JSON payload that
   obeys the schema.
2. *Origin.* Every key comes with a certificate that the authority issued for record use, that was valid at the record's
   ``time.latest``, that names the unit and site which the record names, and whose key has the ``kid`` that the record
   names. The first key comes with the first record, a birth record with seq 1; the chain grows out of the hash of its
   certificate. Every later key comes with a key record, which is signed by the key before (step 3) and carries a proof:
   a JWS of typ vernix-key-proof+jws by the new key, whose payload is exactly the bytes
   ``{"prev":...,"seq":...,"site":...,"unit":...,"v":1}`` of that record. No key comes twice, and a key record names the
   unit and site of the birth record. If this step holds, the new key is in force from the next seq on; if not, the old
   one stays. Where the birth record says that the unit ``replaces`` another and the verifier has that unit's verified
   records, they end with the record that it names.
3. *Signature.* By the key in force at that seq, whose certificate has not expired at the record's earliest time, and
   which was not revoked before the record was made (:mod:`evidence.revocation` says how that is decided; a key record
   holds all the same). Once a record of a revoked key is found, none of that key is believed after it. A record whose
   signature does not hold or whose key was revoked is not looked at any further: nothing below is said of it, or by it.
4. *Chain.* seq follows without a gap, and ``prev`` is the hash of the record before.
5. *Identity.* Unit and site are those of the birth record. So are those in a bundle's first line; where they are not,
   that is a finding about the whole.
6. *Order.* The boot counter does not fall, ``time.latest`` does not fall before an earlier ``time.earliest``, and
   nothing follows a retire record.
7. *Checks.* A check id has exactly one check record; an addendum names an earlier record by number and hash, and that
   record's check, and so it does with the record that settled a debt. Officers have signed the decision in the record
   (the SHA-256 of its canonical JSON is in every assertion), and it is about this check and, unless the check was
   interrupted, this outcome. No officer and no security key stands there twice, neither by its credential id nor by
   its public key. An assertion of method webauthn holds (WebAuthn Level 2, section 7.2): client data is strict JSON of
   type webauthn.get, that hash is its challenge, its origin is ``localhost`` or a host below it (a unit's screen is
   nowhere else), and it comes from no frame of another page; ``rp_id`` is ``localhost``; authenticator data is
   rpIdHash, flags and counter, without attested data or extensions; the user was present and verified; and ``key``
   made the signature.

And for the whole:

8. *Tail.* Where the verifier has a head, the records hold the one that it names. The head in a bundle's first line is
   its exporter's word; one in a health message (:mod:`evidence.health`) is the unit's: a JWS by one of its keys, which
   names its unit and site. Where that message, of which all this holds, says what the unit ``overwrote`` after the
   gateway's receipts, a gap in step 4 that is all of it, and an addendum in step 7 to a record of it, is no finding:
   those records are absent by the unit's word.

Each broken step is a finding; verification goes on with the next record wherever that makes sense. Of one record the
findings come in the order 1, 3, 2, 5, 4, 6, 7 (the birth record's step 2 before 3); those about the whole, 5 and 8,
come last. Before a record that follows a thousand findings verification stops, and nothing is said about the whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from evidence import chain, jws, record
from evidence.chain import Head
from evidence.decision import check_decision
from evidence.errors import ChainError, EvidenceError, MalformedError, RevokedError, SignatureError
from evidence.health import read_health
from evidence.instants import read_instant
from evidence.origin import (
    Origin,
    UnitKey,
    advance,
    check_key,
    check_revocation,
    check_signature,
    origin_of,
    read_origin,
)
from evidence.receipt import Range
from evidence.record import Kind, Record
from evidence.revocation import Revocations
from evidence.topics import Address

__all__ = [
    "MAX_FINDINGS",
    "Finding",
    "Origin",
    "UnitKey",
    "Verified",
    "advance",
    "check_signature",
    "read_origin",
    "read_record",
    "verify_records",
]

MAX_FINDINGS = 1000
"""After so many nobody learns from one more; a file of blank lines would fill the memory with them."""
_CHAIN = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: the step of this module's list, the record, and what is wrong."""

    step: int
    place: int
    text: str


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key of the unit, the first record it signs, and how the unit says it is kept."""

    kid: str
    since: int
    protection: str


@dataclass(slots=True)
class Verified:
    """The result over a whole bundle.

    Attributes:
        head: the last record's.
        signed_head: a head that the unit signed and that the records reach: up to there nothing was left out of sound
            records. None proves nothing: the tail may have been cut off.
        absent: ranges of seq that are not here and that the unit, in its health message, says it overwrote after the
            gateway's receipt. Nothing is known of them but that they were there.
        more: verification stopped at ``MAX_FINDINGS``.
    """

    unit: str = ""
    site: str = ""
    count: int = 0
    head: Head | None = None
    signed_head: Head | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    keys: list[KeyUse] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    absent: list[Range] = field(default_factory=list)
    more: bool = False

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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What later records are held against; the whole record would be too much to keep of 100 000."""

    sha256: str
    check: str | None


class _Walk:
    """The state carried from record to record."""

    def __init__(self, authority: x509.Certificate, result: Verified, revocations: Revocations | None) -> None:
        self.authority = authority
        self.result = result
        self.revocations = revocations
        self.unbelieved: set[str] = set()
        self.origin: Origin | None = None
        self.head: Head | None = None
        self.boot = 0
        self.earliest: dt.datetime | None = None
        self.retired = False
        self.checks: dict[str, int] = {}
        self.seen: dict[int, _Seen] = {}
        self.missed: list[tuple[Finding, Range]] = []

    def find(self, step: int, place: int, text: object) -> None:
        self.result.findings.append(Finding(step, place, str(text)))

    def miss(self, step: int, place: int, text: object, first: int, last: int) -> None:
        """A finding that is one because these records are not here."""
        self.find(step, place, text)
        self.missed.append((self.result.findings[-1], (first, last)))

    def excuse(self, overwritten: Sequence[Range]) -> None:
        """No findings are those for the lack of records that the unit overwrote."""
        for finding, (first, last) in self.missed:
            if any(begin <= first and last <= end for begin, end in overwritten):
                self.result.findings.remove(finding)
                if finding.step == _CHAIN:
                    self.result.absent.append((first, last))

    def take(self, place: int, token: str) -> None:
        try:
            item = read_record(token)
        except MalformedError as error:
            self.find(1, place, error)
            return
        origin = self.origin or self._begin(place, item)
        if origin is None or not self._signature(place, item, origin):
            return
        self._keys(place, item, origin)
        self._identity(place, item, origin)
        self._chain(place, item)
        self._order(place, item)
        self._checks(place, item)
        self.seen.setdefault(item.seq, _Seen(item.sha256, item.payload.get("check")))
        self.result.count += 1
        self.result.kinds[item.kind] = self.result.kinds.get(item.kind, 0) + 1

    def _begin(self, place: int, item: Record) -> Origin | None:
        try:
            self.origin = origin_of(item, self.authority)
        except EvidenceError as error:
            self.find(2, place, error)
            return None
        self.head = self.origin.head
        self.result.unit, self.result.site = self.origin.unit, self.origin.site
        self._note_keys()
        return self.origin

    def _note_keys(self) -> None:
        assert self.origin is not None
        self.result.keys = [KeyUse(one.kid, one.since, one.protection) for one in self.origin.keys]

    def _signature(self, place: int, item: Record, origin: Origin) -> bool:
        try:
            key = check_key(item, origin)
            self._revocation(item, key)
        except SignatureError as error:
            self.find(3, place, error)
            return False
        if read_instant(item.payload["time"]["earliest"]) > key.until:
            self.find(3, place, f"the unit's certificate had expired on {key.until:%Y-%m-%d}")
        return True

    def _revocation(self, item: Record, key: UnitKey) -> None:
        if key.kid in self.unbelieved and item.kind is not Kind.KEY:
            raise RevokedError("the key is revoked, and a record before was made after that")
        try:
            check_revocation(item, key, self.revocations)
        except RevokedError:
            self.unbelieved.add(key.kid)
            raise

    def _keys(self, place: int, item: Record, origin: Origin) -> None:
        try:
            self.origin = advance(origin, item, self.authority)
        except EvidenceError as error:
            self.find(2, place, error)
        if self.origin is not origin:
            self._note_keys()

    def _identity(self, place: int, item: Record, origin: Origin) -> None:
        if (item.payload["unit"], item.payload["site"]) != (origin.unit, origin.site):
            self.find(5, place, "the record names another unit or site than the birth record")

    def _chain(self, place: int, item: Record) -> None:
        assert self.head is not None
        try:
            self.head = chain.follow(self.head, item)
        except ChainError as error:
            if item.seq > self.head.seq + 1:
                self.miss(_CHAIN, place, error, self.head.seq + 1, item.seq - 1)
            else:
                self.find(_CHAIN, place, error)
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
            self._addendum(place, item)
        try:
            check_decision(item.payload)
        except SignatureError as error:
            self.find(7, place, error)

    def _addendum(self, place: int, item: Record) -> None:
        self._names(place, item.payload["refers_to"], item.payload["check"])
        if settled_by := item.payload.get("settled_by"):
            self._names(place, settled_by, settled_by["check"])

    def _names(self, place: int, named: Mapping[str, Any], check: str) -> None:
        found, missing = self.seen.get(named["seq"]), "the addendum refers to a record that is not there"
        if found is None:
            self.miss(7, place, missing, named["seq"], named["seq"])
        elif found.sha256 != named["sha256"]:
            self.find(7, place, missing)
        elif found.check != check:
            self.find(7, place, "the addendum names another check than the record it refers to")


def verify_records(
    tokens: Iterable[str],
    authority: x509.Certificate,
    head: Head | None = None,
    *,
    address: Address | None = None,
    health: str | None = None,
    revocations: Revocations | None = None,
    predecessor: Verified | None = None,
) -> Verified:
    """Verify the records of one unit.

    Args:
        tokens: JWS in ascending order of ``seq``, from the birth record on.
        authority: the site authority's certificate, from a source the verifier trusts.
        head: the head that the records must reach, from a source the verifier trusts.
        address: whose records they are said to be, by a bundle's first line.
        health: a health message of the unit, whose head they must reach.
        revocations: the authority's list of revoked keys, if there is one.
        predecessor: the verified records of the unit that this one replaces, if they are at hand.
    """
    result = Verified()
    walk = _Walk(authority, result, revocations)
    for place, token in enumerate(tokens, start=1):
        if len(result.findings) >= MAX_FINDINGS:
            result.more = True
            return result
        walk.take(place, token)
        if place == 1 and predecessor is not None:
            _check_predecessor(walk, token, predecessor)
    if not result.count and not result.findings:
        walk.find(1, 0, "there is no record to verify")
    if address is not None:
        _check_address(walk, address)
    if health is not None:
        _check_health(walk, health)
    if head is not None:
        _check_tail(walk, head)
    return result


def _check_address(walk: _Walk, address: Address) -> None:
    origin = walk.origin
    if origin is not None and (address.unit, address.site) != (origin.unit, origin.site):
        walk.find(5, 0, "the bundle's first line names another unit or site than the birth record")


def _check_health(walk: _Walk, health: str) -> None:
    try:
        if walk.origin is None:
            raise SignatureError("there is no birth record that names the unit's key")
        claim = read_health(health, walk.origin)
    except EvidenceError as error:
        walk.find(8, 0, f"not a health message of this unit: {error}")
    else:
        if _check_tail(walk, claim.head):
            walk.result.signed_head = claim.head
            walk.excuse(claim.overwritten)


def _check_predecessor(walk: _Walk, token: str, predecessor: Verified) -> None:
    if walk.origin is None or not walk.result.count:
        return  # found already; an unsigned birth record names nobody
    replaces = read_record(token).payload.get("replaces")
    if replaces is None:
        walk.find(2, 1, "the birth record does not say that the unit replaces another")
    elif (replaces["unit"], walk.origin.site) != (predecessor.unit, predecessor.site):
        walk.find(2, 1, "the unit replaces another one than the predecessor at hand")
    elif predecessor.head != Head(replaces["seq"], replaces["sha256"]):
        walk.find(2, 1, f"the predecessor's records do not end with the one named, seq {replaces['seq']}")


def _check_tail(walk: _Walk, head: Head) -> bool:
    reached = walk.seen.get(head.seq)
    if reached is None:
        walk.find(8, 0, f"the records end before seq {head.seq}, which the unit had signed: the tail is cut off")
    elif reached.sha256 != head.sha256:
        walk.find(8, 0, f"seq {head.seq} is another record than the one the unit had signed")
    return reached is not None and reached.sha256 == head.sha256
