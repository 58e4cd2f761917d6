"""Drawn names: small pictures beside a record that names their hashes. Pure; nothing of them stays on the unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daemon.events import Signature
from daemon.paper_events import OfficerSigned
from evidence.encoding import sha256_hex

SUBJECT_FILE = "signature.png"


def _officer_file(one: OfficerSigned) -> str:
    return f"signature-{one.officer}.png"


def files(subject: Signature | None, officers: Sequence[OfficerSigned] = ()) -> tuple[tuple[str, bytes], ...]:
    """The drawings as they travel beside the record: hers or her delegate's first."""
    own = ((SUBJECT_FILE, subject.png),) if subject else ()
    return (*own, *((_officer_file(one), one.png) for one in officers))


def fields(subject: Signature | None, officers: Sequence[OfficerSigned] = ()) -> dict[str, Any]:
    """What the record says of them; nothing where nobody drew."""
    said: dict[str, Any] = {}
    if subject is not None:
        said["subject_sign"] = {"by": subject.by, "relation": subject.relation, "sha256": sha256_hex(subject.png)}
    if officers:
        said["officer_signs"] = [
            {"id": one.officer, "name": _officer_file(one), "sha256": sha256_hex(one.png)} for one in officers
        ]
    named = [{"name": name, "sha256": sha256_hex(png)} for name, png in files(subject, officers)]
    return {**said, **({"attachments": named} if named else {})}
