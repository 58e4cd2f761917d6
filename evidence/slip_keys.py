"""The site's slip keys: what the units of one site share so that each can open what another one wrote on a slip.

``slips.key`` is a file of its own, mode 0600: ``{"v": 1, "keys": [{"made": instant, "secret": base64url}, ...]}``, the
newest first. The first key writes, every one of them opens; a key that is taken out makes its slips unreadable.
"""

from __future__ import annotations

import datetime as dt
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from evidence.encoding import b64url_decode, b64url_encode, json_bytes, json_object
from evidence.errors import KeyUnusableError, MalformedError
from evidence.files import write_atomic
from evidence.instants import read_instant, write_instant

FILE: Final = "slips.key"
SECRET_SIZE: Final = 32
KID_SIZE: Final = 8
MOST_KEYS: Final = 8


@dataclass(frozen=True, slots=True)
class SlipKey:
    """One key of the site, and what is derived from it (HKDF-SHA256, RFC 5869): never one key for two uses."""

    secret: bytes = field(repr=False)
    made: dt.datetime

    @property
    def kid(self) -> bytes:
        """The key's name on a slip: 8 bytes that tell nothing of the key."""
        return self._derived(b"kid", KID_SIZE)

    @property
    def encryption(self) -> bytes:
        """For AES-256-GCM."""
        return self._derived(b"aes-256-gcm", 32)

    @property
    def person(self) -> bytes:
        """For the keyed digest of a document's number."""
        return self._derived(b"person", 32)

    def _derived(self, use: bytes, size: int) -> bytes:
        info = b"vernix-slip-v1 " + use
        return HKDF(algorithm=hashes.SHA256(), length=size, salt=None, info=info).derive(self.secret)


def make_slip_key(now: dt.datetime) -> SlipKey:
    """A new key."""
    return SlipKey(secrets.token_bytes(SECRET_SIZE), now)


def rotated(keys: Sequence[SlipKey], now: dt.datetime, lifetime: dt.timedelta) -> tuple[SlipKey, ...]:
    """A new key in front of those that slips which are still valid may have been written with.

    A key writes until the next one is made: it is needed for ``lifetime`` after that moment.
    """
    followed = zip(keys, (now, *(one.made for one in keys)), strict=False)
    return (make_slip_key(now), *(key for key, until in followed if now - until <= lifetime))[:MOST_KEYS]


def write_slip_keys(path: Path, keys: Sequence[SlipKey]) -> None:
    """Replace the file at ``path``.

    Raises:
        OSError: it cannot be written; it is then unchanged.
    """
    listed = [{"made": write_instant(one.made), "secret": b64url_encode(one.secret)} for one in keys]
    write_atomic(path, json_bytes({"v": 1, "keys": listed}) + b"\n", mode=0o600)


def read_slip_keys(path: Path) -> tuple[SlipKey, ...]:
    """The keys in ``path``, the newest first.

    Raises:
        KeyUnusableError: missing, open to its group or others, or not what :func:`write_slip_keys` writes.
    """
    try:
        mode, data = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot read the slip keys: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        advice = f"chmod 600 {path}, and rotate the key if somebody may have read it"
        raise KeyUnusableError(f"{path}: others may read the slip keys, mode {mode:04o}; {advice}")
    try:
        return _parsed(json_object(data))
    except (MalformedError, KeyError, TypeError, AttributeError):
        # Not chained: what could not be read may be a key.
        raise KeyUnusableError(f"{path}: not a file of slip keys; write it again with vernix-provision") from None


def _parsed(content: dict[str, Any]) -> tuple[SlipKey, ...]:
    keys = tuple(SlipKey(b64url_decode(one["secret"]), read_instant(one["made"])) for one in content["keys"])
    sound = content["v"] == 1 and 0 < len(keys) <= MOST_KEYS and all(len(one.secret) == SECRET_SIZE for one in keys)
    if not sound:
        raise MalformedError("not slip keys of version 1")
    return keys
