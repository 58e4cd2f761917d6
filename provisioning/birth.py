"""The first record of a unit's chain: it binds the record key to the unit and the site."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import PackageNotFoundError, version

from cryptography import x509

from evidence import chain
from evidence.certificates import to_der
from evidence.encoding import b64url_encode
from evidence.errors import SignatureError
from evidence.instants import write_instant
from evidence.keys import Signer
from evidence.record import Kind, Record
from evidence.topics import Address
from evidence.verify import verify_records


def software_version() -> str:
    """The version of the installed distribution; ``unknown`` where Vernix runs from a folder, not installed."""
    try:
        return version("vernix")
    except PackageNotFoundError:
        return "unknown"


def make_birth(
    address: Address,
    certificate: x509.Certificate,
    authority: x509.Certificate,
    signer: Signer,
    interval: tuple[dt.datetime, dt.datetime],
) -> Record:
    """The birth record of the unit at ``address``, verified as every later reader will.

    Args:
        interval: earliest and latest time by the bench's clock.

    Raises:
        SignatureError: ``certificate`` is not this unit's, or ``authority`` does not vouch for it.
    """
    der = to_der(certificate)
    earliest, latest = interval
    fields = {
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
    birth = chain.seal(fields, chain.genesis(der), signer)
    result = verify_records([birth.jws], authority)
    if not result.sound:
        raise SignatureError(f"the birth record does not verify: {'; '.join(item.text for item in result.findings)}")
    return birth
