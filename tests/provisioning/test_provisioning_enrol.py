"""``vernix-provision unit enrol``: a unit that every verifier believes, or no unit at all."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from daemon import config as unit_config
from evidence.certificates import RECORD_SIGNING, load_certificate, subject_name
from evidence.keys import FileSigner
from evidence.topics import Address
from evidence.verify import read_record, verify_records
from provisioning.cli import main
from provisioning.enrolment import (
    enrol,
)
from provisioning.unit_toml import UnitSettings
from tests.provisioning.conftest import Command, contents

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
SETTINGS = UnitSettings(checkpoint="delivery")
ADDRESS = Address("demo-site", "unit-01")
EVERYTHING = {
    *("record.key", "record.pem", "client.key", "client.pem", "authority.pem", "birth.jws", "unit.toml"),
    *("gateway-signing.pem", "gateway-encryption.pub", "recovery.pub", "officers.json", "slips.key"),
}


def ticking(*moments: dt.datetime) -> Callable[[], dt.datetime]:
    left: Iterator[dt.datetime] = iter(moments)
    return lambda: next(left)


def test_makes_every_file_and_keeps_secrets_private(enrolled: Path) -> None:
    assert set(contents(enrolled)) == EVERYTHING
    for name in ("record.key", "client.key", "officers.json"):
        assert stat.S_IMODE((enrolled / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(enrolled.stat().st_mode) == 0o700


def test_nothing_of_the_unit_stays_at_the_site(site: Path, enrolled: Path) -> None:
    secrets = {(enrolled / name).read_bytes() for name in ("record.key", "client.key")}
    assert not secrets & set(contents(site).values())


def test_the_birth_record_verifies(site: Path, enrolled: Path) -> None:
    token = (enrolled / "birth.jws").read_text("ascii")
    result = verify_records([token], load_certificate(site / "authority/authority.pem"))
    assert result.sound, result.findings
    assert (result.unit, result.site, result.kinds) == ("unit-01", "demo-site", {"birth": 1})


def test_the_birth_record_says_how_the_key_is_kept(enrolled: Path) -> None:
    payload = read_record((enrolled / "birth.jws").read_text("ascii")).payload
    assert payload["key"]["protection"] == "file"
    assert payload["key"]["kid"] == FileSigner(enrolled / "record.key").kid
    assert (payload["seq"], payload["boot"], payload["time"]["source"]) == (1, 0, "clock")
    assert payload["software"]["version"]


def test_the_time_is_an_interval_even_when_the_clock_is_set_back(site: Path, tmp_path: Path) -> None:
    later = NOW + dt.timedelta(seconds=2)
    forward = enrol(site, "forward", tmp_path / "f", SETTINGS, ticking(NOW, NOW, later))
    back = enrol(site, "back", tmp_path / "b", SETTINGS, ticking(later, NOW, NOW))
    expected = {"earliest": "2026-11-21T08:00:00.000Z", "latest": "2026-11-21T08:00:02.000Z", "source": "clock"}
    assert forward.birth.payload["time"] == expected
    assert back.birth.payload["time"] == expected


@pytest.mark.parametrize(("file", "usage"), [("record", RECORD_SIGNING), ("client", ExtendedKeyUsageOID.CLIENT_AUTH)])
def test_certificates_are_for_the_units_own_keys(
    site: Path, enrolled: Path, file: str, usage: x509.ObjectIdentifier
) -> None:
    made = load_certificate(enrolled / f"{file}.pem")
    key = load_pem_private_key((enrolled / f"{file}.key").read_bytes(), None)
    assert made.public_key() == key.public_key()
    assert made.subject == subject_name("unit-01", "demo-site")
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
    made.verify_directly_issued_by(load_certificate(site / "authority/authority.pem"))


def test_what_the_site_gives_every_unit(site: Path, enrolled: Path) -> None:
    for ours, theirs in (
        ("authority.pem", "authority/authority.pem"),
        ("gateway-signing.pem", "gateway/signing.pem"),
        ("gateway-encryption.pub", "gateway/encryption.pub"),
        ("recovery.pub", "recovery/recovery.pub"),
    ):
        assert (enrolled / ours).read_bytes() == (site / theirs).read_bytes()


def test_the_roster_is_empty(enrolled: Path) -> None:
    assert json.loads((enrolled / "officers.json").read_bytes()) == {"v": 1, "officers": []}


def test_configuration(enrolled: Path) -> None:
    assert tomllib.loads((enrolled / "unit.toml").read_text("utf-8")) == {
        "unit": {
            "id": "unit-01",
            "site": "demo-site",
            "data": "data",
            "checkpoint": "delivery",
            "production": False,
            "policy": "neutral",
            "officers": "officers.json",
        },
        "keys": {
            "record": "file:record.key",
            "certificate": "record.pem",
            "birth": "birth.jws",
            "authority": "authority.pem",
            "gateway_signing": "gateway-signing.pem",
            "gateway_encryption": "gateway-encryption.pub",
            "recovery": "recovery.pub",
            "slips": "slips.key",
        },
        "broker": {
            "host": "broker.example",
            "port": 8883,
            "tls": {"authority": "authority.pem", "certificate": "client.pem", "key": "client.key"},
        },
        "devices": {
            "card_reader": "serial:///dev/ttyUSB0",
            "photo_decoder": "simulated",
            "camera": "picamera:0",
            "fingerprint": "none:",
        },
        "kiosk": {"host": "127.0.0.1", "port": 8080},
    }


def test_the_units_program_reads_the_configuration(site: Path, tmp_path: Path, command: Command) -> None:
    decoder = 'ctypes:/opt/vendor "1"/lib\\wlt.so?symbol=unpack&convention=raw'
    made = command(
        *("unit", "enrol", "--site", site, "--unit", "unit-02", "--into", tmp_path / "u"),
        *("--checkpoint", "admission", "--policy", "/etc/vernix/省.toml", "--production"),
        *("--card-reader", "serial:///dev/ttyS0?baud=9600", "--camera", "v4l2:///dev/video0"),
        *("--fingerprint", "serial:///dev/ttyS1", "--photo-decoder", decoder),
    )
    assert made.status == 0, made.err
    read = unit_config.load(tmp_path / "u/unit.toml")
    assert read.address == Address("demo-site", "unit-02")
    assert (read.unit.checkpoint, read.unit.policy, read.unit.production) == ("admission", "/etc/vernix/省.toml", True)
    assert read.devices == unit_config.Devices(
        "serial:///dev/ttyS0?baud=9600", "v4l2:///dev/video0", decoder, "serial:///dev/ttyS1"
    )
    assert read.keys.birth == tmp_path / "u/birth.jws"


def test_production_says_what_is_still_missing(site: Path, tmp_path: Path, command: Command) -> None:
    made = command(
        *("unit", "enrol", "--site", site, "--unit", "unit-02", "--into", tmp_path / "u"),
        *("--checkpoint", "delivery", "--production", "--json"),
    )
    notes = json.loads(made.out)["notes"]
    assert len(notes) == 2
    assert all(note in made.err for note in notes)


def test_tells_what_was_made_and_what_comes_next(site: Path, tmp_path: Path, command: Command) -> None:
    made = command(
        "unit", "enrol", "--site", site, "--unit", "unit-02", "--into", tmp_path / "u", "--checkpoint", "delivery"
    )
    birth = read_record((tmp_path / "u/birth.jws").read_text("ascii"))
    for word in ("unit-02", birth.sha256, birth.payload["key"]["kid"], f"officer add {tmp_path}/u", "move, not copy"):
        assert word in made.out
    assert made.err == ""


def test_the_authority_folder_alone_is_enough(site: Path, tmp_path: Path, command: Command) -> None:
    for name in ("gateway", "recovery", "broker"):
        shutil.rmtree(site / name)
    made = command(
        "unit", "enrol", "--site", site, "--unit", "unit-02", "--into", tmp_path / "u", "--checkpoint", "delivery"
    )
    assert made.status == 0, made.err


def test_the_register_knows_the_unit(site: Path, enrolled: Path) -> None:
    lines = json.loads((site / "authority/issued.json").read_bytes())["certificates"]
    ours = {(line["profile"], line["serial"]) for line in lines if line["name"] == "unit-01"}
    assert ours == {
        ("RECORD", f"{load_certificate(enrolled / 'record.pem').serial_number:x}"),
        ("CLIENT", f"{load_certificate(enrolled / 'client.pem').serial_number:x}"),
    }


@pytest.mark.usefixtures("enrolled")
@pytest.mark.parametrize("name", ["unit-01", "UNIT-01"])
def test_a_name_is_given_once(site: Path, tmp_path: Path, command: Command, name: str) -> None:
    before = contents(site)
    made = command(
        "unit", "enrol", "--site", site, "--unit", name, "--into", tmp_path / "u", "--checkpoint", "delivery"
    )
    assert made.status == 3
    assert name in made.err
    assert str(site) in made.err
    assert contents(site) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "unit-01"]


def test_a_folder_that_is_not_empty_is_left_alone(site: Path, enrolled: Path, command: Command) -> None:
    before = contents(enrolled), contents(site)
    made = command("unit", "enrol", "--site", site, "--unit", "unit-02", "--into", enrolled, "--checkpoint", "delivery")
    assert made.status == 3
    assert str(enrolled) in made.err
    assert (contents(enrolled), contents(site)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"--unit": "unit/02"},
        {"--unit": "+"},
        {"--unit": "gateway"},
        {"--unit": "Broker"},
        {"--checkpoint": "deli\nvery"},
        {"--policy": "neu\x7ftral"},
        {"--card-reader": "ttyUSB0"},
        {"--camera": "webcam:0"},
        {"--fingerprint": "serial://[/dev/ttyS0"},
        {"--card-reader": "serial:///dev/ttyS0?baud=1&baud=2"},
        {"--photo-decoder": "magic"},
        {"--photo-decoder": "ctypes:/lib/\udcff.so"},
    ],
)
def test_values_that_cannot_be_used_leave_nothing_behind(
    site: Path, tmp_path: Path, command: Command, change: dict[str, str]
) -> None:
    before = contents(site)
    arguments = {"--site": str(site), "--unit": "unit-02", "--into": f"{tmp_path}/u", "--checkpoint": "delivery"}
    made = command("unit", "enrol", *(f"{name}={value}" for name, value in {**arguments, **change}.items()))
    assert made.status == 2
    assert made.err.startswith("vernix-provision: ")
    assert made.err.count("\n") == 1
    assert contents(site) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_unit_is_not_kept_inside_its_site(site: Path, command: Command) -> None:
    made = command(
        "unit", "enrol", "--site", site, "--unit", "u", "--into", site / "units/u", "--checkpoint", "delivery"
    )
    assert made.status == 2
    assert not (site / "units").exists()


def test_without_a_site(tmp_path: Path, command: Command) -> None:
    made = command(
        "unit", "enrol", "--site", tmp_path, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "delivery"
    )
    assert made.status == 3
    assert str(tmp_path) in made.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"v":2,"certificates":[]}',
        '{"v":1,"certificates":{}}',
        '{"v":1,"certificates":[{"name":"unit-01"}]}',
        '{"v":1,"certificates":[{"name":"u","serial":"1","profile":"ROOT","not_after":"2027-01-01T00:00:00.000Z"}]}',
        '{"v":1,"certificates":[{"name":"u","serial":"1","profile":"CLIENT","not_after":"soon"}]}',
    ],
)
def test_a_damaged_register_stops_everything(site: Path, tmp_path: Path, command: Command, text: str) -> None:
    (site / "authority/issued.json").write_text(text)
    made = command("unit", "enrol", "--site", site, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "delivery")
    assert made.status == 3
    assert "issued.json" in made.err
    assert (site / "authority/issued.json").read_text() == text
    assert not (tmp_path / "u").exists()


def test_a_missing_register_stops_everything(site: Path, tmp_path: Path, command: Command) -> None:
    (site / "authority/issued.json").unlink()
    made = command("unit", "enrol", "--site", site, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "delivery")
    assert made.status == 3
    assert "issued.json" in made.err


@pytest.mark.parametrize("name", ["gateway-signing.pem", "gateway-encryption.pub", "recovery.pub"])
def test_a_damaged_site_file_is_named(site: Path, tmp_path: Path, command: Command, name: str) -> None:
    before = (site / "authority/issued.json").read_bytes()
    os.truncate(site / "authority" / name, 40)
    made = command("unit", "enrol", "--site", site, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "delivery")
    assert made.status == 3
    assert name in made.err
    assert (site / "authority/issued.json").read_bytes() == before


def _enrol_one(site: str, into: str, name: str) -> None:
    raise SystemExit(
        main(["unit", "enrol", "--site", site, "--unit", name, "--into", into, "--checkpoint", "delivery"])
    )


def test_two_benches_at_once(site: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    same = [
        context.Process(target=_enrol_one, args=(str(site), str(tmp_path / f"u{place}"), name))
        for place, name in enumerate(("same", "same", "other"))
    ]
    for process in same:
        process.start()
    for process in same:
        process.join(60)
    assert sorted(process.exitcode for process in same[:2] if process.exitcode is not None) == [0, 3]
    assert same[2].exitcode == 0
    lines = json.loads((site / "authority/issued.json").read_bytes())["certificates"]
    assert sorted(line["name"] for line in lines) == ["broker", "gateway", "gateway", "other", "other", "same", "same"]
