"""``vernix-provision officer add``: the roster, PINs, and what must never be seen."""

from __future__ import annotations

import datetime as dt
import getpass
import io
import json
import os
import pty
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from daemon.officers import OfficerRefused, Roster, read_roster
from evidence.credentials import Role
from provisioning.errors import BadValueError
from provisioning.officers import add_officer
from provisioning.pins import check_pin
from tests.provisioning.conftest import Command, contents
from tests.support import ROOT

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
PIN = "394817"


def roster(folder: Path) -> list[dict[str, str | None]]:
    value = json.loads((folder / "officers.json").read_bytes())
    assert set(value) == {"v", "officers"}
    officers: list[dict[str, str | None]] = value["officers"]
    return officers


def type_in(monkeypatch: pytest.MonkeyPatch, *pins: str) -> None:
    """Let ``getpass`` give ``pins``: a terminal is tested apart."""
    left = iter(pins)
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(left))


def pipe_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_an_entry_has_exactly_what_the_unit_reads(enrolled: Path) -> None:
    add_officer(enrolled, "o-01", Role.OFFICER, PIN, NOW, NOW + dt.timedelta(days=30))
    (entry,) = roster(enrolled)
    encoded = entry.pop("pin")
    assert entry == {
        "id": "o-01",
        "role": "officer",
        "valid_from": "2026-11-21T08:00:00.000Z",
        "valid_to": "2026-12-21T08:00:00.000Z",
        "regular": True,
    }
    assert encoded is not None
    assert PasswordHasher().verify(encoded, PIN)
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(encoded, "394818")


def test_the_units_program_knows_the_officer(enrolled: Path) -> None:
    add_officer(enrolled, "o-01", Role.OFFICE, PIN, NOW, NOW + dt.timedelta(days=30))
    officers = Roster(read_roster(enrolled / "officers.json"), lambda: NOW + dt.timedelta(days=1))
    confirmed = officers.confirm("o-01", PIN, "0" * 64)
    assert (confirmed.officer, confirmed.role) == ("o-01", "office")
    with pytest.raises(OfficerRefused):
        officers.confirm("o-01", "394818", "0" * 64)


def test_the_hash_costs_what_is_documented(enrolled: Path) -> None:
    encoded = add_officer(enrolled, "o-01", Role.OFFICER, PIN, NOW).pin
    found = extract_parameters(encoded)
    assert encoded.startswith("$argon2id$v=19$")
    assert (found.time_cost, found.memory_cost, found.parallelism) == (2, 19456, 1)


def test_equal_pins_have_different_hashes(enrolled: Path) -> None:
    made = [add_officer(enrolled, name, Role.OFFICER, PIN, NOW).pin for name in ("o-01", "o-02")]
    assert made[0] != made[1]


def test_officers_are_added_in_order_and_stay(enrolled: Path) -> None:
    for place, role in enumerate(Role):
        add_officer(enrolled, f"o-{place}", role, PIN, NOW)
    assert [(item["id"], item["role"]) for item in roster(enrolled)] == [
        ("o-0", "officer"),
        ("o-1", "office"),
        ("o-2", "engineer"),
        ("o-3", "inspector"),
    ]
    assert all(item["valid_to"] is None for item in roster(enrolled))


def test_the_file_stays_private_and_its_owners(enrolled: Path) -> None:
    if os.geteuid() == 0:
        os.chown(enrolled / "officers.json", 12345, 12346)
    before = (enrolled / "officers.json").stat()
    add_officer(enrolled, "o-01", Role.OFFICER, PIN, NOW)
    after = (enrolled / "officers.json").stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o600


def test_from_the_command_line(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_in(monkeypatch, f"{PIN}\n")
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "office", "--pin-stdin")
    assert made.status == 0, made.err
    assert "o-01" in made.out
    assert "Next:" in made.out
    assert roster(enrolled)[0]["role"] == "office"


def test_json_holds_neither_pin_nor_hash(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_in(monkeypatch, f"{PIN}\r\n")
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer", "--pin-stdin", "--json")
    assert set(json.loads(made.out)) == {"id", "role", "valid_from", "valid_to"}
    assert PIN not in made.out + made.err


def test_the_last_day_of_validity_is_a_whole_local_day(
    enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe_in(monkeypatch, PIN)
    arguments = ("--id", "o-01", "--role", "officer", "--pin-stdin", "--valid-to", "2099-12-31")
    assert command("officer", "add", enrolled, *arguments).status == 0
    expected = dt.datetime(2100, 1, 1).astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert roster(enrolled)[0]["valid_to"] == expected


@pytest.mark.parametrize("day", ["2026-02-30", "tomorrow", "2020-01-01"])
def test_a_day_that_cannot_be_the_last(
    enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch, day: str
) -> None:
    pipe_in(monkeypatch, PIN)
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer", "--pin-stdin", "--valid-to", day)
    assert made.status == 2
    assert roster(enrolled) == []


def test_typed_twice(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, PIN, PIN)
    assert command("officer", "add", enrolled, "--id", "o-01", "--role", "engineer").status == 0
    encoded = roster(enrolled)[0]["pin"]
    assert encoded is not None
    assert PasswordHasher().verify(encoded, PIN)


def test_typed_differently(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, PIN, "394871")
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer")
    assert (made.status, roster(enrolled)) == (2, [])
    assert "differ" in made.err
    assert PIN not in made.err


def test_stopped_while_typing(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", stop)
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer")
    assert (made.status, roster(enrolled)) == (130, [])


def test_without_a_terminal_nothing_is_typed_in_the_open(
    enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echoing(_prompt: str) -> str:
        warnings.warn("cannot control echo", getpass.GetPassWarning, stacklevel=1)
        return PIN

    monkeypatch.setattr(getpass, "getpass", echoing)
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer")
    assert (made.status, roster(enrolled)) == (2, [])
    assert "--pin-stdin" in made.err


def _read_until(terminal: int, word: bytes) -> bytes:
    text = b""
    while word not in text:
        text += os.read(terminal, 1024)
    return text


def test_a_real_terminal_shows_no_pin(enrolled: Path) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioning", "officer", "add", str(enrolled), "--id", "o-01", "--role", "officer"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        os.close(theirs)
        seen = _read_until(terminal, b"PIN of o-01: ")
        os.write(terminal, f"{PIN}\n".encode())
        seen += _read_until(terminal, b"again: ")
        os.write(terminal, f"{PIN}\n".encode())
        seen += _read_until(terminal, b"Next:")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert PIN.encode() not in seen
    assert [item["id"] for item in roster(enrolled)] == ["o-01"]


@pytest.mark.parametrize("name", ["o-01", "O-01"])
def test_an_id_is_given_once(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    add_officer(enrolled, "o-01", Role.OFFICER, PIN, NOW)
    before = contents(enrolled)
    pipe_in(monkeypatch, "271828")
    made = command("officer", "add", enrolled, "--id", name, "--role", "officer", "--pin-stdin")
    assert made.status == 3
    assert "officers.json" in made.err
    assert contents(enrolled) == before


@pytest.mark.parametrize(
    "pin",
    [
        *("", "12345", "1234567890123", "39481a", "٣٩٤٨١٧", " 394817", "394 817"),
        *("000000", "999999999999", "123456", "654321", "567890", "890123", "135791", "1234567890"),
        *("121212", "123123", "394394", "394817394817"),
    ],
)
def test_pins_anybody_would_try(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch, pin: str) -> None:
    pipe_in(monkeypatch, f"{pin}\n")
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer", "--pin-stdin")
    assert (made.status, roster(enrolled)) == (2, [])
    assert "6 to 12 digits" in made.err
    assert not pin.strip() or pin not in made.err


@pytest.mark.parametrize("pin", [PIN, "394817394818", "112358", "100000", "123457"])
def test_pins_that_will_do(pin: str) -> None:
    assert check_pin(pin) == pin


def test_no_pin_on_standard_input(enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe_in(monkeypatch, "")
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer", "--pin-stdin")
    assert made.status == 2
    assert "standard input" in made.err


@pytest.mark.parametrize("name", ["", "o 01", "王芳", "o/01"])
def test_an_id_that_cannot_stand_in_a_record(enrolled: Path, name: str) -> None:
    with pytest.raises(BadValueError, match="officer"):
        add_officer(enrolled, name, Role.OFFICER, PIN, NOW)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"v":2,"officers":[]}', '{"v":1}', '{"v":1,"officers":[{"role":"officer"}]}']
)
def test_a_damaged_roster_is_named_and_left_alone(
    enrolled: Path, command: Command, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (enrolled / "officers.json").write_text(text)
    pipe_in(monkeypatch, PIN)
    made = command("officer", "add", enrolled, "--id", "o-01", "--role", "officer", "--pin-stdin")
    assert made.status == 3
    assert "officers.json" in made.err
    assert (enrolled / "officers.json").read_text() == text


def test_where_there_is_no_unit_no_pin_is_asked_for(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch)  # a prompt would fail the test
    made = command("officer", "add", tmp_path / "none", "--id", "o-01", "--role", "officer")
    assert made.status == 3
    assert str(tmp_path / "none") in made.err


def test_an_officer_does_not_show_the_hash(enrolled: Path) -> None:
    made = add_officer(enrolled, "o-01", Role.OFFICER, PIN, NOW)
    assert "argon2" not in repr(made)
