"""Which characters an OpenType font has, from its ``cmap`` table of format 12 (OpenType 1.9, cmap, 4.6). Pure reading.

A library that reads the whole table into a dictionary takes half a second and 100 MB for the fonts of a form; here a
character is looked up in the table's sorted groups.
"""

from __future__ import annotations

import bisect
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_COLLECTION = b"ttcf"
_FORMAT = 12
_FULL_UNICODE = ((3, 10), (0, 4), (0, 6))
"""Platform and encoding of a table that goes beyond 16 bits."""


class NoCharacterMap(Exception):
    """The file is no OpenType font with a character map of format 12."""


@dataclass(frozen=True, slots=True)
class CharacterMap:
    """Groups of characters, ascending: first and last code point, glyph of the first."""

    _groups: list[tuple[int, int, int]] = field(repr=False)

    @classmethod
    def read(cls, path: Path, number: int = 0) -> CharacterMap:
        """The map of font ``number`` of a collection, or of the one font in the file.

        Raises:
            NoCharacterMap: see there.
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
            try:
                return cls(_groups(_table(file, _start(file, number))))
            except struct.error:
                raise NoCharacterMap(f"{path}: the font is cut off") from None
            except LookupError:
                raise NoCharacterMap(f"{path}: no character map of format 12") from None

    def __contains__(self, character: object) -> bool:
        point = ord(character) if isinstance(character, str) else -1
        at = bisect.bisect_right(self._groups, (point, 1 << 32, 0)) - 1
        if at < 0:
            return False
        first, last, glyph = self._groups[at]
        return point <= last and glyph + point - first != 0  # glyph 0 is the empty box


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _start(file: BinaryIO, number: int) -> int:
    """Where the font's table directory is."""
    if file.read(4) != _COLLECTION:
        return 0
    (count,) = _unpack(file, ">4xI")
    return _unpack(file, f">{count}I")[number]


def _table(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    (count,) = _unpack(file, ">4xH6x")
    tables = {tag: place for tag, *place in struct.iter_unpack(">4s4xII", file.read(16 * count))}
    offset, length = tables[b"cmap"]
    file.seek(offset)
    return file.read(length)


def _groups(table: bytes) -> list[tuple[int, int, int]]:
    (count,) = struct.unpack_from(">2xH", table)
    rows = struct.iter_unpack(">HHI", table[4 : 4 + 8 * count])
    maps = {(platform, encoding): at for platform, encoding, at in rows}
    full = [maps[kind] for kind in _FULL_UNICODE if kind in maps and table[maps[kind] + 1] == _FORMAT]
    at = full[0]
    (size,) = struct.unpack_from(">I", table, at + 12)
    return list(struct.iter_unpack(">III", table[at + 16 : at + 16 + 12 * size]))
