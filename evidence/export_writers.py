"""Rows as XLSX with further sheets, as CSV or as JSON Lines; :mod:`evidence.export_rows` reads them back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import BinaryIO, Protocol

from evidence.export_rows import SHEET, Format, Row, guard
from evidence.workbook import Workbook

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_WIDTH, _FROZEN = 14, 2
_EXTRA_WIDTHS = (34, 18)


class Holds(Enum):
    """What a column holds, and so how a spreadsheet may take its cells."""

    TEXT = auto()
    NUMBER = auto()
    MOMENT = auto()
    """A date, or a time with its date, as ISO 8601 writes them: a spreadsheet may take it for what it is."""


class Heading(Protocol):
    """Of one column."""

    @property
    def key(self) -> str:
        """Its English name."""

    @property
    def title(self) -> str:
        """Its title, as the rules spell it."""

    @property
    def holds(self) -> Holds:
        """Its kind."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A further sheet, where the format has sheets: its first row holds titles."""

    name: str
    table: Sequence[Sequence[str | int]] = field(repr=False)


class Writer(Protocol):
    """Takes the rows of an export, one by one, then further sheets."""

    def row(self, row: Row) -> None:
        """The next row."""

    def extra(self, extra: Extra) -> None:
        """A further sheet, after the last row; a format without sheets leaves it out."""

    def end(self) -> None:
        """There is no more; the stream stays open."""


class _Csv:
    """UTF-8 with a byte-order mark, by which Excel knows it, and lines as in RFC 4180; the first one holds titles."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Heading]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
        self._writer = csv.writer(self._text)
        self._guarded = [one.holds is Holds.TEXT for one in columns]
        self._writer.writerow([one.title for one in columns])

    def row(self, row: Row) -> None:
        self._writer.writerow(
            [guard(text) if guarded else text for text, guarded in zip(row, self._guarded, strict=True)]
        )

    def extra(self, extra: Extra) -> None:
        """It is left out."""

    def end(self) -> None:
        self._text.detach()


class _Jsonl:
    """An object a line, with the columns' keys."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Heading]) -> None:
        self._stream, self._keys = stream, [one.key for one in columns]

    def row(self, row: Row) -> None:
        self._stream.write(_JSON.encode(dict(zip(self._keys, row, strict=True))).encode("utf-8") + b"\n")

    def extra(self, extra: Extra) -> None:
        """It is left out."""

    def end(self) -> None:
        """Every line is written."""


class _Xlsx:
    """The rows as the first sheet."""

    def __init__(self, book: Workbook, columns: Sequence[Heading]) -> None:
        self._book = book
        self._numbers = [place for place, one in enumerate(columns) if one.holds is Holds.NUMBER]
        self._book.sheet(SHEET, [one.title for one in columns], [_WIDTH] * len(columns), frozen=_FROZEN)

    def row(self, row: Row) -> None:
        cells: list[str | int] = list(row)
        for place in self._numbers:
            if text := row[place]:
                cells[place] = int(text)
        self._book.row(cells)

    def extra(self, extra: Extra) -> None:
        titles, *rows = extra.table
        first, other = _EXTRA_WIDTHS
        self._book.sheet(extra.name, [str(title) for title in titles], [first] + [other] * (len(titles) - 1))
        for values in rows:
            self._book.row(values)

    def end(self) -> None:
        self._book.end()


@contextmanager
def open_writer(form: Format, stream: BinaryIO, columns: Sequence[Heading]) -> Iterator[Writer]:
    """A writer of ``form`` into ``stream``, which can be read and sought.

    Raises:
        TooManyRows: the format has no room for the rows.
        OSError: the stream's disk is full, or was pulled.
    """
    if form is Format.CSV:
        yield _Csv(stream, columns)
    elif form is Format.JSONL:
        yield _Jsonl(stream, columns)
    else:
        book = Workbook(stream)
        try:
            yield _Xlsx(book, columns)
        finally:
            book.abandon()
