"""The drill: gateway and backups are gone; a unit's export and the recovery key are all there is."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from daemon import config as unit_config
from daemon.cli import main as vernix
from daemon.clock import UnitClock
from daemon.identity import load_identity
from daemon.outbox import Outbox
from daemon.parts import open_outbox
from evidence import receipt
from evidence.encoding import sha256_hex
from evidence.envelope import attachment
from tests.daemon.support import SYNCHRONISED
from tests.provisioning.conftest import Command

DRAWING = b"a signature, as drawn"


def opened(enrolled: Path) -> Outbox:
    """The outbox of a unit that does not run."""
    config = unit_config.load(enrolled / "unit.toml")
    config.unit.data.mkdir(exist_ok=True)
    return open_outbox(config, load_identity(config, dt.datetime.now(dt.UTC)))


def exported(enrolled: Path, folder: Path) -> Path:
    """What ``vernix export`` writes."""
    path = folder / "export.jsonl"
    assert vernix(["export", "--config", str(enrolled / "unit.toml"), "--to", str(path)]) == 0
    return path


@pytest.fixture
def export(enrolled: Path, tmp_path: Path) -> Path:
    """Of a unit with a few records, one with an attachment."""
    outbox = opened(enrolled)
    for number in range(3):
        outbox.append({"kind": "event", "event": {"type": "test", "number": number}})
    drawn = {"kind": "event", "event": {"type": "drawn"}}
    named = {"attachments": [{"name": "signature", "sha256": sha256_hex(DRAWING)}]}
    outbox.append(drawn | named, attachments=[attachment("signature", DRAWING)])
    outbox.close()
    return exported(enrolled, tmp_path)


def test_the_recovery_key_alone_opens_every_record(
    export: Path, site: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    key, authority = tmp_path / "recovery.key", tmp_path / "authority.pem"
    shutil.copy(site / "recovery/recovery.key", key)
    shutil.copy(site / "authority/authority.pem", authority)
    shutil.rmtree(site)
    bundle, beside = tmp_path / "records.jsonl", tmp_path / "beside"
    beside.mkdir()
    made = command("recover", export, "--key", key, "--to", bundle, "--attachments", beside, "--json")
    assert made.status == 0, made.err
    assert json.loads(made.out) == {
        "unit": "unit-01",
        "site": "demo-site",
        "records": 5,
        "attachments": 1,
        "overwritten": 0,
        "health": f"{bundle}.health.jws",
        "file": str(bundle),
    }
    assert (beside / "5-1").read_bytes() == DRAWING
    assert bundle.stat().st_mode & 0o077 == 0
    assert vernix(["verify", str(bundle), "--authority", str(authority), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["sound"], found["count"], found["kinds"]) == (True, 5, {"birth": 1, "event": 4})


@pytest.fixture
def old_export(enrolled: Path, tmp_path: Path) -> Path:
    """Of a unit whose records 2, 3 and 5 were receipted 31 days ago, by either clock."""
    outbox = opened(enrolled)
    today = [dt.datetime.now(dt.UTC)]
    outbox.clock = UnitClock(today[0], now=lambda: today[0], kernel=lambda: SYNCHRONISED)
    for number in range(5):
        outbox.append({"kind": "event", "event": {"type": "test", "number": number}})
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    outbox.apply_receipt(receipt.make_body({seq: hashes[seq] for seq in (2, 3, 5)}), today[0])
    today[0] += dt.timedelta(days=31)
    outbox.apply_receipt(receipt.make_body({4: hashes[4]}), today[0])
    assert outbox.make_room() == 3
    assert outbox.overwritten() == [(2, 3), (5, 5)]
    outbox.close()
    return exported(enrolled, tmp_path)


def test_after_a_month_what_was_overwritten_is_named_and_the_rest_is_sound(
    old_export: Path, site: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "records.jsonl"
    made = command("recover", old_export, "--key", site / "recovery/recovery.key", "--to", bundle)
    assert made.status == 0, made.err
    assert "3 older ones the unit no longer had" in made.out
    verify = ["verify", str(bundle), "--authority", str(site / "authority/authority.pem")]
    health = ["--health", f"{bundle}.health.jws"]
    assert vernix([*verify, *health]) == 0
    said = capsys.readouterr().out
    assert "seq 2 to 3 are not here" in said
    assert "sound as far as it goes" in said
    assert vernix(verify) == 1, "without the unit's word they are missing"
    lines = bundle.read_bytes().splitlines(keepends=True)
    bundle.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert vernix([*verify, *health]) == 1, "one that the unit does not name is missing"


def test_a_cut_export_shows_against_the_signed_head(
    export: Path, site: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(lines[:-1]))
    bundle = tmp_path / "records.jsonl"
    assert command("recover", export, "--key", site / "recovery/recovery.key", "--to", bundle).status == 0
    assert vernix(["verify", str(bundle), "--authority", str(site / "authority/authority.pem"), "--json"]) == 1
    assert [one["step"] for one in json.loads(capsys.readouterr().out)["findings"]] == [8]


def test_what_does_not_open_is_named_by_its_line(export: Path, site: Path, tmp_path: Path, command: Command) -> None:
    bundle, key = tmp_path / "records.jsonl", site / "recovery/recovery.key"
    lines = export.read_bytes().splitlines(keepends=True)
    exchanged = json.loads(lines[2]) | {"envelope": json.loads(lines[3])["envelope"]}
    for name, data, where in (
        ("empty", b"", "line 1"),
        ("no JSON", b"x", "line 1"),
        ("another first line", b'{"format":"x"}\n', "line 1"),
        ("exchanged", b"".join([*lines[:2], json.dumps(exchanged).encode() + b"\n"]), "line 3"),
        ("no envelope", lines[0] + b'{"seq":1}\n', "line 2"),
        ("cut line", b"".join(lines[:3])[:-20], "line 3"),
    ):
        export.write_bytes(data)
        failed = command("recover", export, "--key", key, "--to", bundle)
        assert (failed.status, where in failed.err) == (3, True), (name, failed.err)
    export.write_bytes(b"".join(lines))
    failed = command("recover", export, "--key", site / "authority/authority.key", "--to", bundle)
    assert (failed.status, "not for this key" in failed.err) == (3, True)
    assert not bundle.exists()
    bundle.write_text("here already")
    failed = command("recover", export, "--key", key, "--to", bundle)
    assert (failed.status, bundle.read_text()) == (3, "here already")
