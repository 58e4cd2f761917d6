"""A workbook (XLSX, ECMA-376 part 1) written row by row into a stream: no more memory than a row, no file beside it.

It holds texts and whole numbers and nothing else: a text is an inline string, which no spreadsheet takes for a formula,
a link, a date or a number. The first row of each sheet holds titles.
"""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Sequence
from typing import IO, BinaryIO
from xml.sax.saxutils import quoteattr

from evidence.errors import EvidenceError

MOST_ROWS = 1_048_575
"""Rows of a sheet below its titles (Excel specifications and limits)."""
MOST_SHEET_BYTES = (1 << 31) - (1 << 26)
"""A part of a package that is larger needs ZIP64, which not every spreadsheet reads."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = f"""{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1">\
<alignment vertical="top" wrapText="1"/></xf></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""
_ROWS_AT_ONCE = 64

# What XML cannot carry is written _xHHHH_, and so what only looks like that (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
_SPECIAL = re.compile(r"[&<>\x00-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class TooManyRows(EvidenceError):
    """A sheet has no room for so much: write less, or another format."""


def _text(text: str) -> str:
    """``text`` as the element of an inline string."""
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda one: _NAMED.get(one[0]) or f"_x{ord(one[0]):04X}_", text)
    return f"<t>{text}</t>" if text == text.strip() else f'<t xml:space="preserve">{text}</t>'


def _letters(column: int) -> str:
    """A column's name, from 0: A to Z, AA..."""
    name = ""
    while column >= 0:
        column, rest = divmod(column, 26)
        name, column = chr(65 + rest) + name, column - 1
    return name


class Workbook:
    """One sheet after the other; :meth:`end` makes them a workbook, :meth:`abandon` leaves the stream as it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        self._names: list[str] = []
        self._part: IO[bytes] | None = None
        self._columns: list[str] = []
        self._pending: list[str] = []
        self._row = self._size = 0
        self._tail = ""

    def sheet(self, name: str, titles: Sequence[str], widths: Sequence[int], *, frozen: int = 0) -> None:
        """Begin the next sheet, and end the one before.

        Args:
            widths: of the columns, in characters.
            frozen: columns on the left that stay in view, with the titles; such a sheet can be filtered too.
        """
        self._end_sheet()
        self._names.append(name)
        self._part = self._archive.open(f"xl/worksheets/sheet{len(self._names)}.xml", "w")
        self._columns = [_letters(place) for place in range(len(titles))]
        self._row = self._size = 0
        corner = f"{_letters(frozen)}2"
        pane = f'<pane xSplit="{frozen}" ySplit="1" topLeftCell="{corner}" activePane="bottomRight" state="frozen"/>'
        spans = (f'<col min="{n}" max="{n}" width="{wide}" customWidth="1"/>' for n, wide in enumerate(widths, 1))
        view = f'<sheetViews><sheetView workbookViewId="0">{pane if frozen else ""}</sheetView></sheetViews>'
        self._put(f'{_HEAD}<worksheet xmlns="{_MAIN}">{view}<cols>{"".join(spans)}</cols><sheetData>')
        self._tail = f"A1:{self._columns[-1]}" if frozen else ""
        self.row(titles, style=' s="1"')

    def row(self, values: Sequence[str | int], *, style: str = "") -> None:
        """The next row; an empty text leaves its cell empty.

        Raises:
            TooManyRows: the sheet has no room for it.
        """
        if self._row > MOST_ROWS or self._size > MOST_SHEET_BYTES:
            most = f"{MOST_ROWS} rows" if self._row > MOST_ROWS else f"{MOST_SHEET_BYTES >> 20} MB"
            raise TooManyRows(f"a sheet holds {most}; export a shorter time, or csv or jsonl")
        self._row += 1
        at = self._row
        cells = [
            f'<c r="{column}{at}"{style} t="inlineStr"><is>{_text(value)}</is></c>'
            if isinstance(value, str)
            else f'<c r="{column}{at}"{style}><v>{value}</v></c>'
            for column, value in zip(self._columns, values, strict=True)
            if value != ""
        ]
        self._put(f'<row r="{at}">{"".join(cells)}</row>')

    def end(self) -> None:
        """There is no further sheet; the stream stays open."""
        self._end_sheet()
        numbers = range(1, len(self._names) + 1)
        names = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>'
            for n, name in zip(numbers, self._names, strict=True)
        )
        sheets = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
        )
        links = [(f"worksheets/sheet{n}.xml", "worksheet") for n in numbers]
        parts = {
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews><workbookView/></bookViews>'
            f"<sheets>{names}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": _relations([*links, ("styles.xml", "styles")]),
            "_rels/.rels": _relations([("xl/workbook.xml", "officeDocument")]),
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{sheets}</Types>',
        }
        self._archive.writestr("xl/styles.xml", _STYLES)
        for name, text in parts.items():
            self._archive.writestr(name, _HEAD + text)
        self._archive.close()

    def abandon(self) -> None:
        """Let go of a stream that failed, or of a workbook that nobody wants; after :meth:`end` there is nothing."""
        with contextlib.suppress(OSError, ValueError):  # whoever wrote last was told
            if self._part is not None:
                self._part.close()
        with contextlib.suppress(OSError, ValueError):
            self._archive.close()

    def _put(self, text: str) -> None:
        self._pending.append(text)
        if len(self._pending) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        assert self._part is not None
        data = "".join(self._pending).encode("utf-8")
        self._pending.clear()
        self._size += len(data)
        self._part.write(data)

    def _end_sheet(self) -> None:
        if self._part is None:
            return
        filtered = f'<autoFilter ref="{self._tail}{self._row}"/>' if self._tail else ""
        self._put(f"</sheetData>{filtered}</worksheet>")
        self._flush()
        self._part.close()
        self._part = None


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = (
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (target, kind) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}</Relationships>'
