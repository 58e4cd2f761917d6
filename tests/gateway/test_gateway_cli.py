"""``vernix-gateway`` as an operator types it: exit statuses, lines of JSON, and what it says when things are wrong."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main as vernix
from evidence import downlink
from evidence.bundle import read_bundle
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.topics import Channel
from gateway import command
from gateway.aside import Message
from gateway.cli import main
from gateway.store import Store
from tests.gateway.conftest import folder_in_memory
from tests.gateway.support import Hospital, Unit, full_disk
from tests.support import ROOT


@dataclass(slots=True)
class Office:
    """A provisioned gateway with a store in which unit u1 has four records and u2 two, one of them above a hole."""

    hospital: Hospital
    units: tuple[Unit, Unit]
    capsys: pytest.CaptureFixture[str]
    err: str = ""

    def say(self, *arguments: object, status: int = 0) -> str:
        """What the command prints; its exit status must be ``status``."""
        done = main(["--config", str(self.hospital.gateway_toml), *map(str, arguments)])
        out, self.err = self.capsys.readouterr()
        assert done == status, self.err
        return out

    def lines(self, *arguments: object, status: int = 0) -> list[dict[str, Any]]:
        """The same as parsed lines of JSON."""
        return [json.loads(line) for line in self.say(*arguments, "--json", status=status).splitlines()]

    def store(self) -> closing[Store]:
        return closing(Store(self.hospital.gateway_toml.parent / "data/gateway.db"))


@pytest.fixture(scope="module")
def provisioned() -> Iterator[tuple[Hospital, Unit, Unit]]:
    with folder_in_memory() as folder:
        hospital = Hospital.of_site(folder)
        one, other = hospital.unit("u1"), hospital.unit("u2")
        one.grow(4)
        other.grow(3)
        with closing(Store(hospital.gateway_toml.parent / "data/gateway.db")) as store:
            records = [*one.records, other.records[0], other.records[2]]
            units = [one] * 4 + [other] * 2
            hospital.intake(store).take([unit.message(item) for unit, item in zip(units, records, strict=True)])
        yield hospital, one, other


@pytest.fixture
def office(provisioned: tuple[Hospital, Unit, Unit], capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(provisioned[0], provisioned[1:], capsys)


@pytest.fixture
def empty(capsys: pytest.CaptureFixture[str], memory: Path) -> Office:
    """A gateway that never ran."""
    hospital = Hospital.of_site(memory)
    return Office(hospital, (hospital.unit("u1"), hospital.unit("u2")), capsys)


def test_list(office: Office) -> None:
    rows = office.lines("list")
    assert [(row["unit"], row["seq"], row["chained"]) for row in rows] == [
        *[("u1", seq, True) for seq in range(1, 5)],
        ("u2", 1, True),
        ("u2", 3, False),
    ]
    text = office.say("list").splitlines()
    assert len(text) == 6
    assert text[0].split()[:3] == ["u1", "1", "birth"]
    assert "verified" in text[0]
    assert "waits for earlier records" in text[-1]


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (3, 3), (-1, 6), (1000, 6)])
def test_list_limit(office: Office, limit: int, count: int) -> None:
    assert len(office.lines("list", "--limit", limit)) == count


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--limit", "-2"],
        ["list", "--limit", "many"],
        ["list", "--limit", str(1 << 63)],
        ["show", "u1", "0"],
        ["show", "u1", "-1"],
        ["show", "u1", str(1 << 63)],
        ["show", "u1"],
        ["stroll"],
        [],
    ],
    ids=" ".join,
)
def test_usage(office: Office, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        office.say(*arguments)
    assert ended.value.code == 2
    assert "usage: vernix-gateway" in office.capsys.readouterr().err


def test_list_of_a_unit(office: Office) -> None:
    assert {row["unit"] for row in office.lines("list", "--unit", "u2")} == {"u2"}
    assert office.lines("list", "--unit", "u9") == []


def test_show(office: Office) -> None:
    (shown,) = office.lines("show", "u1", 1)
    assert shown == office.units[0].records[0].payload
    assert json.loads(office.say("show", "u1", 1)) == shown


@pytest.mark.parametrize(("unit", "seq"), [("u1", 99), ("u9", 1), ("u2", 2)])
def test_show_what_is_not_there(office: Office, unit: str, seq: int) -> None:
    assert office.say("show", unit, seq, status=1) == ""
    assert office.err == f"vernix-gateway: no record {seq} of {unit}\n"


def test_status_in_order(empty: Office) -> None:
    unit = empty.units[0]
    with empty.store() as store:
        take = empty.hospital.intake(store).take
        take([unit.message(record) for record in unit.grow(2)])
        take([unit.health(2)])
    (entry,) = empty.lines("status")
    assert (entry["unit"], entry["verified"], entry["claimed"], entry["missing"]) == ("u1", 2, 2, 0)
    assert empty.say("status").startswith("unit u1  verified 2  claimed 2  missing 0")


def test_status_of_a_tail_that_was_cut_off(empty: Office) -> None:
    unit = empty.units[0]
    with empty.store() as store:
        take = empty.hospital.intake(store).take
        unit.grow(3)
        take([unit.message(unit.records[0]), unit.health(3)])
    assert empty.lines("status", status=1)[0]["missing"] == 2


def test_status_of_a_chain_with_two_ends(empty: Office) -> None:
    """The unit claimed one record 2 and then delivered another one."""
    unit = empty.units[0]
    with empty.store() as store:
        take = empty.hospital.intake(store).take
        unit.grow(2)
        take([unit.message(unit.records[0]), unit.health(2, head="0" * 64), unit.message(unit.records[1])])
    (entry,) = empty.lines("status", status=1)
    assert (entry["contradicted"], entry["missing"]) == (True, 0)


def silent(office: Office, status: int) -> dict[str, bool]:
    return {entry["unit"]: entry["silent"] for entry in office.lines("status", status=status)}


def test_status_of_units_that_fell_silent(empty: Office) -> None:
    """A broken unit looks like one without work; one that has retired, or is revoked, has a right to be silent."""
    hospital, now, units = empty.hospital, empty.hospital.now, [*empty.units, empty.hospital.unit("u3")]
    long_ago = now - dt.timedelta(days=30)
    with empty.store() as store:
        take = hospital.intake(store).take
        for unit in units:
            unit.grow(2)
            take([unit.message(record) for record in unit.records])
        take([one.health(2) for one in units[:2]])
        hospital.now = long_ago
        take([units[2].health(2)])
        hospital.now = now
    assert silent(empty, 1) == {"u1": False, "u2": False, "u3": True}
    assert f"silent  u3  last heard {long_ago:%Y-%m-%d}" in empty.say("status", status=1)
    toml = empty.hospital.gateway_toml
    before = toml.read_text("utf-8")
    toml.write_text(before.replace("[gateway]", f"[gateway]\nsilent_s = {60 * 86400}.0"), "utf-8")
    assert silent(empty, 0) == {"u1": False, "u2": False, "u3": False}
    toml.write_text(before, "utf-8")
    with empty.store() as store:
        entry = Revoked(units[2].signer.kid, "1", now, Reason.LOST)
        store.set_revocations(sign_revocations("s1", 1, [entry], now, KeySigner(hospital.authority_key)))
    assert silent(empty, 0)["u3"] is False


def test_status_of_units_never_heard_and_retired(empty: Office) -> None:
    unit = empty.units[0]
    with empty.store() as store:
        take = empty.hospital.intake(store).take
        take([unit.message(record) for record in unit.grow(2)])
        assert silent(empty, 1) == {"u1": True}
        take([unit.message(unit.make(kind="retire", reason="replaced"))])
    assert silent(empty, 0) == {"u1": False}


def test_status_tells_a_gateway_that_its_own_key_is_revoked(empty: Office) -> None:
    hospital = empty.hospital
    with empty.store() as store:
        entry = Revoked(hospital.signer.kid, "1", hospital.now, Reason.COMPROMISED)
        store.set_revocations(sign_revocations("s1", 1, [entry], hospital.now, KeySigner(hospital.authority_key)))
    assert "revoked  this gateway's signing key" in empty.say("status", status=1)


def test_status_of_a_restore_from_before_a_rotation_says_what_to_ask_for(empty: Office) -> None:
    unit, hospital = empty.units[0], empty.hospital
    with empty.store() as store:
        take = hospital.intake(store).take
        take([unit.message(record) for record in unit.grow(3)])
        unit.event()
        unit.rotate(hospital)
        take([unit.message(unit.event()), unit.health(6)])
    text = empty.say("status", status=1)
    assert (
        "seq 6: waits for the record that brings its key; if that does not come: vernix-gateway resend u1 4 6" in text
    )
    assert "claims seq 6: waits for the record that brings its key" in text


def test_status_of_quarantine_and_strangers(empty: Office) -> None:
    one, other = empty.units
    with empty.store() as store:
        take = empty.hospital.intake(store).take
        take([one.message(one.birth()), Message(one.address, Channel.RECORD, b"rubbish")])
        other.grow(2)
        take([other.message(other.records[1])])
    entries = {entry["unit"]: entry for entry in empty.lines("status", status=1)}
    assert (entries["u1"]["quarantined"], entries["u2"]["waiting"], entries["u2"]["verified"]) == (1, 1, 0)
    text = empty.say("status", status=1)
    assert "quarantine  u1  record" in text
    assert "waits for the unit's birth record" in text


def test_status_of_strangers_who_were_too_many(empty: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.aside.MAX_MESSAGES", 0)
    one = empty.units[0]
    with empty.store() as store:
        empty.hospital.intake(store).take([Message(one.address, Channel.RECORD, b"rubbish")])
    assert "dropped  1 messages" in empty.say("status", status=1)


def test_export_is_sound(office: Office, tmp_path: Path) -> None:
    bundle, authority = tmp_path / "u1.jsonl", office.hospital.folder / "site/authority/authority.pem"
    assert office.say("export", "u1", bundle) == f"{bundle}: 4 records of u1\n"
    assert vernix(["verify", str(bundle), "--authority", str(authority), "--json"]) == 0
    result = json.loads(office.capsys.readouterr().out)
    assert (result["sound"], result["unit"], result["count"]) == (True, "u1", 4)


def test_export_leaves_out_what_is_above_a_hole(office: Office, tmp_path: Path) -> None:
    office.say("export", "u2", tmp_path / "u2.jsonl")
    assert len(read_bundle(tmp_path / "u2.jsonl").records) == 1


def test_export_of_an_unknown_unit(office: Office, tmp_path: Path) -> None:
    office.say("export", "u9", tmp_path / "u9.jsonl", status=1)
    assert office.err == "vernix-gateway: no records of a unit u9\n"
    assert list(tmp_path.iterdir()) == []


def test_export_into_a_folder_that_is_not_there(office: Office, tmp_path: Path) -> None:
    office.say("export", "u1", tmp_path / "none/u1.jsonl", status=3)
    assert "No such file" in office.err


@pytest.mark.parametrize("command", [["list"], ["status"], ["show", "u1", "1"], ["export", "u1", "never.jsonl"]])
def test_before_the_first_run_nothing_is_made(empty: Office, command: list[str]) -> None:
    empty.say(*command, status=3)
    assert "there is no store yet" in empty.err
    assert not (empty.hospital.gateway_toml.parent / "data").exists()


def test_damaged_store(empty: Office) -> None:
    data = empty.hospital.gateway_toml.parent / "data"
    data.mkdir()
    (data / "gateway.db").write_bytes(b"\0" * 8192)
    for word in ("list", "status", "run"):
        empty.say(word, status=3)
        assert "restore the store from backup" in empty.err
    assert (data / "gateway.db").read_bytes() == b"\0" * 8192


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("signing.key", "cannot read the private key"),
        ("signing.pem", "cannot read the certificate"),
        ("authority.pem", "cannot read the certificate"),
        ("encryption.key", "cannot read the private key"),
        ("client.pem", "client.pem: cannot be read"),
        ("client.key", "client.key: cannot be read"),
    ],
)
def test_run_with_a_file_missing(empty: Office, file: str, reason: str) -> None:
    (empty.hospital.gateway_toml.parent / file).unlink()
    empty.say("run", status=3)
    assert reason in empty.err


def test_run_with_the_key_of_somebody_else(empty: Office) -> None:
    folder = empty.hospital.gateway_toml.parent
    (folder / "signing.key").write_bytes((folder / "encryption.key").read_bytes())
    empty.say("run", status=3)
    assert "not the certificate of file:signing.key" in empty.err


@pytest.mark.parametrize("file", ["client.pem", "client.key"])
def test_run_with_a_damaged_tls_file(empty: Office, file: str) -> None:
    (empty.hospital.gateway_toml.parent / file).write_text("-----BEGIN RUBBISH-----\n")
    empty.say("run", status=3)
    assert "not a certificate and its unencrypted key" in empty.err


def test_configuration_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--config", str(tmp_path / "none.toml"), "list"]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_wrong_configuration(empty: Office) -> None:
    path = empty.hospital.gateway_toml
    path.write_text(path.read_text("utf-8").replace("port =", "prot ="), "utf-8")
    empty.say("list", status=2)
    assert "configuration: broker.prot: unknown key" in empty.err


@pytest.mark.parametrize("command", [[], ["run"], ["list"], ["show"], ["status"], ["export"]], ids=" ".join)
def test_help(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "usage: vernix-gateway" in done.stdout


def test_resend_lays_down_a_signed_command(office: Office) -> None:
    assert "records 2 to 4" in office.say("resend", "u1", 2, 4)
    office.say("resend", "u1", 3, 3)
    with office.store() as store:
        first, second = command.waiting(store)
    key_for, address = office.hospital.key_for, office.units[0].address
    read = [
        downlink.read(one.token, Channel.COMMAND, address, key_for, last_counter=0, now=office.hospital.now)
        for one in (first, second)
    ]
    assert [one.body["ranges"] for one in read] == [[[2, 4]], [[3, 3]]]
    assert 0 < read[0].counter < read[1].counter


def test_a_disk_that_is_full_later_is_named_too(office: Office) -> None:
    """The store can be opened, and its log does not grow any more."""
    with office.store() as store:
        for _ in range(12):
            store.next_counter("u1", Channel.RECEIPT)
        with full_disk(12 * 4096):
            office.say("resend", "u1", 2, 4, status=3)
    assert "the disk is full or failing: make room" in office.err


@pytest.mark.parametrize(("words", "status"), [(("u1", 4, 2), 2), (("u/1", 1, 2), 3), (("u1", 1, 2**60), 3)])
def test_resend_of_what_cannot_be(words: tuple[object, ...], status: int, office: Office) -> None:
    with office.store() as store:
        before = list(command.waiting(store))
        office.say("resend", *words, status=status)
        assert office.err
        assert list(command.waiting(store)) == before
