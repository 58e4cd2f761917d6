"""The machine-readable zone of a travel document (ICAO Doc 9303, 8th edition 2021). Pure.

Layouts: TD1 (part 5: three lines of 30), TD2 (part 6: two of 36), TD3 (part 4: two of 44), and the visas MRV-A and
MRV-B (part 7), which lie in passports as residence permits too. Check digits: part 3, section 4.9. A wrong check digit
is a finding, as the document may still be hers; what is no such zone at all is refused with what to do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

_FILLER: Final = "<"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS: Final = (7, 3, 1)
_LONGEST_VALIDITY_YEARS: Final = 50
"""An expiry further ahead than this lies in the last century."""


class MrzUnreadable(ValueError):
    """These characters are no machine-readable zone; ``cause`` is a short name for the screen, never what was read."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@unique
class MrzFinding(StrEnum):
    """What is wrong with a zone that was read; the value stands in the record."""

    NUMBER_CHECK = "mrz_number_check_wrong"
    BIRTH_CHECK = "mrz_birth_check_wrong"
    EXPIRY_CHECK = "mrz_expiry_check_wrong"
    PERSONAL_CHECK = "mrz_personal_number_check_wrong"
    COMPOSITE_CHECK = "mrz_composite_check_wrong"
    NAME_TRUNCATED = "mrz_name_may_be_cut"
    BIRTH_UNREADABLE = "birth_unreadable"
    EXPIRY_UNREADABLE = "validity_unreadable"


Span = tuple[int, int]
"""From, and up to: places in the zone's characters, all lines joined."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields of a kind of zone stand. ``checks``: the places of a check digit, and what it is over."""

    title: str
    lines: int
    width: int
    name: Span
    number: Span
    nationality: Span
    birth: Span
    sex: int
    expiry: Span
    optional: Span
    checks: Mapping[MrzFinding, tuple[int, tuple[Span, ...]]]

    @property
    def size(self) -> int:
        """Characters of all lines."""
        return self.lines * self.width


def _two_lines(title: str, width: int, *, personal: bool = False, composite: bool = False) -> Layout:
    """TD2, TD3 and visas differ in their width, and in what stands behind the expiry's check digit."""
    second, end = width, 2 * width
    last = end - 2 if personal else end - 1 if composite else end
    checks: dict[MrzFinding, tuple[int, tuple[Span, ...]]] = {
        MrzFinding.NUMBER_CHECK: (second + 9, ((second, second + 9),)),
        MrzFinding.BIRTH_CHECK: (second + 19, ((second + 13, second + 19),)),
        MrzFinding.EXPIRY_CHECK: (second + 27, ((second + 21, second + 27),)),
    }
    if personal:
        checks[MrzFinding.PERSONAL_CHECK] = (end - 2, ((second + 28, end - 2),))
    if composite:
        over = ((second, second + 10), (second + 13, second + 20), (second + 21, end - 1))
        checks[MrzFinding.COMPOSITE_CHECK] = (end - 1, over)
    return Layout(
        title,
        lines=2,
        width=width,
        name=(5, width),
        number=(second, second + 9),
        nationality=(second + 10, second + 13),
        birth=(second + 13, second + 19),
        sex=second + 20,
        expiry=(second + 21, second + 27),
        optional=(second + 28, last),
        checks=MappingProxyType(checks),
    )


TD1: Final = Layout(
    "TD1",
    lines=3,
    width=30,
    name=(60, 90),
    number=(5, 14),
    nationality=(45, 48),
    birth=(30, 36),
    sex=37,
    expiry=(38, 44),
    optional=(15, 30),
    checks=MappingProxyType(
        {
            MrzFinding.NUMBER_CHECK: (14, ((5, 14),)),
            MrzFinding.BIRTH_CHECK: (36, ((30, 36),)),
            MrzFinding.EXPIRY_CHECK: (44, ((38, 44),)),
            MrzFinding.COMPOSITE_CHECK: (59, ((5, 30), (30, 37), (38, 45), (48, 59))),
        }
    ),
)
TD2: Final = _two_lines("TD2", 36, composite=True)
TD3: Final = _two_lines("TD3", 44, personal=True, composite=True)
MRV_A: Final = _two_lines("MRV-A", 44)
MRV_B: Final = _two_lines("MRV-B", 36)
_BY_SIZE: Final = MappingProxyType({90: (TD1, TD1), 72: (TD2, MRV_B), 88: (TD3, MRV_A)})
"""By the number of characters: the layout, and the one of a zone that begins with V."""


@dataclass(frozen=True, slots=True)
class Mrz:
    """What a zone says. Empty where it says nothing; ``repr`` tells the layout only.

    ``birth`` and ``expiry`` are ``YYYYMMDD``, or ``YYYYMM`` or ``YYYY`` where the zone leaves the rest open; ``sex`` is
    GB/T 2261.1 (1 male, 2 female, 9 not said), as on the cards with a chip.
    """

    layout: str
    code: str
    issuer: str = field(repr=False)
    number: str = field(repr=False)
    name: str = field(repr=False)
    nationality: str = field(repr=False)
    birth: str = field(repr=False)
    sex: str = field(repr=False)
    expiry: str = field(repr=False)
    findings: tuple[MrzFinding, ...] = ()


def check_digit(text: str) -> str:
    """The check digit over ``text``: weights 7-3-1, digits as they are, A = 10 .. Z = 35, ``<`` = 0, modulus 10."""
    total = sum(
        (0 if letter == _FILLER else _ALPHABET.index(letter)) * _WEIGHTS[place % 3] for place, letter in enumerate(text)
    )
    return str(total % 10)


def read_mrz(lines: tuple[str, ...], today: date) -> Mrz:
    """Read a zone; ``lines`` as a scanner or a hand gives them: small letters, blanks and empty lines do not matter.

    Raises:
        MrzUnreadable: no layout has so many characters, one cannot stand in a zone, or not one check digit is right.
    """
    clean = [one for one in (_plain(line) for line in lines) if one]
    text = "".join(clean)
    for row, one in enumerate(clean, 1):
        if any(letter != _FILLER and letter not in _ALPHABET for letter in one):
            raise MrzUnreadable(f"mrz_letters:{row}")
    layout = _layout(clean, text)
    number, number_right = _number(layout, text)
    wrong = _wrong_digits(layout, text, number_right=number_right)
    if {MrzFinding.NUMBER_CHECK, MrzFinding.BIRTH_CHECK, MrzFinding.EXPIRY_CHECK} <= wrong:
        raise MrzUnreadable("mrz_not_of_a_known_layout")
    birth = _birth(_cut(text, layout.birth), today)
    expiry = _expiry(_cut(text, layout.expiry), today)
    found = wrong | _further(layout, text, birth=birth, expiry=expiry)
    return Mrz(
        layout.title,
        text[:2].rstrip(_FILLER),
        text[2:5].rstrip(_FILLER),
        number,
        _name(_cut(text, layout.name)),
        _cut(text, layout.nationality).rstrip(_FILLER),
        birth,
        {"M": "1", "F": "2"}.get(text[layout.sex], "9"),
        expiry,
        tuple(one for one in MrzFinding if one in found),
    )


def _plain(line: str) -> str:
    return "".join(unicodedata.normalize("NFKC", line).upper().split())


def _cut(text: str, span: Span) -> str:
    return text[span[0] : span[1]]


def _layout(lines: list[str], text: str) -> Layout:
    found = _BY_SIZE.get(len(text))
    widths = {len(one) for one in lines}
    uneven = len(widths) > 1 and (len(lines) == 3 or found is not _BY_SIZE[90])  # two lines of a TD1 may be one scan
    if found is None or uneven:
        raise MrzUnreadable(_odd_line(lines))
    return found[text.startswith("V")]


def _odd_line(lines: list[str]) -> str:
    """Which line is too short or too long for the layout that fits the others best."""
    wanted = 30 if len(lines) == 3 else min((36, 44), key=lambda width: sum(abs(width - len(one)) for one in lines))
    for number, one in enumerate(lines, 1):
        if len(lines) in (2, 3) and len(one) != wanted:
            return f"mrz_line_length:{number}:{len(one)}:{wanted}"
    return "mrz_lines_missing"


def _number(layout: Layout, text: str) -> tuple[str, bool]:
    """The document's number, and whether its check digit is right.

    One of more than nine characters goes on in the optional field of TD1 and TD2, its check digit behind it, and a
    filler where the check digit usually stands (part 5 and 6, section 4.2.2).
    """
    first, place = _cut(text, layout.number), layout.checks[MrzFinding.NUMBER_CHECK][0]
    rest = _cut(text, layout.optional).split(_FILLER)[0]
    if layout in (TD1, TD2) and text[place] == _FILLER and len(rest) > 1:
        number = first + rest[:-1]
        return number, check_digit(number) == rest[-1]
    return first.rstrip(_FILLER), check_digit(first) == text[place]


def _wrong_digits(layout: Layout, text: str, *, number_right: bool) -> set[MrzFinding]:
    wrong = set() if number_right else {MrzFinding.NUMBER_CHECK}
    for finding, (place, spans) in layout.checks.items():
        over = "".join(_cut(text, span) for span in spans)
        empty = text[place] == _FILLER and not over.strip(_FILLER)  # nothing there, and no digit over it
        if finding is not MrzFinding.NUMBER_CHECK and not empty and check_digit(over) != text[place]:
            wrong.add(finding)
    return wrong


def _further(layout: Layout, text: str, *, birth: str, expiry: str) -> set[MrzFinding]:
    return {
        finding
        for finding, applies in (
            (MrzFinding.NAME_TRUNCATED, text[layout.name[1] - 1] != _FILLER),
            (MrzFinding.BIRTH_UNREADABLE, not birth),
            (MrzFinding.EXPIRY_UNREADABLE, not expiry),
        )
        if applies
    }


def _name(field_text: str) -> str:
    """The primary identifier, a blank, the secondary one; fillers within become blanks."""
    return " ".join(field_text.replace(_FILLER, " ").split())


def _birth(text: str, today: date) -> str:
    """The last such day that is not in the future."""
    this = _read_date(f"20{text}")
    if this and this <= _as_text(today)[: len(this)]:
        return this
    return _read_date(f"19{text}")


def _expiry(text: str, today: date) -> str:
    """In this century, unless that is further ahead than any document is valid."""
    this = _read_date(f"20{text}")
    too_far = this and int(this[:4]) > today.year + _LONGEST_VALIDITY_YEARS
    return _read_date(f"19{text}") if too_far else this


def _as_text(day: date) -> str:
    return f"{day:%Y%m%d}"


def _read_date(text: str) -> str:
    """``YYYYMMDD``, less the month and day or the day that are filled; empty: no date."""
    known = text.rstrip(_FILLER)
    if len(known) not in (4, 6, 8) or not known.isascii() or not known.isdigit():
        return ""
    try:
        date(int(known[:4]), int(known[4:6] or 1), int(known[6:] or 1))
    except ValueError:
        return ""
    return known
