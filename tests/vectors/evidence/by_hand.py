"""JOSE, certificates and one sound chain, written by hand with ``cryptography`` alone.

Nothing here may import ``evidence``: what the two agree on is then agreed on by two writers. All keys come from public
words and are for these tests only; everything is deterministic (RFC 6979), so that a second run gives the same files.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = ec.EllipticCurvePrivateKey
Payload = dict[str, Any]

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
RECORD_USE = ObjectIdentifier("2.25.149612328067469862173360328559946241460.1")
CLIENT_USE = ExtendedKeyUsageOID.CLIENT_AUTH
SITE, UNIT = "test-site", "test-unit-1"
BEGIN = dt.datetime(2026, 11, 1, 8, 0, tzinfo=dt.UTC)


def key(words: str, curve: ec.EllipticCurve | None = None) -> Key:
    number = int.from_bytes(hashlib.sha256(f"Vernix, for tests only: {words}".encode()).digest(), "big")
    return ec.derive_private_key(number % (N - 1) + 1, curve or ec.SECP256R1())


AUTHORITY, OTHER_AUTHORITY = key("authority"), key("another authority")
UNIT_KEY, NEXT_KEY, STRANGER, GATEWAY = key("unit"), key("unit, announced"), key("stranger"), key("gateway")
THIRD_KEY = key("unit, announced second")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def text_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def jwk(owner: Key) -> dict[str, str]:
    point = owner.public_key().public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big"))}


def kid(owner: Key) -> str:
    return b64(hashlib.sha256(text_of(jwk(owner))).digest())


def pem(owner: Key) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return owner.public_key().public_bytes(serialization.Encoding.PEM, kind)


# Signatures


def pair(owner: Key, data: bytes) -> tuple[int, int]:
    """r and s, s in the lower half."""
    r, s = decode_dss_signature(owner.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return r, min(s, N - s)


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def es256(owner: Key, data: bytes) -> bytes:
    return raw(*pair(owner, data))


def header(owner: Key, typ: str = "vernix-record+jws", **more: Any) -> bytes:
    return text_of({"alg": "ES256", "kid": kid(owner), "typ": typ, **more})


def jws(head: bytes, payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    signed = f"{b64(head)}.{b64(payload)}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def signed(payload: bytes, owner: Key = UNIT_KEY, head: bytes | None = None) -> str:
    return jws(head or header(owner), payload, lambda data: es256(owner, data))


def payload_of(token: str) -> Payload:
    value: Payload = json.loads(unb64(token.split(".")[1]))
    return value


# Certificates


_SHA256 = hashes.SHA256()


def _name(common: str, site: str, text: _ASN1Type | None = None) -> x509.Name:
    named = x509.NameAttribute(NameOID.COMMON_NAME, common, _type=text)
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, site), named])


def certificate(
    owner: Key = UNIT_KEY,
    issuer: Key = AUTHORITY,
    *,
    common: str = UNIT,
    site: str = SITE,
    use: ObjectIdentifier | None = RECORD_USE,
    ca: bool = False,
    begin: dt.datetime = BEGIN,
    days: int = 3653,
    hashed: hashes.HashAlgorithm = _SHA256,
    text: _ASN1Type | None = None,
    more: x509.ExtensionType | None = None,
) -> x509.Certificate:
    """An end-entity certificate, unless ``ca``; every argument is one way to make it wrong."""
    issuer_name = _name("Vernix TEST ONLY authority", SITE)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common, site, text))
        .issuer_name(issuer_name)
        .public_key(owner.public_key())
        .serial_number(int(sha256(f"{common} {site} {use} {ca} {begin} {days}".encode())[:16], 16))
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if more is not None:
        builder = builder.add_extension(more, critical=False)
    return builder.sign(issuer, hashed, ecdsa_deterministic=True)


def authority(owner: Key = AUTHORITY) -> x509.Certificate:
    return certificate(owner, owner, common="Vernix TEST ONLY authority", use=None, ca=True, days=7305)


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


# One sound chain


def instant(minute: float) -> str:
    moment = BEGIN + dt.timedelta(days=20, minutes=minute)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields(minute: float, **more: Any) -> Payload:
    """What every record has, apart from its place in the chain."""
    return {
        "v": 1,
        "unit": UNIT,
        "site": SITE,
        "boot": 1 if minute < 80 else 2,
        "salt": b64(hashlib.sha256(f"salt {minute}".encode()).digest()[:16]),
        "time": {"earliest": instant(minute), "latest": instant(minute), "source": "network"},
        "software": {"version": "0.1.0"},
        **more,
    }


def check_id(number: int) -> str:
    return f"019aa000-0000-7000-8000-{number:012x}"


def id_number(seventeen: str) -> str:
    """With its check digit, GB 11643-1999 (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(seventeen))
    return seventeen + "10X98765432"[total % 11]


def check(minute: float, number: int, outcome: str, **more: Any) -> Payload:
    return fields(
        minute,
        kind="check",
        check=check_id(number),
        drill=False,
        checkpoint="delivery",
        outcome=outcome,
        policy={"id": "jiangxi", "version": "2024-2"},
        visit={"ref": f"V{number:06d}", "source": "worklist"},
        subject={"role": "mother"},
        officers=[],
        channel="unit",
        **more,
    )


def decision(number: int, outcome: str, **more: Any) -> Payload:
    return {
        "check": check_id(number),
        "document_sha256": None,
        "outcome": outcome,
        "reason": "seen by two",
        "expires": instant(600),
        **more,
    }


def officer(name: str, signed_by_both: Payload, method: str = "pin") -> Payload:
    digest = sha256(text_of(signed_by_both))
    more = {"attested_by": "unit"} if method == "pin" else security_key(digest, key(f"security key of {name}"))
    return {"id": name, "role": "nurse", "assertion": {"method": method, "statement_sha256": digest, **more}}


def _compact(value: Payload) -> str:
    return json.dumps(value, separators=(",", ":"))


def security_key(digest: str, owner: Key, **changes: Any) -> Payload:
    """What a security key says to the challenge ``digest`` (WebAuthn Level 2, sections 5.8.1 and 6.1)."""
    said = {
        "type": changes.get("type", "webauthn.get"),
        "challenge": b64(bytes.fromhex(digest)),
        "origin": changes.get("origin", "http://localhost:8080"),
        "crossOrigin": False,
    }
    client = changes.get("client", _compact)(said | changes.get("said", {})).encode()
    flags = bytes([changes.get("flags", 0b101)])  # user present, user verified
    data = hashlib.sha256(changes.get("hashed", "localhost").encode()).digest() + flags + (7).to_bytes(4, "big")
    data += changes.get("tail", b"")
    signature = encode_dss_signature(*pair(owner, data + hashlib.sha256(client).digest()))
    return {
        "credential_id": b64(hashlib.sha256(kid(owner).encode()).digest()[:16]),
        "authenticator_data": b64(data),
        "client_data": b64(client),
        "signature": b64(signature),
        "rp_id": "localhost",
        "key": jwk(owner),
    }


def decided(number: int, outcome: str, **more: Any) -> Payload:
    """The decision and the two officers who signed it."""
    made = decision(number, outcome, **more)
    return {"decision": made, "officers": [officer("N001", made), officer("N002", made, "webauthn")]}


DOCUMENT = {
    "type": "resident-id-card",
    "number": id_number("99000019900307052"),
    "name": "样本甲",
    "sex": "female",
    "birth": "1990-03-07",
    "findings": [],
}
CONSENT = {"text_id": "zh-1", "sha256": sha256(b"the notice"), "at": instant(9), "by": "subject"}
MODELS = {name: sha256(name.encode()) for name in ("detector", "embedding", "liveness")}
FACE = {"score": 0.61, "threshold": 0.42, "decision": "match", "frames": 4, "model": MODELS}
LIVE = {"decision": "live", "checks": [{"name": "passive", "decision": "live"}]}


def birth(made: x509.Certificate | None = None, **more: Any) -> Payload:
    made = made or certificate()
    first = announced(UNIT_KEY, made) | {"protection": "file"}
    return fields(0, kind="birth", key=first) | {"seq": 1, "prev": sha256(der(made))} | more


def after(token: str, payload: Payload) -> Payload:
    """``payload`` as the record that follows ``token``."""
    return payload | {"seq": payload_of(token)["seq"] + 1, "prev": sha256(token.encode())}


def proof(place: Payload, owner: Key, head: bytes | None = None, **more: Any) -> str:
    """The new key's word for the place of the record ``place``."""
    named = {name: place[name] for name in ("prev", "seq", "site", "unit", "v")}
    return signed(text_of(named | more), owner, head or header(owner, "vernix-key-proof+jws"))


def announced(owner: Key, made: x509.Certificate | None = None) -> Payload:
    return {"kid": kid(owner), "protection": "tpm2", "certificate": b64(der(made or certificate(owner)))}


def rotation(token: str, payload: Payload, owner: Key, made: x509.Certificate | None = None) -> Payload:
    """``payload`` as the key record after ``token`` that brings ``owner`` into force."""
    place = after(token, payload)
    return place | {"key": announced(owner, made) | {"proof": proof(place, owner)}}


def chain(payloads: list[Payload]) -> list[str]:
    tokens = [signed(text_of(birth()))]
    owner = UNIT_KEY
    for payload in payloads:
        if payload["kind"] == "addendum":
            number = payload["refers_to"]["seq"]
            payload = payload | {"refers_to": {"seq": number, "sha256": sha256(tokens[number - 1].encode())}}
        if payload["kind"] == "key":
            tokens.append(signed(text_of(rotation(tokens[-1], payload, NEXT_KEY)), owner))
            owner = NEXT_KEY
            continue
        tokens.append(signed(text_of(after(tokens[-1], payload)), owner))
    return tokens


def revocations(entries: list[Payload], owner: Key = AUTHORITY, head: bytes | None = None, **more: Any) -> str:
    """The authority's list, number 1."""
    message = {"v": 1, "site": SITE, "number": 1, "issued": instant(1000), "revoked": entries, **more}
    return signed(text_of(message), owner, head or header(owner, "vernix-revocations+jws"))


def revoked(minute: float, owner: Key = UNIT_KEY, **more: Any) -> Payload:
    serial = f"{certificate(owner).serial_number:x}"
    return {"kid": kid(owner), "serial": serial, "since": instant(minute), "reason": "compromised", **more}


def addendum(minute: float, number: int, seq: int, digest: str = "", **more: Any) -> Payload:
    target = {"seq": seq, "sha256": digest}
    return fields(minute, kind="addendum", check=check_id(number), refers_to=target, reason="signed later", **more)


def sound_chain() -> list[str]:
    """Every kind and every outcome, in order; the place in the list is seq - 1."""
    no_match = FACE | {"score": 0.1, "decision": "no_match"}
    faceless = FACE | {"score": None, "decision": "not_comparable", "frames": 0}
    sign = {"by": "subject", "relation": "self", "sha256": sha256(b"a drawing")}
    whole = {
        "document": DOCUMENT,
        "consent": CONSENT,
        "face": FACE,
        "liveness": LIVE,
        "finger": {"decision": "match", "score": 71},
        "gestation_week": 38,
        "contact": {"phone": "19900000000"},
        "subject_sign": sign,
    }
    return chain(
        [
            fields(5, kind="event", event={"type": "start"}),
            check(10, 3, "passed", **whole),
            check(20, 4, "failed", document=DOCUMENT, consent=CONSENT, face=no_match, liveness=LIVE),
            check(30, 5, "refused", reason="does not want it"),
            check(40, 6, "unable", reason="unconscious") | decided(6, "unable"),
            check(50, 7, "manual", document={"type": "passport", "findings": ["expired"]})
            | decided(7, "manual", document_sha256=sha256(b"a passport")),
            check(60, 8, "emergency"),
            check(70, 9, "device_fault", document=DOCUMENT, consent=CONSENT, face=faceless),
            check(80, 10, "interrupted", step_reached="card") | {"drill": True},
            addendum(90, 3, 3, subject_sign=sign, attachments=[{"name": "signature", "sha256": sha256(b"a drawing")}]),
            addendum(95, 8, 8) | {"time": {"earliest": instant(90), "latest": instant(300), "source": "floor"}},
            fields(100, kind="key", reason="moved to a TPM"),
            fields(110, kind="event", event={"type": "stop"}),
            fields(120, kind="retire", reason="taken out of service"),
        ]
    )
