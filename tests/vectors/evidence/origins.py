"""Birth records whose certificate is not the authority's, not for records, or of somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import b64, payload_of, signed, text_of
from tests.vectors.evidence.vector import BASE, Vector, vector


def origins() -> Iterator[Vector]:
    def born(name: str, by_hand: str, *steps: int, **how: Any) -> Vector:
        made = how.pop("made", None) or hand.certificate(**how)
        return vector(f"origin: {name}", by_hand, [signed(text_of(hand.birth(made)))], [(step, 1) for step in steps])

    other = hand.OTHER_AUTHORITY
    yield born("another authority", "the certificate is signed by another authority of the same name", 2, issuer=other)
    yield born("self-signed", "the unit signed its own certificate", 2, issuer=hand.UNIT_KEY)
    yield born("TLS certificate", "of the client profile", 2, use=hand.CLIENT_USE)
    yield born("no purpose", "without extended key usage", 2, use=None)
    yield born("SHA-384", "signed by the authority with ECDSA and SHA-384", 2, hashed=hashes.SHA384())
    for kind in (_ASN1Type.BMPString, _ASN1Type.T61String, _ASN1Type.UniversalString):
        yield born(f"CN as {kind.name}", "the unit's name in another encoding", 2, text=kind)
    for name, oid, value in (
        ("unreadable key usage", ExtensionOID.KEY_USAGE, b"\x03\x00"),
        ("unreadable host", ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\xff"),
        ("unknown extension", ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ):
        yield born(name, "an extension by hand", 2, more=x509.UnrecognizedExtension(oid, value))
    yield born("an authority", "a certificate that may sign others", 2, ca=True)
    yield born("expired", "expired before the birth record", 2, days=10)
    later = hand.BEGIN + hand.dt.timedelta(days=40)
    yield born("not yet valid", "begins 20 days after the birth record", 2, begin=later)
    yield born("another unit", "the certificate names another unit", 2, common="test-unit-2")
    yield born("another site", "the certificate names another site", 2, site="other-site")
    yield born("another key", "the certificate is of another key than kid says", 2, owner=hand.STRANGER)
    p384 = hand.certificate(hand.key("unit", ec.SECP384R1()))
    yield born("P-384", "the certificate's key is not P-256", 2, made=p384)
    k256 = hand.certificate(hand.key("unit", ec.SECP256K1()))
    yield born("secp256k1", "the certificate's key is on a curve that is not in use here", 2, made=k256)
    der = hand.der(hand.certificate())
    for name, junk in {
        "no certificate": b"certificate",
        "cut certificate": der[:-1],
        "longer certificate": der + b"\0",
        "unknown version": der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1),
        "unknown algorithm": der.replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f")),
    }.items():
        key = payload_of(BASE[0])["key"] | {"certificate": b64(junk)}
        token = signed(text_of(hand.birth(key=key)))
        yield vector(f"origin: {name}", "the certificate's bytes changed", [token], [(2, 1)])
    padded = payload_of(BASE[0])["key"] | {"certificate": b64(der) + "="}
    yield vector("origin: padded certificate", "= after it", [signed(text_of(hand.birth(key=padded)))], [(2, 1)])
    genesis = signed(text_of(hand.birth(prev="0" * 64)))
    yield vector("origin: other root", "prev is not the certificate's hash", [genesis], [(4, 1)])
    forged = signed(text_of(hand.birth()), hand.STRANGER, hand.header(hand.UNIT_KEY))
    yield vector("origin: birth not signed", "signed by another key under the unit's kid", [forged], [(3, 1)])
    yield vector("origin: no birth record", "the first record left out", BASE[1:3], [(2, 1), (2, 2)])
