"""A security key in software: makes registrations and assertions as a browser hands them on."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

from evidence.encoding import b64url_encode

ORIGIN = "http://localhost:8080"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def _client(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()


@dataclass(slots=True)
class SoftKey:
    """``key`` is the private key, for ES256."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    raw_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    counter: int = 0
    """As it stands in what is signed next; it does not rise by itself."""

    @property
    def id(self) -> str:
        return b64url_encode(self.raw_id)

    @property
    def cose(self) -> bytes:
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        return cbor.encode({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def credential(self) -> dict[str, str]:
        """As a roster holds it."""
        return {"method": "webauthn", "id": self.id, "key": b64url_encode(self.cose)}

    def _data(self, rp_id: str, flags: int, more: bytes = b"") -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big") + more

    def sign(
        self, challenge: str, *, origin: str = ORIGIN, rp_id: str = "localhost", flags: int = PRESENT | VERIFIED
    ) -> dict[str, str]:
        """An assertion over ``challenge`` (base64url), as the page sends it to the unit."""
        client, data = _client("webauthn.get", challenge, origin), self._data(rp_id, flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        raw = {"authenticator_data": data, "client_data": client, "signature": signature}
        return {"credential_id": self.id, **{name: b64url_encode(value) for name, value in raw.items()}}

    def register(
        self,
        challenge: str,
        *,
        origin: str = ORIGIN,
        rp_id: str = "localhost",
        flags: int = PRESENT | VERIFIED,
        cose: bytes = b"",
    ) -> dict[str, Any]:
        """A registration, as ``PublicKeyCredential.toJSON()`` gives it; ``cose``: another key."""
        attested = bytes(16) + len(self.raw_id).to_bytes(2, "big") + self.raw_id + (cose or self.cose)
        data = self._data(rp_id, flags | ATTESTED, attested)
        made = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": b64url_encode(_client("webauthn.create", challenge, origin)),
            "attestationObject": b64url_encode(made),
        }
        return {"id": self.id, "rawId": self.id, "type": "public-key", "response": response}
