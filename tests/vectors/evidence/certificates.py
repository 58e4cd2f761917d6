"""Certificates written by hand, byte by byte, and signed by the authority: spelt otherwise than DER and RFC 5280 allow.

A part of a sound certificate is exchanged for another spelling of it. Lenient readers take many of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.vectors.evidence import by_hand as hand
from tests.vectors.evidence.by_hand import b64, sha256, signed, text_of
from tests.vectors.evidence.vector import Vector, vector

BOOLEAN, INTEGER, BITS, OCTETS, OID, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTF8, PRINTABLE, T61, IA5, UTC, GENERALIZED, BMP = 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1E
VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS = range(8)
"""Places in a TBSCertificate (RFC 5280 section 4.1)."""
NULL = b"\x05\x00"


def put(tag: int, *parts: bytes) -> bytes:
    """An element with a length in its shortest form."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes(2, "big").lstrip(b"\0")
    return bytes([tag, 0x80 | len(size)]) + size + body


def elements(content: bytes) -> Iterator[bytes]:
    """The elements in ``content``, each with its tag and length."""
    while content:
        size, head = content[1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(content[2:head], "big")
        yield content[: head + size]
        content = content[head + size :]


def inside(element: bytes) -> list[bytes]:
    """The elements of a constructed one."""
    head = 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)
    return list(elements(element[head:]))


PARTS = inside(inside(hand.der(hand.certificate()))[0])
SIGNED_WITH = inside(hand.der(hand.certificate()))[1]
CONSTRAINTS, USE = inside(inside(PARTS[EXTENSIONS])[0])
POINT = hand.UNIT_KEY.public_key().public_numbers()
X, Y = POINT.x.to_bytes(32, "big"), POINT.y.to_bytes(32, "big")
BEGINS, ENDS = inside(PARTS[VALIDITY])


def certificate(
    parts: dict[int, bytes], algorithm: bytes = SIGNED_WITH, unused: int = 0, after_signature: bytes = b""
) -> bytes:
    """The sound certificate with these parts instead, signed."""
    body = put(SEQUENCE, *(parts.get(place, part) for place, part in enumerate(PARTS)))
    signature = hand.AUTHORITY.sign(body, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return put(SEQUENCE, body, algorithm, put(BITS, bytes([unused]), signature, after_signature))


def extended(*extensions: bytes) -> dict[int, bytes]:
    return {EXTENSIONS: put(0xA3, put(SEQUENCE, *extensions))}


def extension(number: int, value: bytes, *critical: bytes) -> bytes:
    return put(SEQUENCE, put(OID, bytes([0x55, 0x1D, number])), *critical, put(OCTETS, value))


def attribute(number: int, tag: int, text: bytes) -> bytes:
    return put(SEQUENCE, put(OID, bytes([0x55, 0x04, number])), put(tag, text))


SITE, UNIT = attribute(10, UTF8, hand.SITE.encode()), attribute(3, UTF8, hand.UNIT.encode())


def named(*sets: Sequence[bytes]) -> dict[int, bytes]:
    return {SUBJECT: put(SEQUENCE, *(put(SET, *one) for one in sets))}


def also(tag: int, text: bytes) -> dict[int, bytes]:
    """With a locality of that kind of text."""
    return named([attribute(7, tag, text)], [SITE], [UNIT])


def keyed(point: bytes, unused: int = 0, algorithm: bytes = b"") -> dict[int, bytes]:
    return {KEY: put(SEQUENCE, algorithm or inside(PARTS[KEY])[0], put(BITS, bytes([unused]), point))}


def since(tag: int, text: str) -> dict[int, bytes]:
    return {VALIDITY: put(SEQUENCE, put(tag, text.encode()), ENDS)}


def _extensions() -> Iterator[tuple[str, dict[int, bytes]]]:
    use = inside(USE)[-1][2:]
    for name, flag in {"FALSE written out": b"\0", "TRUE as 01": b"\1", "of no byte": b""}.items():
        yield f"critical {name}", extended(CONSTRAINTS, extension(37, use, put(BOOLEAN, flag)))
    usages = {"nine unused": b"\x09\x80", "unused set": b"\x07\xff", "long": b"\0\x80\0", "certificates": b"\x02\x04"}
    for name, bits in usages.items():
        yield f"key usage {name}", extended(CONSTRAINTS, USE, extension(15, put(BITS, bits)))
    for name, value in {
        "junk": b"\xff\xff",
        "a number": put(INTEGER, b"\1"),
        "an issuer without serial": put(0x82, b"\1"),
        "issuer and serial": put(0xA1, put(0x82, b"a")) + put(0x82, b"\1"),
    }.items():
        yield f"authority key {name}", extended(CONSTRAINTS, USE, extension(35, put(SEQUENCE, value)))
    for name, value in {
        "path length, no authority": put(INTEGER, b"\0"),
        "negative path length": put(INTEGER, b"\xff"),
        "FALSE written out": put(BOOLEAN, b"\0"),
    }.items():
        yield f"constraints {name}", extended(extension(19, put(SEQUENCE, value), put(BOOLEAN, b"\xff")), USE)
    yield "extensions none", extended()
    yield "use twice", extended(CONSTRAINTS, USE, USE)
    yield "use empty", extended(CONSTRAINTS, extension(37, put(SEQUENCE)))


def _bodies() -> Iterator[tuple[str, dict[int, bytes]]]:
    yield "version 1", {VERSION: b""}
    yield "version 2", {VERSION: put(0xA0, put(INTEGER, b"\1"))}
    for name, serial in {"zero": b"\0", "negative": b"\x80", "40 bytes": b"\x11" * 40, "padded": b"\0\1"}.items():
        yield f"serial {name}", {SERIAL: put(INTEGER, serial)}
    for name, tag, text in (
        ("2026 with four digits", GENERALIZED, "20261101080000Z"),
        ("a fraction", GENERALIZED, "20261101080000.5Z"),
        ("the year 0", GENERALIZED, "00000101000000Z"),
        ("no seconds", UTC, "2611010800Z"),
        ("a leap second", UTC, "261101080060Z"),
        ("31 February", UTC, "260231080000Z"),
        ("an offset", UTC, "261101080000+0000"),
    ):
        yield f"begins {name}", since(tag, text)
    yield "unique id", {KEY: PARTS[KEY] + put(0x81, b"\0\1")}
    yield "unique id empty", {KEY: PARTS[KEY] + put(0x81)}
    yield "more after it", {EXTENSIONS: PARTS[EXTENSIONS] + NULL}
    issuer = put(SET, attribute(10, PRINTABLE, hand.SITE.encode())), put(SET, inside(inside(PARTS[ISSUER])[1])[0])
    yield "issuer in other letters", {ISSUER: put(SEQUENCE, *issuer)}


def _subjects() -> Iterator[tuple[str, dict[int, bytes]]]:
    for name, tag, text in (
        ("a number", INTEGER, b"\1"),
        ("bits", BITS, b"\0x"),
        ("octets", OCTETS, b"x"),
        ("BMP", BMP, b"\0x"),
        ("BMP, odd", BMP, b"x"),
        ("T61", T61, b"\xe9"),
        ("PrintableString beyond ASCII", PRINTABLE, "é".encode()),
        ("IA5String beyond ASCII", IA5, b"\xff"),
        ("no UTF-8", UTF8, b"\xff"),
    ):
        yield f"place {name}", also(tag, text)
    yield "two in a set", named(sorted((SITE, UNIT)))
    yield "two in a set, unsorted", named(sorted((SITE, UNIT), reverse=True))
    yield "empty set", named([], [SITE], [UNIT])
    kind = put(OID, b"\x55", b"\x81" * 31, b"\1")
    yield "a type of 33 bytes", named([put(SEQUENCE, kind, put(UTF8, b"x"))], [SITE], [UNIT])


def _keys() -> Iterator[tuple[str, dict[int, bytes]]]:
    odd = POINT.y & 1
    yield "compressed", keyed(bytes([2 + odd]) + X)
    yield "hybrid", keyed(bytes([6 + odd]) + X + Y)
    yield "off the curve", keyed(b"\4" + X + X)
    yield "infinity", keyed(b"\0")
    yield "unused bit", keyed(b"\4" + X + Y, 1)
    kind, curve = inside(inside(PARTS[KEY])[0])
    yield "parameters and NULL", keyed(b"\4" + X + Y, algorithm=put(SEQUENCE, kind, curve, NULL))
    agreement = put(OID, bytes.fromhex("2b8104010c"))
    yield "for ECDH", keyed(b"\4" + X + Y, algorithm=put(SEQUENCE, agreement, curve))


def _refused() -> Iterator[tuple[str, bytes]]:
    for group, made in (("", _bodies), ("", _extensions), ("subject: ", _subjects), ("key: ", _keys)):
        for name, parts in made():
            yield group + name, certificate(parts)
    kind = inside(SIGNED_WITH)[0]
    yield "algorithm and NULL", certificate({ALGORITHM: put(SEQUENCE, kind, NULL)}, put(SEQUENCE, kind, NULL))
    yield "algorithm and NULL outside", certificate({}, put(SEQUENCE, kind, NULL))
    yield "unused bit of the signature", certificate({}, unused=1)
    yield "more after the signature", certificate({}, after_signature=b"\0")


def _taken() -> Iterator[tuple[str, bytes]]:
    yield "key usage", certificate(extended(CONSTRAINTS, USE, extension(15, put(BITS, b"\x07\x80"))))
    identifier = put(SEQUENCE, put(0x80, b"\1\2"))
    yield "authority key", certificate(extended(CONSTRAINTS, USE, extension(35, identifier)))
    yield "a place in ASCII", certificate(also(PRINTABLE, b"Ganzhou"))
    yield "until 9999", certificate({VALIDITY: put(SEQUENCE, BEGINS, put(GENERALIZED, b"99991231235959Z"))})


def certificates() -> Iterator[Vector]:
    """Units that were born with these certificates."""

    def born(name: str, by_hand: str, der: bytes, *steps: int) -> Vector:
        key = {**hand.announced(hand.UNIT_KEY), "certificate": b64(der)}
        token = signed(text_of(hand.birth(key=key) | {"prev": sha256(der)}))
        return vector(f"certificate: {name}", by_hand, [token], [(step, 1) for step in steps])

    for name, der in _refused():
        yield born(name, "signed by the authority", der, 2)
    for name, der in _taken():
        yield born(f"sound, {name}", "nothing: a spelling that DER has", der)
