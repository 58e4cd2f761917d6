"""The slip: a woman's own fingerprint template, sealed for the units of one site, as text for a QR code.

She carries it because no unit and no network may keep it. ``VXF1`` and base32 (RFC 4648, without padding) of:

======== ===== ===========================================================================================
length   2     bytes of the whole, so that a scan that broke off is known as such
kid      8     which of the site's slip keys, see :mod:`evidence.slip_keys`
issued   4     seconds since 1970, as ``expires``
expires  4
nonce    12
unit     2, n  the issuing unit's record certificate (DER), with its length
sealed   m     AES-256-GCM of consent (16), person (16), template; everything before it is associated data
signed   64    ECDSA P-256 SHA-256 by that unit's record key over the context and everything before it
======== ===== ===========================================================================================

All numbers are big-endian. ``person`` is a keyed digest of the document's kind and number. Letters and digits only: a
scanner types a slip as a keyboard does, and neither layout nor Caps Lock may change it.

The *unit's* record key signs, not a key of the site: every unit holds the site's slip key, so a second shared key would
prove nothing that the sealing does not. Who copies a unit's disk has the slip key and still cannot write a slip,
because the record key is in the secure element; and a forged slip has a unit's name on it. The price is the certificate
on the slip (some 490 bytes): any unit of the site checks it with the authority it has already.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evidence.certificates import Profile, check_certificate, common_name, from_der, site_of, to_der
from evidence.errors import EvidenceError, KeyUnusableError, MalformedError, SignatureError
from evidence.keys import PublicKey, Signer, thumbprint
from evidence.slip_keys import KID_SIZE, SlipKey

MARK: Final = "VXF"
"""Every slip begins so, whatever its version."""
VERSION: Final = "1"
LIFETIME: Final = dt.timedelta(days=300)
"""From the registration in early pregnancy to the birth certificate."""
CLOCK_TOLERANCE: Final = dt.timedelta(days=1)
"""So far the clocks of two units may differ."""
MAX_TEXT: Final = 4296
"""Characters of the largest QR code (version 40, level L, alphanumeric)."""

_CONTEXT: Final = b"vernix-slip-v1\0"
_HEAD: Final = struct.Struct(f">H{KID_SIZE}sII12sH")
_DIGEST: Final = 16
_CONSENT: Final = 16
_CONSENT_VERSION: Final = 7
"""Of the UUIDs of RFC 9562: in order of time, as all ids of records."""
_TAG: Final = 16
_SIGNATURE: Final = 64
_LEAST: Final = _HEAD.size + _CONSENT + _DIGEST + 1 + _TAG + _SIGNATURE


@unique
class SlipFault(StrEnum):
    """Why a slip is refused; the value is the name that screens and records know."""

    NO_SLIP = "slip_unreadable"
    TRUNCATED = "slip_truncated"
    FUTURE = "slip_future_version"
    FOREIGN = "slip_foreign_site"
    FORGED = "slip_forged"
    EXPIRED = "slip_expired"
    RETIRED = "slip_key_retired"
    OTHER_PERSON = "slip_other_person"
    REVOKED = "slip_unit_revoked"
    CLOCK_WRONG = "slip_clock_wrong"
    CLOCK_UNSET = "slip_clock_unset"


ADVICE: Final = MappingProxyType(
    {
        SlipFault.NO_SLIP: "this is no fingerprint slip: scan the code on the slip",
        SlipFault.TRUNCATED: "the scan broke off: flatten the slip and scan it again",
        SlipFault.FUTURE: "a newer unit wrote it: update this unit, or go on without a finger",
        SlipFault.FOREIGN: "another hospital's slip: enrol the finger here, or go on without a finger",
        SlipFault.FORGED: "no unit of this site wrote it: keep the slip, look at her document closely, tell the office",
        SlipFault.EXPIRED: "it is too old: enrol the finger anew",
        SlipFault.RETIRED: "its key was taken out of use: enrol the finger anew",
        SlipFault.OTHER_PERSON: "it was made for another document: ask for her own slip, or go on without a finger",
        SlipFault.REVOKED: "the unit that wrote it is not believed any more: enrol the finger anew",
        SlipFault.CLOCK_WRONG: "its writer's clock or this unit's is wrong: set the clock, or enrol the finger anew",
        SlipFault.CLOCK_UNSET: "whether it has expired nobody can tell: set the clock, or go on without a finger",
    }
)
"""What to do, for whoever reads the error; the screen has its own words."""


class SlipRefused(EvidenceError):
    """A slip that is not taken; ``fault`` says why."""

    def __init__(self, fault: SlipFault) -> None:
        super().__init__(f"{fault}: {ADVICE[fault]}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Person:
    """Whose slip it is: a document's kind, as a record names it, and its number."""

    document_type: str
    number: str = field(repr=False)

    def digest(self, key: SlipKey) -> bytes:
        """16 bytes that only a unit of the site can compare with a number."""
        text = f"{self.document_type}\0{self.number}".encode()
        return hmac.new(key.person, text, hashlib.sha256).digest()[:_DIGEST]


@dataclass(frozen=True, slots=True)
class Slip:
    """What a slip says; ``template`` is biometric data.

    Attributes:
        consent: the id of the consent under which she carries it; the check's record has it too.
        unit: the name of the unit that wrote it.
    """

    consent: UUID
    unit: str
    issued: dt.datetime
    expires: dt.datetime
    template: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SlipIssuer:
    """A unit that writes slips: its record key, the certificate of that key, and the site's slip key."""

    signer: Signer
    certificate: x509.Certificate
    key: SlipKey

    def write(self, template: bytes, person: Person, consent: UUID, now: dt.datetime) -> str:
        """The slip's text for a QR code.

        Raises:
            MalformedError: the template is empty, or longer than a QR code has room for.
            KeyUnusableError: by this clock the certificate is not valid; no unit would take the slip.
        """
        begins, ends = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if not begins <= now <= ends:
            raise KeyUnusableError(f"the certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}: set the clock")
        issued = int(now.timestamp())
        certificate, nonce = to_der(self.certificate), secrets.token_bytes(12)
        length = _LEAST - 1 + len(certificate) + len(template)
        times = (issued, issued + int(LIFETIME.total_seconds()))
        if not template or _characters(length) > MAX_TEXT:
            raise MalformedError(f"a template of {len(template)} bytes cannot be put on a slip")
        head = _HEAD.pack(length, self.key.kid, *times, nonce, len(certificate)) + certificate
        inner = consent.bytes + person.digest(self.key) + template
        sealed = head + AESGCM(self.key.encryption).encrypt(nonce, inner, _CONTEXT + head)
        whole = sealed + self.signer.sign(_CONTEXT + sealed)
        return MARK + VERSION + base64.b32encode(whole).decode("ascii").rstrip("=")


def _characters(length: int) -> int:
    return len(MARK + VERSION) + -(-length * 8 // 5)


def is_slip(text: str) -> bool:
    """Whether ``text``, as it was scanned, is meant to be a slip."""
    return text.strip().upper().startswith(MARK)


@dataclass(frozen=True, slots=True)
class _Parts:
    kid: bytes
    issued: int
    expires: int
    nonce: bytes
    certificate: bytes
    head: bytes
    sealed: bytes
    signature: bytes

    @property
    def issued_at(self) -> dt.datetime:
        """By the writer's clock."""
        return dt.datetime.fromtimestamp(self.issued, dt.UTC)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Cut ``data``, whose length is right.

        Raises:
            SlipRefused: the lengths in it do not fit.
        """
        _, kid, issued, expires, nonce, size = _HEAD.unpack_from(data)
        if size > len(data) - _LEAST:
            raise SlipRefused(SlipFault.FORGED)
        at = _HEAD.size + size
        end = len(data) - _SIGNATURE
        return cls(kid, issued, expires, nonce, data[_HEAD.size : at], data[:at], data[at:end], data[end:])


def open_slip(
    text: str,
    keys: Sequence[SlipKey],
    authority: x509.Certificate,
    person: Person,
    now: dt.datetime,
    *,
    trusted: bool = True,
    revoked: Callable[[str, dt.datetime], bool] = lambda _kid, _at: False,
) -> Slip:
    """The slip in ``text``, if a unit of ``authority``'s site wrote it for ``person`` and it is still valid.

    1. It is a slip of this version, whole. 2. Its unit is one of this site. 3. That unit signed it. 4. With a key that
    is not revoked. 5. It was written while that unit's certificate was valid, has not expired, and does not come from
    the future. 6. This unit has its key. 7. It opens, and names a consent as a record can hold it. 8. It is this
    person's.

    Args:
        trusted: whether ``now`` is the time; if not, it is later than ``now``, and nobody knows how much.
        revoked: whether what a key, by its thumbprint, signed at that time by its own word is not believed.

    Raises:
        SlipRefused: the first of these that does not hold.
    """
    parts = _Parts.of(_decoded(text))
    certificate, key_id = _checked_unit(parts, authority)
    _check_times(parts, certificate, authority, now, trusted=trusted, revoked=revoked(key_id, parts.issued_at))
    unit = common_name(certificate)
    key = next((one for one in keys if one.kid == parts.kid), None)
    if key is None:
        raise SlipRefused(SlipFault.RETIRED)
    try:
        inner = AESGCM(key.encryption).decrypt(parts.nonce, parts.sealed, _CONTEXT + parts.head)
    except InvalidTag:
        raise SlipRefused(SlipFault.FORGED) from None
    consent, digest, template = inner[:_CONSENT], inner[_CONSENT : _CONSENT + _DIGEST], inner[_CONSENT + _DIGEST :]
    if UUID(bytes=consent).version != _CONSENT_VERSION:  # else a check that used it could never be recorded
        raise SlipRefused(SlipFault.FORGED)
    if not hmac.compare_digest(digest, person.digest(key)):
        raise SlipRefused(SlipFault.OTHER_PERSON)
    return Slip(UUID(bytes=consent), unit, parts.issued_at, dt.datetime.fromtimestamp(parts.expires, dt.UTC), template)


def _decoded(text: str) -> bytes:
    plain = text.strip().upper()
    if not plain.startswith(MARK) or len(plain) > MAX_TEXT or len(plain) <= len(MARK + VERSION):
        raise SlipRefused(SlipFault.NO_SLIP)
    if plain[len(MARK)] != VERSION:
        raise SlipRefused(SlipFault.FUTURE if plain[len(MARK)].isdigit() else SlipFault.NO_SLIP)
    body = plain[len(MARK + VERSION) :]
    if not body.isascii() or not body.isalnum():
        raise SlipRefused(SlipFault.NO_SLIP)
    whole = body[: len(body) - (len(body) % 8 in (1, 3, 6))]  # a scan may break off within a byte
    try:
        data = base64.b32decode(whole + "=" * (-len(whole) % 8))
    except binascii.Error:
        raise SlipRefused(SlipFault.NO_SLIP) from None
    if len(data) < 2 or len(data) < int.from_bytes(data[:2], "big"):
        raise SlipRefused(SlipFault.TRUNCATED)
    if len(data) != int.from_bytes(data[:2], "big") or len(data) < _LEAST:
        raise SlipRefused(SlipFault.FORGED)
    return data


def _checked_unit(parts: _Parts, authority: x509.Certificate) -> tuple[x509.Certificate, str]:
    """The certificate of the unit that signed, whenever that was, and its key's thumbprint."""
    try:
        certificate = from_der(parts.certificate)
        if site_of(certificate) != site_of(authority):
            raise SlipRefused(SlipFault.FOREIGN)
        key = check_certificate(certificate, authority, Profile.RECORD, certificate.not_valid_before_utc)
        _check_signature(key, parts)
        return certificate, thumbprint(key)
    except (SignatureError, MalformedError, InvalidSignature):
        raise SlipRefused(SlipFault.FORGED) from None


def _check_times(
    parts: _Parts,
    certificate: x509.Certificate,
    authority: x509.Certificate,
    now: dt.datetime,
    *,
    trusted: bool,
    revoked: bool,
) -> None:
    """What a unit of the site did write, and is not taken all the same: none of it is the woman's fault."""
    if revoked:
        raise SlipRefused(SlipFault.REVOKED)
    try:
        check_certificate(certificate, authority, Profile.RECORD, parts.issued_at)
    except SignatureError:
        raise SlipRefused(SlipFault.CLOCK_WRONG) from None
    if now.timestamp() > parts.expires:
        raise SlipRefused(SlipFault.EXPIRED)
    if not trusted:
        raise SlipRefused(SlipFault.CLOCK_UNSET)
    if parts.issued_at > now + CLOCK_TOLERANCE:
        raise SlipRefused(SlipFault.CLOCK_WRONG)


def _check_signature(key: PublicKey, parts: _Parts) -> None:
    r, s = (int.from_bytes(half, "big") for half in (parts.signature[:32], parts.signature[32:]))
    key.verify(encode_dss_signature(r, s), _CONTEXT + parts.head + parts.sealed, ec.ECDSA(hashes.SHA256()))
