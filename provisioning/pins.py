"""Officers' PINs: which are allowed, and what is kept of one (Argon2id, RFC 9106)."""

from __future__ import annotations

import re
from itertools import pairwise

from argon2 import PasswordHasher, Type

from provisioning.errors import BadValueError

_PIN = re.compile(r"[0-9]{6,12}")
_ADVICE = "choose 6 to 12 digits that are neither a sequence nor a repetition"
HASHER = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID, encoding="utf-8"
)
"""19 MiB, two passes, one lane: the second of the equivalent minimum settings of OWASP's Password Storage Cheat Sheet.

One core and little memory, so that a unit with the camera running can afford it.
"""


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
        BadValueError: not 6 to 12 digits, a sequence or a repetition.
    """
    if not _PIN.fullmatch(pin):
        raise BadValueError("the PIN is not 6 to 12 digits", _ADVICE)
    if _is_sequence(pin) or _is_repetition(pin):
        raise BadValueError("the PIN is one of the first that anybody tries", _ADVICE)
    return pin


def hash_pin(pin: str) -> str:
    """The Argon2id hash of ``pin`` in its encoded form, with parameters and salt.

    Raises:
        BadValueError: see :func:`check_pin`.
    """
    return HASHER.hash(check_pin(pin))
