"""What a roster keeps of an officer: a role, and what to recognise one by, never PIN or badge itself (RFC 9106)."""

from __future__ import annotations

import re
from enum import StrEnum, unique
from itertools import pairwise

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

from evidence.encoding import b64url_encode
from evidence.errors import MalformedError

_TIME_COST, _MEMORY_KIB, _LANES = 2, 19 * 1024, 1
HASHER = PasswordHasher(
    time_cost=_TIME_COST,
    memory_cost=_MEMORY_KIB,
    parallelism=_LANES,
    hash_len=32,
    salt_len=16,
    type=Type.ID,
    encoding="utf-8",
)
"""19 MiB, two passes, one lane: the second of the equivalent minimum settings of OWASP's Password Storage Cheat Sheet.

One core and little memory, so that a unit with the camera running can afford it.
"""


@unique
class Role(StrEnum):
    """What somebody is at a unit: ``officer`` checks, ``office`` is the hospital's certificate office
    (出生医学证明管理科室), ``engineer`` serves the unit, ``inspector`` reads what the authorities may see."""

    OFFICER = "officer"
    OFFICE = "office"
    ENGINEER = "engineer"
    INSPECTOR = "inspector"


SALT_BYTES = 16
_PIN = re.compile(r"[0-9]{6,12}")
_BADGE = re.compile(r"[!-~]{4,64}")


def _is_sequence(pin: str) -> bool:
    """Whether each digit is the one before plus a constant, 9 being followed by 0: 000000, 123456, 864208."""
    steps = {(int(later) - int(earlier)) % 10 for earlier, later in pairwise(pin)}
    return len(steps) == 1


def _is_repetition(pin: str) -> bool:
    """Whether ``pin`` is one block several times: 121212, 123123. Only then is it found in itself, turned round."""
    return pin in (pin + pin)[1:-1]


def check_pin(pin: str) -> str:
    """``pin`` if it may be used. The message of an error does not hold it.

    Raises:
        MalformedError: not 6 to 12 digits, a sequence or a repetition.
    """
    if not _PIN.fullmatch(pin):
        raise MalformedError("the PIN is not 6 to 12 digits")
    if _is_sequence(pin) or _is_repetition(pin):
        raise MalformedError("the PIN is one of the first that anybody tries")
    return pin


def hash_pin(pin: str) -> str:
    """The Argon2id hash of ``pin`` in its encoded form, with parameters and salt.

    Raises:
        MalformedError: see :func:`check_pin`.
    """
    return HASHER.hash(check_pin(pin))


def is_secret_of(encoded: str, secret: str) -> bool:
    """Whether ``encoded`` is the Argon2id hash of ``secret``, a PIN or a password.

    Raises:
        MalformedError: it is no such hash.
    """
    try:
        return HASHER.verify(encoded, secret)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError):
        raise MalformedError("the stored hash is damaged; set the PIN or password anew") from None


def badge_digest(badge: str, salt: bytes) -> str:
    """What a roster keeps of a badge, base64url: the same badge gives the same digest under one roster's ``salt``.

    A badge only says who somebody claims to be; the PIN proves it. So all badges of a roster share a salt, and one
    computation finds whose it is.

    Raises:
        MalformedError: no text that a badge can have.
    """
    if not _BADGE.fullmatch(badge):
        raise MalformedError("a badge has 4 to 64 printable ASCII characters and no blanks")
    raw = hash_secret_raw(badge.encode("ascii"), salt, _TIME_COST, _MEMORY_KIB, _LANES, 32, Type.ID)
    return b64url_encode(raw)
