"""``vernix verify``: bundles in order and not, held against what else an inspector may have."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.delivery import health_message
from evidence.bundle import Bundle, write_bundle
from evidence.chain import Head
from evidence.encoding import sha256_hex
from provisioning.enrolment import enrol
from provisioning.unit_toml import UnitSettings
from tests.daemon.support import SITE, UNIT, Home, check_fields, now

OK, FINDING, ENVIRONMENT = 0, 1, 3
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vernix(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit status, standard output, standard error."""

    def run(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(item) for item in argv])
        text = capsys.readouterr()
        return status, text.out, text.err

    return run


def bundle_of(home: Home) -> Path:
    outbox = home.outbox()
    for _ in range(3):
        outbox.append(check_fields())
    records, head = tuple(record.jws for record in home.opened(outbox)), outbox.head
    outbox.close()
    write_bundle(home.folder / "bundle.jsonl", Bundle(UNIT, SITE, head, records))
    return home.folder / "bundle.jsonl"


def test_verify_a_sound_bundle(home: Home, vernix: Command) -> None:
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    status, out, _ = vernix("verify", bundle, "--authority", authority)
    assert (status, "sound; unit unit-test, site site-test, 4 records (1 birth, 3 check)" in out) == (OK, True)
    found = json.loads(vernix("verify", bundle, "--authority", authority, "--json")[1])
    assert (found["sound"], found["count"], found["findings"]) == (True, 4, [])


def _drop_a_record(lines: list[bytes]) -> list[bytes]:
    return lines[:3] + lines[4:]


def _flip_a_signature(lines: list[bytes]) -> list[bytes]:
    head, _, tail = lines[3].rpartition(b".")
    return [*lines[:3], head + b"." + (b"B" if tail[:1] == b"A" else b"A") + tail[1:], *lines[4:]]


def _cut_the_tail(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


@pytest.mark.parametrize("tamper", [_drop_a_record, _flip_a_signature, _cut_the_tail])
def test_verify_finds_tampering(tamper: Callable[[list[bytes]], list[bytes]], home: Home, vernix: Command) -> None:
    bundle = bundle_of(home)
    bundle.write_bytes(b"\n".join(tamper(bundle.read_bytes().splitlines())) + b"\n")
    authority = home.site / "authority" / "authority.pem"
    status, out, _ = vernix("verify", bundle, "--authority", authority)
    assert (status, "NOT sound" in out) == (FINDING, True)
    assert not json.loads(vernix("verify", bundle, "--authority", authority, "--json")[1])["sound"]


def test_verify_against_a_signed_head(home: Home, vernix: Command) -> None:
    """A tail that was cut off, and a first line that hides it."""
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    with closing(home.outbox()) as outbox:
        signed = health_message(outbox, home.config().address, outbox.signer, 0)
    said = home.folder / "health.jws"
    said.write_text(signed + "\n")
    assert vernix("verify", bundle, "--authority", authority, "--health", said)[0] == OK
    first, *tokens = bundle.read_text("ascii").splitlines()
    cut = json.loads(first) | {"head": {"seq": 3, "sha256": sha256_hex(tokens[2].encode())}}
    bundle.write_text("\n".join([json.dumps(cut), *tokens[:3], ""]))
    assert vernix("verify", bundle, "--authority", authority)[0] == OK
    status, out, _ = vernix("verify", bundle, "--authority", authority, "--health", said)
    assert (status, "step 8, record 0: the records end before seq 4" in out) == (FINDING, True)
    said.write_text(tokens[0])
    status, out, _ = vernix("verify", bundle, "--authority", authority, "--health", said)
    assert (status, "not a health message of this unit" in out) == (FINDING, True)
    assert vernix("verify", bundle, "--authority", authority, "--health", home.folder / "none")[0] == ENVIRONMENT


def test_verify_says_what_it_does_not_prove(home: Home, vernix: Command) -> None:
    """A cut tail whose first line was lowered is sound as far as it goes; whoever reads that must be told."""
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    with closing(home.outbox()) as outbox:
        signed, kid = health_message(outbox, home.config().address, outbox.signer, 0), outbox.signer.kid
    said = home.folder / "health.jws"
    said.write_text(signed)
    _, out, _ = vernix("verify", bundle, "--authority", authority, "--health", said)
    assert "complete up to seq 4" in out
    assert "not proven" not in out
    assert f"key {kid} from seq 1, protection by the unit's word: file" in out
    first, *tokens = bundle.read_text("ascii").splitlines()
    cut = json.loads(first) | {"head": {"seq": 3, "sha256": sha256_hex(tokens[2].encode())}}
    bundle.write_text("\n".join([json.dumps(cut), *tokens[:3], ""]))
    status, out, _ = vernix("verify", bundle, "--authority", authority)
    assert (status, "completeness not proven: give --health\n" in out) == (OK, True)
    found = json.loads(vernix("verify", bundle, "--authority", authority, "--json")[1])
    assert (found["completeness"], found["signed_head"]) == ("completeness not proven: give --health", None)
    assert found["keys"] == [{"kid": kid, "since": 1, "protection": "file"}]
    found = json.loads(vernix("verify", bundle, "--authority", authority, "--health", said, "--json")[1])
    assert (found["sound"], found["completeness"]) == (False, "completeness not proven")


def test_verify_holds_the_first_line_against_the_records(home: Home, vernix: Command) -> None:
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    first, rest = bundle.read_bytes().split(b"\n", 1)
    bundle.write_bytes(first.replace(UNIT.encode(), b"unit-else") + b"\n" + rest)
    status, out, _ = vernix("verify", bundle, "--authority", authority)
    assert (status, "step 5, record 0: the bundle's first line names another unit" in out) == (FINDING, True)


def test_verify_a_file_of_blank_lines(home: Home, vernix: Command) -> None:
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    with bundle.open("ab") as stream:
        stream.write(b"\n" * 3_000_000)
    status, out, _ = vernix("verify", bundle, "--authority", authority)
    assert (status, "and more: verification stopped after 1000 findings" in out) == (FINDING, True)
    assert len(out) < 100_000
    assert "NOT sound, at least 1000 findings" in out


def test_verify_a_file_that_is_too_large(home: Home, vernix: Command) -> None:
    """Sparse: no line feed for 64 GiB."""
    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    with bundle.open("r+b") as stream:
        stream.truncate(1 << 36)
    status, out, err = vernix("verify", bundle, "--authority", authority)
    assert (status, out) == (ENVIRONMENT, "")
    assert "line 6 is longer than" in err


def test_verify_without_memory_is_no_verdict(home: Home, vernix: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object, **__: object) -> None:
        raise MemoryError

    bundle, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    monkeypatch.setattr("daemon.verify_files.verify_records", starved)
    status, out, err = vernix("verify", bundle, "--authority", authority)
    assert (status, out) == (ENVIRONMENT, "")
    assert "no verdict" in err


def test_verify_with_the_unit_before(home: Home, vernix: Command) -> None:
    before, authority = bundle_of(home), home.site / "authority" / "authority.pem"
    enrol(home.site, "unit-next", home.folder / "next", UnitSettings("delivery", camera="none:"), now, before)
    birth = (home.folder / "next/birth.jws").read_text("ascii").strip()
    after = home.folder / "after.jsonl"
    write_bundle(after, Bundle("unit-next", SITE, Head(1, sha256_hex(birth.encode())), (birth,)))
    assert vernix("verify", after, "--authority", authority, "--predecessor", before)[0] == OK
    assert vernix("verify", before, "--authority", authority, "--predecessor", after)[0] == FINDING
    before.write_bytes(b"\n".join(before.read_bytes().splitlines()[:-1]))
    status, _, err = vernix("verify", after, "--authority", authority, "--predecessor", before)
    assert (status, "is not sound itself" in err) == (ENVIRONMENT, True)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe"])
def test_verify_what_is_no_bundle(content: bytes, home: Home, vernix: Command) -> None:
    (home.folder / "bundle.jsonl").write_bytes(content)
    status, _, err = vernix(
        "verify", home.folder / "bundle.jsonl", "--authority", home.site / "authority/authority.pem"
    )
    assert (status, err[:8]) == (ENVIRONMENT, "vernix: ")
