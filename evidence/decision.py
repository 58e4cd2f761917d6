"""What an officer signs: a decision statement, as canonical JSON.

A WebAuthn challenge is the SHA-256 of these bytes; a PIN is recorded as attested by the unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evidence.encoding import json_bytes, sha256_hex
from evidence.errors import SignatureError
from evidence.record import Outcome


@dataclass(frozen=True, slots=True)
class DecisionStatement:
    """One decision about one check.

    Attributes:
        check: the check's UUIDv7.
        document_sha256: hash of the document data that was decided on, or None where there was none.
        outcome: what is decided.
        reason: why, in the officer's words; no personal data.
        expires: RFC 3339; nobody may sign it later.
    """

    check: str
    document_sha256: str | None
    outcome: Outcome
    reason: str
    expires: str

    def to_dict(self) -> dict[str, str | None]:
        """The statement as the record holds it, so that a verifier can compute its hash again."""
        return {**asdict(self), "outcome": self.outcome.value}

    def to_bytes(self) -> bytes:
        """The canonical bytes that are signed."""
        return json_bytes(self.to_dict())

    @property
    def sha256(self) -> str:
        """The statement's hash, as the record names it."""
        return sha256_hex(self.to_bytes())


def check_decision(payload: Mapping[str, Any]) -> None:
    """Hold the officers of a record against the statement in it: step 7 of :mod:`evidence.verify`.

    Every officer must have signed this very statement, about this very check. The outcome must be the one decided,
    apart from an interrupted check, whose statement may have been one signature short.

    Raises:
        SignatureError: officers without a statement, or a statement about something else.
    """
    decision, officers = payload.get("decision"), payload.get("officers", ())
    if decision is None:
        if officers:
            raise SignatureError("officers are named, but not the decision that they signed")
        return
    digest = sha256_hex(json_bytes(decision))
    if any(one["assertion"]["statement_sha256"] != digest for one in officers):
        raise SignatureError("an officer has signed another decision than the record's")
    if decision["check"] != payload.get("check"):
        raise SignatureError("the decision is about another check")
    if payload.get("outcome", decision["outcome"]) not in (decision["outcome"], Outcome.INTERRUPTED):
        raise SignatureError("the officers decided another outcome than the record's")
