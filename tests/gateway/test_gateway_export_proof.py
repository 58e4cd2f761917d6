"""The proof beside an export: whatever was taken out, changed or never came is named, by unit and seq."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from daemon.cli import main as vernix
from evidence.certificates import Profile, issue, load_certificate, make_request, subject_name, to_pem
from evidence.encoding import json_object
from evidence.export_proof import ProofWriter, proof_path
from evidence.export_rows import Format, read_rows, row_digest
from evidence.export_verify import verify_export
from evidence.keys import open_signer
from evidence.revocation import Reason, Revoked, sign_revocations
from gateway.snapshot import snapshot
from gateway.statistics.export import Job, export
from gateway.statistics.survey import Period, Survey
from gateway.store import Store
from tests.gateway.conftest import folder_in_memory
from tests.gateway.office import Office, fill, statement_of
from tests.gateway.support import Hospital
from tests.gateway.ward import BEGIN, Ward

FIRST, LAST = "2026-06-30T16:00:00.000Z", "2026-09-30T16:00:00.000Z"


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
        job = Job("s1", path, Format.CSV, period, "liar", now, signer, certificate)
        export(job, survey, watch=lambda checks: (one for one in checks if one.seq != 5))
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


def test_revoked_keys_are_marked_and_not_believed(small: Office) -> None:
    (unit,) = small.ward.units
    unit.now = dt.datetime.now(dt.UTC)
    unit.deliver()
    unit.tell_health()
    signer = open_signer(f"file:{small.ward.root / 'authority/authority.key'}")
    since = BEGIN + dt.timedelta(hours=3, minutes=30)
    entry = Revoked(unit.outbox.signer.kid, "1", since, Reason.REPLACED)
    token = sign_revocations("s1", 1, [entry], dt.datetime.now(dt.UTC), signer)
    with small.ward.store.transaction():
        small.ward.store.set_revocations(token)
    path, listed = small.export("jsonl"), small.folder / "revocations.jws"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["revoked"] for row in rows] == ["", "", "", "yes", "yes", "yes"]
    listed.write_text(token)
    assert "complete and unchanged" in small.verify(path, status=0)[-1], "who has no list cannot know"
    assert small.verify(path, "--revocations", listed)[0] == "step 6, u1: its head is signed by a revoked key"


def test_unit_whose_key_was_rotated_is_believed_by_its_papers(memory: Path, hospital: Hospital) -> None:
    """The health message is by the second key, which came with a key record."""
    unit, path = hospital.unit("u1"), memory / "x.jsonl"
    unit.birth()
    unit.event()
    unit.rotate(hospital)
    unit.event()
    with closing(Store(memory / "gateway.db")) as store:
        hospital.intake(store).take([*map(unit.message, unit.records), unit.health(4)])
        request = make_request(subject_name("gateway", "s1"), hospital.signer)
        certificate = issue(request, Profile.GATEWAY, hospital.authority, hospital.authority_key, hospital.now)
        period = Period(FIRST, LAST)
        with snapshot(store) as shot:
            survey = Survey(shot, hospital.authority)
            assert [len(one.papers) for one in survey.units.values()] == [2]
            job = Job("s1", path, Format.JSONL, period, "w", hospital.now, hospital.signer, certificate)
            export(job, survey)
    result = verify_export(path, proof_path(path), hospital.authority)
    assert result.findings == []
    assert list(result.complete) == ["u1"]
