"""Exports: the same rows in each format, nothing that a spreadsheet takes for a formula, and disks that fail."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import errno
import json
import os
import resource
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import python_calamine

from evidence import workbook
from evidence.certificates import load_certificate
from evidence.export_proof import proof_path
from evidence.export_rows import Format, cell, guard, read_rows, unguard
from evidence.export_writers import open_writer
from evidence.keys import open_signer
from gateway.snapshot import snapshot
from gateway.statistics.export import Job, export
from gateway.statistics.rows import PLAIN
from gateway.statistics.survey import Period, Survey
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
        # Long enough to be in no random digest by chance.
        for personal in (*NAMES, id_of(0)[:17], id_of(9)[:17], "V-2026-0", "791 5550", "seen by both"):
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


EATEN = """3-4|1/2|24-08|2026-11-22|2026.11.22|2026/11/22 10:30|10:30|10:30:05|9:05 PM|2E10|1e5|1.50|.5|1 1/2|1,234|50%
$5|¥5|￥5|(5)|2026年11月22日|11月22日|10时30分|上午10:30|下午3时|MAR1|1-Jan|Sept 2|5 Mar 2026|TRUE|false|True
2026-11-22 10:30:00|０１２|１２| =1+1| 3-4|0012|12345678901234"""
STAYS = """0|7|12345678901|V-2026-0001|P-000|12E4567X|A3-4|示例甲|上海|下一|Mayer 12|June|true love|delivery|yes|u1|a1b2
19900101X"""


def test_what_a_spreadsheet_would_make_something_else_of_is_guarded() -> None:
    eaten = [text for line in EATEN.splitlines() for text in line.split("|")]
    assert [text for text in eaten if guard(text) == text] == []
    assert [text for line in STAYS.splitlines() for text in line.split("|") if guard(text) != text] == []
    assert all(unguard(guard(text)) == text for text in eaten)


def test_guard_takes_no_time_for_long_texts() -> None:
    start_s = time.process_time()
    for text in (
        " " * 5000 + "x",
        "1 " * 2500 + "x",
        "1" * 5000 + "x",
        "=" * 5000,
        "1-" * 2500 + "jan" + "-" * 5000 + "x",
    ):
        assert unguard(guard(text)) == text
    assert time.process_time() - start_s < 1


def test_sheet_has_an_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 7)
    path = office.folder / "x.xlsx"
    said = office.run("export", "--format", "xlsx", *QUARTER, "--out", path, status=2)
    assert "a sheet holds 7 rows; export a shorter time, or csv or jsonl" in said
    assert list(office.folder.iterdir()) == []


# --- disks -----------------------------------------------------------------------------------------------------------


def audit(office: Office) -> list[str]:
    return [json.loads(line)["did"] for line in office.run("officer", "audit", "--json").splitlines()]


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("form", Format)
def test_disk_that_fills_up_leaves_nothing(office: Office, form: Format) -> None:
    gateway, limits = office.ward.root / "gateway", resource.getrlimit(resource.RLIMIT_FSIZE)
    signer, certificate = open_signer(f"file:{gateway / 'signing.key'}"), load_certificate(gateway / "signing.pem")
    period = Period("2026-06-30T16:00:00.000Z", "2026-09-30T16:00:00.000Z")
    now, small = dt.datetime.now(dt.UTC), (300, limits[1])
    job = Job("s1", office.folder / "x", form, period, "w", now, signer, certificate, {})
    try:
        with snapshot(office.ward.store) as shot, pytest.raises(OSError, match="File too large"):
            export(job, Survey(shot, office.ward.authority), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names_in(office.folder) == []


@pytest.mark.parametrize("failing", ["export.csv", "export.csv.proof.jsonl"])
def test_export_that_fails_leaves_the_one_before_whole(
    office: Office, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = office.export("csv")
    monkeypatch.setattr(os, "fsync", full(failing))
    said = office.run("export", "--format", "csv", *QUARTER, "--out", path, "--names", "--by", "w", status=3)
    monkeypatch.undo()
    assert f"{path}: No space left on device; the disk is full: make room there, or take another. Nothing was" in said
    assert "complete and unchanged; 8 rows" in office.verify(path, status=0)[-1]
    assert names_in(office.folder) == ["export.csv", "export.csv.proof.jsonl"]
    assert audit(office)[-1] == "begins to export"


def full(name: str) -> Callable[[int], None]:
    """The disk is full when the file that is to have ``name`` is written out."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == f".{name}.new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    return fsync


def test_export_that_was_broken_off_between_its_two_names_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = office.export("csv")
    proof, real = proof_path(path), os.replace

    def pulled(old: Path, new: Path) -> None:
        if new == proof:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(old, new)

    monkeypatch.setattr(os, "replace", pulled)
    said = office.run("export", "--format", "csv", *QUARTER, "--out", path, "--names", "--by", "w", status=3)
    monkeypatch.undo()
    assert f"{path}: Input/output error; export.csv is new and export.csv.proof.jsonl is not: write both again" in said
    assert audit(office)[-1] == "begins to export"
    found = office.verify(path)
    assert found[0].startswith("step 3: the export was broken off: .export.csv.proof.jsonl.new is its proof")
    assert len([line for line in found if line.startswith("step")]) == 1
    proof.unlink()
    assert "the proof is not there" in office.verify(path, status=3)[-1]
    office.export("csv")
    assert names_in(office.folder) == ["export.csv", "export.csv.proof.jsonl"], "what was left over is cleared away"
    assert "complete and unchanged" in office.verify(path, status=0)[-1]


def test_folder_in_place_of_a_file_is_refused_first(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before, stick = audit(office), office.folder / "stick"
    stick.mkdir()
    monkeypatch.chdir(stick)
    for place in (stick, "."):
        for what in (("export", "--format", "xlsx", *QUARTER, "--out"), ("statistics", *QUARTER, "--html")):
            said = office.run(*what, place, status=3)
            assert f"{place}: Is a directory; it is a folder: name a file in it. Nothing was written" in said
    assert (names_in(office.folder), names_in(stick)) == (["stick"], [])
    assert audit(office) == before


def test_stick_that_is_not_there_is_named(office: Office) -> None:
    target = office.folder / "stick" / "x.csv"
    said = office.run("export", "--format", "csv", *QUARTER, "--out", target, status=3)
    assert "No such file or directory; there is no such folder: make it, or put the disk in" in said
    said = office.run("statistics", *QUARTER, "--html", target, status=3)
    assert "there is no such folder" in said


@pytest.mark.parametrize("form", Format)
def test_writer_leaves_the_stream_open(memory: Path, form: Format) -> None:
    with (memory / "x").open("w+b") as stream:
        with open_writer(form, stream, PLAIN[:1]) as writer:
            writer.row(["b"])
            writer.end()
        assert not stream.closed


def test_sheet_as_other_libraries_read_it(memory: Path) -> None:
    """What XML cannot hold, blanks at the ends, numbers, and more columns than letters."""
    path = memory / "x.xlsx"
    texts = ["a & b <c>", " two ", "_x0041_", "\x01\t", "", "0012", "𠀀·", "TRUE"]
    titles = [f"c{number}" for number in range(30)]
    with path.open("w+b") as stream:
        book = workbook.Workbook(stream)
        book.sheet("第一 & <1>", titles, [9] * 30, frozen=2)
        book.row([*texts, *([""] * 21), 12345678901])
        book.sheet("two", ["x"], [9])
        book.end()
    sheet, other = openpyxl.load_workbook(path).worksheets
    assert (sheet.title, other.title, sheet.freeze_panes, sheet.auto_filter.ref) == (
        "第一 & <1>",
        "two",
        "C2",
        "A1:AD2",
    )
    read = [one.value for one in sheet[2]]
    assert [openpyxl.utils.escape.unescape(str(one or "")) for one in read[:8]] == texts
    assert (sheet["AD2"].value, sheet["AD2"].data_type, sheet["H2"].data_type) == (12345678901, "n", "s")
    with contextlib.closing(python_calamine.CalamineWorkbook.from_path(path)) as read_again:
        (row,) = read_again.get_sheet_by_index(0).to_python()[1:]
    assert row[:8] == texts
    assert row[29] == 12345678901
