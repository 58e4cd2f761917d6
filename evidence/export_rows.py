"""The rows of an export, in the three formats that it can be read back from: CSV, XLSX, JSON Lines.

A row is texts, one a column; an absent value is the empty text. Its digest is over those texts and not over a format's
bytes, so the same export has the same rows whatever it was written as, and a sheet that Excel has saved again is
another file with the same rows.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import re
import zipfile
from collections.abc import Generator, Iterator, Sequence
from enum import StrEnum, unique
from pathlib import Path

from evidence.encoding import json_object
from evidence.errors import MalformedError

Row = Sequence[str]
MAX_LINE = 1 << 20
"""Bytes of the longest line of a JSON Lines export."""
MOST_UNPACKED = 2 << 30
"""Bytes; a sheet of a million rows has fewer."""
SHEET = "核验记录"
"""The sheet of an XLSX export that holds the rows; its first row holds the columns' titles."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# OWASP, "CSV Injection": what makes a spreadsheet take a cell for a formula; full-width forms too, and after blanks.
_FORMULA = r"\s*['=+\-@＝＋－＠].*|\t.*"
# Excel, the Chinese one too, makes another value of it: a date, a time, a fraction, a share, a sum of money, a power of
# ten; of a number the zeros in front go, and beyond 15 digits the last ones.
_FIGURES = r"\s*(?:上午|下午)?[\d.,:/\\%¥￥$€£(][\s\d.,:/\\\-+%¥￥$€£()eE年月日时時分秒]*(?:[AaPp][Mm]?)?"
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_NAMED_MONTH = rf"(?=.*\d)[\s\d,./:\-]*(?i:{_MONTHS})[\s\d,./:\-]*"
_STAYS = r"(?:0|[1-9][0-9]{0,10})\Z"
# Most cells begin with none of these, and are done with at once.
_FIRST = r"[\s\d'=+\-@＝＋－＠.,:/\\%¥￥$€£(上下adfjmnostADFJMNOST]"
_EATEN = re.compile(
    rf"(?={_FIRST})(?!{_STAYS})(?:{_FORMULA}|{_FIGURES}|{_NAMED_MONTH}|\s*(?i:true|false)\s*)", re.DOTALL
)
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFFFE, 0xFFFF), " ")


@unique
class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


def cell(value: object) -> str:
    """``value`` as a row holds it: one line, nothing that XML or a terminal could not carry."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if text.isprintable() else text.translate(_CONTROLS)


def row_digest(row: Row) -> str:
    """SHA-256 of the row's texts as a JSON array, hexadecimal."""
    return hashlib.sha256(_JSON.encode(list(row)).encode("utf-8")).hexdigest()


def guard(text: str) -> str:
    """``text`` as a CSV cell of which no spreadsheet makes a formula, number, date or boolean; see :func:`unguard`."""
    return f"'{text}" if _EATEN.fullmatch(text) else text


def unguard(text: str) -> str:
    """The text that :func:`guard` made a cell of."""
    return text[1:] if text.startswith("'") else text


def read_rows(path: Path, form: Format, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of an export, without its titles.

    Args:
        columns: the keys of the columns, in order.

    Raises:
        MalformedError: it is not what ``form`` says, or a row has other columns.
        OSError: the file cannot be read.
    """
    reader = {Format.CSV: _csv, Format.XLSX: _xlsx, Format.JSONL: _jsonl}[form]
    with contextlib.closing(reader(path, columns)) as rows:
        for number, row in enumerate(rows, start=1):
            if len(row) != len(columns):
                raise MalformedError(f"row {number} has {len(row)} columns, expected {len(columns)}")
            yield row


def _csv(path: Path, _columns: Sequence[str]) -> Generator[Row, None, None]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            reader = csv.reader(stream, strict=True)
            next(reader, None)
            for row in reader:
                yield [unguard(text) for text in row]
        except (csv.Error, UnicodeDecodeError):
            raise MalformedError("the file is not CSV in UTF-8") from None


def _jsonl(path: Path, columns: Sequence[str]) -> Generator[Row, None, None]:
    with path.open("rb") as stream:
        while line := stream.readline(MAX_LINE + 1):
            said = json_object(line)
            if list(said) != list(columns) or not all(isinstance(value, str) for value in said.values()):
                raise MalformedError("a line has other names than the export's columns, or another order of them")
            yield list(said.values())


def _xlsx(path: Path, columns: Sequence[str]) -> Generator[Row, None, None]:
    # Only who verifies a sheet needs it; the errors' common root is not exported by every version.
    import python_calamine

    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
                raise MalformedError("the file unpacks to more than any export")
        with python_calamine.CalamineWorkbook.from_path(path) as book:
            rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, zipfile.BadZipFile, ValueError) as error:
        raise MalformedError(f"the file is not an XLSX export: {type(error).__name__}") from None
    for row in rows[1:]:
        yield [_plain(value) for value in row[: len(columns)]]


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
