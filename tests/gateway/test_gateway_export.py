"""Exports: the same rows in each format, nothing that a spreadsheet takes for a formula, and disks that fail."""

from __future__ import annotations

import csv
import json
import resource
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from evidence.export_proof import proof_path
from evidence.export_rows import CsvWriter, Format, cell, guard, read_rows, unguard
from gateway.statistics import writers
from tests.gateway.conftest import folder_in_memory
from tests.gateway.office import NAMES, QUARTER, Office, fill, statement_of
from tests.gateway.ward import Ward, id_of


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        fill(made)
        yield made
        made.close()


@pytest.fixture
def office(ward: Ward, memory: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(ward, memory, capsys)


# --- formats ---------------------------------------------------------------------------------------------------------


def test_three_formats_hold_the_same_rows(office: Office) -> None:
    read: dict[str, list[Any]] = {}
    for form in Format:
        path = office.named(form)
        columns = [key for key, _ in statement_of(path)["columns"]]
        read[form] = list(read_rows(path, form, columns))
        assert office.verify(path, status=0)[-1].startswith(f"{path}: complete and unchanged; 8 rows")
    assert read["csv"] == read["xlsx"] == read["jsonl"]
    rows = [dict(zip(columns, row, strict=True)) for row in read["csv"]]
    assert [row["name"] for row in rows[:5]] == list(NAMES)
    assert [(row["unit"], row["seq"]) for row in rows] == [
        *(("u1", str(n)) for n in range(2, 8)),
        ("u2", "2"),
        ("u3", "2"),
    ]
    assert rows[0]["number"] == id_of(0)
    assert rows[5]["phone"] == "+86 791 5550"
    assert (rows[6]["method"], rows[6]["document_title"], rows[6]["officers"]) == ("赣服通", "护照", "g-0001; g-0002")


def test_csv_as_a_spreadsheet_sees_it(office: Office) -> None:
    data = office.named("csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n") == 9
    titles, *rows = csv.reader(data.decode("utf-8-sig").splitlines(), strict=True)
    for title in ("核验时间", "关键节点", "核验结果", "核验方式", "核验人员", "姓名", "身份证号", "联系方式"):
        assert title in titles
    assert not [text for row in rows for text in row if text.startswith(("=", "+", "-", "@"))]
    assert rows[0][titles.index("身份证号")] == f"'{id_of(0)}", "Excel would round 18 digits"


def test_xlsx_opened_by_another_library(office: Office) -> None:
    path = office.named("xlsx")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames[:3] == ["核验记录", "统计", "完整性"]
    sheet = book["核验记录"]
    titles = [one.value for one in sheet[1]]
    names = [sheet.cell(row, titles.index("姓名") + 1) for row in range(2, 6)]
    assert [(one.value, one.data_type) for one in names] == [(name, "s") for name in NAMES[:4]]
    assert [sheet.cell(row, 2).value for row in range(2, 10)] == [2, 3, 4, 5, 6, 7, 2, 2]
    assert sheet.freeze_panes == "C2"
    figures = {row[1].value: row[2].value for row in book["统计"].iter_rows(min_row=2)}
    assert (figures["checks"], figures["manual"], figures["other_channels"]) == (8, 1, 1)
    units = [[one.value for one in row] for row in book["完整性"].iter_rows(min_row=2)]
    assert [(row[:3], row[6] or "") for row in units] == [(["u1", 6, 1], ""), (["u2", 1, 0], ""), (["u3", 1, 0], "")]
    with zipfile.ZipFile(path) as parts:
        assert not any(b"<f>" in parts.read(name) for name in parts.namelist())


def test_rows_without_names_hold_nobody(office: Office) -> None:
    for form in Format:
        path = office.export(form)
        data = path.read_bytes() + proof_path(path).read_bytes()
        if form is Format.XLSX:
            with zipfile.ZipFile(path) as parts:
                data = b"".join(parts.read(name) for name in parts.namelist())
        for personal in (*NAMES, id_of(0)[:17], id_of(9)[:17], "V-0", "5550", "seen by both"):
            assert personal.encode() not in data, form


def test_who_took_names_out_is_in_the_audit(office: Office) -> None:
    path = office.named("csv")
    lines = [json.loads(line) for line in office.run("officer", "audit", "--json").splitlines()]
    assert (lines[-1]["who"], lines[-1]["did"]) == ("王主任", "exported")
    assert "csv 2026-07-01 to 2026-09-30 with names, 8 rows" in lines[-1]["about"]
    assert statement_of(path)["file"]["sha256"] in lines[-1]["about"]
    assert statement_of(path)["by"] == "王主任"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "a", "'", "''x", "=1", "＝1", "-3", "1" * 12, "0791", "1" * 11, "x\ty", "\t=1"])
def test_guard_is_taken_back(text: str) -> None:
    safe = cell(text)
    assert unguard(guard(safe)) == safe
    assert not guard(safe).startswith(("=", "-", "＝", "\t"))


def test_sheet_has_an_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "MOST_SHEET_ROWS", 7)
    path = office.folder / "x.xlsx"
    said = office.run("export", "--format", "xlsx", *QUARTER, "--out", path, status=2)
    assert "a sheet holds 7 rows; export a shorter time, or csv or jsonl" in said
    assert list(office.folder.iterdir()) == []


# --- disks -----------------------------------------------------------------------------------------------------------


def test_full_disk_is_named_and_leaves_nothing(office: Office) -> None:
    path = office.export("jsonl")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for form in Format:
        target = office.folder / f"export.{form}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
        try:
            said = office.run("export", "--format", form, *QUARTER, "--out", target, status=3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert f"{target}: File too large; the disk takes no file as large: take another. Nothing was written" in said
    assert sorted(one.name for one in office.folder.iterdir()) == [path.name, proof_path(path).name]
    assert path.read_bytes() == before


def test_stick_that_is_not_there_is_named(office: Office) -> None:
    target = office.folder / "stick" / "x.csv"
    said = office.run("export", "--format", "csv", *QUARTER, "--out", target, status=3)
    assert "No such file or directory; there is no such folder: make it, or put the disk in" in said
    said = office.run("statistics", *QUARTER, "--html", target, status=3)
    assert "there is no such folder" in said


def test_writer_leaves_the_stream_open(memory: Path) -> None:
    with closing((memory / "x.csv").open("wb")) as stream:
        writer = CsvWriter(stream, ["a"])
        writer.row(["b"])
        writer.end()
        assert not stream.closed
