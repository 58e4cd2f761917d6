"""Exports: the same rows in each format, nothing a spreadsheet takes for a formula, and a proof that shows lies."""

from __future__ import annotations

import csv
import datetime as dt
import json
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from daemon.cli import main as vernix
from evidence.certificates import load_certificate, to_pem
from evidence.encoding import json_object
from evidence.export_proof import ProofWriter, proof_path
from evidence.export_rows import CsvWriter, Format, cell, guard, read_rows, row_digest, unguard
from evidence.jws import parse
from evidence.keys import open_signer
from gateway.cli import main
from gateway.snapshot import snapshot
from gateway.statistics import writers
from gateway.statistics.export import Job, export
from gateway.statistics.survey import Period, Survey
from tests.gateway.conftest import folder_in_memory
from tests.gateway.support import Hospital
from tests.gateway.ward import RARE, Ward, document_of, id_of

FORMULA = "=cmd|' /C calc'!A0"
LONG = "Wolfeschlegelsteinhausenbergerdorff Maximiliane"
NAMES = ("示例甲", RARE, LONG, FORMULA, "_x0041_ <&>\"'")
QUARTER = ("--from", "2026-07-01", "--to", "2026-09-30")
FIRST, LAST = "2026-06-30T16:00:00.000Z", "2026-09-30T16:00:00.000Z"


def fill(ward: Ward) -> None:
    """Unit u1 with five women and a failed check, u2 with one that came in another way, u3 that was retired."""
    one, other, gone = (ward.unit(name) for name in ("u1", "u2", "u3"))
    for number, name in enumerate(NAMES):
        one.now += dt.timedelta(days=1)
        one.check(document=document_of(number, name), visit={"ref": f"V-{number}", "source": "typed"})
    one.check("failed", officers=("g-0001", "g-0002"), contact={"phone": "+86 791 5550"})
    one.check("passed", drill=True)
    other.check("manual", officers=("g-0001", "g-0002"), channel="ganfutong", document=document_of(9, LONG, "passport"))
    gone.check("refused")
    gone.outbox.append({"kind": "retire", "reason": "replaced"})
    gone.deliver()
    gone.tell_health()
    for unit in (one, other):
        unit.now = dt.datetime.now(dt.UTC)
        unit.deliver()
        unit.tell_health()


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        fill(made)
        yield made
        made.close()


@dataclass(slots=True)
class Office:
    """Who exports, and who verifies with nothing but the files and the authority's certificate."""

    ward: Ward
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: object, status: int = 0) -> str:
        done = main(["--config", str(self.ward.toml), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        assert done == status, err
        return out + err

    def export(self, form: str, *more: str, status: int = 0) -> Path:
        path = self.folder / f"export.{form}"
        self.run("export", "--format", form, *QUARTER, "--out", path, *more, status=status)
        return path

    def named(self, form: str) -> Path:
        return self.export(form, "--names", "--by", "王主任")

    def verify(self, path: Path, *more: object, status: int = 1) -> list[str]:
        """What the verifier says, its verdict last."""
        authority = self.ward.root / "authority/authority.pem"
        done = vernix(["verify", "--export", str(path), "--authority", str(authority), *map(str, more)])
        out, err = self.capsys.readouterr()
        assert done == status, out + err
        return (out + err).splitlines()


@pytest.fixture
def office(ward: Ward, memory: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(ward, memory, capsys)


def statement_of(path: Path) -> dict[str, Any]:
    """What was signed."""
    last = proof_path(path).read_bytes().splitlines()[-1]
    return json_object(parse(json_object(last)["proof"], "vernix-export-proof+jws").payload)


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
    assert [(row[:3], row[6]) for row in units] == [(["u1", 6, 1], ""), (["u2", 1, 0], ""), (["u3", 1, 0], "")]
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


# --- the proof -------------------------------------------------------------------------------------------------------


def line_taken_out(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))


def replaced(path: Path, old: str, new: str) -> None:
    data = path.read_bytes()
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode(), 1))


def twice(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


def swapped(path: Path) -> None:
    head, one, other, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, other, one, *rest]))


FILE = "step 3: the file is not the one that was exported: it was changed, or saved again"


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda path: line_taken_out(path, 3), [FILE, "step 4, u1: rows were removed: seq 4"]),
        (lambda path: line_taken_out(path, 8), [FILE, "step 4, u3: rows were removed: seq 2"]),
        (
            lambda path: replaced(path, ",failed,未通过,", ",passed,通过,"),
            [FILE, "step 4, u1: row of seq 7 was changed"],
        ),
        (
            lambda path: replaced(path, "u1,2,", "u1,8,"),
            [FILE, "step 4, u1: row of seq 8 was added", "step 4, u1: rows were removed: seq 2"],
        ),
        (twice, [FILE, "step 4, u3: row of seq 2 stands there twice"]),
        (swapped, [FILE, "step 4: the rows are in another order"]),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), [FILE, "step 4, u3: row of seq 2 was changed"]),
        (lambda path: path.write_bytes(b""), [FILE, "step 4, u1: rows were removed: seq 2 to 7"]),
        (lambda path: line_taken_out(proof_path(path), 1), ["step 2: the list of rows in the proof is not the one"]),
    ],
    ids=["row", "tail", "cell", "seq", "twice", "order", "cut", "empty", "proof row"],
)
def test_changed_export_is_named(office: Office, tamper: Callable[[Path], None], said: list[str]) -> None:
    path = office.export("csv")
    tamper(path)
    lines = office.verify(path)
    for start in said:
        assert any(line.startswith(start) for line in lines), lines
    assert "NOT in order" in lines[-1]


def test_sheet_that_was_saved_again_has_the_same_rows(office: Office) -> None:
    path = office.named("xlsx")
    book = openpyxl.load_workbook(path)
    book.save(path)
    assert [line for line in office.verify(path) if line.startswith("step")] == [FILE]
    book["核验记录"].delete_rows(4)
    book.save(path)
    assert "step 4, u1: rows were removed: seq 4" in office.verify(path)


def test_proof_without_its_statement_or_of_others_is_none(office: Office, stranger: Hospital) -> None:
    path = office.export("csv")
    proof = proof_path(path)
    whole = proof.read_bytes()
    proof.write_bytes(whole.rpartition(b"{")[0])
    assert "it was cut off" in office.verify(path, status=3)[-1]
    last = json_object(whole.splitlines()[-1])
    head, _, signature = last["proof"].rpartition(".")
    last["proof"] = f"{head}.{signature[:-4]}AAAA"
    proof.write_bytes(whole.rpartition(b"{")[0] + json.dumps(last).encode() + b"\n")
    assert office.verify(path)[0].startswith("step 1: the signature")
    proof.write_bytes(whole)
    other = office.folder / "other.pem"
    other.write_bytes(to_pem(stranger.authority))
    assert vernix(["verify", "--export", str(path), "--authority", str(other)]) == 1
    assert "step 1: the certificate was not issued by this site's authority" in office.capsys.readouterr().out


# --- completeness ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(memory: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    """A ward of one unit with six checks, still to be delivered."""
    ward = Ward(memory / "ward")
    unit = ward.unit("u1")
    for _ in range(6):
        unit.now += dt.timedelta(hours=1)
        unit.check()
    yield Office(ward, memory, capsys)
    ward.close()


def test_record_that_never_came_is_a_gap(small: Office) -> None:
    (unit,) = small.ward.units
    unit.now = dt.datetime.now(dt.UTC)
    unit.deliver(but=4)
    unit.tell_health()
    said = small.verify(small.export("csv", status=1))
    assert "step 6, u1: records are missing: seq 4 to 7" in said
    assert "step 6, u1: records are there that wait for those before them: seq 5 to 7" in said
    assert "2 rows" in said[-1]


def test_tail_that_never_came_is_a_gap(small: Office) -> None:
    (unit,) = small.ward.units
    unit.deliver()
    unit.check()
    unit.now = dt.datetime.now(dt.UTC)
    unit.tell_health()
    assert "step 6, u1: records are missing: seq 8" in small.verify(small.export("xlsx", status=1))


def test_without_a_fresh_head_nothing_is_proven(small: Office) -> None:
    (unit,) = small.ward.units
    unit.deliver()
    assert "step 6, u1: no signed head of the unit: nothing proves" in "\n".join(small.verify(small.export("csv")))
    unit.tell_health()  # of the summer; the quarter is over
    assert "step 6, u1: its last signed head is of 2026-06-30T23:00" in "\n".join(small.verify(small.export("csv")))


def test_gateway_that_lies_is_shown_by_the_units_records(small: Office) -> None:
    """The statement holds, and a row is missing: only the signed records tell."""
    (unit,) = small.ward.units
    unit.now = dt.datetime.now(dt.UTC)
    unit.deliver()
    unit.tell_health()
    path, gateway = small.folder / "lie.csv", small.ward.root / "gateway"
    signer = open_signer(f"file:{gateway / 'signing.key'}")
    certificate = load_certificate(gateway / "signing.pem")
    period, now = Period(FIRST, LAST), dt.datetime.now(dt.UTC)
    with snapshot(small.ward.store) as shot:
        survey = Survey(shot, small.ward.authority)
        job = Job("s1", path, Format.CSV, period, "liar", now, signer, certificate, small.folder)
        export(job, survey, lambda _: None, lambda checks: (one for one in checks if one.seq != 5))
    assert any("do not add up" in line for line in small.verify(path)), "a clumsy lie shows without them"
    _sign_again(path, signer, certificate)
    assert "complete and unchanged; 5 rows" in small.verify(path, status=0)[-1]
    bundle = small.folder / "u1.jsonl"
    small.run("export", "u1", bundle)
    said = small.verify(path, "--records", bundle)
    assert said[0] == "step 7, u1: seq 5 is a check of the period by its signed record, and the export lacks it"


def _sign_again(path: Path, signer: Any, certificate: Any) -> None:
    """The same statement with sums that fit."""
    said = statement_of(path)
    said["units"][0] |= {"rows": 5, "outside": 1}
    columns = [key for key, _ in said["columns"]]
    with proof_path(path).open("wb") as stream:
        proof = ProofWriter(stream)
        for row in read_rows(path, Format.CSV, columns):
            proof.row((row[0], int(row[1])), row_digest(row))
        proof.finish(said, signer, certificate)


def test_records_that_agree_and_records_that_do_not(office: Office) -> None:
    path, bundle = office.export("jsonl"), office.folder / "u1.jsonl"
    office.run("export", "u1", bundle)
    assert "u1: the rows were held against its signed records" in office.verify(path, "--records", bundle, status=0)
    lines = bundle.read_bytes().splitlines(keepends=True)
    bundle.write_bytes(b"".join(lines[:-1]))
    assert "is not sound itself" in office.verify(path, "--records", bundle, status=3)[-1]


def test_writer_leaves_the_stream_open(memory: Path) -> None:
    with closing((memory / "x.csv").open("wb")) as stream:
        writer = CsvWriter(stream, ["a"])
        writer.row(["b"])
        writer.end()
        assert not stream.closed
