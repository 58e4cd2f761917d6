"""Who is expected: in memory only, gone with the process, never on a disk, in a log or on the idle screen.

The idle screen gets visit and checkpoint. Name and number serve one purpose: a document that is read for the visit is
held against them, and a difference is a finding that officers see and the record keeps.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from daemon.documents.mrz import MrzFinding
from daemon.events import CardRead, Document, DocumentEntered, Event
from evidence import worklist
from evidence.keys import PrivateKey, PublicKey
from evidence.record import plain_number

log = logging.getLogger(__name__)

NUMBER_DIFFERS, NAME_DIFFERS = "number_differs_from_visit", "name_differs_from_visit"
_BETWEEN = "·•・.-'’"
"""What stands between the parts of a name, and is written in many ways."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One visit. What is not known of the woman is None."""

    visit: str
    checkpoint: str | None = None
    owed: tuple[str, ...] = ()
    name: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)


def _plain_name(name: str) -> str:
    """A name without case, width, blanks and the signs between its parts."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if not char.isspace() and char not in _BETWEEN)


def differences(expected: Expected, facts: Mapping[str, Any], *, cut: bool = False) -> tuple[str, ...]:
    """Findings about a document with these ``facts``, whose fields a record has under ``document``.

    ``cut``: its name may lack its end, so that it need only begin as the expected one does.
    """
    found, number = [], facts.get("number")
    if expected.number is not None and number and plain_number(number) != plain_number(expected.number):
        found.append(NUMBER_DIFFERS)
    names = [_plain_name(facts[key]) for key in ("name", "name_latin") if facts.get(key)]
    if expected.name is not None and names:
        wanted = _plain_name(expected.name)
        if not any(wanted == name or (cut and wanted.startswith(name)) for name in names):
            found.append(NAME_DIFFERS)
    return tuple(found)


class Worklist:
    """The list in force. Any thread may ask."""

    def __init__(self) -> None:
        """Make the key; nobody is expected yet."""
        self._key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
        self._by_visit: dict[str, Expected] = {}

    @property
    def key(self) -> PublicKey:
        """To which worklists for this process are encrypted."""
        return self._key.public_key()

    def take(self, body: Mapping[str, Any]) -> None:
        """A worklist from the gateway: it replaces the one before.

        Raises:
            MalformedError, SignatureError: see :func:`evidence.worklist.open_sealed`; the old list stays.
        """
        entries = worklist.open_sealed(body, self._key)
        made = [_expected(entry) for entry in entries]
        self._by_visit = {one.visit: one for one in made}
        log.info("worklist: %d visits", len(self._by_visit))

    @property
    def entries(self) -> tuple[Expected, ...]:
        """All visits, in the order that the gateway gave."""
        return tuple(self._by_visit.values())

    def number_of(self, visit: str) -> str | None:
        """The document's number that is expected for ``visit``, if one is."""
        expected = self._by_visit.get(visit)
        return expected.number if expected else None

    def compared(self, event: Event, visit: str | None) -> Event:
        """``event`` with further findings, where it brings a document and somebody is expected for ``visit``."""
        expected = self._by_visit.get(visit or "")
        if expected is None or not isinstance(event, CardRead | DocumentEntered):
            return event
        one = event.document
        found = differences(expected, one.facts, cut=MrzFinding.NAME_TRUNCATED in one.findings)
        return replace(event, document=_with_findings(one, found))


def _with_findings(document: Document, found: tuple[str, ...]) -> Document:
    return replace(document, findings=(*document.findings, *found)) if found else document


def _expected(entry: Mapping[str, Any]) -> Expected:
    who = entry.get("expected", {})
    owed = tuple(entry.get("owed", ()))
    return Expected(entry["visit"], entry.get("checkpoint"), owed, who.get("name"), who.get("number"))
