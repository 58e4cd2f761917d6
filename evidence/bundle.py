"""Bundles: records taken out to be verified elsewhere. JSON Lines; the first line says whose, the rest are JWS.

Nobody signs the first line: its head is the exporter's word. Whoever can cut the tail off can write a smaller head, so
completeness is proven only by a head that the unit signed (:mod:`evidence.verify`, step 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from evidence import jws, schema
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic
from evidence.topics import Address

FORMAT = "vernix-bundle"
SCHEMA = "bundle-v1"
MAX_LINE = jws.MAX_LENGTH
"""Bytes of the longest line. What has a longer one is no bundle; there is no verdict about it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The records of one unit, and the head it was exported at."""

    unit: str
    site: str
    head: Head
    records: tuple[str, ...] = field(repr=False)


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write ``bundle`` to ``path``, whole or not at all.

    Raises:
        OSError: see :func:`evidence.files.write_atomic`.
    """
    first = {
        "format": FORMAT,
        "v": 1,
        "unit": bundle.unit,
        "site": bundle.site,
        "head": {"seq": bundle.head.seq, "sha256": bundle.head.sha256},
    }
    write_atomic(path, b"\n".join([json_bytes(first), *(token.encode("ascii") for token in bundle.records), b""]))


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle whose records are read one by one, so that a file of any size needs little memory.

    Attributes:
        address: whose records they are, by the exporter's word.
        head: the head it was exported at, by the same word.
        records: JWS, not yet verified; raises MalformedError at a line that cannot be one, and OSError.
    """

    address: Address
    head: Head
    records: Iterator[str] = field(repr=False)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines without their line feeds; never more of one is read than the longest record has."""
    number = 1
    while line := stream.readline(MAX_LINE + 1):
        if len(line.removesuffix(b"\n")) > MAX_LINE:
            raise MalformedError(f"line {number} is longer than {MAX_LINE} bytes; no record is")
        yield line.removesuffix(b"\n")
        number += 1


def _records(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=2):
        try:
            yield line.decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError(f"line {number} is not a JWS") from None


@contextmanager
def open_bundle(path: Path) -> Iterator[OpenBundle]:
    """Open a bundle; its records can be read inside the block.

    Raises:
        MalformedError: not a bundle.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        lines = _lines(stream)
        line = next(lines, None)
        if line is None:
            raise MalformedError("the file is empty")
        first = json_object(line)
        schema.check(SCHEMA, first)
        head = Head(first["head"]["seq"], first["head"]["sha256"])
        yield OpenBundle(Address(first["site"], first["unit"]), head, _records(lines))


def read_bundle(path: Path) -> Bundle:
    """Read a whole bundle into memory; its records are not yet verified.

    Raises:
        MalformedError: not a bundle.
        OSError: the file cannot be read.
    """
    with open_bundle(path) as opened:
        return Bundle(opened.address.unit, opened.address.site, opened.head, tuple(opened.records))
