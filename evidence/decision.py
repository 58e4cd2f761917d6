"""What an officer signs: a decision statement, as canonical JSON.

A WebAuthn challenge is the SHA-256 of these bytes; a PIN is recorded as attested by the unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.encoding import json_bytes, sha256_hex
from evidence.errors import MalformedError, SignatureError
from evidence.keys import from_jwk
from evidence.record import Outcome
from evidence.webauthn import check_assertion


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
        return {
            "check": self.check,
            "document_sha256": self.document_sha256,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "expires": self.expires,
        }

    def to_bytes(self) -> bytes:
        """The canonical bytes that are signed."""
        return json_bytes(self.to_dict())

    @property
    def sha256(self) -> str:
        """The statement's hash, as the record names it."""
        return sha256_hex(self.to_bytes())


def check_decision(payload: Mapping[str, Any]) -> None:
    """Hold the officers of a record against the statement in it: step 7 of :mod:`evidence.verify`.

    Every officer must have signed this very statement, about this very check; nobody twice, and a security key's
    assertion must hold with the key that the record names. The outcome must be the one decided, apart from an
    interrupted check, whose statement may have been one signature short.

    Raises:
        SignatureError: officers without a statement, one twice, an assertion that does not hold, or a statement about
            something else.
    """
    decision, officers = payload.get("decision"), payload.get("officers", ())
    if decision is None:
        if officers:
            raise SignatureError("officers are named, but not the decision that they signed")
        return
    digest = sha256_hex(json_bytes(decision))
    if any(one["assertion"]["statement_sha256"] != digest for one in officers):
        raise SignatureError("an officer has signed another decision than the record's")
    _check_officers(officers, digest)
    if decision["check"] != payload.get("check"):
        raise SignatureError("the decision is about another check")
    if payload.get("outcome", decision["outcome"]) not in (decision["outcome"], Outcome.INTERRUPTED):
        raise SignatureError("the officers decided another outcome than the record's")


def _check_officers(officers: Sequence[Mapping[str, Any]], digest: str) -> None:
    assertions = [one["assertion"] for one in officers]
    keyed = [one for one in assertions if one["method"] == "webauthn"]
    ids, keys = [one["credential_id"] for one in keyed], [(one["key"]["x"], one["key"]["y"]) for one in keyed]
    if any(len(set(some)) != len(some) for some in ([one["id"] for one in officers], ids, keys)):
        raise SignatureError("the same officer, or the same security key, stands there twice")
    for one in assertions:
        if one["method"] == "webauthn":
            try:
                check_assertion(one, digest, from_jwk(one["key"]), None)
            except MalformedError as error:
                raise SignatureError(f"the security key's assertion does not hold: {error}") from None
