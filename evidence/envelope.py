"""The envelope a record travels and rests in: JWE, general JSON (RFC 7516 section 7.2.1).

ECDH-ES+A256KW and A256GCM for two recipients, the hospital's gateway and the site's offline recovery key. The
plaintext is ``{"jws": "...", "attachments": [...]}``. The unit holds neither private key: it cannot read what it keeps.

One form only: the protected header is exactly ``enc`` and ``typ``, a recipient's header exactly ``alg``, ``kid`` and
``epk``. Compression, unprotected or shared headers, extra authenticated data and other algorithms are refused unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from evidence import schema
from evidence.encoding import MAX_BYTES, b64url_decode, b64url_encode, json_bytes, json_object, sha256_hex
from evidence.errors import MalformedError, SignatureError
from evidence.keys import PrivateKey, PublicKey, thumbprint, to_jwk
from evidence.record import Record

TYPE = "vernix-envelope+jwe"
SCHEMA = "envelope-v1"
_KEY_WRAP = "ECDH-ES+A256KW"
_CONTENT = "A256GCM"
_PROTECTED = {"enc": _CONTENT, "typ": TYPE}
_REGISTRY = jwe.JWERegistry(algorithms=[_KEY_WRAP, _CONTENT])
_REGISTRY.max_ciphertext_length = MAX_BYTES  # joserfc's own limit, 64 KiB, is below a record with a picture


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held: the record's JWS, and attachments, believed only after :func:`check_attachments`."""

    jws: str = field(repr=False)
    attachments: tuple[dict[str, Any], ...] = field(repr=False)


def seal(jws: str, recipients: Sequence[PublicKey], attachments: Sequence[dict[str, Any]] = ()) -> bytes:
    """Encrypt ``jws`` and ``attachments`` to every one of ``recipients``; UTF-8 JSON of a general JWE.

    Raises:
        MalformedError: larger than anyone would open.
    """
    plaintext = json_bytes({"jws": jws, "attachments": list(attachments)})
    message = jwe.GeneralJSONEncryption(dict(_PROTECTED), plaintext)
    for recipient in recipients:
        message.add_recipient({"alg": _KEY_WRAP, "kid": thumbprint(recipient)}, to_jwk(recipient))
    sealed = json_bytes(dict(jwe.encrypt_json(message, None, registry=_REGISTRY)))
    if len(sealed) > MAX_BYTES:
        raise MalformedError(f"an envelope of {len(sealed)} bytes is larger than the {MAX_BYTES} allowed")
    return sealed


def _for_key(data: bytes, kid: str) -> dict[str, Any]:
    message = json_object(data)
    schema.check(SCHEMA, message)
    if b64url_decode(message["protected"]) != json_bytes(_PROTECTED):
        raise MalformedError("the envelope's protected header must have exactly our enc and typ")
    recipients = message["recipients"]
    ours = [item for item in recipients if item["header"]["kid"] == kid]
    if len(ours) != 1:
        raise SignatureError(f"the envelope is not for this key (kid {kid}); it has {len(recipients)} recipients")
    return {**message, "recipients": ours}


@lru_cache(maxsize=2)
def _recipient(key: PrivateKey) -> tuple[str, ECKey]:
    """A gateway opens every envelope with one key: it is not converted for each."""
    return thumbprint(key.public_key()), to_jwk(key)


def open_envelope(data: bytes, key: PrivateKey) -> Opened:
    """Decrypt an envelope with one recipient's key.

    Raises:
        MalformedError: not a JWE of our kind, or its content is not ours.
        SignatureError: not for this key, or changed on the way.
    """
    kid, jwk = _recipient(key)
    message = cast(jwe.GeneralJSONSerialization, _for_key(data, kid))
    try:
        plaintext = jwe.decrypt_json(message, jwk, registry=_REGISTRY).plaintext
    except (JoseError, ValueError) as error:
        raise SignatureError("the envelope does not open: not a JWE of this kind, or changed on the way") from error
    content = json_object(plaintext or b"")
    jws, attachments = content.get("jws"), content.get("attachments")
    if not isinstance(jws, str) or not isinstance(attachments, list):
        raise MalformedError("the envelope does not hold a jws and a list of attachments")
    if not all(isinstance(item, dict) for item in attachments):
        raise MalformedError("an attachment is not an object")
    return Opened(jws, tuple(attachments))


def attachment(name: str, data: bytes) -> dict[str, str]:
    """``data`` as it travels beside a record; the record's ``attachments`` must have its name and SHA-256."""
    return {"name": name, "data": b64url_encode(data)}


def check_attachments(item: Record, attachments: Sequence[dict[str, Any]]) -> None:
    """Hold what came beside a record against the hashes in it. Whoever knows a recipient's public key can seal an
    envelope, so an attachment is only as good as the signed record that names it.

    Raises:
        MalformedError: an attachment without name or data.
        SignatureError: one is missing, or another one is there.
    """
    found = [(one.get("name"), _digest(one)) for one in attachments]
    named = [(one["name"], one["sha256"]) for one in item.payload.get("attachments", ())]
    if sorted(found, key=str) != sorted(named, key=str):
        raise SignatureError("the attachments are not those that the record names")


def _digest(one: dict[str, Any]) -> str:
    if not isinstance(one.get("name"), str) or not isinstance(data := one.get("data"), str):
        raise MalformedError("an attachment must have a name and data")
    return sha256_hex(b64url_decode(data))
