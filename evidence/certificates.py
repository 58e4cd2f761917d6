"""The site's certificates: one authority, and what it says of units, gateway and broker (RFC 5280).

The authority signs five profiles. A unit's *record* certificate lives as long as the unit and is checked by every
verifier at the time of the record; *client* and *server* certificates are for TLS and short-lived.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import Enum, unique
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from evidence import spelling
from evidence.errors import KeyUnusableError, SignatureError
from evidence.keys import PrivateKey, PublicKey, Signer
from evidence.spelling import BIT_STRING, CONTEXT_0, ECDSA_WITH_SHA256, INTEGER, SEQUENCE, encode

RECORD_SIGNING = ObjectIdentifier("2.25.149612328067469862173360328559946241460.1")
"""Extended key usage of a unit's record key (an OID under a UUID, ITU-T X.667)."""
GATEWAY_SIGNING = ObjectIdentifier("2.25.149612328067469862173360328559946241460.2")
"""Extended key usage of the key with which the gateway signs receipts and commands."""
_CLOCK_TOLERANCE = dt.timedelta(hours=24)


@unique
class Profile(Enum):
    """What a certificate is for: its extended key usage and how long it is valid."""

    RECORD = (RECORD_SIGNING, dt.timedelta(days=3653))
    GATEWAY = (GATEWAY_SIGNING, dt.timedelta(days=3653))
    CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH, dt.timedelta(days=90))
    SERVER = (ExtendedKeyUsageOID.SERVER_AUTH, dt.timedelta(days=397))

    def __init__(self, usage: ObjectIdentifier, lifetime: dt.timedelta) -> None:
        self.usage = usage
        self.lifetime = lifetime


def subject_name(common_name: str, site: str) -> x509.Name:
    """The distinguished name used throughout: O = site, CN = unit, gateway or broker."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def common_name(certificate: x509.Certificate) -> str:
    """The CN of ``certificate``'s subject.

    Raises:
        SignatureError: it has none, or several.
    """
    return _attribute(certificate, NameOID.COMMON_NAME)


def site_of(certificate: x509.Certificate) -> str:
    """The O of ``certificate``'s subject: the site.

    Raises:
        SignatureError: it has none, or several.
    """
    return _attribute(certificate, NameOID.ORGANIZATION_NAME)


def _attribute(certificate: x509.Certificate, oid: ObjectIdentifier) -> str:
    try:
        found = certificate.subject.get_attributes_for_oid(oid)
    except (ValueError, TypeError) as error:
        raise SignatureError("the certificate's subject is not readable text") from error
    if len(found) != 1:
        raise SignatureError("the certificate's subject must have exactly one O and one CN")
    if spelling.text_tag(found[0]) not in spelling.TEXTS:
        raise SignatureError("the certificate's subject is not readable text")
    return str(found[0].value)


def make_authority(site: str, key: PrivateKey, now: dt.datetime) -> x509.Certificate:
    """A self-signed authority for ``site``, valid for 20 years, that may sign end-entity certificates only."""
    name = subject_name("Vernix site authority", site)
    builder = (
        _builder(name, name, key.public_key(), now, dt.timedelta(days=7305))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256())


def make_request(name: x509.Name, key: PrivateKey | Signer) -> x509.CertificateSigningRequest:
    """A PKCS #10 request that proves possession of ``key``.

    Raises:
        KeyUnusableError: a key in a token cannot sign now.
    """
    if isinstance(key, PrivateKey):
        return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return x509.load_der_x509_csr(_request_der(name, key))


def _request_der(name: x509.Name, signer: Signer) -> bytes:
    """RFC 2986 section 4, written here because ``cryptography`` signs only with keys that it holds itself."""
    public = signer.public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    info = encode(SEQUENCE, encode(INTEGER, b"\0"), name.public_bytes(), public, encode(CONTEXT_0))
    raw = signer.sign(info)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return encode(SEQUENCE, info, encode(SEQUENCE, ECDSA_WITH_SHA256), encode(BIT_STRING, b"\0", signature))


def issue(
    request: x509.CertificateSigningRequest,
    profile: Profile,
    authority: x509.Certificate,
    authority_key: PrivateKey,
    now: dt.datetime,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """The certificate for ``request`` under ``profile``; ``hosts`` are the names and addresses of a server.

    Raises:
        SignatureError: the request is not signed by the key it names, or that key is not P-256.
    """
    public = key_of(request)
    if not request.is_signature_valid:
        raise SignatureError("the certificate request is not signed by the key it names")
    builder = (
        _builder(request.subject, authority.subject, public, now, profile.lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([profile.usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def key_of(holder: x509.Certificate | x509.CertificateSigningRequest) -> PublicKey:
    """The P-256 key in ``holder``.

    Raises:
        SignatureError: it is of another kind.
    """
    try:
        key = holder.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError("the key is of an unknown kind, not P-256") from error
    if not isinstance(key, PublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError("the key is not P-256")
    return key


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: dt.datetime, lifetime: dt.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def check_certificate(
    certificate: x509.Certificate, authority: x509.Certificate, profile: Profile, at: dt.datetime
) -> PublicKey:
    """The key that ``authority`` vouches for in ``certificate``, for ``profile``, at the time ``at``.

    Raises:
        SignatureError: another issuer, another purpose, not valid at that time, or not a P-256 key.
    """
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise SignatureError("the certificate was not issued by this site's authority") from error
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256):
        raise SignatureError("the certificate is not signed with ECDSA and SHA-256")
    _check_purpose(certificate, profile)
    key = key_of(certificate)
    spelling.require_one_spelling(certificate, authority)
    before, after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # The tolerance is subtracted as a difference: a certificate may begin in year 1.
    if before - at > _CLOCK_TOLERANCE or at > after:
        raise SignatureError(f"the certificate is valid from {before:%Y-%m-%d} to {after:%Y-%m-%d}, not at that time")
    return key


def _check_purpose(certificate: x509.Certificate, profile: Profile) -> None:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        raise SignatureError("the certificate does not say what it is for") from None
    if not {one.oid for one in certificate.extensions} <= spelling.EXTENSIONS:
        raise SignatureError("the certificate has extensions that a signer's certificate does not have")
    if list(usages) != [profile.usage] or constraints.ca:
        raise SignatureError(f"the certificate is not for {profile.name.lower()} use")


def to_pem(certificate: x509.Certificate) -> bytes:
    """``certificate`` as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def to_der(certificate: x509.Certificate) -> bytes:
    """``certificate`` as DER, the bytes that a chain grows out of."""
    return certificate.public_bytes(serialization.Encoding.DER)


def from_der(data: bytes) -> x509.Certificate:
    """A certificate from DER.

    Raises:
        SignatureError: these bytes are no certificate.
    """
    try:
        return x509.load_der_x509_certificate(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise SignatureError("these bytes are no certificate") from error


def load_certificate(path: Path) -> x509.Certificate:
    """Read a PEM certificate.

    Raises:
        KeyUnusableError: missing, unreadable or damaged.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot read the certificate: {error.strerror}") from error
    except (ValueError, x509.InvalidVersion) as error:
        raise KeyUnusableError(f"{path}: not a PEM certificate") from error
