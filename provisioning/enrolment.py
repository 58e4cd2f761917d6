"""Enrolling a unit: the keys are made on the unit, the site certifies them, the unit writes its birth record.

Three steps, so that a unit far from the authority can do the first and the last and send only public things between:
:func:`make_unit_request` (unit), :func:`answer_request` (authority), :func:`accept_answer` (unit). :func:`enrol` does
all three on one machine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from evidence.certificates import Profile, load_certificate, make_request, subject_name, to_pem
from evidence.encoding import json_bytes
from evidence.files import write_atomic
from evidence.keys import PublicKey, create_signer, generate_key, load_public_key, open_signer, public_pem
from evidence.record import Record
from evidence.slip_keys import FILE as SLIP_KEYS
from evidence.succession import signer_uri
from evidence.topics import Address
from provisioning.birth import Replaced, make_birth, read_replaced
from provisioning.broker import RESERVED, Broker
from provisioning.errors import AlreadyThereError, BadValueError
from provisioning.folders import PRIVATE, staged
from provisioning.issued import Register, opened
from provisioning.site import AUTHORITY, GATEWAY_ENCRYPTION, GATEWAY_SIGNING, RECOVERY, Site, checked_name, load_site
from provisioning.slip_keys import give_slip_keys
from provisioning.unit_toml import FILE_KEY, UnitSettings, check_settings, unit_toml

Clock = Callable[[], dt.datetime]
_CLIENT_KEY = "client.key"


@dataclass(frozen=True, slots=True)
class UnitRequest:
    """What leaves the unit: two proofs of possession, for the record key and for the TLS key."""

    address: Address
    record: x509.CertificateSigningRequest
    client: x509.CertificateSigningRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site gives back; nothing in it is secret."""

    record: x509.Certificate
    client: x509.Certificate
    authority: x509.Certificate
    gateway_signing: x509.Certificate
    gateway_encryption: PublicKey
    recovery: PublicKey
    broker: Broker


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A unit that is ready to be carried to its place."""

    address: Address
    folder: Path
    record: x509.Certificate
    client: x509.Certificate
    protection: str
    birth: Record = field(repr=False)


def check_unit(name: str) -> str:
    """``name`` if a unit may have it.

    Raises:
        BadValueError: other characters than a name may have, or a name that the site's own servers use.
    """
    if checked_name("unit", name).casefold() in RESERVED:
        raise BadValueError(f"{name!r} is the name of a server of the site", "choose another one for the unit")
    return name


def make_unit_request(folder: Path, address: Address, record_key: str = FILE_KEY) -> UnitRequest:
    """Unit's side: make the record key and ``client.key``, which never leave their places, and ask for both.

    Args:
        record_key: URI of the record key; a file is in ``folder``, as ``client.key`` is.

    Raises:
        BadValueError: see :func:`check_unit`.
        KeyUnusableError: a key is there already, or the token cannot be used.
    """
    name = subject_name(check_unit(address.unit), address.site)
    record, client = create_signer(signer_uri(record_key, folder)), generate_key(folder / _CLIENT_KEY)
    return UnitRequest(address, make_request(name, record), make_request(name, client))


def _check_new(site: Site, register: Register, unit: str) -> None:
    if register.has(unit):
        raise AlreadyThereError(
            f"{site.folder}: the unit {unit!r} is enrolled at site {site.name!r} already",
            "choose a name that no unit of the site ever had; a chain of records begins once under a name",
        )


def _check_request(site: Site, register: Register, request: UnitRequest) -> None:
    unit = check_unit(request.address.unit)
    if request.address.site != site.name:
        raise BadValueError(
            f"the request is for site {request.address.site!r}, not {site.name!r}", "take it to its own site"
        )
    _check_new(site, register, unit)
    if not all(_is_named(csr, subject_name(unit, site.name)) for csr in (request.record, request.client)):
        raise BadValueError("a certificate request names another unit or site", "make the request again on the unit")
    if request.record.public_key() == request.client.public_key():
        raise BadValueError("record key and TLS key are one key", "make the request again on the unit")


def _is_named(request: x509.CertificateSigningRequest, name: x509.Name) -> bool:
    try:
        return request.subject == name
    except (ValueError, TypeError):  # what stands there is no text
        return False


def answer_request(site: Site, register: Register, request: UnitRequest, now: dt.datetime) -> Answer:
    """Authority's side: certify both keys and note it in ``register``, which the caller holds open.

    Raises:
        AlreadyThereError: a unit of this name was enrolled before.
        BadValueError: the request is not one for this site, or asks for something else than a unit may have.
        SignatureError: a request is not signed by the P-256 key it names.
        KeyUnusableError: a file of the site is missing or damaged.
    """
    _check_request(site, register, request)
    place = site.folder / AUTHORITY
    return Answer(
        record=site.certify(request.record, Profile.RECORD, register, now),
        client=site.certify(request.client, Profile.CLIENT, register, now),
        authority=site.authority,
        gateway_signing=load_certificate(place / GATEWAY_SIGNING),
        gateway_encryption=load_public_key(place / GATEWAY_ENCRYPTION),
        recovery=load_public_key(place / RECOVERY),
        broker=site.broker,
    )


def accept_answer(
    folder: Path,
    address: Address,
    answer: Answer,
    settings: UnitSettings,
    begun: dt.datetime,
    clock: Clock,
    replaces: Replaced | None = None,
) -> Enrolled:
    """Unit's side: write certificates, configuration, an empty roster and the birth record into ``folder``.

    Args:
        begun: when the enrolment began, by the same clock.
        replaces: the unit whose place this one takes.

    Raises:
        BadValueError: a setting that a configuration line cannot hold.
        SignatureError: the answer is not for this unit's key, or its authority does not vouch for it.
    """
    signer = open_signer(signer_uri(settings.record_key, folder))
    birth = make_birth(address, answer.record, answer.authority, signer, (begun, clock()), replaces)
    write_atomic(folder / "record.pem", to_pem(answer.record))
    write_atomic(folder / "client.pem", to_pem(answer.client))
    write_atomic(folder / "authority.pem", to_pem(answer.authority))
    write_atomic(folder / GATEWAY_SIGNING, to_pem(answer.gateway_signing))
    write_atomic(folder / GATEWAY_ENCRYPTION, public_pem(answer.gateway_encryption))
    write_atomic(folder / RECOVERY, public_pem(answer.recovery))
    write_atomic(folder / "officers.json", json_bytes({"v": 1, "officers": []}) + b"\n", mode=PRIVATE)
    write_atomic(folder / "birth.jws", birth.jws.encode("ascii"))
    write_atomic(folder / "unit.toml", unit_toml(address, answer.broker, settings, slips=(folder / SLIP_KEYS).exists()))
    return Enrolled(address, folder, answer.record, answer.client, signer.protection, birth)


def enrol(
    site_folder: Path,
    unit: str,
    target: Path,
    settings: UnitSettings,
    clock: Clock,
    replaces: Path | None = None,
) -> Enrolled:
    """Enrol ``unit`` at the site in ``site_folder`` and build its folder ``target``, whole or not at all.

    A key made in a token stays there even if a later step fails; it is then to be named anew or deleted by hand.

    Args:
        replaces: a bundle of the unit whose place this one takes; its last record is named in the birth record.

    Raises:
        SiteUnusableError: no site there, or a damaged one.
        AlreadyThereError: the unit is enrolled already, or ``target`` is not a new or empty folder.
        BadValueError: a name or setting that cannot be used.
        OSError: a folder cannot be written.
    """
    begun = clock()
    site = load_site(site_folder)
    address = Address(site.name, check_unit(unit))
    if target.is_relative_to(site.folder):
        raise BadValueError(f"{target}: a unit's folder is not kept inside its site's", "name a folder elsewhere")
    # The register closes before the folder takes its name: no unit exists of which the authority does not know.
    check_settings(settings)
    predecessor = None if replaces is None else read_replaced(replaces, site)
    with staged(target, "a unit") as folder, opened(site.folder / AUTHORITY) as register:
        _check_new(site, register, unit)
        request = make_unit_request(folder, address, settings.record_key)
        answer = answer_request(site, register, request, clock())
        give_slip_keys(site.folder / AUTHORITY, folder)
        made = accept_answer(folder, address, answer, settings, begun, clock, predecessor)
    return Enrolled(address, target, made.record, made.client, made.protection, made.birth)
