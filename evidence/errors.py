"""Errors of evidence, sorted by what the caller can do."""

from __future__ import annotations


class EvidenceError(Exception):
    """Root of this package's errors. Messages name fields, numbers and hashes, never a person's data."""


class MalformedError(EvidenceError):
    """The bytes are not what they should be (JSON, JWS, JWE, schema): refuse them, count them, keep them aside."""


class SignatureError(EvidenceError):
    """Signature, key or certificate do not hold: refuse, and tell a person."""


class UnknownKeyError(SignatureError):
    """By a key that the chain has not brought as far as it is known: where records are missing it may wait for them."""


class RevokedError(SignatureError):
    """The signature holds, but its key was revoked before: refuse, and tell a person."""


class ChainError(EvidenceError):
    """A sound record that does not fit the one before it: a gap, a fork or a replay."""


class RefusedError(EvidenceError):
    """A sound message that is not for us, not for now, or not new: audience, expiry or counter."""


class KeyUnusableError(EvidenceError):
    """A key or certificate file is missing, damaged or of the wrong kind: the environment must be mended."""
