"""Fonts of the forms: where they are, and which characters they have.

Searched, in this order: the folders of ``VERNIX_FONTS`` (separated by ``:``), ``/usr/share/fonts``,
``/usr/local/share/fonts``, each with its subfolders, as Debian packages lay them down.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evidence.forms.cmap import CharacterMap

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


class FontMissing(Exception):
    """A font of the forms is not installed: the environment must be mended. Says which package brings it."""


@dataclass(frozen=True, slots=True)
class Font:
    """One file of a family; ``number`` is the family's place in a collection (TTC)."""

    family: str
    file: str
    package: str
    number: int = 0


FONTS = (
    Font("Noto Serif CJK SC", "NotoSerifCJK-Regular.ttc", "fonts-noto-cjk", 2),
    Font("HanaMinA", "HanaMinA.ttf", "fonts-hanazono"),
    Font("HanaMinB", "HanaMinB.ttf", "fonts-hanazono"),
)
"""In the order in which they are asked for a character: the second and third have extensions A to F whole."""
BOLD = Font("Noto Serif CJK SC", "NotoSerifCJK-Bold.ttc", "fonts-noto-cjk", 2)


def folders() -> tuple[Path, ...]:
    """Where fonts are searched for."""
    own = (Path(one) for one in os.environ.get("VERNIX_FONTS", "").split(":") if one)
    return (*own, *FOLDERS)


def find() -> tuple[Path, ...]:
    """The file of each of :data:`FONTS`, and of :data:`BOLD` last.

    Raises:
        FontMissing: one is not there.
    """
    wanted = (*FONTS, BOLD)
    found: dict[str, Path] = {}
    for folder in folders():
        for place, _, files in os.walk(folder):
            for font in wanted:
                if font.file in files:
                    found.setdefault(font.file, Path(place, font.file))
    missing = [font for font in wanted if font.file not in found]
    if missing:
        packages = " ".join(dict.fromkeys(font.package for font in missing))
        names = ", ".join(font.file for font in missing)
        where = ", ".join(map(str, folders()))
        raise FontMissing(f"forms: no {names} in {where}; on Debian: apt-get install {packages}")
    return tuple(found[font.file] for font in wanted)


@cache
def _characters(path: Path, number: int) -> CharacterMap:
    return CharacterMap.read(path, number)


def without_glyph(texts: Iterable[str], paths: Iterable[Path]) -> tuple[str, ...]:
    """The characters of ``texts`` that no font can draw, in order; what is private use or invisible is among them."""
    wanted = dict.fromkeys(character for text in texts for character in text)
    left = [one for one in wanted if one != "\n"]
    unknown = {one for one in left if unicodedata.category(one)[0] == "C"}
    left = [one for one in left if one not in unknown]
    for font, path in _pairs(paths):
        if not left:
            break
        has = _characters(path, font.number)
        left = [one for one in left if one not in has]
    return tuple(one for one in wanted if one in unknown or one in left)


def _pairs(paths: Iterable[Path]) -> Iterator[tuple[Font, Path]]:
    return zip(FONTS, paths, strict=False)  # the bold one is asked for nothing that the regular one has not


def code_point(character: str) -> str:
    """``U+20000``: how a character without a glyph is named."""
    return f"U+{ord(character):04X}"
