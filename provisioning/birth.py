"""The first record of a unit's chain: it binds the record key to the unit and the site."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence import chain
from evidence.bundle import read_bundle
from evidence.certificates import to_der
from evidence.chain import Head
from evidence.encoding import b64url_encode
from evidence.errors import MalformedError, SignatureError
from evidence.instants import write_instant
from evidence.keys import Signer
from evidence.record import Kind, Record
from evidence.topics import Address
from evidence.verify import verify_records
from provisioning.errors import SiteUnusableError
from provisioning.revoke import load_revocations
from provisioning.site import Site


def software_version() -> str:
    """The version of the installed distribution; ``unknown`` where Vernix runs from a folder, not installed."""
    try:
        return version("vernix")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class Replaced:
    """The unit whose place a new one takes, and the last record that its chain was known by."""

    unit: str
    head: Head


def read_replaced(bundle: Path, site: Site) -> Replaced:
    """From a bundle of the old unit's records, as the gateway has them.

    Raises:
        SiteUnusableError: the file is no bundle of this site's, or its records do not verify.
    """
    advice = "export the old unit's records from the gateway; see what vernix verify finds in them"
    try:
        result = verify_records(read_bundle(bundle).records, site.authority, revocations=load_revocations(site))
    except MalformedError as error:
        raise SiteUnusableError(f"{bundle}: {error}", advice) from error
    if not result.sound or result.head is None:
        raise SiteUnusableError(f"{bundle}: the old unit's records do not verify", advice)
    return Replaced(result.unit, result.head)


def make_birth(
    address: Address,
    certificate: x509.Certificate,
    authority: x509.Certificate,
    signer: Signer,
    interval: tuple[dt.datetime, dt.datetime],
    replaces: Replaced | None = None,
) -> Record:
    """The birth record of the unit at ``address``, verified as every later reader will.

    Args:
        interval: earliest and latest time by the bench's clock.
        replaces: the unit whose place this one takes.

    Raises:
        SignatureError: ``certificate`` is not this unit's, or ``authority`` does not vouch for it.
    """
    der = to_der(certificate)
    earliest, latest = interval
    fields: dict[str, Any] = {
        "kind": str(Kind.BIRTH),
        "unit": address.unit,
        "site": address.site,
        "boot": 0,
        # A clock that was set back between the two readings must not make an interval that ends before it begins.
        "time": {
            "earliest": write_instant(min(earliest, latest)),
            "latest": write_instant(max(earliest, latest)),
            "source": "clock",
        },
        "key": {"kid": signer.kid, "protection": signer.protection, "certificate": b64url_encode(der)},
        "software": {"version": software_version()},
    }
    if replaces is not None:
        head = replaces.head
        fields["replaces"] = {"unit": replaces.unit, "seq": head.seq, "sha256": head.sha256}
    birth = chain.seal(fields, chain.genesis(der), signer)
    result = verify_records([birth.jws], authority)
    if not result.sound:
        raise SignatureError(f"the birth record does not verify: {'; '.join(item.text for item in result.findings)}")
    return birth
