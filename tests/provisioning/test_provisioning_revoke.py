"""A unit's keys on the lists of authority and broker, and the list on its way to the broker's machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography import x509

from evidence.certificates import Profile, check_certificate, key_of, load_certificate
from evidence.chain import Head
from evidence.keys import open_signer, thumbprint
from evidence.revocation import Revocations, read_revocations
from provisioning.broker import CRL
from tests.provisioning.conftest import Command, contents

LAST = "7:" + "ab" * 32


def serials(crl: Path) -> set[int]:
    return {one.serial_number for one in x509.load_pem_x509_crl(crl.read_bytes())}


def listed(site: Path) -> Revocations:
    authority = load_certificate(site / "authority/authority.pem")
    return read_revocations((site / "authority/revocations.jws").read_text(), authority)


def serial_of(certificate: Path) -> int:
    return load_certificate(certificate).serial_number


def test_a_new_site_has_an_empty_list_that_its_broker_reads(site: Path) -> None:
    crl = x509.load_pem_x509_crl((site / "broker" / CRL).read_bytes())
    authority = load_certificate(site / "authority/authority.pem")
    assert len(crl) == 0
    assert crl.is_signature_valid(key_of(authority))
    assert crl.last_update_utc < authority.not_valid_before_utc, "a broker whose clock is behind would refuse everybody"
    assert crl.next_update_utc is not None
    assert crl.next_update_utc >= authority.not_valid_after_utc
    assert (site / "authority" / CRL).read_bytes() == (site / "broker" / CRL).read_bytes()
    assert f"\ncrlfile {CRL}\n" in (site / "broker/mosquitto.conf").read_text()


def test_a_unit_is_revoked_with_all_its_keys(site: Path, enrolled: Path, command: Command) -> None:
    made = command("unit", "revoke", "unit-01", "--site", site, "--reason", "lost", "--last", LAST, "--json")
    assert made.status == 0, made.err
    certificates = {serial_of(enrolled / name) for name in ("record.pem", "client.pem")}
    assert serials(site / "authority" / CRL) == serials(site / "broker" / CRL) == certificates
    entries = {int(entry.serial, 16): entry for entry in listed(site).entries.values()}
    assert set(entries) == certificates
    assert entries[serial_of(enrolled / "record.pem")].last == Head(7, "ab" * 32)
    assert entries[serial_of(enrolled / "client.pem")].last is None
    said = json.loads(made.out)
    assert (len(said["revoked"]), said["number"], said["crl"]) == (2, 1, str(site / "authority" / CRL))


def test_one_key_before_and_the_rest_later(site: Path, enrolled: Path, command: Command) -> None:
    serial = f"{serial_of(enrolled / 'client.pem'):x}"
    assert command("site", "revoke", site, serial, "--reason", "replaced").status == 0
    assert command("unit", "revoke", "unit-01", "--site", site, "--reason", "lost").status == 0
    reasons = {entry.serial: str(entry.reason) for entry in listed(site).entries.values()}
    assert sorted(reasons.values()) == ["lost", "replaced"]
    assert reasons[serial] == "replaced", "an entry is never changed"
    again = command("unit", "revoke", "unit-01", "--site", site, "--reason", "lost")
    assert (again.status, "revoked already" in again.err) == (3, True)


@pytest.mark.parametrize("name", ["unit-99", "gateway", "broker"])
def test_what_is_no_unit_is_not_revoked(site: Path, name: str, command: Command) -> None:
    before = contents(site)
    failed = command("unit", "revoke", name, "--site", site, "--reason", "lost")
    assert (failed.status, "never enrolled a unit" in failed.err) == (2, True)
    assert contents(site) == before


def test_the_list_is_carried_to_the_broker(site: Path, enrolled: Path, tmp_path: Path, command: Command) -> None:
    assert enrolled.is_dir()
    away = tmp_path / "away"
    shutil.copytree(site / "broker", away)
    shutil.rmtree(site / "broker")
    old = tmp_path / "old.crl"
    old.write_bytes((site / "authority" / CRL).read_bytes())
    assert command("unit", "revoke", "unit-01", "--site", site, "--reason", "lost").status == 0
    made = command("broker", "crl", away, site / "authority" / CRL, "--json")
    assert made.status == 0, made.err
    said = json.loads(made.out)
    assert (said["revoked"], said["new"], said["next"]) == (2, 2, "systemctl restart mosquitto")
    assert serials(away / CRL) == serials(site / "authority" / CRL)
    assert not (site / "broker").exists()
    text = command("broker", "crl", away, site / "authority" / CRL).out
    assert "2 certificates are revoked, 0 of them newly" in text
    assert "SIGHUP" in text
    failed = command("broker", "crl", away, old)
    assert (failed.status, "is older" in failed.err) == (2, True)
    assert len(serials(away / CRL)) == 2


def test_a_list_of_somebody_else_is_refused(site: Path, tmp_path: Path, command: Command) -> None:
    other = tmp_path / "other"
    assert command("site", "init", other, "--site", "demo-site", "--broker-host", "broker.example").status == 0
    before = contents(site)
    (tmp_path / "rubbish").write_text("no list")
    for source, why in ((other / "authority" / CRL, "not signed by"), (tmp_path / "rubbish", "not a CRL")):
        failed = command("broker", "crl", site / "broker", source)
        assert (failed.status, why in failed.err) == (2, True), failed.err
    assert command("broker", "crl", site / "broker", tmp_path / "missing").status == 3
    assert contents(site) == before


def test_a_broker_that_would_not_look_at_the_list(site: Path, command: Command) -> None:
    conf = site / "broker/mosquitto.conf"
    conf.write_text(conf.read_text().replace(f"crlfile {CRL}", f"# crlfile {CRL}"))
    failed = command("broker", "crl", site / "broker", site / "authority" / CRL)
    assert (failed.status, f"write the line 'crlfile {CRL}'" in failed.err) == (3, True), failed.err


def test_the_gateways_key_is_revoked_and_replaced(site: Path, tmp_path: Path, command: Command) -> None:
    """The answer says what is to be done on every unit; new units believe the new key."""
    old, target = load_certificate(site / "gateway/signing.pem"), tmp_path / "key"
    said = command("site", "revoke", site, thumbprint(key_of(old)), "--reason", "compromised")
    assert said.status == 0, said.err
    assert "GATEWAY'S SIGNING KEY" in said.out
    assert f"site gateway-key {site} --to" in said.out
    made = command("site", "gateway-key", site, "--to", target, "--json")
    assert made.status == 0, made.err
    new, authority = load_certificate(target / "signing.pem"), load_certificate(site / "authority/authority.pem")
    kid = thumbprint(check_certificate(new, authority, Profile.GATEWAY, new.not_valid_before_utc))
    assert json.loads(made.out)["kid"] == kid == open_signer(f"file:{target / 'signing.key'}").kid
    assert kid not in listed(site).entries
    assert (site / "authority/gateway-signing.pem").read_bytes() == (target / "signing.pem").read_bytes()
    assert load_certificate(site / "gateway/signing.pem") == old, "the gateway's own folder may be elsewhere"
    assert command("site", "gateway-key", site, "--to", target).status == 3
    assert command("site", "gateway-key", site, "--to", site / "new").status == 2


def test_another_keys_revocation_says_nothing_of_the_gateway(site: Path, enrolled: Path, command: Command) -> None:
    said = command("site", "revoke", site, f"{serial_of(enrolled / 'client.pem'):x}", "--reason", "lost")
    assert "GATEWAY" not in said.out
