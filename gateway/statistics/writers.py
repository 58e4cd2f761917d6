"""Rows as XLSX with further sheets, or as CSV or JSON Lines; :mod:`evidence.export_rows` reads them back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format as CellFormat
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from evidence.export_rows import SHEET, CsvWriter, Format, JsonlWriter, Row, Writer
from gateway.statistics.rows import Column

MOST_SHEET_ROWS = 1_048_575
"""Rows of a sheet below its titles (ECMA-376; Excel specifications and limits)."""


class TooManyRows(Exception):
    """A sheet has no room for so many checks."""


Table = Sequence[Sequence[str | int]]


@dataclass(frozen=True, slots=True)
class Extra:
    """A further sheet, where the format has sheets: its first row holds titles."""

    name: str
    table: Table = field(repr=False)


class Book(Writer, Protocol):
    """Takes rows, then further sheets."""

    def extra(self, extra: Extra) -> None:
        """A further sheet, after the last row; a format without sheets leaves it out."""


class _Xlsx:
    """Texts are written as texts, so none becomes a formula, a link or a rounded number."""

    def __init__(self, path: Path, stream: BinaryIO, columns: Sequence[Column]) -> None:
        self._path, self._stream = path, stream
        # Not into the stream at once: the library leaves a half-written archive open when the disk is full.
        self._book = Workbook(path, {"constant_memory": True, "tmpdir": path.parent})
        self._bold: CellFormat = self._book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self._sheet: Worksheet = self._book.add_worksheet(SHEET)
        self._numbers = [one.number for one in columns]
        self._row = 0
        self._sheet.freeze_panes(1, 2)
        self._sheet.set_column(0, len(columns) - 1, 14)
        self._titles(self._sheet, [one.title for one in columns])

    def _titles(self, sheet: Worksheet, titles: Sequence[str | int]) -> None:
        for place, title in enumerate(titles):
            sheet.write_string(0, place, str(title), self._bold)

    def row(self, row: Row) -> None:
        self._row += 1
        if self._row > MOST_SHEET_ROWS:
            raise TooManyRows(f"a sheet holds {MOST_SHEET_ROWS} rows; export a shorter time, or csv or jsonl")
        for place, (text, number) in enumerate(zip(row, self._numbers, strict=True)):
            if text and number:
                self._sheet.write_number(self._row, place, int(text))
            elif text:
                self._sheet.write_string(self._row, place, text)

    def extra(self, extra: Extra) -> None:
        sheet = self._book.add_worksheet(extra.name)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 12, 18)
        self._titles(sheet, extra.table[0])
        for place, values in enumerate(extra.table[1:], start=1):
            for column, value in enumerate(values):
                if isinstance(value, int):
                    sheet.write_number(place, column, value)
                else:
                    sheet.write_string(place, column, value)

    def end(self) -> None:
        self._sheet.autofilter(0, 0, self._row, len(self._numbers) - 1)
        try:
            self._book.close()
        except FileCreateError as error:  # the library's wrapping of what the disk said
            (cause,) = error.args
            raise cause from None
        with self._path.open("rb") as whole:
            shutil.copyfileobj(whole, self._stream)


@contextmanager
def _xlsx(stream: BinaryIO, columns: Sequence[Column], scratch: Path) -> Iterator[Book]:
    # A row is on the disk as soon as the next begins: in the gateway's own folder, which holds the same data anyway.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=scratch) as folder:
        yield _Xlsx(Path(folder) / "rows.xlsx", stream, columns)


class _NoSheets:
    """A format that has no place for further sheets."""

    def __init__(self, rows: CsvWriter | JsonlWriter) -> None:
        self.row, self.end = rows.row, rows.end

    def extra(self, extra: Extra) -> None:
        """It is left out."""


@contextmanager
def _plain(rows: CsvWriter | JsonlWriter) -> Iterator[Book]:
    yield _NoSheets(rows)


def open_writer(
    form: Format, stream: BinaryIO, columns: Sequence[Column], scratch: Path
) -> AbstractContextManager[Book]:
    """A writer of ``form`` into ``stream``.

    Args:
        scratch: a private folder for what XLSX needs until its end.
    """
    if form is Format.XLSX:
        return _xlsx(stream, columns, scratch)
    if form is Format.CSV:
        return _plain(CsvWriter(stream, [one.title for one in columns]))
    return _plain(JsonlWriter(stream, [one.key for one in columns]))
