"""An officer's entry becomes a document: by the lines of its machine-readable zone, or typed field by field."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from daemon.cards import mask_name, mask_number
from daemon.documents import numbers
from daemon.documents.mrz import MrzUnreadable, read_mrz
from daemon.events import Document
from daemon.minors import findings_of_age
from daemon.policy.words import DocumentType
from evidence.encoding import json_bytes, sha256_hex
from hw.card_reader import id_number
from hw.card_reader.document import LONG_TERM, Finding

KIND_DIFFERS: Final = "mrz_of_another_kind"
_LINES: Final = 3
_LONGEST_LINE: Final = 100
_LONGEST_NAME: Final = 120
_LONGEST_NUMBER: Final = 32
_SEXES: Final = {"male": "1", "female": "2", "unspecified": "9"}
_BETWEEN_DIGITS: Final = re.compile(r"[\s./年月日-]")


class EntryRefused(ValueError):
    """Nothing can be made of this entry; ``cause`` is a short name for the screen, never what was entered."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Fields:
    number: str = field(repr=False)
    name: str = field(repr=False)
    birth: str = field(repr=False)
    sex: str = field(repr=False)
    valid_to: str = field(repr=False)
    further: Mapping[str, Any] = field(repr=False)
    findings: tuple[str, ...] = ()


def entered(values: Mapping[str, Any], today: dt.date) -> Document:
    """The document of a form: ``type``, and ``mrz`` (its lines) or ``number``, ``name``, ``birth``, ``sex``...

    Raises:
        EntryRefused: something is missing, or cannot be what it should be. What merely is wrong is a finding.
    """
    kind = values.get("type")
    if kind not in numbers.ENTERED:
        raise EntryRefused(f"type_must_be_one_of:{','.join(numbers.ENTERED)}")
    kind = DocumentType(kind)
    by_mrz = "mrz" in values
    read = _by_mrz(kind, values, today) if by_mrz else _typed(kind, values)
    facts = {
        "type": kind.value,
        "method": "mrz" if by_mrz else "typed",
        "number": read.number,
        "name": read.name,
        "sex": read.sex,
        "birth": read.birth,
        "valid_to": read.valid_to,
        **read.further,
    }
    found = dict.fromkeys((*read.findings, *_checked(kind, read, today), *findings_of_age(read.birth, today)))
    display = {"type": kind.value, "name": mask_name(read.name), "number": mask_number(read.number)}
    return Document(facts, tuple(found), display, sha256_hex(json_bytes(facts)))


def _checked(kind: DocumentType, read: _Fields, today: dt.date) -> tuple[str, ...]:
    """What is wrong with any of them, however they came."""
    now = f"{today:%Y%m%d}"
    candidates = (
        (Finding.BIRTH_IN_FUTURE, read.birth > now[: len(read.birth)]),
        # A day that the document leaves open may be its last; 长期 has no end.
        (Finding.EXPIRED, read.valid_to.isdigit() and read.valid_to < now[: len(read.valid_to)]),
    )
    further = tuple(str(finding) for finding, applies in candidates if applies)
    return (*map(str, numbers.findings(kind, read.number, read.birth, read.sex)), *further)


# --- by the machine-readable zone ------------------------------------------------------------------------------------


def _by_mrz(kind: DocumentType, values: Mapping[str, Any], today: dt.date) -> _Fields:
    if kind in numbers.WITH_ID_NUMBER:
        raise EntryRefused("mrz_not_on_this_document")
    lines = values["mrz"]
    if not isinstance(lines, list) or len(lines) > _LINES or not all(_is_text(one, _LONGEST_LINE) for one in lines):
        raise EntryRefused("mrz_lines_missing")
    try:
        mrz = read_mrz(tuple(lines), today)
    except MrzUnreadable as error:
        raise EntryRefused(error.cause) from None
    own_name = _text(values, "name", _LONGEST_NAME, optional=True)
    name = own_name or mrz.name
    if not mrz.number or not name:
        raise EntryRefused("mrz_number_missing" if name else "name_is_missing")
    further = {"nationality": mrz.nationality, "issuing_state": mrz.issuer}
    if own_name:
        further["name_latin"] = mrz.name
    found = [str(one) for one in mrz.findings]
    if mrz.code.startswith("P") is not (kind is DocumentType.PASSPORT):
        found.append(KIND_DIFFERS)
    return _Fields(mrz.number, name, mrz.birth, mrz.sex, mrz.expiry, _said(further), tuple(found))


def _said(further: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in further.items() if text}


# --- typed -----------------------------------------------------------------------------------------------------------


def _typed(kind: DocumentType, values: Mapping[str, Any]) -> _Fields:
    number = re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", _text(values, "number", _LONGEST_NUMBER))).upper()
    if not number:
        raise EntryRefused("number_is_missing")
    name = " ".join(_text(values, "name", _LONGEST_NAME).split())
    sex = values.get("sex")
    if not isinstance(sex, str) or sex not in _SEXES:
        raise EntryRefused("sex_is_missing")
    birth, valid_to = _date(values, "birth"), _date(values, "valid_to", endless=True)
    foreign = kind in (DocumentType.PASSPORT, DocumentType.FOREIGNER_RESIDENCE_PERMIT)
    nationality = _text(values, "nationality", 3, optional=not foreign).upper()
    if nationality and not re.fullmatch("[A-Z]{1,3}", nationality):
        raise EntryRefused("nationality_must_be_a_code")
    return _Fields(number, name, birth, _SEXES[sex], valid_to, _said({"nationality": nationality}))


def _date(values: Mapping[str, Any], name: str, *, endless: bool = False) -> str:
    text = _BETWEEN_DIGITS.sub("", unicodedata.normalize("NFKC", _text(values, name, _LONGEST_NUMBER)))
    if endless and text == LONG_TERM:
        return text
    if id_number.read_date(text) is None:
        raise EntryRefused(f"{name}_must_be_a_date")
    return text


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and value.isprintable()


def _text(values: Mapping[str, Any], name: str, longest: int, *, optional: bool = False) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or not _is_text(value, longest):
        raise EntryRefused(f"{name}_must_be_text")
    if not value.strip() and not optional:
        raise EntryRefused(f"{name}_is_missing")
    return value.strip()
