"""Security keys (WebAuthn Level 2): what one signs when an officer confirms a decision, and how it is registered.

The challenge of an assertion is the SHA-256 of the decision statement, so it is good for this statement alone: not for
another one, and not before there is one. The record carries the whole assertion and the public key. That the key is
this officer's is the unit's word, which it has from the gateway's roster; that it signed this decision, anybody can
verify.

ES256 with user verification (the key's own PIN or fingerprint) is wanted: a key that was found proves nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256, CoseKey
from fido2.rpid import verify_rp_id
from fido2.server import Fido2Server
from fido2.webauthn import Aaguid, AttestedCredentialData, PublicKeyCredentialRpEntity, UserVerificationRequirement

from evidence.encoding import b64url_decode, b64url_encode, json_object, sha256_hex
from evidence.errors import MalformedError, SignatureError
from evidence.keys import PublicKey

RP_ID = "localhost"
"""Where the unit's screen is; browsers take it for secure. A key that is registered for it works at every unit."""
KEY_OFFERED = "officer.key_offered"
"""The event of a key that was registered at a unit: ``officer``, ``vouched_by``, ``registration``, ``code``."""
_ORIGIN = re.compile(r"https?://([a-z0-9-]+\.)*localhost(:[0-9]{1,5})?")
_LAST_PORT = 65535
_DATA_LENGTH = 37
_ATTESTED, _EXTENDED = 0x40, 0x80
_REGISTRATION = "vernix-key-registration"
_FAULTS = (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error, RecursionError)
"""What the library raises for bytes that are not what they should be."""


class OtherContentError(SignatureError):
    """The key has signed, but not this: something else, or this before it was asked."""


def challenge_of(statement_sha256: str) -> str:
    """The challenge that a page hands to the security key, base64url."""
    return b64url_encode(bytes.fromhex(statement_sha256))


def registration_challenge(site: str, officer: str) -> str:
    """The challenge with which a key is registered for ``officer``: made for nobody else."""
    return b64url_encode(bytes.fromhex(sha256_hex(f"{_REGISTRATION}:{site}:{officer}".encode())))


def _server(rp_id: str, origin: str | None) -> Fido2Server:
    def is_ours(found: str) -> bool:
        return verify_rp_id(rp_id, found) and origin in (None, found)

    return Fido2Server(PublicKeyCredentialRpEntity(name="Vernix", id=rp_id), verify_origin=is_ours)


def _cose(key: PublicKey) -> ES256:
    """RFC 9053, section 7.1.1."""
    point = key.public_numbers()
    x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
    return ES256({1: 2, 3: ES256.ALGORITHM, -1: 1, -2: x, -3: y})


def _state(challenge: str) -> dict[str, Any]:
    return {"challenge": challenge, "user_verification": UserVerificationRequirement.REQUIRED}


def check_assertion(assertion: Mapping[str, Any], statement_sha256: str, key: PublicKey, origin: str | None) -> None:
    """Make sure that ``key`` signed the statement.

    Args:
        assertion: ``credential_id``, ``authenticator_data``, ``client_data``, ``signature`` (base64url) and ``rp_id``.
        statement_sha256: of the decision statement.
        key: the officer's public key.
        origin: of the page that asked for it; None: any that ``rp_id`` may have.

    Raises:
        OtherContentError: it signed something else.
        SignatureError: it did not, not for this page, or without user verification.
        MalformedError: a field is not base64url.
    """
    names = ("credential_id", "authenticator_data", "client_data", "signature")
    if not all(isinstance(assertion[name], str) for name in names):
        raise MalformedError("an assertion holds text")  # the library would make as many bytes as a number says
    raw = {name: b64url_decode(assertion[name]) for name in names}
    _check_form(raw, str(assertion["rp_id"]), challenge_of(statement_sha256))
    response = {
        "id": assertion["credential_id"],
        "rawId": assertion["credential_id"],
        "type": "public-key",
        "response": {
            "clientDataJSON": assertion["client_data"],
            "authenticatorData": assertion["authenticator_data"],
            "signature": assertion["signature"],
        },
    }
    known = AttestedCredentialData.create(Aaguid.NONE, raw["credential_id"], _cose(key))
    try:
        server = _server(str(assertion["rp_id"]), origin)
        server.authenticate_complete(_state(challenge_of(statement_sha256)), [known], response)
    except _FAULTS as error:
        kind = OtherContentError if str(error).startswith("Wrong challenge") else SignatureError
        raise kind(f"the security key's assertion does not hold: {_short(error)}") from None


def _check_form(raw: Mapping[str, bytes], rp_id: str, challenge: str) -> None:
    """One spelling of everything, so that no two readers see two things in it; the library is more lenient.

    Client data is strict JSON, the challenge text for text, the page at ``RP_ID`` or below it and in no frame of
    another; authenticator data is hash, flags and counter and nothing else, as an assertion without extensions has it
    (WebAuthn Level 2, 6.1).
    """
    data, said = raw["authenticator_data"], json_object(raw["client_data"])
    if not raw["credential_id"] or len(data) != _DATA_LENGTH or data[32] & (_ATTESTED | _EXTENDED):
        raise SignatureError("the security key's assertion does not hold: not the form of an assertion")
    if said.get("type") == "webauthn.get" and said.get("challenge") != challenge:
        raise OtherContentError("the security key's assertion does not hold: Wrong challenge")
    found = _ORIGIN.fullmatch(str(said.get("origin")))
    port = int((found[2] or ":0")[1:]) if found else 0
    if rp_id != RP_ID or not found or port > _LAST_PORT or said.get("crossOrigin", False) is not False:
        raise SignatureError("the security key's assertion does not hold: not from a unit's page")


def signature_count(assertion: Mapping[str, Any]) -> int:
    """The key's signature counter in an assertion that holds (WebAuthn Level 2, 6.1: bytes 33 to 36)."""
    return int.from_bytes(b64url_decode(str(assertion["authenticator_data"]))[33:37], "big")


def key_code(credential_id: str) -> str:
    """Eight digits by which people name a key that was registered: read from a screen here, looked up there."""
    digest = sha256_hex(credential_id.encode()).upper()
    return f"{digest[:4]}-{digest[4:8]}"


def _short(error: Exception) -> str:
    """The library's own sentences, which hold no data; of any other fault its kind."""
    sentences = ("Incorrect type", "Invalid origin", "Wrong ", "User ", "Invalid signature", "Unknown credential")
    return str(error) if str(error).startswith(sentences) else type(error).__name__


def read_cose(key: str) -> PublicKey:
    """The P-256 key in ``key``, a COSE key in base64url as a roster holds it.

    Raises:
        MalformedError: it is none.
    """
    try:
        found = cbor.decode(b64url_decode(key))
        if not isinstance(found, Mapping):
            raise ValueError("not a map")
        parsed = CoseKey.parse(found)
        if not isinstance(parsed, ES256) or parsed[-1] != 1:
            raise ValueError("not ES256")
        x, y = (int.from_bytes(parsed[number], "big") for number in (-2, -3))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except _FAULTS:
        raise MalformedError("not a COSE key for ES256") from None


def read_registration(registration: Mapping[str, Any], site: str, officer: str, rp_id: str = RP_ID) -> tuple[str, str]:
    """Credential id and COSE key, both base64url, of a security key that was registered for ``officer``.

    Args:
        registration: what ``PublicKeyCredential.toJSON()`` gives in a browser.
        site, officer: whom the challenge must name.
        rp_id: where the key will be used.

    Raises:
        SignatureError: for somebody else, another place, without user verification, or a key of another kind.
    """
    try:
        response = registration["response"]
        texts = (registration["id"], registration["rawId"], response["clientDataJSON"], response["attestationObject"])
        if not all(isinstance(one, str) for one in texts):
            raise TypeError("not text")  # the library would make as many bytes as a number says
        made = _server(rp_id, None).register_complete(_state(registration_challenge(site, officer)), registration)
        credential = made.credential_data
        if credential is None:
            raise ValueError("no credential")
        cose = b64url_encode(cbor.encode(dict(credential.public_key)))
        read_cose(cose)
    except MalformedError as error:
        raise SignatureError(f"the security key is of another kind: {error}") from None
    except (*_FAULTS, AssertionError) as error:
        raise SignatureError(f"the security key's registration does not hold: {_short(error)}") from None
    return b64url_encode(credential.credential_id), cose
