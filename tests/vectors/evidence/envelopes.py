"""Envelopes, sound and tampered with: JWE by hand (RFC 7516, RFC 7518 section 4.6, NIST SP 800-56A concat KDF)."""

from __future__ import annotations

import copy
import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import b64, text_of

GATEWAY, RECOVERY = hand.key("gateway, decryption"), hand.key("recovery")
PROTECTED = {"enc": "A256GCM", "typ": "vernix-envelope+jwe"}
Envelope = dict[str, Any]


def _secret(words: str, size: int) -> bytes:
    return hashlib.sha256(f"Vernix, for tests only: {words}".encode()).digest()[:size]


CEK, IV = _secret("content key", 32), _secret("iv", 12)


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def recipient(owner: hand.Key, algorithm: str = "ECDH-ES+A256KW", cek: bytes = CEK) -> Envelope:
    ephemeral = hand.key(f"ephemeral for {hand.kid(owner)}")
    shared = ephemeral.exchange(ec.ECDH(), owner.public_key())
    bits = 128 if "128" in algorithm else 256
    info = _prefixed(algorithm.encode()) + _prefixed(b"") + _prefixed(b"") + bits.to_bytes(4, "big")
    wrapping = ConcatKDFHash(hashes.SHA256(), bits // 8, info).derive(shared)
    header = {"alg": algorithm, "kid": hand.kid(owner), "epk": hand.jwk(ephemeral)}
    return {"header": header, "encrypted_key": b64(aes_key_wrap(wrapping, cek))}


def seal(plaintext: bytes, protected: bytes | None = None, aad: str = "") -> Envelope:
    head = b64(protected or text_of(PROTECTED))
    sealed = AESGCM(CEK).encrypt(IV, plaintext, (head + aad).encode())
    return {
        "protected": head,
        "recipients": [recipient(GATEWAY), recipient(RECOVERY)],
        "iv": b64(IV),
        "ciphertext": b64(sealed[:-16]),
        "tag": b64(sealed[-16:]),
    }


def _changed(sound: Envelope, change: Callable[[Envelope], Any]) -> Envelope:
    made = copy.deepcopy(sound)
    change(made)
    return made


def _first(**header: Any) -> Callable[[Envelope], Any]:
    return lambda made: made["recipients"][0]["header"].update(header)


def _epk(**point: Any) -> Callable[[Envelope], Any]:
    return lambda made: made["recipients"][0]["header"]["epk"].update(point)


def _flip(name: str) -> Callable[[Envelope], Any]:
    return lambda made: made.update({name: ("B" if made[name][0] == "A" else "A") + made[name][1:]})


def _changes(sound: Envelope, plaintext: bytes) -> Iterator[tuple[str, str, Envelope]]:
    off_curve = b64((1).to_bytes(32, "big"))
    for name, error, change in (
        ("changed ciphertext", "SignatureError", _flip("ciphertext")),
        ("changed tag", "SignatureError", _flip("tag")),
        ("changed iv", "SignatureError", _flip("iv")),
        ("no ciphertext", "MalformedError", lambda made: made.update(ciphertext="")),
        ("short tag", "MalformedError", lambda made: made.update(tag=made["tag"][:6])),
        ("ephemeral point not on the curve", "SignatureError", _epk(x=off_curve, y=off_curve)),
        ("ephemeral point zero", "SignatureError", _epk(x=b64(bytes(32)), y=b64(bytes(32)))),
        ("ephemeral point beyond the field", "SignatureError", _epk(x=b64(b"\xff" * 32))),
        ("ephemeral point of another curve", "MalformedError", _epk(crv="P-384")),
        ("ephemeral key with its private part", "MalformedError", _epk(d=b64(bytes(32)))),
        ("no ephemeral key", "MalformedError", lambda made: made["recipients"][0]["header"].pop("epk")),
        ("no wrapped key", "MalformedError", lambda made: made["recipients"][0].pop("encrypted_key")),
        ("changed wrapped key", "SignatureError", lambda made: _flip("encrypted_key")(made["recipients"][0])),
        (
            "the other's wrapped key",
            "SignatureError",
            lambda made: made["recipients"][0].update(encrypted_key=made["recipients"][1]["encrypted_key"]),
        ),
        ("two recipients of one kid", "SignatureError", lambda made: made["recipients"].append(made["recipients"][0])),
        ("not for this key", "SignatureError", lambda made: made["recipients"].pop(0)),
        ("no recipients", "MalformedError", lambda made: made.update(recipients=[])),
        ("many recipients", "MalformedError", lambda made: made.update(recipients=made["recipients"] * 20)),
        ("kid under a stranger's header", "SignatureError", _first(kid=hand.kid(hand.STRANGER))),
        ("alg dir", "MalformedError", _first(alg="dir")),
        ("alg ECDH-ES", "MalformedError", _first(alg="ECDH-ES")),
        ("alg PBES2", "MalformedError", _first(alg="PBES2-HS256+A128KW", p2s="AAAA", p2c=2**31)),
        ("crit in a recipient's header", "MalformedError", _first(crit=["exp"])),
        ("apu", "MalformedError", _first(apu="QQ")),
        ("shared unprotected header", "MalformedError", lambda made: made.update(unprotected={"x": 1})),
        ("flattened form", "MalformedError", lambda made: made.update(made.pop("recipients")[0])),
        ("an aad beside it", "MalformedError", lambda made: made.update(aad="QQ")),
        ("padding", "MalformedError", lambda made: made.update(iv=made["iv"] + "=")),
    ):
        yield name, error, _changed(sound, change)
    for name, header in {
        "zip": PROTECTED | {"zip": "DEF"},
        "enc A128GCM": PROTECTED | {"enc": "A128GCM"},
        "another typ": PROTECTED | {"typ": "JOSE"},
        "no typ": {"enc": "A256GCM"},
        "crit": PROTECTED | {"crit": ["exp"]},
    }.items():
        packed = zlib.compress(plaintext, wbits=-15) if name == "zip" else plaintext
        yield f"protected header with {name}", "MalformedError", seal(packed, text_of(header))
    twice = b'{"enc":"none",' + text_of(PROTECTED)[1:]
    yield "enc twice", "MalformedError", seal(plaintext, twice)
    spaced = b'{"enc": "A256GCM", "typ": "vernix-envelope+jwe"}'
    yield "protected header spelt otherwise", "MalformedError", seal(plaintext, spaced)
    with_aad = seal(plaintext, aad=".QQ") | {"aad": "QQ"}
    yield "extra authenticated data", "MalformedError", with_aad
    weak = _changed(sound, lambda made: made["recipients"].__setitem__(0, recipient(GATEWAY, "ECDH-ES+A128KW")))
    yield "alg ECDH-ES+A128KW", "MalformedError", weak
    short = _changed(sound, lambda made: made["recipients"].__setitem__(0, recipient(GATEWAY, cek=CEK[:16])))
    yield "a content key of 128 bits", "MalformedError", short


def _contents(token: str) -> Iterator[tuple[str, str, Envelope]]:
    for name, content in {
        "not JSON": b"record",
        "no jws": text_of({"attachments": []}),
        "jws is no text": text_of({"jws": 1, "attachments": []}),
        "no attachments": text_of({"jws": token}),
        "attachments no list": text_of({"jws": token, "attachments": {}}),
        "an attachment is text": text_of({"jws": token, "attachments": ["x"]}),
        "jws twice": b'{"attachments":[],"jws":"x","jws":"y"}',
    }.items():
        yield f"content: {name}", "MalformedError", seal(content)


def envelopes(token: str) -> dict[str, Any]:
    attachments = [{"name": "signature", "data": b64(b"a drawing")}]
    plaintext = text_of({"jws": token, "attachments": attachments})
    sound = seal(plaintext)
    bad = [*_changes(sound, plaintext), *_contents(token)]
    return {
        "note": "TEST ONLY: every key is derived from public words (by_hand.py). Made by build.py, not by evidence/.",
        "keys": {name: _private(owner) for name, owner in (("gateway", GATEWAY), ("recovery", RECOVERY))},
        "sound": {"envelope": sound, "jws": token, "attachments": attachments},
        "bad": [{"name": name, "error": error, "envelope": made} for name, error, made in bad],
    }


def _private(owner: hand.Key) -> str:
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return b64(owner.private_bytes(serialization.Encoding.DER, kind, plain))
