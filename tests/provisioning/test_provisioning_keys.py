"""A record key's life: made in a token, handed over, revoked; and a unit whose board was replaced."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from daemon.cli import main as vernix
from evidence import chain
from evidence.bundle import Bundle, write_bundle
from evidence.certificates import key_of, load_certificate
from evidence.chain import Head
from evidence.errors import KeyUnusableError
from evidence.instants import read_instant, write_instant
from evidence.keys import open_signer
from evidence.record import Record
from evidence.revocation import read_revocations
from evidence.rotation import seal_rotation
from evidence.succession import after, read_succession, signer_uri
from evidence.verify import Verified, read_record, verify_records
from tests.provisioning.conftest import Command, contents
from tests.support.tokens import Token

AUTHORITY = "authority/authority.pem"


def enrol(command: Command, site: Path, folder: Path, *more: str | Path) -> Path:
    made = command(
        *("unit", "enrol", "--site", site, "--unit", folder.name, "--into", folder, "--checkpoint", "delivery"), *more
    )
    assert made.status == 0, made.err
    return folder


def fields(unit: str, moment: dt.datetime | None = None) -> dict[str, object]:
    at = write_instant(moment or dt.datetime.now(dt.UTC))
    return {
        "unit": unit,
        "site": "demo-site",
        "boot": 1,
        "time": {"earliest": at, "latest": at, "source": "network"},
        "software": {"version": "0"},
    }


class Chain:
    """A unit that makes records, as its program would: from its folder alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        uri = tomllib.loads((folder / "unit.toml").read_text())["keys"]["record"]
        self.signer = open_signer(signer_uri(uri, folder))
        birth = read_record((folder / "birth.jws").read_text())
        self.records = [birth]

    def head(self) -> Head:
        return Head(self.records[-1].seq, self.records[-1].sha256)

    def event(self, moment: dt.datetime | None = None) -> Record:
        made = fields(self.folder.name, moment) | {"kind": "event", "event": {"type": "start"}}
        self.records.append(chain.seal(made, self.head(), self.signer))
        return self.records[-1]

    def take_over(self) -> None:
        for one in after(read_succession(self.folder), self.signer.kid):
            new = open_signer(signer_uri(one.record, self.folder))
            certificate = load_certificate(self.folder / one.certificate)
            made = fields(self.folder.name) | {"reason": one.reason}
            self.records.append(seal_rotation(made, self.head(), self.signer, new, certificate))
            self.signer = new

    def verified(self, site: Path) -> Verified:
        return verify_records([item.jws for item in self.records], load_certificate(site / AUTHORITY), self.head())

    def bundle(self, path: Path) -> Path:
        tokens = tuple(item.jws for item in self.records)
        write_bundle(path, Bundle(self.folder.name, "demo-site", self.head(), tokens))
        return path


@pytest.mark.parametrize("kind", ["soft_hsm", "soft_tpm"])
def test_a_unit_whose_key_is_made_in_a_token(
    kind: str, request: pytest.FixtureRequest, site: Path, tmp_path: Path, command: Command
) -> None:
    token: Token = request.getfixturevalue(kind)
    folder = enrol(command, site, tmp_path / "unit-t", "--key", token.uri())
    assert "record.key" not in contents(folder)
    unit = Chain(folder)
    assert unit.records[0].payload["key"]["protection"] == unit.signer.protection == token.kind
    unit.event()
    result = unit.verified(site)
    assert result.sound, result.findings
    assert [use.protection for use in result.keys] == [token.kind]


def test_a_refused_enrolment_leaves_no_key_in_the_token(
    soft_hsm: Token, site: Path, enrolled: Path, tmp_path: Path, command: Command
) -> None:
    uri = soft_hsm.uri()
    again = ("unit", "enrol", "--site", site, "--unit", enrolled.name, "--into", tmp_path / "x", "--checkpoint", "d")
    assert command(*again, "--key", uri).status == 3
    with pytest.raises(KeyUnusableError, match="the key is not"):
        open_signer(uri)


def test_a_key_that_is_in_the_token_already_is_not_taken(
    soft_hsm: Token, site: Path, tmp_path: Path, command: Command
) -> None:
    uri = soft_hsm.uri()
    enrol(command, site, tmp_path / "unit-a", "--key", uri)
    other = ("unit", "enrol", "--site", site, "--unit", "unit-b", "--into", tmp_path / "unit-b", "--checkpoint", "d")
    failed = command(*other, "--key", uri)
    assert failed.status == 3
    assert "exists already" in failed.err
    assert not (tmp_path / "unit-b").exists()


@pytest.mark.parametrize(
    "uri",
    ["pkcs11:token=a;object=b?module-path=/x&pin-value=4711", "file:/etc/record.key", "file:../x.key", "tpm:1", ""],
)
def test_a_key_elsewhere_is_refused_and_not_repeated(uri: str, site: Path, tmp_path: Path, command: Command) -> None:
    failed = command(
        *("unit", "enrol", "--site", site, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "d", "--key", uri)
    )
    assert failed.status == 2
    assert "4711" not in failed.err


def test_a_key_in_software_is_noted_for_production(
    soft_hsm: Token, site: Path, tmp_path: Path, command: Command
) -> None:
    made = command(
        *("unit", "enrol", "--site", site, "--unit", "u", "--into", tmp_path / "u", "--checkpoint", "d"),
        *("--production", "--key", soft_hsm.uri(), "--json"),
    )
    plain = json.loads(made.out)
    assert plain["protection"] == "softhsm"
    assert "software (softhsm)" in plain["notes"][0]


def test_rotation_from_file_to_file_to_token(soft_hsm: Token, site: Path, enrolled: Path, command: Command) -> None:
    unit = Chain(enrolled)
    unit.event()
    made = command("unit", "rotate", enrolled, "--site", site, "--reason", "yearly", "--json")
    assert made.status == 0, made.err
    again = command("unit", "rotate", enrolled, "--site", site, "--reason", "TPM", "--key", soft_hsm.uri(), "--json")
    assert again.status == 0, again.err
    unit.take_over()  # both, in their order
    unit.event()
    result = unit.verified(site)
    assert result.sound, result.findings
    assert [(use.since, use.protection) for use in result.keys] == [(1, "file"), (4, "file"), (5, "softhsm")]
    assert [use.kid for use in result.keys[1:]] == [json.loads(one.out)["kid"] for one in (made, again)]
    assert after(read_succession(enrolled), unit.signer.kid) == ()
    assert (enrolled / "record-2.key").stat().st_mode & 0o777 == 0o600


def test_the_old_key_ends_with_the_key_record(site: Path, enrolled: Path, command: Command) -> None:
    unit = Chain(enrolled)
    old = unit.signer
    assert command("unit", "rotate", enrolled, "--site", site, "--reason", "compromised").status == 0
    unit.take_over()
    unit.signer = old
    unit.event()
    # The exporter's head is the record that nobody believes, so step 8 says that the tail is missing.
    assert [(finding.step, finding.place) for finding in unit.verified(site).findings] == [(3, 3), (8, 0)]


def test_what_cannot_be_rotated(soft_hsm: Token, site: Path, tmp_path: Path, enrolled: Path, command: Command) -> None:
    before = contents(enrolled)
    other = tmp_path / "other"
    assert command("site", "init", other, "--site", "other-site", "--broker-host", "b.example").status == 0
    for status, text, folder, home, reason in (
        (2, "not 'other-site'", enrolled, other, "x"),
        (2, "needs a reason", enrolled, site, " "),
        (3, "cannot be read", tmp_path, site, "x"),
    ):
        failed = command("unit", "rotate", folder, "--site", home, "--reason", reason)
        assert (failed.status, text in failed.err) == (status, True), failed.err
    assert contents(enrolled) == before
    folder = enrol(command, site, tmp_path / "unit-t", "--key", soft_hsm.uri())
    failed = command("unit", "rotate", folder, "--site", site, "--reason", "x")
    assert failed.status == 2
    assert "--key" in failed.err
    (folder / "keys.json").write_text("{}")
    failed = command("unit", "rotate", folder, "--site", site, "--reason", "x", "--key", soft_hsm.uri())
    assert failed.status == 3
    assert "keys.json" in failed.err


def verify(*argv: str | Path) -> int:
    return vernix(["verify", *(str(item) for item in argv), "--json"])


def test_a_revoked_key_is_believed_as_of_before(
    site: Path, enrolled: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = Chain(enrolled)
    stolen = unit.records[-1]
    born = read_instant(stolen.payload["time"]["latest"])
    unit.event(born)
    since = write_instant(born + dt.timedelta(milliseconds=1))
    unit.event(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    bundle = unit.bundle(tmp_path / "records.jsonl")
    kid = stolen.payload["key"]["kid"]
    made = command("site", "revoke", site, kid, "--reason", "compromised", "--at", since, "--json")
    assert made.status == 0, made.err
    listed = Path(json.loads(made.out)["file"])
    arguments = (bundle, "--authority", site / AUTHORITY)
    assert verify(*arguments) == 0
    capsys.readouterr()
    assert verify(*arguments, "--revocations", listed) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(one["step"], one["place"]) for one in findings] == [(3, 3), (8, 0)]


def test_a_list_by_serial_and_by_place(site: Path, enrolled: Path, command: Command) -> None:
    unit = Chain(enrolled)
    head = unit.head()
    unit.event()
    certificate = load_certificate(enrolled / "record.pem")
    serial = f"{certificate.serial_number:X}"
    last = f"{head.seq}:{head.sha256}"
    assert command("site", "revoke", site, serial, "--reason", "lost", "--last", last).status == 0
    client = f"{load_certificate(enrolled / 'client.pem').serial_number:x}"
    assert command("site", "revoke", site, client, "--reason", "replaced").status == 0
    authority = load_certificate(site / AUTHORITY)
    listed = read_revocations((site / "authority/revocations.jws").read_text(), authority)
    assert (listed.number, len(listed.entries)) == (2, 2)
    assert listed.entries[unit.signer.kid].last == head
    result = verify_records([item.jws for item in unit.records], authority, revocations=listed)
    assert [(finding.step, finding.place) for finding in result.findings] == [(3, 2)]
    crl = x509.load_pem_x509_crl((site / "authority/revocations.crl").read_bytes())
    assert {one.serial_number for one in crl} == {int(serial, 16), int(client, 16)}
    assert crl.is_signature_valid(key_of(authority))


def test_what_cannot_be_revoked(site: Path, enrolled: Path, command: Command) -> None:
    kid = Chain(enrolled).signer.kid
    for arguments, status, text in (
        (("nobody", "--reason", "lost"), 2, "never issued"),
        ((f"-{'a' * 42}", "--reason", "lost"), 2, "never issued"),
        ((kid, "--reason", "lost", "--at", "2999-01-01T00:00+00:00"), 2, "has been"),
        ((kid, "--reason", "because"), 2, "invalid choice"),
        ((kid, "--reason", "lost", "--at", "yesterday"), 2, "invalid moment"),
        ((kid, "--reason", "lost", "--last", "3:ab"), 2, "invalid SEQ:SHA256"),
    ):
        failed = command("site", "revoke", site, *arguments)
        assert (failed.status, text in failed.err) == (status, True), failed.err
    assert not (site / "authority/revocations.jws").exists()
    assert command("site", "revoke", site, kid, "--reason", "lost").status == 0
    failed = command("site", "revoke", site, kid, "--reason", "compromised")
    assert (failed.status, "revoked already" in failed.err) == (3, True)
    (site / "authority/revocations.jws").write_text("x")
    failed = command("site", "revoke", site, kid, "--reason", "lost")
    assert (failed.status, "restore it from a backup" in failed.err) == (3, True)


def test_a_unit_takes_another_ones_place(site: Path, enrolled: Path, tmp_path: Path, command: Command) -> None:
    old = Chain(enrolled)
    old.event()
    bundle = old.bundle(tmp_path / "old.jsonl")
    new = Chain(enrol(command, site, tmp_path / "unit-02", "--replaces", bundle))
    assert new.records[0].payload["replaces"] == {"unit": "unit-01", "seq": 2, "sha256": old.head().sha256}
    authority = load_certificate(site / AUTHORITY)
    tokens = [item.jws for item in new.records]
    assert verify_records(tokens, authority, predecessor=old.verified(site)).sound
    old.event()
    result = verify_records(tokens, authority, predecessor=old.verified(site))
    assert [(finding.step, finding.place) for finding in result.findings] == [(2, 1)]


def test_a_place_is_taken_only_after_records_that_verify(
    site: Path, enrolled: Path, tmp_path: Path, command: Command
) -> None:
    unit = Chain(enrolled)
    unit.event()
    unit.records.pop(0)
    for path in (unit.bundle(tmp_path / "headless.jsonl"), enrolled / "unit.toml"):
        failed = command(
            *("unit", "enrol", "--site", site, "--unit", "unit-02", "--into", tmp_path / "unit-02"),
            *("--checkpoint", "delivery", "--replaces", path),
        )
        assert failed.status == 3, failed.err
        assert "export the old unit's records" in failed.err
    assert not (tmp_path / "unit-02").exists()


def test_a_unit_the_site_never_enrolled_is_not_rotated(site: Path, enrolled: Path, command: Command) -> None:
    text = (enrolled / "unit.toml").read_text()
    for old, new, status, said in (
        ('id = "unit-01"', 'id = "unit-77"', 2, "never enrolled"),
        ('id = "unit-01"', "id = 3", 3, "which unit this is"),
    ):
        (enrolled / "unit.toml").write_text(text.replace(old, new))
        failed = command("unit", "rotate", enrolled, "--site", site, "--reason", "x")
        assert (failed.status, said in failed.err) == (status, True), failed.err
    assert not (enrolled / "record-2.key").exists()


def test_a_register_of_before_names_no_keys(site: Path, enrolled: Path, command: Command) -> None:
    path = site / "authority/issued.json"
    whole = json.loads(path.read_text())
    for line in whole["certificates"]:
        del line["kid"]
    path.write_text(json.dumps(whole))
    serial = f"{load_certificate(enrolled / 'record.pem').serial_number:x}"
    failed = command("site", "revoke", site, serial, "--reason", "lost")
    assert (failed.status, "does not know this certificate's key" in failed.err) == (2, True), failed.err
