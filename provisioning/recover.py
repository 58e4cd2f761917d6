"""The recovery drill: a unit's export opened with the site's recovery key alone, no gateway, no network."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence.bundle import Bundle, write_bundle
from evidence.encoding import b64url_decode, json_object, sha256_hex
from evidence.envelope import Opened, check_attachments, open_envelope
from evidence.errors import MalformedError, SignatureError
from evidence.files import write_atomic
from evidence.health import Claim, parse_health
from evidence.keys import PrivateKey, load_private_key
from evidence.verify import read_record
from provisioning.errors import AlreadyThereError, SiteUnusableError
from provisioning.folders import PRIVATE

FORMAT = "vernix-sealed-bundle"
_MAX_LINE = 3 << 20


@dataclass(frozen=True, slots=True)
class Recovered:
    """What came out.

    Attributes:
        overwritten: records that the unit no longer had, by its signed word: their content is at the gateway.
        health: the file with that word, for ``vernix verify --health``.
    """

    unit: str
    site: str
    records: int
    attachments: int
    overwritten: int
    health: Path


@contextmanager
def _line_named(export: Path, number: int) -> Iterator[None]:
    try:
        yield
    except (MalformedError, SignatureError) as error:
        advice = "give this site's recovery key and a whole export; nothing was written"
        raise SiteUnusableError(f"{export}: line {number}: {error}", advice) from error


def _lines(export: Path) -> Generator[tuple[int, bytes]]:
    with export.open("rb") as stream:
        yield from enumerate(iter(lambda: stream.readline(_MAX_LINE), b""), start=1)


def _claimed(first: Mapping[str, Any]) -> tuple[str, Claim]:
    """What the unit signed of its export. ``vernix verify`` holds the records against it."""
    if first.get("format") != FORMAT or first.get("v") != 1 or not isinstance(first.get("head"), str):
        raise MalformedError("the first line is not that of a sealed export")
    return first["head"], parse_health(first["head"])


def _open(line: Mapping[str, Any], key: PrivateKey) -> Opened:
    if not isinstance(line.get("envelope"), str):
        raise MalformedError("no envelope")
    opened = open_envelope(line["envelope"].encode("utf-8"), key)
    if sha256_hex(opened.jws.encode("utf-8")) != line.get("sha256"):
        raise SignatureError("the envelope holds another record than the line says")
    return opened


def _keep_attachments(opened: Opened, folder: Path | None) -> int:
    item = read_record(opened.jws)
    check_attachments(item, opened.attachments)
    if folder is not None:
        for number, one in enumerate(opened.attachments, start=1):
            # Not under its own name, which came from outside; the record says which name has which hash.
            write_atomic(folder / f"{item.seq}-{number}", b64url_decode(one["data"]), mode=PRIVATE)
    return len(opened.attachments)


def recover(export: Path, recovery_key: Path, target: Path, attachments: Path | None = None) -> Recovered:
    """Open ``export`` and write its records to ``target`` as a bundle that ``vernix verify`` reads.

    Beside it goes the health message that came with them.

    Args:
        attachments: an existing folder for what travelled beside the records; None: checked, not kept.

    Raises:
        KeyUnusableError: the recovery key cannot be read.
        SiteUnusableError: a line of the export does not open; names the line.
        AlreadyThereError: ``target`` is there.
        OSError: a file cannot be read or written.
    """
    health = target.with_name(f"{target.name}.health.jws")
    for one in (target, health):
        if one.exists():
            raise AlreadyThereError(f"{one}: is there already", "name another file")
    key = load_private_key(recovery_key)
    records: list[str] = []
    kept = 0
    with contextlib.closing(_lines(export)) as lines:
        with _line_named(export, 1):
            token, said = _claimed(json_object(next(lines, (1, b""))[1]))
        for number, line in lines:
            with _line_named(export, number):
                opened = _open(json_object(line), key)
                kept += _keep_attachments(opened, attachments)
                records.append(opened.jws)
    write_bundle(target, Bundle(said.unit, said.site, said.head, tuple(records)))
    target.chmod(PRIVATE)
    write_atomic(health, token.encode("ascii"), mode=PRIVATE)
    gone = sum(last - first + 1 for first, last in said.overwritten)
    return Recovered(said.unit, said.site, len(records), kept, gone, health)
