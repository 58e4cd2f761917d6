"""Signed messages: compact JWS, ES256 only (RFC 7515, RFC 7518 section 3.4).

The exact bytes are signed and kept; nobody serialises a payload again. The header has exactly ``alg``, ``kid`` and
``typ``: a header that asks for anything else (``crit``, ``jwk``, ``x5u``, ``b64``) is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from evidence.encoding import MAX_BYTES, b64url_decode, b64url_encode, json_bytes, json_object
from evidence.errors import MalformedError, SignatureError
from evidence.keys import PublicKey, Signer, to_jwk

ALGORITHM = "ES256"
_HEADER_NAMES = {"alg", "kid", "typ"}


@dataclass(frozen=True, slots=True)
class Signed:
    """A parsed JWS. ``payload`` is believed only after :func:`verify`."""

    kid: str
    typ: str
    payload: bytes


def sign(payload: bytes, signer: Signer, typ: str) -> str:
    """Sign ``payload`` as a compact JWS of type ``typ``."""
    header = json_bytes({"alg": ALGORITHM, "kid": signer.kid, "typ": typ})
    signing_input = f"{b64url_encode(header)}.{b64url_encode(payload)}"
    return f"{signing_input}.{b64url_encode(signer.sign(signing_input.encode('ascii')))}"


def parse(token: str, typ: str) -> Signed:
    """Take ``token`` apart without believing it.

    Raises:
        MalformedError: not a compact JWS with exactly our header, or of another type.
    """
    if len(token) > 2 * MAX_BYTES:
        raise MalformedError(f"a JWS of {len(token)} characters is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise MalformedError("not a compact JWS: it has not three parts")
    header: dict[str, Any] = json_object(b64url_decode(parts[0]))
    if set(header) != _HEADER_NAMES or not all(isinstance(value, str) for value in header.values()):
        raise MalformedError("the JWS header must have exactly alg, kid and typ")
    if header["alg"] != ALGORITHM:
        raise MalformedError(f"alg must be {ALGORITHM}")
    if header["typ"] != typ:
        raise MalformedError(f"typ must be {typ}")
    b64url_decode(parts[2])
    return Signed(header["kid"], header["typ"], b64url_decode(parts[1]))


def verify(token: str, typ: str, key_for: Callable[[str], PublicKey | None]) -> Signed:
    """Check the signature of ``token`` with the key that ``key_for(kid)`` names.

    Raises:
        MalformedError: see :func:`parse`.
        SignatureError: nobody knows the key, or the signature does not hold.
    """
    signed = parse(token, typ)
    key = key_for(signed.kid)
    if key is None:
        raise SignatureError(f"signed by an unknown key, kid {signed.kid[:64]}")
    try:
        jws.deserialize_compact(token, to_jwk(key), algorithms=[ALGORITHM])
    except (JoseError, ValueError) as error:
        raise SignatureError(f"the signature by kid {signed.kid[:64]} does not hold") from error
    return signed
