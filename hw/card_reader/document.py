"""The identity document in a card's 256-byte text block (UTF-16LE, fixed fields, space-padded). Pure.

The character at offset 248 tells which of the four layouts it is. Fields are kept as they stand on the card; what they
mean is a property, and what is wrong with them is a finding: a card with a mistake in it is still this person's card.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import Enum, StrEnum, unique
from types import MappingProxyType
from typing import Final

from hw.card_reader import id_number
from hw.card_reader.codec import TEXT_SIZE
from hw.card_reader.nations import NATIONS, Sex

LONG_TERM: Final = "长期"
_TYPE_OFFSET: Final = 248
_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_CONTROLS: Final = ("Cc", "Cf", "Zl", "Zp")
_NUMBER: Final = re.compile(r"[!-~]{1,18}")


class UnreadableBlock(ValueError):
    """The text block is none. Says what was wrong with its form, never what it held."""


@unique
class DocumentKind(Enum):
    """The character at offset 248."""

    CITIZEN = " "
    HONG_KONG_MACAU_TAIWAN = "J"
    FOREIGNER_2017 = "I"
    FOREIGNER_2023 = "Y"


@unique
class Finding(StrEnum):
    """What is wrong with a document that was read; the value stands in the record."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    VALIDITY_UNREADABLE = "validity_unreadable"
    NUMBER_MALFORMED = "number_malformed"
    CHECK_DIGIT_WRONG = "check_digit_wrong"
    REGION_UNEXPECTED = "region_unexpected"
    BIRTH_UNREADABLE = "birth_unreadable"
    BIRTH_IN_FUTURE = "birth_in_future"
    BIRTH_DIFFERS_FROM_NUMBER = "birth_differs_from_number"
    SEX_UNKNOWN_CODE = "sex_unknown_code"
    SEX_DIFFERS_FROM_NUMBER = "sex_differs_from_number"
    NATION_UNKNOWN_CODE = "nation_unknown_code"
    NAME_MISSING = "name_missing"
    TEXT_UNREADABLE = "text_unreadable"


Layout = tuple[tuple[str, int, int], ...]
"""Field name, offset, size in bytes. A name that stands twice is one text in two places."""

_COMMON: Final[Layout] = (("valid_from_text", 188, 16), ("valid_to_text", 204, 16))
LAYOUTS: Final[Mapping[DocumentKind, Layout]] = MappingProxyType(
    {
        DocumentKind.CITIZEN: (
            ("name", 0, 30),
            ("sex_code", 30, 2),
            ("nation_code", 32, 4),
            ("birth_text", 36, 16),
            ("address", 52, 70),
            ("number", 122, 36),
            ("issuer", 158, 30),
            *_COMMON,
        ),
        DocumentKind.HONG_KONG_MACAU_TAIWAN: (
            ("name", 0, 30),
            ("sex_code", 30, 2),
            ("birth_text", 36, 16),
            ("address", 52, 70),
            ("number", 122, 36),
            ("issuer", 158, 30),
            *_COMMON,
            ("pass_number", 220, 18),
            ("issue_count", 238, 4),
        ),
        DocumentKind.FOREIGNER_2023: (
            ("name", 0, 30),
            ("sex_code", 30, 2),
            ("issue_count", 32, 4),
            ("birth_text", 36, 16),
            ("english_name", 52, 70),
            ("number", 122, 36),
            *_COMMON,
            ("english_name", 220, 22),
            ("nationality", 242, 6),
            ("old_number_link", 250, 6),
        ),
        DocumentKind.FOREIGNER_2017: (
            ("english_name", 0, 120),
            ("sex_code", 120, 2),
            ("number", 122, 30),
            ("nationality", 152, 6),
            ("name", 158, 30),
            *_COMMON,
            ("birth_text", 220, 16),
            ("card_version", 236, 4),
            ("office_code", 240, 8),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class IdentityDocument:
    """One person's document as its card tells it. Fields that a layout lacks are empty.

    ``repr`` shows the kind only. ``issue_count`` is the number of renewals on a 2023 foreigner's card. Dates are
    ``YYYYMMDD`` as on the card; see the properties for their meaning.
    """

    kind: DocumentKind
    number: str = field(repr=False)
    name: str = field(repr=False)
    sex_code: str = field(repr=False)
    birth_text: str = field(repr=False)
    valid_from_text: str = field(repr=False)
    valid_to_text: str = field(repr=False)
    nation_code: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    english_name: str = field(default="", repr=False)
    nationality: str = field(default="", repr=False)
    pass_number: str = field(default="", repr=False)
    issue_count: str = field(default="", repr=False)
    card_version: str = field(default="", repr=False)
    office_code: str = field(default="", repr=False)
    old_number_link: str = field(default="", repr=False)

    @classmethod
    def from_bytes(cls, block: bytes) -> IdentityDocument:
        """Parse a text block.

        Raises:
            UnreadableBlock: not 256 bytes, an unknown card type, or no number where the number stands.
        """
        if len(block) != TEXT_SIZE:
            raise UnreadableBlock(f"text block of {len(block)} bytes; {TEXT_SIZE} expected")
        kind = _kind_of(block)
        texts: dict[str, str] = {}
        for name, offset, size in LAYOUTS[kind]:
            texts[name] = texts.get(name, "") + _decode(block[offset : offset + size])
        texts = {name: text.rstrip(" \0") for name, text in texts.items()}
        if not _NUMBER.fullmatch(texts["number"]):
            raise UnreadableBlock("no document number where it should stand")
        return cls(kind, **{name: _without_controls(text) for name, text in texts.items()})

    def to_bytes(self) -> bytes:
        """The 256-byte block.

        Raises:
            ValueError: a text is longer than its field, or this kind of card has no such field; names the field.
        """
        block = bytearray(" ".encode("utf-16-le") * (TEXT_SIZE // 2))
        rest = {name: str(text).encode("utf-16-le") for name, text in asdict(self).items() if name != "kind"}
        for name, offset, size in LAYOUTS[self.kind]:
            part, rest[name] = rest[name][:size], rest[name][size:]
            block[offset : offset + len(part)] = part
        block[_TYPE_OFFSET : _TYPE_OFFSET + 2] = self.kind.value.encode("utf-16-le")
        homeless = sorted(name for name, left in rest.items() if left)
        if homeless:
            raise ValueError(f"too long for this card, or not on it: {', '.join(homeless)}")
        return bytes(block)

    @property
    def display_name(self) -> str:
        """The name for a screen: the Chinese one where there is one, else the English one."""
        return self.name or self.english_name

    @property
    def sex(self) -> Sex | None:
        """None: a code outside GB/T 2261.1."""
        return next((sex for sex in Sex if sex.value == self.sex_code), None)

    @property
    def nation(self) -> str:
        """The people's name without 族; the bare code where it is unknown; empty on other cards than a citizen's."""
        return NATIONS.get(self.nation_code, self.nation_code)

    @property
    def birth(self) -> date | None:
        """None: not a date."""
        return id_number.read_date(self.birth_text)

    @property
    def valid_from(self) -> date | None:
        """None: not a date."""
        return id_number.read_date(self.valid_from_text)

    @property
    def valid_to(self) -> date | None:
        """The last valid day; None where the card is long-term or the field is not a date.

        A card issued on 29 February may name that day in a year that has none; it then means the 28th.
        """
        text = self.valid_to_text
        return id_number.read_date(text) or (id_number.read_date(text[:4] + "0228") if text[4:] == "0229" else None)

    @property
    def is_long_term(self) -> bool:
        """Does the card say 长期, valid without end?"""
        return self.valid_to_text == LONG_TERM

    @property
    def former_number(self) -> str | None:
        """The number on the holder's 2017 foreigner's card, from a 2023 card's link; None: never held one."""
        link, old = self.old_number_link, self.number
        if self.kind is not DocumentKind.FOREIGNER_2023 or link in ("", "000") or not id_number.is_eighteen(old):
            return None
        body = self.nationality + old[1:3] + link[:2] + old[8:14] + link[2:]
        try:
            return body + id_number.mod_10_731(body)
        except ValueError:
            return None

    def findings(self, today: date) -> tuple[Finding, ...]:
        """What an officer must see and the record must hold, in a fixed order."""
        found = {*self._number_findings(), *self._personal_findings(today), *self._validity_findings(today)}
        return tuple(finding for finding in Finding if finding in found)

    def _number_findings(self) -> set[Finding]:
        foreigner_2017 = self.kind is DocumentKind.FOREIGNER_2017
        well_formed = id_number.is_foreigner_2017 if foreigner_2017 else id_number.is_eighteen
        if not well_formed(self.number):
            return {Finding.NUMBER_MALFORMED}
        birth = self.number[7:13] if foreigner_2017 else self.number[6:14]
        starts = _NUMBER_STARTS.get(self.kind, ("",))
        return _chosen(
            (Finding.CHECK_DIGIT_WRONG, not id_number.has_right_check(self.number)),
            (Finding.REGION_UNEXPECTED, not self.number.startswith(starts)),
            (Finding.BIRTH_DIFFERS_FROM_NUMBER, not self.birth_text.endswith(birth)),
            (Finding.SEX_DIFFERS_FROM_NUMBER, self._sex_differs()),
        )

    def _sex_differs(self) -> bool:
        if self.kind not in (DocumentKind.CITIZEN, DocumentKind.HONG_KONG_MACAU_TAIWAN):
            return False
        by_number = Sex.MALE if int(self.number[16]) % 2 else Sex.FEMALE
        return self.sex in (Sex.MALE, Sex.FEMALE) and self.sex is not by_number

    def _personal_findings(self, today: date) -> set[Finding]:
        citizen = self.kind is DocumentKind.CITIZEN
        return _chosen(
            (Finding.BIRTH_UNREADABLE, self.birth is None),
            (Finding.BIRTH_IN_FUTURE, self.birth is not None and self.birth > today),
            (Finding.SEX_UNKNOWN_CODE, self.sex is None),
            (Finding.NATION_UNKNOWN_CODE, citizen and self.nation_code not in NATIONS),
            (Finding.NAME_MISSING, not self.display_name),
            (Finding.TEXT_UNREADABLE, any(_UNREADABLE in str(text) for text in asdict(self).values())),
        )

    def _validity_findings(self, today: date) -> set[Finding]:
        start, end = self.valid_from, self.valid_to
        return _chosen(
            (Finding.VALIDITY_UNREADABLE, start is None or (end is None and not self.is_long_term)),
            (Finding.NOT_YET_VALID, start is not None and today < start),
            (Finding.EXPIRED, end is not None and today > end),
        )


_NUMBER_STARTS: Final = {
    DocumentKind.HONG_KONG_MACAU_TAIWAN: ("810000", "820000", "830000"),
    DocumentKind.FOREIGNER_2023: ("9",),
}


def _chosen(*candidates: tuple[Finding, bool]) -> set[Finding]:
    return {finding for finding, applies in candidates if applies}


def _kind_of(block: bytes) -> DocumentKind:
    try:
        return DocumentKind(_decode(block[_TYPE_OFFSET : _TYPE_OFFSET + 2]))
    except ValueError:
        raise UnreadableBlock("unknown card type at offset 248") from None


def _decode(raw: bytes) -> str:
    # A name cut in the middle of a surrogate pair must not cost the whole card.
    return raw.decode("utf-16-le", "replace")


def _without_controls(text: str) -> str:
    return "".join(_UNREADABLE if unicodedata.category(c) in _CONTROLS else c for c in text)
