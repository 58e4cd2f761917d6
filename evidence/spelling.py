"""The one spelling of a signer's certificate (ITU-T X.690, RFC 5280).

Readers of DER differ in what they let pass: a default written out, unused bits that are set, a point in its other form,
a text in an encoding of its own. Two verifiers would differ over such a certificate, and some of its bytes nobody has
signed. So what was read is written again, and must be the same bytes.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from evidence.errors import SignatureError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30
UTC_TIME, GENERALIZED_TIME, CONTEXT_0, CONTEXT_3 = 0x17, 0x18, 0xA0, 0xA3
"""Tags."""
ECDSA_WITH_SHA256: Final = bytes.fromhex("06082a8648ce3d040302")
"""OBJECT IDENTIFIER 1.2.840.10045.4.3.2 (RFC 5758 section 3.2)."""
ASCII_TEXTS: Final = (0x13, 0x16)
"""PrintableString and IA5String."""
TEXTS: Final = (0x0C, *ASCII_TEXTS)
"""With UTF8String; the others are read in too many ways."""
EXTENSIONS: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    }
)
"""Of a signer's certificate. TLS is checked by TLS libraries, not here."""
_TRUE = b"\xff"
_DIGITAL_SIGNATURE = b"\x03\x02\x07\x80"
_LONGEST_SERIAL = 20
_FIRST_GENERALIZED = 2050
_ID_CE = b"\x55\x1d"
"""2.5.29, under which all of them are; the last number is a byte."""


def encode(tag: int, *parts: bytes) -> bytes:
    """A DER element: the tag, the length in its shortest form, the parts one after another."""
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (size if len(body) < 0x80 else bytes([0x80 | len(size)]) + size) + body


def text_tag(attribute: x509.NameAttribute[str | bytes]) -> int:
    """The tag of a name's attribute: SET, SEQUENCE, its type, then its value."""
    name = x509.Name([attribute]).public_bytes()
    value = name[name.index(b"\x06") :]
    return value[2 + value[1]]


def require_one_spelling(certificate: x509.Certificate, authority: x509.Certificate) -> None:
    """That ``certificate``, by ``authority``, is written as every writer of DER would write it.

    Raises:
        SignatureError: it is not, or it has what a signer's certificate does not have.
    """
    try:
        one = _signed(certificate, authority)
        whole = encode(
            SEQUENCE,
            one,
            encode(SEQUENCE, ECDSA_WITH_SHA256),
            encode(BIT_STRING, b"\0", certificate.signature),
        )
    except (ValueError, TypeError) as error:
        raise SignatureError("the certificate holds what cannot be read") from error
    if whole != certificate.public_bytes(Encoding.DER):
        raise SignatureError("the certificate is not in the one spelling that DER allows")


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bytes:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encode(
        SEQUENCE,
        encode(CONTEXT_0, encode(INTEGER, b"\x02")),  # version 3
        _serial(certificate.serial_number),
        encode(SEQUENCE, ECDSA_WITH_SHA256),
        authority.subject.public_bytes(),
        encode(SEQUENCE, _time(begins), _time(ends)),
        _subject(certificate.subject),
        key,
        encode(CONTEXT_3, encode(SEQUENCE, *map(_extension, certificate.extensions))),
    )


def _serial(number: int) -> bytes:
    """RFC 5280 section 4.1.2.2: positive, at most 20 bytes."""
    size = number.bit_length() // 8 + 1
    if number <= 0 or size > _LONGEST_SERIAL:
        raise SignatureError("the certificate's serial number is not one of RFC 5280")
    return encode(INTEGER, number.to_bytes(size, "big"))


def _time(moment: dt.datetime) -> bytes:
    """RFC 5280 section 4.1.2.5."""
    if moment.year < _FIRST_GENERALIZED:
        return encode(UTC_TIME, f"{moment.year % 100:02}{moment:%m%d%H%M%S}Z".encode("ascii"))
    return encode(GENERALIZED_TIME, f"{moment.year:04}{moment:%m%d%H%M%S}Z".encode("ascii"))


def _subject(name: x509.Name) -> bytes:
    for part in name.rdns:
        attributes = list(part)
        if len(attributes) != 1 or not _is_plain(attributes[0]):
            raise SignatureError("the certificate's subject is not plain text")
    return name.public_bytes()


def _is_plain(attribute: x509.NameAttribute[str | bytes]) -> bool:
    """One of the three kinds of text, in the letters of that kind."""
    tag, value = text_tag(attribute), attribute.value
    return isinstance(value, str) and tag in TEXTS and (tag not in ASCII_TEXTS or value.isascii())


def _extension(one: x509.Extension[x509.ExtensionType]) -> bytes:
    value = one.value
    if isinstance(value, x509.AuthorityKeyIdentifier) and value.authority_cert_issuer is not None:
        raise SignatureError("the certificate names its authority's key in another way than by an identifier")
    if isinstance(value, x509.KeyUsage) and value.public_bytes() != _DIGITAL_SIGNATURE:
        raise SignatureError("the certificate's key is for something else than digital signatures")
    kind = encode(OBJECT_IDENTIFIER, _ID_CE, bytes([int(one.oid.dotted_string.rpartition(".")[2])]))
    critical = encode(BOOLEAN, _TRUE) if one.critical else b""
    return encode(SEQUENCE, kind, critical, encode(OCTET_STRING, value.public_bytes()))
