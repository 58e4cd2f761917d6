"""From a filled sheet to a PDF: typst sets the pages of ``sheets/`` with the sheet's content.

Nothing is fetched, and no file is read but those of ``sheets/`` and the fonts. A character that no font has is drawn as
its code point in a frame, and named at the foot of the sheet: nobody takes an empty box for a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typst

from evidence.forms import fonts
from evidence.forms.sheet import Sheet

SHEETS = Path(__file__).with_name("sheets")
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around a code point that stands for a character; both are private use, so no text has them after :func:`_framed`."""


class FormUnusable(Exception):
    """A sheet cannot be set: a mistake in it, or a picture that is none. Says nothing of what stands in it."""


@dataclass(frozen=True, slots=True)
class Printed:
    """A form as PDF; ``missing``: code points that no font has, as they are named on the form."""

    pdf: bytes = field(repr=False)
    missing: tuple[str, ...] = ()


def render(sheet: Sheet) -> Printed:
    """Set ``sheet``.

    Raises:
        FontMissing: a font is not installed.
        FormUnusable: there is no such page, or a picture is none.
    """
    found = fonts.find()
    lacking = fonts.without_glyph(_texts(sheet.content), found)
    named = tuple(fonts.code_point(one) for one in lacking)
    frames = {ord(one): f"{_OPEN}{name}{_CLOSE}" for one, name in zip(lacking, named, strict=True)}
    pictures = {name: list(data) for name, data in sheet.pictures.items()}
    values = {"content": _framed(sheet.content, frames), "pictures": pictures, "missing": list(named)}
    page = SHEETS / f"{sheet.page}.typ"
    if not page.is_file():
        raise FormUnusable(f"there is no sheet {page.name}")
    return Printed(_compiled(page, json.dumps(values, ensure_ascii=False), found), named)


def _compiled(page: Path, values: str, found: tuple[Path, ...]) -> bytes:
    places = sorted({path.parent for path in found})
    known = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(places))
    compiler = typst.Compiler(page, root=SHEETS, font_paths=known, ignore_system_fonts=True)
    try:
        pdf = compiler.compile(format="pdf", sys_inputs={"sheet": values}, timestamp=0)
    except typst.TypstError as error:  # its hints and traces may quote the sheet
        raise FormUnusable(f"{page.name} cannot be set: {error.message.splitlines()[0][:80]}") from None
    assert isinstance(pdf, bytes)
    return pdf


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _framed(value: Any, frames: dict[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(frames)
    if isinstance(value, dict):
        return {name: _framed(one, frames) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_framed(one, frames) for one in value]
    return value
