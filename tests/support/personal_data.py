"""Finds what looks like a resident id number, in the encodings that such a number has in this project's files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Region code of invented people; no administrative division has it.
INVENTED_REGION: Final = "990000"

#: Specimens that the standards and the issuing authorities print themselves.
PUBLISHED: Final = frozenset(
    {
        "11010519491231002X",  # GB 11643-1999, example
        "810000199408230021",  # residence permit of Hong Kong residents, published specimen
        "830000199201300022",  # residence permit of Taiwan residents, published specimen
        "820000199010010020",  # residence permit of Macao residents, published specimen
        "931586198001010028",  # foreigner's permanent residence card of 2023, published specimen
    }
)

# With another check character they are nobody's: tests of the check need such.
_PUBLISHED_BODIES: Final = frozenset(number[:-1] for number in PUBLISHED)

# Six digits of region, a date that exists roughly, three digits of sequence, the check character.
_DATE = r"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_NUMBER = re.compile(rf"(?<![0-9A-Za-z])[1-9]\d{{5}}{_DATE}\d{{3}}[0-9Xx](?![0-9A-Za-z])")
# The same eighteen characters as they travel on the wire (UTF-16LE) and in golden vectors (either encoding in hex).
_UTF_16 = re.compile(rb"(?:[0-9]\x00){17}[0-9Xx]\x00")
_HEX_ASCII = re.compile(r"(?:3[0-9] ?){17}(?:3[0-9]|[57]8)")
_HEX_UTF_16 = re.compile(r"(?:3[0-9] ?00 ?){17}(?:3[0-9]|[57]8) ?00")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Where something looks like somebody's number. Says only the region: reports are read by many."""

    line: int
    region: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.region}************"


def suspicions(content: bytes) -> Iterator[Suspicion]:
    """Everything in a file that looks like the number of a real person."""
    text = content.decode("utf-8", errors="replace")
    for start, number in _numbers(text):
        if not number.startswith(INVENTED_REGION) and number[:-1] not in _PUBLISHED_BODIES:
            yield Suspicion(text.count("\n", 0, start) + 1, number[:6])
    for match in _UTF_16.finditer(content):
        yield from suspicions(match.group().decode("utf-16-le").encode())


def _numbers(text: str) -> Iterator[tuple[int, str]]:
    """Offset and plain form of each number, written plainly or in hex."""
    yield from ((match.start(), match.group()) for match in _NUMBER.finditer(text))
    for pattern, encoding in ((_HEX_ASCII, "ascii"), (_HEX_UTF_16, "utf-16-le")):
        for match in pattern.finditer(text):
            plain = bytes.fromhex(match.group()).decode(encoding)
            if _NUMBER.fullmatch(plain):
                yield match.start(), plain
