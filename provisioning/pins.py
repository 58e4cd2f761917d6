"""Officers' PINs, as :mod:`evidence.credentials` allows and keeps them, with this package's errors."""

from __future__ import annotations

from evidence import credentials
from evidence.errors import MalformedError
from provisioning.errors import BadValueError

_ADVICE = "choose 6 to 12 digits that are neither a sequence nor a repetition"


def check_pin(pin: str) -> str:
    """``pin`` if it may be used. The message of an error does not hold it.

    Raises:
        BadValueError: not 6 to 12 digits, a sequence or a repetition.
    """
    try:
        return credentials.check_pin(pin)
    except MalformedError as error:
        raise BadValueError(str(error), _ADVICE) from None


def hash_pin(pin: str) -> str:
    """The Argon2id hash of ``pin`` in its encoded form, with parameters and salt.

    Raises:
        BadValueError: see :func:`check_pin`.
    """
    return credentials.HASHER.hash(check_pin(pin))
