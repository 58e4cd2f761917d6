"""Verifying an export against its proof, as numbered steps.

Given: the export, the proof beside it, and the site authority's certificate from elsewhere. Where they are at hand, the
signed records themselves (bundles, :mod:`evidence.bundle`).

1. *Statement.* The last line of the proof holds a JWS that obeys the schema, signed by a key that the authority
   certified for the gateway - or for the one unit whose rows these are, and then steps 5 and 6 rest on its word alone.
2. *Row list.* The lines before it have the hash that the statement names, and are as many.
3. *File.* The export has the size and the SHA-256 that the statement names. An export gets its name before its proof
   does; where a crash came between the two, that is said, and nothing else is looked at.
4. *Rows.* The export has exactly the rows of the list, in their order, each with its digest. A row that was removed,
   changed or added is named by its unit and seq.
5. *Counts.* For each unit: the kinds add up to the records that were looked at, its checks to rows, drills and those
   of another time, and every row is one of those records.
6. *Head.* For each unit: its health message is signed by the unit with a key that is not revoked, and every number up
   to the head in it is among the records. A gap is named from first to last. The message is not older than the period's
   end (or than the export, with 15 minutes between), unless the chain ends with a retire record.
7. *Records.* Where a bundle of the unit is at hand: each check of the period that is no drill is a row with that very
   record's hash, outcome and checkpoint, and no other row is there.

What this does not prove: that the signer of the statement told the truth about what a row says beyond its record's
hash - step 7 does, for outcome and checkpoint, and `vernix verify` for the bundle itself; that no other unit exists;
and anything a unit did after the head that it signed last.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence import jws, schema
from evidence.certificates import Profile, check_certificate, common_name, key_of, site_of
from evidence.encoding import json_object
from evidence.errors import EvidenceError, MalformedError, RevokedError, SignatureError
from evidence.export_proof import SCHEMA, TYPE, Coverage, Place, Proof, read_proof
from evidence.export_rows import Format, Row, read_rows, row_digest
from evidence.files import digest_of, temporary_of
from evidence.health import Claim, read_health
from evidence.instants import read_instant
from evidence.keys import PublicKey, thumbprint
from evidence.origin import Origin, UnitKey, advance, check_signature, read_origin
from evidence.receipt import Range, gaps_of, ranges_of
from evidence.record import Kind
from evidence.revocation import Revocations
from evidence.verify import read_record

MAX_FINDINGS = 1000
_AGAIN = "export it again"
LATE = dt.timedelta(minutes=15)
"""A unit's head may be so much older than an export: it tells it each minute, if the network lets it."""


@dataclass(frozen=True, slots=True)
class ExportFinding:
    """One thing that is not as it must be: the step of this module's list, the unit or empty, and what is wrong."""

    step: int
    unit: str
    text: str


@dataclass(slots=True)
class ExportVerified:
    """The result over an export.

    Attributes:
        complete: what was found in order, by unit.
        records: the units whose signed records were held against the rows.
    """

    rows: int = 0
    made: str = ""
    by: str = ""
    complete: dict[str, str] = field(default_factory=dict)
    records: list[str] = field(default_factory=list)
    findings: list[ExportFinding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def find(self, step: int, unit: str, text: object) -> None:
        """Add a finding; after ``MAX_FINDINGS`` nobody learns from one more."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(ExportFinding(step, unit, str(text)))


def verify_export(
    export: Path,
    proof_file: Path,
    authority: x509.Certificate,
    bundles: Mapping[str, Iterable[str]] | None = None,
    revocations: Revocations | None = None,
) -> ExportVerified:
    """Hold ``export`` against its proof.

    Args:
        authority: the site authority's certificate, from a source the verifier trusts.
        bundles: by unit the JWS of its records, each bundle already found sound.
        revocations: the authority's list of revoked keys: a head or statement by one of them is not believed.

    Raises:
        MalformedError: the proof is none, or there is none.
        OSError: a file cannot be read.
    """
    result = ExportVerified()
    proof = read_proof(_there(proof_file))
    try:
        said = _statement(proof, authority, revocations)
    except EvidenceError as error:
        result.find(1, "", error)
        return result
    result.made, result.by = said["made"], said["by"]
    if (proof.rows_sha256, len(proof.rows)) != (said["rows_sha256"], said["file"]["rows"]):
        result.find(2, "", "the list of rows in the proof is not the one that was signed")
    with export.open("rb") as stream:
        digest = digest_of(stream)
    if digest != (said["file"]["sha256"], said["file"]["bytes"]):
        beside = temporary_of(proof_file)
        if _is_of(beside, digest, authority):
            older = f"the export was broken off: {beside.name} is its proof, and the proof here is an older one's"
            result.find(3, "", f"{older}; {_AGAIN}")
            return result
        result.find(3, "", "the file is not the one that was exported: it was changed, or saved again")
    rows = _rows(export, said, proof, result)
    numbers: dict[str, set[int]] = {}
    for name, seq in proof.rows:
        numbers.setdefault(name, set()).add(seq)
    for one in said["units"]:
        unit = _Unit(Coverage.from_dict(one), said, rows, result)
        unit.check(numbers.pop(unit.cover.unit, set()), proof.certificate, authority, revocations)
    if numbers:
        result.find(5, "", "the proof has rows of units that its statement does not name")
    for name, tokens in (bundles or {}).items():
        _records(name, tokens, said, rows, result)
    return result


def _there(proof_file: Path) -> Path:
    if not proof_file.exists():
        lost = "the proof is not there: it was not taken along, or the export was broken off before it got its name"
        raise MalformedError(f"{proof_file}: {lost}; {_AGAIN}")
    return proof_file


def _is_of(proof_file: Path, digest: tuple[str, int], authority: x509.Certificate) -> bool:
    """Whether a proof lies there which was signed for the file of this digest."""
    try:
        file = _statement(read_proof(proof_file), authority, None)["file"]
    except (EvidenceError, OSError):
        return False
    return digest == (file["sha256"], file["bytes"])


def _statement(proof: Proof, authority: x509.Certificate, revocations: Revocations | None) -> dict[str, Any]:
    """Step 1."""
    said = json_object(jws.parse(proof.token, TYPE).payload)
    schema.check(SCHEMA, said)
    key = _signer(proof.certificate, said, authority)
    signers = {thumbprint(key): key}
    kid = jws.verify(proof.token, TYPE, signers.get).kid
    if revocations is not None and revocations.refuses_said(kid, read_instant(said["made"])):
        raise RevokedError("the statement is signed by a revoked key")
    if said["site"] != site_of(authority):
        raise SignatureError("the statement is about another site")
    return said


def _signer(certificate: x509.Certificate, said: Mapping[str, Any], authority: x509.Certificate) -> PublicKey:
    """The key that may have signed: the gateway's, or that of the one unit which is spoken of."""
    made = read_instant(said["made"])
    try:
        return check_certificate(certificate, authority, Profile.GATEWAY, made)
    except SignatureError:
        key = check_certificate(certificate, authority, Profile.RECORD, made)
    if [one["unit"] for one in said["units"]] != [common_name(certificate)]:
        raise SignatureError("a unit's statement is about itself alone")
    return key


def _unit_key(certificate: x509.Certificate, cover: Coverage) -> Origin | None:
    """The unit's own key, where the unit itself has signed: it cannot read the records that brought its later keys."""
    key, unit = key_of(certificate), common_name(certificate)
    if unit != cover.unit:
        return None
    known = UnitKey(thumbprint(key), key, 1, certificate.not_valid_after_utc, "")
    return Origin(unit, site_of(certificate), cover.head, (known,))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of the export as they were read, by their place; of each what step 7 compares."""

    found: dict[Place, tuple[str, ...]]
    columns: tuple[str, ...]


_COMPARED = ("sha256", "outcome", "checkpoint")


def _rows(export: Path, said: Mapping[str, Any], proof: Proof, result: ExportVerified) -> _Rows:
    """Step 4."""
    columns = [key for key, _ in said["columns"]]
    units = {one["unit"] for one in said["units"]}
    if not {"unit", "seq", *_COMPARED} <= set(columns):
        result.find(4, "", "the statement's columns are not those of an export")
        return _Rows({}, ())
    expected = iter(proof.rows.items())
    found: dict[Place, tuple[str, ...]] = {}
    in_order = True
    try:
        for row in read_rows(export, Format(said["file"]["format"]), columns):
            place, digest = _place(row, columns, units), row_digest(row)
            if place in found:
                result.find(4, place[0], f"row of seq {place[1]} stands there twice")
            elif place not in proof.rows:
                result.find(4, place[0], f"row of seq {place[1]} was added: it is not in the proof")
            elif proof.rows[place] != digest:
                result.find(4, place[0], f"row of seq {place[1]} was changed")
            in_order = in_order and next(expected, None) == (place, proof.rows.get(place))
            found[place] = tuple(row[columns.index(name)] for name in _COMPARED)
    except MalformedError as error:
        result.find(4, "", f"{error}; the rows after it were not looked at")
    result.rows = len(found)
    for unit, missing in _by_unit(proof.rows.keys() - found.keys()).items():
        result.find(4, unit, f"rows were removed: seq {_named(missing)}")
    if not in_order and not any(one.step == 4 for one in result.findings):
        result.find(4, "", "the rows are in another order")
    return _Rows(found, tuple(columns))


def _place(row: Row, columns: Sequence[str], units: Container[str]) -> Place:
    """Where the row belongs, by its own word; an export may hold anything, and what is found is shown on terminals."""
    unit, seq = row[columns.index("unit")], row[columns.index("seq")]
    number = int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 17 else 0
    return (unit if unit in units else "?", number)


def _by_unit(places: Iterable[Place]) -> dict[str, list[Range]]:
    found: dict[str, list[int]] = {}
    for unit, seq in places:
        found.setdefault(unit, []).append(seq)
    return {unit: ranges_of(numbers) for unit, numbers in sorted(found.items())}


def _ascend(ranges: Sequence[Range]) -> bool:
    return all(first <= last for first, last in ranges) and all(
        before[1] < after[0] for before, after in pairwise(ranges)
    )


def _named(ranges: Sequence[Range], most: int = 20) -> str:
    shown = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in ranges[:most])
    return shown + (f" and {len(ranges) - most} more ranges" if len(ranges) > most else "")


def _origin(cover: Coverage, authority: x509.Certificate) -> tuple[Origin, bool]:
    """The unit's keys by its own papers, and whether it was retired with its last record.

    Raises:
        MalformedError, SignatureError: they do not hold.
    """
    if not cover.papers:
        raise SignatureError("there is no birth record that names the unit's key")
    birth, *later = (read_record(token) for token in cover.papers)
    origin, retired = read_origin(birth, authority), False
    if origin.unit != cover.unit:
        raise SignatureError("the birth record names another unit")
    for item in later:
        check_signature(item, origin)
        with contextlib.suppress(EvidenceError):  # a record that brings no key leaves the one before in force
            origin = advance(origin, item, authority)
        retired = item.kind is Kind.RETIRE and (item.seq, item.sha256) == (cover.head.seq, cover.head.sha256)
    return origin, retired


@dataclass(frozen=True, slots=True)
class _Unit:
    """Steps 5 and 6 for one unit."""

    cover: Coverage
    said: Mapping[str, Any]
    rows: _Rows
    result: ExportVerified

    def find(self, step: int, text: object) -> None:
        self.result.find(step, self.cover.unit, text)

    def check(
        self, numbers: set[int], signer: x509.Certificate, authority: x509.Certificate, revocations: Revocations | None
    ) -> None:
        """``numbers``: its rows in the proof; ``signer``: the certificate of the key that signed the statement."""
        before = len(self.result.findings)
        self._counts(numbers)
        try:
            own = _unit_key(signer, self.cover)
            origin, retired = (own, False) if own else _origin(self.cover, authority)
            claim = read_health(self.cover.health, origin) if self.cover.health else None
            if claim and revocations and revocations.refuses_said(claim.kid, read_instant(claim.at)):
                raise RevokedError("its head is signed by a revoked key")
        except EvidenceError as error:
            self.find(6, error)
            return
        self._gaps(claim)
        if claim is not None:
            self._head(claim)
        if not retired:
            self._age(claim)
        if len(self.result.findings) == before:
            end = f"as the unit signed at {claim.at}" if claim and not retired else "where it was retired"
            self.result.complete[self.cover.unit] = f"complete to seq {self.cover.head.seq}, {end}"

    def _counts(self, numbers: set[int]) -> None:
        cover, here = self.cover, self.cover.records
        if sum(cover.kinds.values()) != sum(last - first + 1 for first, last in here):
            self.find(5, "the kinds do not add up to the records that were looked at")
        if cover.kinds.get(Kind.CHECK, 0) != cover.rows + cover.drills + cover.outside or len(numbers) != cover.rows:
            self.find(5, "rows, drills and checks of another time do not add up to its checks")
        if not _ascend(here) or not _ascend(cover.waiting):
            self.find(5, "its ranges of records do not ascend")
        firsts = [first for first, _ in here]
        places = ((seq, bisect_right(firsts, seq) - 1) for seq in sorted(numbers))
        if strange := [seq for seq, at in places if at < 0 or seq > here[at][1]]:
            self.find(5, f"rows of records that were not looked at: seq {_named(ranges_of(strange))}")

    def _gaps(self, claim: Claim | None) -> None:
        cover = self.cover
        ends = [end for _, end in (*cover.records, *cover.waiting)]
        for gap in gaps_of(cover.records, max([claim.head.seq if claim else 0, cover.head.seq, *ends])):
            self.find(6, f"records are missing: seq {_named([gap])}")
        if cover.waiting:
            self.find(6, f"records are there that wait for those before them: seq {_named(cover.waiting)}")

    def _head(self, claim: Claim) -> None:
        row = self.rows.found.get((self.cover.unit, claim.head.seq))
        hashes = {self.cover.head.sha256} if self.cover.head.seq == claim.head.seq else set()
        hashes |= {row[0]} if row else set()
        if hashes - {claim.head.sha256}:
            self.find(6, f"seq {claim.head.seq} is another record than the one that the unit signed")

    def _age(self, claim: Claim | None) -> None:
        if claim is None:
            self.find(6, "no signed head of the unit: nothing proves that no record is missing at the end")
            return
        until, made = read_instant(self.said["period"]["until"]), read_instant(self.said["made"])
        if read_instant(claim.at) < min(until, made - LATE):
            self.find(6, f"its last signed head is of {claim.at}; nothing proves what it did after that")


def _records(unit: str, tokens: Iterable[str], said: Mapping[str, Any], rows: _Rows, result: ExportVerified) -> None:
    """Step 7."""
    result.records.append(unit)
    expected = dict(_expected(unit, tokens, said["period"]))
    there = {place: values for place, values in rows.found.items() if place[0] == unit}
    for seq in sorted(one for _, one in expected.keys() - there.keys()):
        result.find(7, unit, f"seq {seq} is a check of the period by its signed record, and the export lacks it")
    for seq in sorted(one for _, one in there.keys() - expected.keys()):
        result.find(7, unit, f"the row of seq {seq} is no check of the period by the signed records")
    for place in sorted(expected.keys() & there.keys()):
        wrong = [
            name for name, one, other in zip(_COMPARED, expected[place], there[place], strict=True) if one != other
        ]
        if wrong:
            result.find(7, unit, f"the row of seq {place[1]} differs from its signed record: {', '.join(wrong)}")


def _expected(unit: str, tokens: Iterable[str], period: Mapping[str, str]) -> Iterator[tuple[Place, tuple[str, ...]]]:
    for token in tokens:
        item = read_record(token)
        said = item.payload
        # Instants have one spelling, so their texts are in the order of time.
        in_period = period["from"] <= said["time"]["earliest"] < period["until"]
        if item.kind is Kind.CHECK and not said["drill"] and in_period:
            yield (unit, item.seq), (item.sha256, said["outcome"], said["checkpoint"])
