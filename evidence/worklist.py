"""The worklist: who is expected at a unit, encrypted to a key that the unit makes when it starts and never writes down.

The unit announces that key in its state message. State is retained at the broker and nobody's evidence, so the
announcement is a JWS by the unit's record key: whoever runs the broker cannot put a key of their own there and read who
is about to give birth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError

from evidence import jws, schema
from evidence.encoding import MAX_BYTES, b64url_decode, json_bytes, json_object
from evidence.errors import MalformedError, SignatureError
from evidence.keys import PrivateKey, PublicKey, Signer, from_jwk, plain_jwk, thumbprint, to_jwk
from evidence.origin import Origin
from evidence.topics import Address

TYPE = "vernix-worklist-key+jws"
KEY_SCHEMA, SCHEMA = "worklist-key-v1", "worklist-v1"
_HEADER = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
_REGISTRY = jwe.JWERegistry(algorithms=list(_HEADER.values()))
_REGISTRY.max_ciphertext_length = MAX_BYTES
_NAMES = {*_HEADER, "epk", "kid"}


def announce(key: PublicKey, address: Address, boot: int, signer: Signer) -> str:
    """The unit's word that worklists may be encrypted to ``key`` until its next start; a compact JWS."""
    said = {"v": 1, "site": address.site, "unit": address.unit, "boot": boot, "key": plain_jwk(key)}
    schema.check(KEY_SCHEMA, said)
    return jws.sign(json_bytes(said), signer, TYPE)


def read_announcement(token: str, origin: Origin) -> PublicKey:
    """The key that the unit of ``origin`` has announced.

    Raises:
        MalformedError: not an announcement.
        SignatureError: not by the record key in force now, or of another unit.
    """
    said = json_object(jws.verify(token, TYPE, origin.key_for).payload)
    schema.check(KEY_SCHEMA, said)
    if (said["unit"], said["site"]) != (origin.unit, origin.site):
        raise SignatureError("the announcement names another unit or site than its chain")
    return from_jwk(said["key"])


def seal(content: Mapping[str, Any], key: PublicKey) -> dict[str, str]:
    """The body of a worklist message.

    Args:
        content: ``{"v": 1, "entries": [...]}``, see the schema worklist-v1.
        key: what the unit has announced.

    Raises:
        MalformedError: it breaks the schema; says where, never what stands there.
    """
    schema.check(SCHEMA, dict(content))
    kid = thumbprint(key)
    token = jwe.encrypt_compact({**_HEADER, "kid": kid}, json_bytes(dict(content)), to_jwk(key), registry=_REGISTRY)
    return {"kid": kid, "jwe": token}


def open_sealed(body: Mapping[str, Any], key: PrivateKey) -> list[dict[str, Any]]:
    """The entries in the body of a worklist message.

    Raises:
        SignatureError: for another key (the unit has been started since), or changed on the way.
        MalformedError: not a worklist.
    """
    if body["kid"] != thumbprint(key.public_key()):
        raise SignatureError("the worklist is for a key that this unit no longer has: it was started since")
    header = json_object(b64url_decode(body["jwe"].partition(".")[0]))
    if set(header) != _NAMES or any(header[name] != value for name, value in _HEADER.items()):
        raise MalformedError("the worklist's header must have exactly our alg and enc, kid and epk")
    try:
        plaintext = jwe.decrypt_compact(body["jwe"], to_jwk(key), registry=_REGISTRY).plaintext
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignatureError(f"the worklist does not open: {type(error).__name__}") from None
    content = json_object(plaintext or b"")
    schema.check(SCHEMA, content)
    return list(content["entries"])
