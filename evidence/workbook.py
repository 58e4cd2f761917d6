"""A workbook (XLSX, ECMA-376 part 1) written row by row: texts and whole numbers, no more memory than a row.

A text stays a text: no spreadsheet takes it for a formula, a link, a date or a number. The first row of each sheet
holds titles.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from evidence.errors import EvidenceError

MOST_ROWS = 1_048_575
"""Rows of a sheet below its titles (Excel specifications and limits)."""
_TITLES: Final = {"bold": True, "text_wrap": True, "valign": "top"}


class TooManyRows(EvidenceError):
    """A sheet has no room for so much: write less, or another format."""


class Workbook:
    """One sheet after the other; :meth:`end` copies the workbook into the stream, :meth:`abandon` clears away."""

    def __init__(self, stream: BinaryIO, scratch: Path) -> None:
        """Begin a workbook.

        Args:
            stream: gets the whole workbook at the end. Not at once: the library leaves a half-written archive open
                when the disk is full.
            scratch: an existing folder on a disk that may hold what the rows hold: a row rests there as soon as the
                next one begins.
        """
        self._stream = stream
        self._folder = tempfile.TemporaryDirectory(prefix=".export-", dir=scratch)
        self._path = Path(self._folder.name) / "rows.xlsx"
        self._book = xlsxwriter.Workbook(self._path, {"constant_memory": True, "tmpdir": self._folder.name})
        self._bold = self._book.add_format(_TITLES)
        self._sheet: Worksheet | None = None
        self._row = self._columns = 0
        self._filtered = False

    def sheet(self, name: str, titles: Sequence[str], widths: Sequence[int], *, frozen: int = 0) -> None:
        """Begin the next sheet, and end the one before.

        Args:
            widths: of the columns, in characters.
            frozen: columns on the left that stay in view, with the titles; such a sheet can be filtered too.
        """
        self._end_sheet()
        made = self._sheet = self._book.add_worksheet(name)
        self._row, self._columns, self._filtered = 0, len(titles), frozen > 0
        if frozen:
            made.freeze_panes(1, frozen)
        for place, (title, width) in enumerate(zip(titles, widths, strict=True)):
            made.set_column(place, place, width)
            made.write_string(0, place, title, self._bold)

    def row(self, values: Sequence[str | int]) -> None:
        """The next row; an empty text leaves its cell empty.

        Raises:
            TooManyRows: the sheet has no room for it.
        """
        assert self._sheet is not None, "a row belongs to a sheet"
        self._row += 1
        if self._row > MOST_ROWS:
            raise TooManyRows(f"a sheet holds {MOST_ROWS} rows; export a shorter time, or csv or jsonl")
        number, text, at = self._sheet.write_number, self._sheet.write_string, self._row
        for place, value in enumerate(values):
            if isinstance(value, int):
                number(at, place, value)
            elif value:
                text(at, place, value)

    def end(self) -> None:
        """There is no further sheet; the stream stays open.

        Raises:
            OSError: a disk is full, or was pulled.
        """
        self._end_sheet()
        try:
            self._book.close()
        except FileCreateError as error:  # the library's wrapping of what the disk said
            (cause,) = error.args
            raise cause from None
        with self._path.open("rb") as whole:
            shutil.copyfileobj(whole, self._stream)

    def abandon(self) -> None:
        """Clear the scratch folder; what is in the stream stays."""
        self._folder.cleanup()

    def _end_sheet(self) -> None:
        if self._sheet is not None and self._filtered:
            self._sheet.autofilter(0, 0, self._row, self._columns - 1)
