"""Bundles: records taken out to be verified elsewhere. JSON Lines; the first line says whose, the rest are JWS.

Nobody signs the first line: its head is the exporter's word. Whoever can cut the tail off can write a smaller head, so
completeness is proven only by a head that the unit signed (:mod:`evidence.verify`, step 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evidence import schema
from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic

FORMAT = "vernix-bundle"
SCHEMA = "bundle-v1"


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


def _records(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=2):
        try:
            yield line.decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError(f"line {number} is not a JWS") from None


def read_bundle(path: Path) -> Bundle:
    """Read a bundle; its records are not yet verified.

    Raises:
        MalformedError: not a bundle.
        OSError: the file cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines:
        raise MalformedError("the file is empty")
    first = json_object(lines[0])
    schema.check(SCHEMA, first)
    head = Head(first["head"]["seq"], first["head"]["sha256"])
    return Bundle(first["unit"], first["site"], head, tuple(_records(lines[1:])))
