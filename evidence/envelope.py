"""The envelope a record travels and rests in: JWE, general JSON (RFC 7516 section 7.2.1).

ECDH-ES+A256KW and A256GCM for two recipients, the hospital's gateway and the site's offline recovery key. The
plaintext is ``{"jws": "...", "attachments": [...]}``. The unit holds neither private key: it cannot read what it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError

from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError, SignatureError
from evidence.keys import PrivateKey, PublicKey, thumbprint, to_jwk

TYPE = "vernix-envelope+jwe"
_KEY_WRAP = "ECDH-ES+A256KW"
_CONTENT = "A256GCM"
_REGISTRY = jwe.JWERegistry(algorithms=[_KEY_WRAP, _CONTENT])


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held: the record's JWS, and attachments that the record binds by hash."""

    jws: str
    attachments: tuple[dict[str, Any], ...]


def seal(jws: str, recipients: Sequence[PublicKey], attachments: Sequence[dict[str, Any]] = ()) -> bytes:
    """Encrypt ``jws`` and ``attachments`` to every one of ``recipients``; UTF-8 JSON of a general JWE."""
    plaintext = json_bytes({"jws": jws, "attachments": list(attachments)})
    message = jwe.GeneralJSONEncryption({"enc": _CONTENT, "typ": TYPE}, plaintext)
    for recipient in recipients:
        message.add_recipient({"alg": _KEY_WRAP, "kid": thumbprint(recipient)}, to_jwk(recipient))
    return json_bytes(dict(jwe.encrypt_json(message, None, registry=_REGISTRY)))


def _for_key(data: bytes, kid: str) -> dict[str, Any]:
    message = json_object(data)
    recipients = message.get("recipients")
    if not isinstance(recipients, list) or not all(isinstance(item, dict) for item in recipients):
        raise MalformedError("the envelope has no list of recipients")
    ours = [item for item in recipients if isinstance(h := item.get("header"), dict) and h.get("kid") == kid]
    if len(ours) != 1:
        raise SignatureError(f"the envelope is not for this key (kid {kid}); it has {len(recipients)} recipients")
    return {**message, "recipients": ours}


def open_envelope(data: bytes, key: PrivateKey) -> Opened:
    """Decrypt an envelope with one recipient's key.

    Raises:
        MalformedError: not a JWE of our kind, or its content is not ours.
        SignatureError: not for this key, or changed on the way.
    """
    message = _for_key(data, thumbprint(key.public_key()))
    try:
        plaintext = jwe.decrypt_json(message, to_jwk(key), registry=_REGISTRY).plaintext  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SignatureError("the envelope does not open: not a JWE of this kind, or changed on the way") from error
    content = json_object(plaintext or b"")
    jws, attachments = content.get("jws"), content.get("attachments")
    if not isinstance(jws, str) or not isinstance(attachments, list):
        raise MalformedError("the envelope does not hold a jws and a list of attachments")
    if not all(isinstance(item, dict) for item in attachments):
        raise MalformedError("an attachment is not an object")
    return Opened(jws, tuple(attachments))
