"""``vernix verify``: the files of an inspector, held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from evidence.bundle import open_bundle
from evidence.certificates import load_certificate
from evidence.errors import MalformedError, SignatureError
from evidence.export_proof import proof_path
from evidence.export_verify import ExportVerified, verify_export
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
        with open_bundle(predecessor) as old:
            before = verify_records(old.records, certificate, old.head, address=old.address, revocations=listed)
        if not before.sound:
            raise SignatureError(
                f"{predecessor}: is not sound itself, {len(before.findings)} findings; verify it alone"
            )
    said = None if health is None else _signed(health)
    with open_bundle(bundle) as opened:
        return verify_records(
            opened.records,
            certificate,
            opened.head,
            address=opened.address,
            health=said,
            revocations=listed,
            predecessor=before,
        )


def verify_export_files(
    export: Path, authority: Path, *, revocations: Path | None = None, records: Sequence[Path] = ()
) -> ExportVerified:
    """Verify an export against the proof beside it.

    Args:
        authority: the site authority's certificate.
        revocations: its signed list of revoked keys.
        records: bundles of units, whose signed records the rows are held against; each must be sound itself.

    Raises:
        EvidenceError, OSError: a file is not what it should be. That is no verdict about the export.
    """
    certificate = load_certificate(authority)
    listed = None if revocations is None else read_revocations(_signed(revocations), certificate)
    with ExitStack() as stack:
        bundles: dict[str, Iterator[str]] = {}
        for path in records:
            with open_bundle(path) as first:
                found = verify_records(
                    first.records, certificate, first.head, address=first.address, revocations=listed
                )
            if not found.sound:
                raise SignatureError(f"{path}: is not sound itself, {len(found.findings)} findings; verify it alone")
            opened = stack.enter_context(open_bundle(path))
            bundles[opened.address.unit] = opened.records
        return verify_export(export, proof_path(export), certificate, bundles, listed)


def lines_of_export(result: ExportVerified, export: Path) -> Iterator[str]:
    """``result`` for a person: findings, what is complete, what it does not prove, and the verdict last."""
    for finding in result.findings:
        yield f"step {finding.step}{f', {finding.unit}' if finding.unit else ''}: {finding.text}"
    for unit, text in result.complete.items():
        yield f"{unit}: {text}"
    for unit in result.records:
        yield f"{unit}: the rows were held against its signed records"
    if not result.records:
        yield "not proven: what the rows say beyond their records' hashes; give --records with the units' bundles"
    verdict = "complete and unchanged" if result.sound else f"NOT in order, {len(result.findings)} findings"
    yield f"{export}: {verdict}; {result.rows} rows, made {result.made or '?'} by {result.by or '?'}"


def _signed(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(_MAX_SIGNED_BYTES + 1)
    if len(data) > _MAX_SIGNED_BYTES:
        raise MalformedError(f"{path}: too large for a signed message")
    return data.decode("ascii", "replace").strip()


def completeness(result: Verified, health: Path | None) -> str:
    """What ``result`` says of a tail that may have been cut off; ``health`` is the file that was given."""
    if result.sound and result.signed_head is not None:
        but = ", but for what is named next" if result.absent else ""
        return f"complete up to seq {result.signed_head.seq}, whose head the unit signed{but}"
    return "completeness not proven" if health is not None else "completeness not proven: give --health"


def lines_of(result: Verified, bundle: Path, health: Path | None) -> Iterator[str]:
    """``result`` for a person: findings, keys, what it does not prove, and the verdict last."""
    for finding in result.findings:
        yield f"step {finding.step}, record {finding.place}: {finding.text}"
    if result.more:
        yield f"and more: verification stopped after {len(result.findings)} findings"
    for key in result.keys:
        yield f"key {key.kid} from seq {key.since}, protection by the unit's word: {key.protection}"
    yield completeness(result, health)
    for first, last in result.absent:
        yield f"seq {first} to {last} are not here: overwritten after the gateway's receipt, by the unit's signed word"
    kinds = ", ".join(f"{count} {kind}" for kind, count in result.kinds.items())
    least = "at least " if result.more else ""
    whole = "sound" if not result.absent else "sound as far as it goes"
    verdict = whole if result.sound else f"NOT sound, {least}{len(result.findings)} findings"
    yield f"{bundle}: {verdict}; unit {result.unit}, site {result.site}, {result.count} records ({kinds})"
