"""The proof beside an export (``FILE.proof.jsonl``): which records it covers, and that nothing was left out.

JSON Lines. One line a row, ``{"unit", "seq", "sha256"}`` with the digest of the row's texts
(:mod:`evidence.export_rows`), in the order of the export; the last line ``{"format", "v", "proof", "certificate"}``
holds the statement (``schema/export-proof-v1.schema.json``), signed by the gateway or, for the rows that a unit exports
itself, by the unit. :mod:`evidence.export_verify` checks it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509

from evidence import jws, schema
from evidence.certificates import from_der, to_der
from evidence.chain import Head
from evidence.encoding import b64url_decode, b64url_encode, json_bytes, json_object
from evidence.errors import MalformedError, SignatureError
from evidence.export_rows import MAX_LINE
from evidence.keys import Signer
from evidence.receipt import Range

FORMAT = "vernix-export-proof"
TYPE = "vernix-export-proof+jws"
SCHEMA = "export-proof-v1"
SUFFIX = ".proof.jsonl"

Place = tuple[str, int]
"""Unit and seq of a check."""


def proof_path(export: Path) -> Path:
    """Where the proof of ``export`` lies: beside it."""
    return export.parent / (export.name + SUFFIX)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an export says of one unit's chain; the names are those of the schema."""

    unit: str
    head: Head
    records: tuple[Range, ...]
    waiting: tuple[Range, ...]
    kinds: Mapping[str, int]
    rows: int
    drills: int
    outside: int
    health: str = field(repr=False)
    papers: tuple[str, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the statement."""
        return {
            "unit": self.unit,
            "head": {"seq": self.head.seq, "sha256": self.head.sha256},
            "records": [list(pair) for pair in self.records],
            "waiting": [list(pair) for pair in self.waiting],
            "kinds": dict(self.kinds),
            "rows": self.rows,
            "drills": self.drills,
            "outside": self.outside,
            "health": self.health,
            "papers": list(self.papers),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Coverage:
        """Of a statement that obeys the schema."""
        records, waiting = (tuple((first, last) for first, last in said[name]) for name in ("records", "waiting"))
        return cls(
            said["unit"],
            Head(said["head"]["seq"], said["head"]["sha256"]),
            records,
            waiting,
            said["kinds"],
            said["rows"],
            said["drills"],
            said["outside"],
            said["health"],
            tuple(said["papers"]),
        )


class ProofWriter:
    """Writes a proof while its export is written: a line for each row, the statement at the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._total = hashlib.sha256()

    def row(self, place: Place, digest: str) -> None:
        """The next row of the export."""
        line = json_bytes({"unit": place[0], "seq": place[1], "sha256": digest}) + b"\n"
        self._total.update(line)
        self._stream.write(line)

    def finish(self, statement: Mapping[str, Any], signer: Signer, certificate: x509.Certificate) -> None:
        """Sign ``statement``, which is what the schema asks for but ``v`` and ``rows_sha256``.

        Args:
            certificate: of the signer's key.

        Raises:
            MalformedError: it breaks the schema, or is too long to be signed.
        """
        whole = {**statement, "v": 1, "rows_sha256": self._total.hexdigest()}
        schema.check(SCHEMA, whole)
        token = jws.sign(json_bytes(whole), signer, TYPE)
        shown = b64url_encode(to_der(certificate))
        self._stream.write(json_bytes({"format": FORMAT, "v": 1, "proof": token, "certificate": shown}) + b"\n")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it was read; nothing of it is believed yet.

    Attributes:
        rows: digest of each row by its place, in order.
        rows_sha256: over their lines, as they were read.
        token: the signed statement.
        certificate: of the key that signed: the gateway's, or a unit's.
    """

    rows: dict[Place, str] = field(repr=False)
    rows_sha256: str
    token: str = field(repr=False)
    certificate: x509.Certificate


def read_proof(path: Path) -> Proof:
    """Read a proof file.

    Raises:
        MalformedError: it is none, or its end is missing.
        OSError: it cannot be read.
    """
    rows: dict[Place, str] = {}
    total = hashlib.sha256()
    with path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(2 * MAX_LINE), b""), start=1):
            said = json_object(line)
            if "proof" in said:
                if stream.read(1):
                    raise MalformedError(f"{path}: something follows the statement, line {number}")
                return _ended(path, said, rows, total.hexdigest())
            total.update(line)
            place = _place(path, number, said)
            if place in rows:
                raise MalformedError(f"{path}: line {number} names a row that stands there already")
            rows[place] = said["sha256"]
    raise MalformedError(f"{path}: the proof has no statement at its end: it was cut off")


def _place(path: Path, number: int, said: Mapping[str, Any]) -> Place:
    types: Sequence[tuple[str, type]] = (("unit", str), ("seq", int), ("sha256", str))
    if set(said) != {name for name, _ in types} or not all(type(said[name]) is kind for name, kind in types):
        raise MalformedError(f"{path}: line {number} is no line of a proof")
    return said["unit"], said["seq"]


def _ended(path: Path, said: Mapping[str, Any], rows: dict[Place, str], total: str) -> Proof:
    fields = (said.get("format"), said.get("v"))
    if fields != (FORMAT, 1) or not all(isinstance(said.get(name), str) for name in ("proof", "certificate")):
        raise MalformedError(f"{path}: not a proof of an export, version 1")
    try:
        certificate = from_der(b64url_decode(said["certificate"]))
    except SignatureError as error:
        raise MalformedError(f"{path}: the certificate in the proof: {error}") from error
    return Proof(rows, total, said["proof"], certificate)
