"""The authority's list of revoked keys: for verifiers a signed list, for the broker a CRL (RFC 5280) of the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from evidence.chain import Head
from evidence.errors import EvidenceError
from evidence.files import write_atomic
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revocations, Revoked, read_revocations, sign_revocations
from provisioning.errors import AlreadyThereError, BadValueError, SiteUnusableError
from provisioning.issued import Issued, Register, opened
from provisioning.site import AUTHORITY, Site, load_site

FILE = "revocations.jws"
CRL = "revocations.crl"
_CRL_LIFETIME = dt.timedelta(days=3653)
"""Until when a broker takes the CRL for fresh. An overdue one would lock every unit out; a newer one replaces it."""


def load_revocations(site: Site) -> Revocations | None:
    """The site's list; None before the first revocation.

    Raises:
        SiteUnusableError: the list is damaged.
    """
    path = site.folder / AUTHORITY / FILE
    try:
        return read_revocations(path.read_text("ascii").strip(), site.authority)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, EvidenceError) as error:
        raise SiteUnusableError(f"{path}: {error}", "restore it from a backup: it says whom not to believe") from error


def _line(register: Register, name: str) -> Issued:
    wanted = name.lower().replace(":", "").lstrip("0")
    found = [line for line in register.lines if line.kid == name or line.serial == wanted]
    if not found:
        raise BadValueError(f"the site never issued a certificate for {name!r}", "give the kid or the serial number")
    if not found[0].kid:
        raise BadValueError("the register does not know this certificate's key", "give the kid of the key instead")
    return found[0]


def _crl(site: Site, entries: Iterable[Revoked], now: dt.datetime) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(site.authority.subject)
        .last_update(now)
        .next_update(now + _CRL_LIFETIME)
    )
    for entry in entries:
        one = x509.RevokedCertificateBuilder().serial_number(int(entry.serial, 16)).revocation_date(entry.since)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(site.authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def revoke(
    folder: Path, name: str, reason: Reason, since: dt.datetime, now: dt.datetime, last: Head | None = None
) -> tuple[Revoked, Revocations]:
    """Put the key ``name`` (its kid, or its certificate's serial number) on the site's list.

    Args:
        since: the first moment at which it is no longer believed.
        last: the last record to be believed under it, as the gateway had it before.

    Returns:
        The entry, and the whole list as it is now.

    Raises:
        SiteUnusableError: no site there, or a damaged one.
        BadValueError: an unknown key, or a time to come.
        AlreadyThereError: it is on the list; an entry is never changed.
        OSError: the site cannot be written.
    """
    if since > now:
        raise BadValueError("a key is revoked since a moment that has been", "give --at in the past, or leave it out")
    site = load_site(folder)
    with opened(site.folder / AUTHORITY) as register:
        line = _line(register, name)
        before = load_revocations(site)
        entries = {} if before is None else dict(before.entries)
        if line.kid in entries:
            raise AlreadyThereError(f"key {line.kid} is revoked already", "an entry is never changed")
        entry = Revoked(line.kid, line.serial, since, reason, last)
        entries[line.kid] = entry
        number = 1 if before is None else before.number + 1
        token = sign_revocations(site.name, number, entries.values(), now, KeySigner(site.authority_key))
        write_atomic(site.folder / AUTHORITY / CRL, _crl(site, entries.values(), now))
        write_atomic(site.folder / AUTHORITY / FILE, token.encode("ascii"))
    return entry, Revocations(site.name, number, now, entries)
