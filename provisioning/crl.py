"""The broker's list of revoked certificates: a CRL (RFC 5280) by the site's authority.

The broker wants one from the first day on, so a new site has an empty one. A newer list holds all that the older held.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from evidence.certificates import key_of, load_certificate
from evidence.files import write_atomic
from evidence.keys import PrivateKey
from evidence.revocation import Revoked
from provisioning.broker import CRL
from provisioning.errors import BadValueError, SiteUnusableError

_LIFETIME = dt.timedelta(days=7305)
"""Until when a broker takes the CRL for fresh: as long as the authority lives. An overdue one would lock every unit
out; a newer one replaces it."""
_AHEAD = dt.timedelta(hours=24)
"""How far the broker's clock may be behind the authority's: a CRL from the future would lock every unit out as well."""


def make_crl(authority: x509.Certificate, key: PrivateKey, entries: Iterable[Revoked], now: dt.datetime) -> bytes:
    """The CRL with the certificates of ``entries``, as PEM."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _AHEAD)
        .next_update(now + _LIFETIME)
    )
    for entry in entries:
        one = x509.RevokedCertificateBuilder().serial_number(int(entry.serial, 16)).revocation_date(entry.since)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _read(path: Path, authority: x509.Certificate) -> x509.CertificateRevocationList:
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
    except ValueError as error:
        raise BadValueError(f"{path}: not a CRL in PEM", "name the authority's revocations.crl") from error
    if not crl.is_signature_valid(key_of(authority)):
        raise BadValueError(f"{path}: not signed by this site's authority", "name this site's revocations.crl")
    return crl


def _serials(crl: x509.CertificateRevocationList) -> set[int]:
    return {one.serial_number for one in crl}


def install_crl(broker: Path, source: Path) -> tuple[int, int]:
    """Put the CRL ``source`` into the broker's folder, in one step, beside the authority that must have signed it.

    Returns:
        How many certificates are revoked, and how many of them are new.

    Raises:
        BadValueError: not a CRL of this site, or one that lacks what the present one holds.
        SiteUnusableError: the broker's configuration does not name the CRL, so it would not be looked at.
        KeyUnusableError: the folder has no ``authority.pem``.
        OSError: a file cannot be read or written.
    """
    conf = broker / "mosquitto.conf"
    if not re.search(rf"^crlfile\s+(\S*/)?{re.escape(CRL)}\s*$", conf.read_text("utf-8"), re.MULTILINE):
        raise SiteUnusableError(f"{conf}: names no CRL", f"write the line 'crlfile {CRL}' under its listener")
    authority = load_certificate(broker / "authority.pem")
    new, place = _read(source, authority), broker / CRL
    known = _serials(_read(place, authority)) if place.exists() else set()
    if known - _serials(new):
        raise BadValueError(f"{source}: is older than {place}: it lacks revoked certificates", "name the newest one")
    write_atomic(place, source.read_bytes(), mode=0o644)
    return len(_serials(new)), len(_serials(new) - known)
