"""A site: its authority, its gateway's and recovery keys, its broker's files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from evidence.certificates import (
    Profile,
    issue,
    load_certificate,
    make_authority,
    make_request,
    site_of,
    subject_name,
    to_pem,
)
from evidence.errors import KeyUnusableError, MalformedError
from evidence.files import write_atomic
from evidence.keys import PrivateKey, generate_key, load_private_key, public_pem
from evidence.topics import check_name
from evidence.tree import TreeError, load_tree
from provisioning.broker import CRL, GATEWAY, SERVER, Broker, access_rules, check_broker, mosquitto_conf
from provisioning.crl import make_crl
from provisioning.errors import BadValueError, SiteUnusableError
from provisioning.folders import staged
from provisioning.issued import FILE, Issued, Register, write_register
from provisioning.slip_keys import rotate_slip_keys
from provisioning.toml_text import Tables, write_toml

AUTHORITY = "authority"
"""The folder that, with ``site.toml``, is all that enrolling needs."""
GATEWAY_SIGNING = "gateway-signing.pem"
GATEWAY_ENCRYPTION = "gateway-encryption.pub"
RECOVERY = "recovery.pub"
_SETTINGS = "site.toml"
_RECOVERY_README = """\
Recovery key of this site: TAKE IT OFFLINE.

recovery.key opens every record of every unit of this site, as the gateway can. It is for the day on which the gateway
and its backups are gone. Print it or copy it to two media, seal them, keep them in two safes under two people's
control, try once that a copy can be read, and then delete this folder from every computer.

recovery.pub is no secret: every unit of the site has it.
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What is needed to issue in a site's name.

    Attributes:
        folder: the site's folder.
        name: the site, as in topics and certificates.
    """

    folder: Path
    name: str
    broker: Broker
    authority: x509.Certificate
    authority_key: PrivateKey = field(repr=False)

    def certify(
        self,
        request: x509.CertificateSigningRequest,
        profile: Profile,
        register: Register,
        now: dt.datetime,
        hosts: Sequence[str] = (),
    ) -> x509.Certificate:
        """Issue a certificate and note it in ``register``.

        Raises:
            SignatureError: see :func:`evidence.certificates.issue`.
        """
        certificate = issue(request, profile, self.authority, self.authority_key, now, hosts)
        register.add(certificate, profile)
        return certificate


@dataclass(frozen=True, slots=True)
class _SiteTable:
    name: str


@dataclass(frozen=True, slots=True)
class _Settings:
    site: _SiteTable
    broker: Broker


def checked_name(what: str, name: str) -> str:
    """``name`` if it may stand in topics, certificates and file names.

    Raises:
        BadValueError: it may not.
    """
    try:
        return check_name(what, name)
    except MalformedError as error:
        raise BadValueError(f"{name!r} is no name: {error}", "choose another one") from error


def init_site(target: Path, name: str, broker: Broker, now: dt.datetime) -> tuple[Issued, ...]:
    """Make the site ``name`` in the folder ``target``, whole or not at all; what its authority issued.

    Raises:
        BadValueError: the name, host or port cannot be used.
        AlreadyThereError: ``target`` is not a new or empty folder.
        OSError: the folder cannot be written.
    """
    checked_name("site", name)
    check_broker(broker)
    with staged(target, "a site") as folder:
        site = _make_authority(folder, name, broker, now)
        register = Register()
        _make_gateway(site, register, now)
        _make_recovery(site)
        rotate_slip_keys(folder / AUTHORITY, now)
        _make_broker(site, register, now)
        write_register(folder / AUTHORITY / FILE, register)
        write_atomic(folder / _SETTINGS, _site_toml(site))
    return tuple(register.lines)


def _site_toml(site: Site) -> bytes:
    tables: Tables = {
        "site": {"name": site.name},
        "broker": {"host": site.broker.host, "port": site.broker.port},
    }
    return write_toml("Vernix site; read by vernix-provision.", tables)


def _make_authority(folder: Path, name: str, broker: Broker, now: dt.datetime) -> Site:
    place = folder / AUTHORITY
    place.mkdir(mode=0o700)
    key = generate_key(place / "authority.key")
    certificate = make_authority(name, key, now)
    write_atomic(place / "authority.pem", to_pem(certificate))
    return Site(folder, name, broker, certificate, key)


def _certified_key(
    site: Site, base: Path, name: str, profile: Profile, register: Register, now: dt.datetime, hosts: Sequence[str] = ()
) -> None:
    key = generate_key(base.with_suffix(".key"))
    request = make_request(subject_name(name, site.name), key)
    write_atomic(base.with_suffix(".pem"), to_pem(site.certify(request, profile, register, now, hosts)))


def _keep_public(site: Site, source: Path, name: str) -> None:
    """Units are enrolled when the other folders have long been carried away: the authority keeps what they get."""
    write_atomic(site.folder / AUTHORITY / name, source.read_bytes())


def _make_gateway(site: Site, register: Register, now: dt.datetime) -> None:
    place = site.folder / "gateway"
    place.mkdir(mode=0o700)
    _certified_key(site, place / "signing", GATEWAY, Profile.GATEWAY, register, now)
    _certified_key(site, place / "client", GATEWAY, Profile.CLIENT, register, now)
    encryption = generate_key(place / "encryption.key")
    write_atomic(place / "encryption.pub", public_pem(encryption.public_key()))
    write_atomic(place / "authority.pem", to_pem(site.authority))
    _keep_public(site, place / "signing.pem", GATEWAY_SIGNING)
    _keep_public(site, place / "encryption.pub", GATEWAY_ENCRYPTION)
    write_atomic(place / "gateway.toml", _gateway_toml(site))


def _gateway_toml(site: Site) -> bytes:
    return write_toml(
        "Vernix gateway. Relative paths are relative to this file's folder.",
        {
            "gateway": {"site": site.name, "data": "data"},
            "keys": {
                "authority": "authority.pem",
                "signing": "file:signing.key",
                "signing_certificate": "signing.pem",
                "encryption": "encryption.key",
                "revocations": "revocations.jws",
            },
            "broker": {"host": site.broker.host, "port": site.broker.port},
            "broker.tls": {"authority": "authority.pem", "certificate": "client.pem", "key": "client.key"},
        },
    )


def _make_recovery(site: Site) -> None:
    place = site.folder / "recovery"
    place.mkdir(mode=0o700)
    key = generate_key(place / "recovery.key")
    write_atomic(place / "recovery.pub", public_pem(key.public_key()))
    _keep_public(site, place / "recovery.pub", RECOVERY)
    write_atomic(place / "README", _RECOVERY_README.encode())


def _make_broker(site: Site, register: Register, now: dt.datetime) -> None:
    place = site.folder / "broker"
    place.mkdir(mode=0o700)
    (place / "data").mkdir(mode=0o700)
    _certified_key(site, place / "server", SERVER, Profile.SERVER, register, now, [site.broker.host])
    write_atomic(place / "authority.pem", to_pem(site.authority))
    write_atomic(place / "mosquitto.conf", mosquitto_conf(site.broker.port))
    write_atomic(place / "acl", access_rules(site.name))
    empty = make_crl(site.authority, site.authority_key, (), now)
    for holder in (place, site.folder / AUTHORITY):
        write_atomic(holder / CRL, empty)


def load_site(folder: Path) -> Site:
    """The site in ``folder``.

    Raises:
        SiteUnusableError: there is none, or a file of its authority is missing or damaged.
    """
    place = folder / AUTHORITY
    try:
        settings = load_tree(_Settings, folder / _SETTINGS)
        certificate, key = load_certificate(place / "authority.pem"), load_private_key(place / "authority.key")
    except TreeError as error:
        raise SiteUnusableError(
            f"{folder}: no usable site: {error}", "name a folder made by vernix-provision site init"
        ) from error
    except KeyUnusableError as error:
        raise SiteUnusableError(str(error), "restore it from a backup") from error
    if certificate.public_key() != key.public_key():
        raise SiteUnusableError(
            f"{place}: authority.key is not the key of authority.pem", "restore both from the same backup"
        )
    if site_of(certificate) != settings.site.name:
        raise SiteUnusableError(
            f"{folder / _SETTINGS}: site.name: {settings.site.name!r} is not the site of authority/authority.pem",
            "write the name back that the site was made with",
        )
    return Site(folder, settings.site.name, settings.broker, certificate, key)
