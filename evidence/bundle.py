"""Bundles: records taken out to be verified elsewhere. JSON Lines; the first line says whose, the rest are JWS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evidence.chain import Head
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic

FORMAT = "vernix-bundle"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The records of one unit, and the head it was exported at."""

    unit: str
    site: str
    head: Head
    records: tuple[str, ...]


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write ``bundle`` to ``path``, whole or not at all."""
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
    if first.get("format") != FORMAT or first.get("v") != 1:
        raise MalformedError("the first line does not say that this is a bundle of version 1")
    return Bundle(_text(first, "unit"), _text(first, "site"), _head(first), tuple(_records(lines[1:])))


def _text(first: dict[str, object], name: str) -> str:
    value = first.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"the first line has no {name}")
    return value


def _head(first: dict[str, object]) -> Head:
    head = first.get("head")
    if not isinstance(head, dict) or not isinstance(head.get("seq"), int) or not isinstance(head.get("sha256"), str):
        raise MalformedError("the first line has no head with seq and sha256")
    return Head(head["seq"], head["sha256"])
