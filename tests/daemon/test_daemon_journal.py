"""The step journal: whole after any cut, readable when damaged, and each open check recorded exactly once."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from daemon.check_id import new_check_id
from daemon.door import NoDoor
from daemon.journal import Entry, Journal
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.unit import Unit
from tests.daemon.support import Home, check_fields


def entry(check: str | None = None, step: str = "card") -> Entry:
    return Entry(check or new_check_id(), "delivery", "V-0001", "typed", "mother", drill=False, step=step)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def test_newest_entry_counts_and_clearing_ends_it(journal: Journal, tmp_path: Path) -> None:
    first, second = entry(), entry()
    for one in (first, second, replace(first, step="face")):
        journal.write(one)
    assert sorted(journal.open_checks(), key=lambda one: one.check) == sorted(
        [replace(first, step="face"), second], key=lambda one: one.check
    )
    journal.clear(first.check)
    journal.clear(first.check)
    assert Journal(tmp_path / "journal").open_checks() == [second]


def test_files_are_private_and_hold_only_the_entry(journal: Journal, tmp_path: Path) -> None:
    one = entry()
    journal.write(one)
    (path,) = (tmp_path / "journal").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0
    assert {**json.loads(path.read_bytes()), "press": None} == asdict(one)


def test_press_of_the_button_is_kept(journal: Journal) -> None:
    one = replace(entry(step="emergency"), press=(2**32 - 1, 2**53 - 1))
    journal.write(one)
    assert journal.open_checks() == [one]


def test_half_written_file_is_not_an_entry(journal: Journal, tmp_path: Path) -> None:
    """A cut while the new content was written leaves the old entry and a temporary file."""
    one = entry()
    journal.write(one)
    (tmp_path / "journal" / f".{one.check}.json.new").write_bytes(b'{"check": ')
    assert journal.open_checks() == [one]
    journal.write(replace(one, step="face"))
    assert journal.open_checks() == [replace(one, step="face")]


GOOD = asdict(entry("01979e2c-0000-7000-8000-000000000000"))
DAMAGE = {
    "empty": b"",
    "zeros": bytes(64),
    "half": json.dumps(GOOD).encode()[:40],
    "not an object": b"[]",
    "field missing": json.dumps({key: GOOD[key] for key in GOOD if key != "step"}).encode(),
    "field too many": json.dumps(GOOD | {"name": "x"}).encode(),
    "wrong type": json.dumps(GOOD | {"visit": 5}).encode(),
    "empty text": json.dumps(GOOD | {"checkpoint": ""}).encode(),
    "too long": json.dumps(GOOD | {"visit": "v" * 129}).encode(),
    "another check": json.dumps(GOOD | {"check": "01979e2c-0000-7000-8000-000000000001"}).encode(),
    "press is text": json.dumps(GOOD | {"press": "7"}).encode(),
    "press is one number": json.dumps(GOOD | {"press": [1]}).encode(),
    "drill is text": json.dumps(GOOD | {"drill": "no"}).encode(),
}


def _unit(home: Home, outbox: Outbox, folder: Path) -> Unit:
    return Unit(
        home.config(),
        load_policy("neutral"),
        outbox,
        Journal(folder),
        NoDoor(),
        changed=lambda _state: None,
        stored=lambda: None,
    )


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_entry_still_gets_its_record(name: str, home: Home, tmp_path: Path) -> None:
    check = str(GOOD["check"])
    (tmp_path / "journal").mkdir()
    path = tmp_path / "journal" / f"{check}.json"
    path.write_bytes(DAMAGE[name])
    outbox = home.outbox()
    assert _unit(home, outbox, tmp_path / "journal").recover() == 1
    assert _unit(home, outbox, tmp_path / "journal").recover() == 0
    record = home.opened(outbox)[-1].payload
    assert (record["check"], record["outcome"], record["step_reached"]) == (check, "interrupted", "unknown")
    assert path.with_suffix(".damaged").read_bytes() == DAMAGE[name], "what was found is kept for service"
    assert home.verified(outbox).sound
    outbox.close()


def test_damaged_entry_survives_a_second_cut(journal: Journal, tmp_path: Path) -> None:
    """The power may fail between reading the journal and committing the record."""
    path = tmp_path / "journal" / f"{GOOD['check']}.json"
    path.write_bytes(b"damaged")
    assert [one.check for one in journal.open_checks()] == [GOOD["check"]]
    assert [one.check for one in journal.open_checks()] == [GOOD["check"]]


@pytest.mark.parametrize("name", ["-" * 36, "notes", "01979e2c-0000-4000-8000-000000000000"])
def test_foreign_file_is_no_check(name: str, journal: Journal, tmp_path: Path) -> None:
    """It could not be recorded: a unit that tried would never start again."""
    (tmp_path / "journal" / f"{name}.json").write_bytes(json.dumps(GOOD).encode())
    assert journal.open_checks() == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_interrupted_check_is_recorded_exactly_once(times: int, home: Home, tmp_path: Path) -> None:
    one, outbox = entry(step="face"), home.outbox()
    Journal(tmp_path / "journal").write(one)
    for _ in range(times):
        _unit(home, outbox, tmp_path / "journal").recover()
    found = [record.payload for record in home.opened(outbox) if record.payload.get("check") == one.check]
    assert [(record["outcome"], record["step_reached"], record["reason"]) for record in found] == [
        ("interrupted", "face", "restart")
    ]
    assert "document" not in found[0]
    outbox.close()


def test_committed_check_whose_journal_stayed_gets_no_second_record(home: Home, tmp_path: Path) -> None:
    """The power failed between the commit and clearing the journal."""
    one, outbox = entry(), home.outbox()
    Journal(tmp_path / "journal").write(one)
    outbox.append(check_fields(one.check))
    assert _unit(home, outbox, tmp_path / "journal").recover() == 1
    assert [record.payload["outcome"] for record in home.opened(outbox)[1:]] == ["refused"]
    assert Journal(tmp_path / "journal").open_checks() == []
    outbox.close()


def test_record_that_cannot_be_written_keeps_the_journal(home: Home, tmp_path: Path) -> None:
    one, outbox = entry(), home.outbox()
    Journal(tmp_path / "journal").write(one)
    outbox.close()
    unit = _unit(home, outbox, tmp_path / "journal")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        unit.recover()
    assert Journal(tmp_path / "journal").open_checks() == [one]
