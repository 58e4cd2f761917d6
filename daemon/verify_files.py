"""``vernix verify``: the files of an inspector, held against each other."""

from __future__ import annotations

from pathlib import Path

from evidence.bundle import read_bundle
from evidence.certificates import load_certificate
from evidence.errors import MalformedError, SignatureError
from evidence.revocation import read_revocations
from evidence.verify import Verified, verify_records

_MAX_SIGNED_BYTES = 4 << 20


def verify_files(
    bundle: Path,
    authority: Path,
    *,
    revocations: Path | None = None,
    health: Path | None = None,
    predecessor: Path | None = None,
) -> Verified:
    """Verify the records in ``bundle``.

    Args:
        authority: the site authority's certificate.
        revocations: its signed list of revoked keys.
        health: a health message of the unit, as it came over MQTT: shows whether a tail was cut off.
        predecessor: the bundle of the unit that this one replaced; it must be sound itself.

    Raises:
        EvidenceError, OSError: a file is not what it should be. That is no verdict about the records.
    """
    certificate = load_certificate(authority)
    listed = None if revocations is None else read_revocations(_signed(revocations), certificate)
    before = None
    if predecessor is not None:
        old = read_bundle(predecessor)
        before = verify_records(old.records, certificate, old.head, revocations=listed)
        if not before.sound:
            raise SignatureError(
                f"{predecessor}: is not sound itself, {len(before.findings)} findings; verify it alone"
            )
    records = read_bundle(bundle)
    return verify_records(
        records.records,
        certificate,
        records.head,
        health=None if health is None else _signed(health),
        revocations=listed,
        predecessor=before,
    )


def _signed(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(_MAX_SIGNED_BYTES + 1)
    if len(data) > _MAX_SIGNED_BYTES:
        raise MalformedError(f"{path}: too large for a signed message")
    return data.decode("ascii", "replace").strip()
