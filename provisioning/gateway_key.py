"""A new signing key for the gateway, in place of one that is revoked, lost or old."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509

from evidence.certificates import Profile, make_request, subject_name, to_pem
from evidence.files import write_atomic
from evidence.keys import generate_key
from provisioning.broker import GATEWAY
from provisioning.errors import BadValueError
from provisioning.folders import staged
from provisioning.issued import opened
from provisioning.site import AUTHORITY, GATEWAY_SIGNING, load_site

KEY, CERTIFICATE = "signing.key", "signing.pem"
"""As ``gateway.toml`` names them."""


def make_gateway_key(site_folder: Path, target: Path, now: dt.datetime) -> x509.Certificate:
    """Make and certify a signing key for the gateway in the folder ``target``, whole or not at all; its certificate.

    Units that are enrolled from now on believe the new key; those that are out there believe the old one until they get
    the certificate.

    Raises:
        SiteUnusableError: no site there, or a damaged one.
        BadValueError: ``target`` lies in the site's folder.
        AlreadyThereError: ``target`` is not a new or empty folder.
        OSError: a folder cannot be written.
    """
    site = load_site(site_folder)
    if target.is_relative_to(site.folder):
        raise BadValueError(f"{target}: the old key may still lie in the site's folder", "name a folder elsewhere")
    with staged(target, "a gateway's key") as folder, opened(site.folder / AUTHORITY) as register:
        request = make_request(subject_name(GATEWAY, site.name), generate_key(folder / KEY))
        certificate = site.certify(request, Profile.GATEWAY, register, now)
        write_atomic(folder / CERTIFICATE, to_pem(certificate))
    write_atomic(site.folder / AUTHORITY / GATEWAY_SIGNING, to_pem(certificate))
    return certificate
