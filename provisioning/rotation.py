"""A unit's next record key: made on the unit, certified by the site, brought into force by the unit itself."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence.certificates import Profile, make_request, subject_name, to_pem
from evidence.files import write_atomic
from evidence.keys import create_signer
from evidence.succession import NextKey, read_succession, signer_uri, write_succession
from evidence.topics import Address
from provisioning.enrolment import Clock
from provisioning.errors import BadValueError, SiteUnusableError
from provisioning.folders import locked
from provisioning.issued import Register, opened
from provisioning.site import AUTHORITY, Site, load_site
from provisioning.unit_toml import check_record_key


@dataclass(frozen=True, slots=True)
class Rotation:
    """A key that waits for the unit's program to bring it into force."""

    address: Address
    key: NextKey
    protection: str
    certificate: x509.Certificate


def _unit(folder: Path) -> tuple[Address, str]:
    """Which unit the folder is, and its first key's URI."""
    path = folder / "unit.toml"
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return Address(table["unit"]["site"], table["unit"]["id"]), str(table["keys"]["record"])
    except OSError as error:
        raise SiteUnusableError(f"{path}: cannot be read: {error.strerror}", "name a unit's folder") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SiteUnusableError(f"{path}: does not say which unit this is", "name a unit's folder") from error


def _next_uri(given: str | None, first: str, number: int) -> str:
    if given is not None:
        return given
    if not first.startswith("file:"):
        raise BadValueError("the unit's key is in a token", "name the new one: --key pkcs11:...;object=record-2?...")
    return f"file:record-{number}.key"


def _certify(site: Site, register: Register, address: Address, uri: str, clock: Clock) -> tuple[Any, x509.Certificate]:
    if address.site != site.name:
        raise BadValueError(f"the unit is of site {address.site!r}, not {site.name!r}", "name its own site")
    if not register.has(address.unit):
        raise BadValueError(f"site {site.name!r} never enrolled {address.unit!r}", "enrol it, or name its own site")
    signer = create_signer(uri)
    request = make_request(subject_name(address.unit, address.site), signer)
    return signer, site.certify(request, Profile.RECORD, register, clock())


def rotate(site_folder: Path, folder: Path, reason: str, uri: str | None, clock: Clock) -> Rotation:
    """Make and certify the next record key of the unit in ``folder``; the unit's program brings it into force.

    Args:
        reason: for the key record; no personal data. ``compromised`` where the present key may be known to others.
        uri: where to make the key; None: in a file, where the present one is a file.

    Raises:
        SiteUnusableError: site or unit folder is not as it must be.
        BadValueError: the unit is not this site's, or the key's place cannot be used.
        KeyUnusableError: the key cannot be made.
        OSError: a folder cannot be written.
    """
    if not reason.strip() or len(reason) > 500:
        raise BadValueError("a rotation needs a reason of at most 500 characters", "say why in one sentence")
    site = load_site(site_folder)
    address, first = _unit(folder)
    with locked(folder), opened(site.folder / AUTHORITY) as register:
        keys = read_succession(folder)
        number = len(keys) + 2
        wanted = check_record_key(_next_uri(uri, first, number))
        signer, certificate = _certify(site, register, address, signer_uri(wanted, folder), clock)
        name = f"record-{number}.pem"
        write_atomic(folder / name, to_pem(certificate))
        made = NextKey(signer.kid, wanted, name, reason)
        write_succession(folder, (*keys, made))
    return Rotation(address, made, signer.protection, certificate)
