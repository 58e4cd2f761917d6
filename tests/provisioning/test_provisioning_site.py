"""``vernix-provision site init``: what is made, that it holds together, and that nothing is overwritten."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import tomllib
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from evidence.certificates import GATEWAY_SIGNING
from gateway import config as gateway_config
from provisioning.broker import Broker
from provisioning.errors import SiteUnusableError
from provisioning.site import init_site, load_site
from tests.provisioning.conftest import Command, contents

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
EVERYTHING = {
    "site.toml",
    *(f"authority/{name}" for name in ("authority.key", "authority.pem", "issued.json", "slips.key")),
    *(f"authority/{name}" for name in ("gateway-signing.pem", "gateway-encryption.pub", "recovery.pub")),
    *(f"{holder}/revocations.crl" for holder in ("authority", "broker")),
    *(f"gateway/{name}" for name in ("gateway.toml", "authority.pem", "encryption.key", "encryption.pub")),
    *(f"gateway/{name}" for name in ("signing.key", "signing.pem", "client.key", "client.pem")),
    *(f"recovery/{name}" for name in ("recovery.key", "recovery.pub", "README")),
    *(f"broker/{name}" for name in ("server.key", "server.pem", "authority.pem", "mosquitto.conf", "acl")),
}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_makes_every_file_and_keeps_keys_private(site: Path) -> None:
    assert set(contents(site)) == EVERYTHING
    for path in site.rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in (site, *(path for path in site.iterdir() if path.is_dir())):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


@pytest.mark.parametrize(
    ("file", "name", "usage"),
    [
        ("gateway/signing", "gateway", GATEWAY_SIGNING),
        ("gateway/client", "gateway", ExtendedKeyUsageOID.CLIENT_AUTH),
        ("broker/server", "broker", ExtendedKeyUsageOID.SERVER_AUTH),
    ],
)
def test_certificates_say_what_they_are_for(site: Path, file: str, name: str, usage: x509.ObjectIdentifier) -> None:
    made = certificate(site / f"{file}.pem")
    key = load_pem_private_key((site / f"{file}.key").read_bytes(), None)
    assert made.public_key() == key.public_key()
    made.verify_directly_issued_by(certificate(site / "authority/authority.pem"))
    assert [item.value for item in made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [name]
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]


@pytest.mark.parametrize(
    ("host", "subject"),
    [
        ("broker.example", x509.DNSName("broker.example")),
        ("127.0.0.1", x509.IPAddress(ip_address("127.0.0.1"))),
        ("fd00::7", x509.IPAddress(ip_address("fd00::7"))),
    ],
)
def test_the_broker_certificate_names_the_given_host_alone(
    tmp_path: Path, host: str, subject: x509.DNSName | x509.IPAddress
) -> None:
    init_site(tmp_path / "s", "demo-site", Broker(host, 8883), NOW)
    made = certificate(tmp_path / "s/broker/server.pem")
    assert list(made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == [subject]
    store = Store([certificate(tmp_path / "s/broker/authority.pem")])
    PolicyBuilder().store(store).time(NOW).build_server_verifier(subject).verify(made, [])


def test_keys_are_all_different(site: Path) -> None:
    pem = [path.read_bytes() for path in site.rglob("*.key")]
    assert len(pem) == len(set(pem)) == 7


def test_public_halves_belong_to_their_keys(site: Path) -> None:
    for base in (site / "gateway/encryption", site / "recovery/recovery"):
        key = load_pem_private_key(base.with_suffix(".key").read_bytes(), None)
        assert load_pem_public_key(base.with_suffix(".pub").read_bytes()) == key.public_key()


def test_the_authority_keeps_what_units_will_be_given(site: Path) -> None:
    kept = site / "authority"
    assert (kept / "gateway-signing.pem").read_bytes() == (site / "gateway/signing.pem").read_bytes()
    assert (kept / "gateway-encryption.pub").read_bytes() == (site / "gateway/encryption.pub").read_bytes()
    assert (kept / "recovery.pub").read_bytes() == (site / "recovery/recovery.pub").read_bytes()


def test_gateway_configuration(site: Path) -> None:
    assert tomllib.loads((site / "gateway/gateway.toml").read_text("utf-8")) == {
        "gateway": {"site": "demo-site", "data": "data"},
        "keys": {
            "authority": "authority.pem",
            "signing": "file:signing.key",
            "signing_certificate": "signing.pem",
            "encryption": "encryption.key",
            "revocations": "revocations.jws",
        },
        "broker": {
            "host": "broker.example",
            "port": 8883,
            "tls": {"authority": "authority.pem", "certificate": "client.pem", "key": "client.key"},
        },
    }


def test_the_gateways_program_reads_the_configuration(site: Path) -> None:
    read = gateway_config.load(site / "gateway/gateway.toml")
    assert read.gateway.site == "demo-site"
    assert read.broker.tls is not None
    for path in (read.keys.authority, read.keys.signing_certificate, read.keys.encryption, read.broker.tls.key):
        assert path.parent == site / "gateway"
        assert path.is_file()


def test_the_register_lists_what_was_issued(site: Path) -> None:
    register = json.loads((site / "authority/issued.json").read_bytes())
    serials = {f"{certificate(path).serial_number:x}" for path in (site / "gateway").glob("[cs]*.pem")}
    serials.add(f"{certificate(site / 'broker/server.pem').serial_number:x}")
    assert register["v"] == 1
    assert {line["serial"] for line in register["certificates"]} == serials
    assert {(line["name"], line["profile"]) for line in register["certificates"]} == {
        ("gateway", "GATEWAY"),
        ("gateway", "CLIENT"),
        ("broker", "SERVER"),
    }


def test_tells_what_was_made_and_what_comes_next(tmp_path: Path, command: Command) -> None:
    made = command("site", "init", tmp_path / "s", "--site", "demo-site", "--broker-host", "10.0.0.7")
    assert made.status == 0
    assert made.err == ""
    for word in ("demo-site", f"{tmp_path}/s/recovery offline", "vernix-provision unit enrol"):
        assert word in made.out


def test_json(tmp_path: Path, command: Command) -> None:
    made = command("site", "init", tmp_path / "s", "--site", "demo-site", "--broker-host", "10.0.0.7", "--json")
    result = json.loads(made.out)
    assert (result["site"], result["folder"]) == ("demo-site", f"{tmp_path}/s")
    assert [item["use"] for item in result["certificates"]] == [
        "gateway, signing",
        "gateway, TLS to the broker",
        "broker, TLS server",
    ]


def test_an_existing_site_is_named_and_left_alone(site: Path, command: Command) -> None:
    before = contents(site)
    again = command("site", "init", site, "--site", "other", "--broker-host", "10.0.0.7")
    assert again.status == 3
    assert str(site) in again.err
    assert again.err.count("\n") == 1
    assert contents(site) == before


def test_an_empty_folder_will_do_and_a_file_will_not(tmp_path: Path, command: Command) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    arguments = ("--site", "demo-site", "--broker-host", "10.0.0.7")
    assert command("site", "init", tmp_path / "empty", *arguments).status == 0
    assert command("site", "init", tmp_path / "file", *arguments).status == 3
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("demo site", "10.0.0.7", 8883),
        ("demo/+", "10.0.0.7", 8883),
        ("", "10.0.0.7", 8883),
        ("s" * 65, "10.0.0.7", 8883),
        ("产科", "10.0.0.7", 8883),
        ("demo-site", "", 8883),
        ("demo-site", "10.0.0.256", 8883),
        ("demo-site", "mqtt://broker", 8883),
        ("demo-site", "broker:8883", 8883),
        ("demo-site", 'broker"\nport = 1', 8883),
        ("demo-site", "-broker", 8883),
        ("demo-site", "a" * 64, 8883),
        ("demo-site", "10.0.0.7", 0),
        ("demo-site", "10.0.0.7", 65536),
    ],
)
def test_values_that_cannot_be_used_leave_nothing_behind(
    tmp_path: Path, command: Command, name: str, host: str, port: int
) -> None:
    made = command("site", "init", tmp_path / "s", f"--site={name}", f"--broker-host={host}", f"--broker-port={port}")
    assert made.status == 2
    assert made.err.startswith("vernix-provision: ")
    assert list(tmp_path.iterdir()) == []


def test_a_site_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    # The last file of a site: by then everything else was written.
    monkeypatch.setattr("provisioning.site._site_toml", full)
    with pytest.raises(OSError, match="No space"):
        init_site(tmp_path / "new/folders/s", "demo-site", Broker("10.0.0.7", 8883), NOW)
    assert list(tmp_path.iterdir()) == []


def test_folders_on_the_way_are_made(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "new/folders/s"
    assert command("site", "init", folder, "--site", "demo-site", "--broker-host", "10.0.0.7").status == 0
    assert set(contents(folder)) == EVERYTHING


def test_a_parent_that_is_no_folder(tmp_path: Path, command: Command) -> None:
    (tmp_path / "file").write_text("")
    made = command("site", "init", tmp_path / "file/site", "--site", "demo-site", "--broker-host", "10.0.0.7")
    assert made.status == 3
    assert str(tmp_path / "file") in made.err
    assert "Traceback" not in made.err


def test_load_site_reads_it_back(site: Path) -> None:
    loaded = load_site(site)
    assert (loaded.name, loaded.broker) == ("demo-site", Broker("broker.example", 8883))
    assert "authority_key" not in repr(loaded)


def _other_key(folder: Path) -> None:
    (folder / "authority/authority.key").write_bytes((folder / "gateway/client.key").read_bytes())


def _other_name(folder: Path) -> None:
    text = (folder / "site.toml").read_text("utf-8")
    (folder / "site.toml").write_text(text.replace("demo-site", "other-site"), "utf-8")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "site.toml").unlink(), "site.toml"),
        (lambda folder: (folder / "site.toml").write_text("[site"), "site.toml"),
        (lambda folder: (folder / "site.toml").write_text("[site]\nname = 3\n"), "site.name"),
        (lambda folder: (folder / "authority/authority.key").write_text("x"), "authority.key"),
        (lambda folder: os.truncate(folder / "authority/authority.pem", 100), "authority.pem"),
        (_other_key, "authority.key is not the key"),
        (_other_name, "site.name"),
    ],
)
def test_a_damaged_site_is_named(site: Path, damage: object, named: str) -> None:
    assert callable(damage)
    damage(site)
    with pytest.raises(SiteUnusableError, match=named):
        load_site(site)
