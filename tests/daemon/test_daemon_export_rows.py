"""``vernix export --rows``: the unit's checks without a person, with its own signed word for them."""

from __future__ import annotations

import csv
import json
import os
import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.identity import bring_into_force
from daemon.lock import DataFolder
from evidence.bundle import Bundle, write_bundle
from evidence.export_proof import proof_path
from evidence.export_rows import Format
from evidence.receipt import make_body
from provisioning.rotation import rotate
from tests.daemon.support import SITE, UNIT, Home, check_fields, now
from tests.gateway.office import statement_of

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def vernix(*arguments: object, status: int = 0) -> str:
        done = main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        assert done == status, out + err
        return out + err

    return vernix


@pytest.fixture
def worked(home: Home) -> Home:
    """A unit with four checks, one of them a drill, of which two were receipted, and one addendum."""
    outbox = home.outbox()
    owed, done = check_fields(outcome="unable"), check_fields()
    debt = outbox.append(owed | {"visit": {"ref": "V-SECRET", "source": "typed"}})
    outbox.append(done | {"reason": "REASON-TO-FIND"})
    outbox.append(check_fields(outcome="emergency") | {"drill": True})
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    outbox.apply_receipt(make_body({seq: hashes[seq] for seq in (1, 2, 3)}), now())
    settled = {"check": done["check"], "seq": 3, "sha256": hashes[3]}
    refers = {"refers_to": {"seq": debt.seq, "sha256": debt.sha256}, "officers": [], "reason": "settled"}
    outbox.append({"kind": "addendum", "check": owed["check"], "settled_by": settled, **refers})
    outbox.append(check_fields(outcome="interrupted"))
    outbox.close()
    return home


def verify(home: Home, path: Path, run: Run, status: int = 0, records: Path | None = None) -> str:
    more = ("--records", records) if records else ()
    return run("verify", "--export", path, "--authority", home.site / "authority/authority.pem", *more, status=status)


def test_rows_without_a_person_while_the_unit_runs(worked: Home, run: Run) -> None:
    path = worked.folder / "rows.csv"
    with DataFolder(worked.config().unit.data):
        assert run("export", "--config", worked.toml, "--rows", "csv", "--to", path) == "3 records\n"
    titles, *rows = csv.reader(path.read_text("utf-8-sig").splitlines())
    assert titles[:2] == ["人证核验设备", "记录序号"]
    assert [(row[0], row[1], *row[3:7]) for row in rows] == [
        (UNIT, "2", "delivery", "unable", "no", "yes"),
        (UNIT, "3", "delivery", "refused", "no", "yes"),
        (UNIT, "6", "delivery", "interrupted", "yes", "no"),
    ], "and not seq 4, the drill"
    data = path.read_bytes() + proof_path(path).read_bytes()
    assert b"SECRET" not in data
    assert b"TO-FIND" not in data
    assert "complete and unchanged; 3 rows" in verify(worked, path, run)


@pytest.mark.parametrize("form", Format)
def test_rows_agree_with_the_signed_records(worked: Home, run: Run, form: Format) -> None:
    """Also where the unit has forgotten a check after 400 days, but not an older one that is still owed."""
    path, bundle = worked.folder / "rows", worked.folder / "records.jsonl"
    with closing(worked.outbox()) as outbox:
        records = tuple(one.jws for one in worked.opened(outbox))
        write_bundle(bundle, Bundle(UNIT, SITE, outbox.head, records))

    def agrees(rows: int) -> None:
        run("export", "--config", worked.toml, "--rows", form, "--to", path)
        said = verify(worked, path, run, records=bundle)
        assert f"{UNIT}: the rows were held against its signed records" in said
        assert f"complete and unchanged; {rows} rows" in said

    agrees(3)
    (cover,) = statement_of(path)["units"]
    assert (cover["rows"], cover["drills"], cover["outside"]) == (3, 1, 0)
    with closing(sqlite3.connect(worked.database)) as db, db:
        db.execute("DELETE FROM checks WHERE seq = 3")
    agrees(1)


def test_folder_in_place_of_a_file(worked: Home, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stick = worked.folder / "stick"
    stick.mkdir()
    monkeypatch.chdir(stick)
    for options in (("--rows", "csv"), ()):
        for place in (stick, "."):
            said = run("export", "--config", worked.toml, *options, "--to", place, status=3)
            assert f"{place}: Is a directory; it is a folder: name a file in it" in said
    assert [one.name for one in worked.folder.iterdir() if "stick" in one.name] == ["stick"]
    assert list(stick.iterdir()) == []


def test_what_a_killed_export_left_is_cleared_away(worked: Home, run: Run) -> None:
    stick = worked.folder / "stick"
    stick.mkdir()
    for name in (".rows.csv.new", ".rows.csv.proof.jsonl.new"):
        (stick / name).write_bytes(b"half")
    for options in (("--rows", "csv"), ()):
        run("export", "--config", worked.toml, *options, "--to", stick / "rows.csv")
        assert {one.name for one in stick.iterdir()} == {"rows.csv", "rows.csv.proof.jsonl"}
        (stick / ".rows.csv.new").write_bytes(b"half")


def test_row_that_was_taken_out_is_named(worked: Home, run: Run) -> None:
    path = worked.folder / "rows.jsonl"
    run("export", "--config", worked.toml, "--rows", "jsonl", "--to", path)
    said = json.loads(path.read_text("utf-8").splitlines()[0])
    assert (said["unit"], said["seq"], said["outcome"]) == (UNIT, "2", "unable")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    assert f"step 4, {UNIT}: rows were removed: seq 2\n" in verify(worked, path, run, status=1)


def test_full_stick_is_named_and_keeps_what_it_had(worked: Home, run: Run) -> None:
    stick = worked.folder / "stick"
    stick.mkdir()
    path = stick / "rows.csv"
    path.write_bytes(b"last month's")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(worked.outbox()):  # the unit works, so its database's files are there already
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        try:
            said = run("export", "--config", worked.toml, "--rows", "csv", "--to", path, status=3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"{path}: File too large; make room on this disk" in said
    assert [(one.name, one.read_bytes()) for one in stick.iterdir()] == [("rows.csv", b"last month's")]


def test_stick_that_was_pulled_is_named(worked: Home, run: Run) -> None:
    said = run("export", "--config", worked.toml, "--rows", "csv", "--to", worked.folder / "gone/x.csv", status=3)
    assert "No such file or directory" in said
    assert not os.path.lexists(worked.folder / "gone")


def test_unit_whose_key_was_rotated_signs_with_the_new_one(worked: Home, run: Run) -> None:
    rotate(worked.site, worked.toml.parent, "yearly", None, now)
    with closing(worked.outbox()) as outbox:
        assert bring_into_force(outbox, worked.identity()) == 1
        outbox.append(check_fields())
    path = worked.folder / "rows.csv"
    run("export", "--config", worked.toml, "--rows", "csv", "--to", path)
    assert f"{UNIT}: complete to seq 8, as the unit signed" in verify(worked, path, run)
