"""P-256 keys and how they are named: PEM files, RFC 7638 thumbprints, signers by URI."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from evidence.encoding import b64url_decode, b64url_encode
from evidence.errors import KeyUnusableError, MalformedError
from evidence.files import write_atomic

PublicKey = ec.EllipticCurvePublicKey
PrivateKey = ec.EllipticCurvePrivateKey


SOFT = frozenset({"file", "softhsm", "swtpm"})
"""Protections that are files in the end: for development and tests, not for production."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permissions that no private key may have."""


class Signer(Protocol):
    """The record key. It can do one thing."""

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint of the public key."""

    @property
    def protection(self) -> str:
        """How the private key is kept, as written into the record; :data:`SOFT` is what a thief can copy.

        ``file``; by what a token says of itself ``tpm2``, ``secure-element``, ``softhsm``, ``swtpm``; else ``pkcs11``.
        """

    @property
    def public_key(self) -> PublicKey:
        """The public half."""

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over ``data``: 64 bytes, r then s (RFC 7518 section 3.4)."""


def thumbprint(key: PublicKey) -> str:
    """RFC 7638 SHA-256 thumbprint of the P-256 ``key``, the ``kid`` used everywhere."""
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    x, y = (b64url_encode(half) for half in (point[1:33], point[33:]))
    return b64url_encode(hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest())


def to_jwk(key: PublicKey | PrivateKey) -> ECKey:
    """The same key as joserfc's type."""
    if isinstance(key, PrivateKey):
        return ECKey.import_key(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return ECKey.import_key(public_pem(key))


def plain_jwk(key: PublicKey) -> dict[str, str]:
    """``key`` as a record holds it: exactly ``crv``, ``kty``, ``x`` and ``y``."""
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    x, y = (b64url_encode(half) for half in (point[1:33], point[33:]))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def from_jwk(jwk: Mapping[str, str]) -> PublicKey:
    """The P-256 key of a JWK that obeys the schema.

    Raises:
        MalformedError: no point of the curve.
    """
    x, y = (int.from_bytes(b64url_decode(jwk[name]), "big") for name in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise MalformedError("not a point of P-256") from None


def public_pem(key: PublicKey) -> bytes:
    """``key`` as a SubjectPublicKeyInfo PEM block."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def generate_key(path: Path) -> PrivateKey:
    """Make a P-256 key and write it to ``path`` (PKCS #8 PEM, mode 0600, fsynced).

    Raises:
        KeyUnusableError: ``path`` exists (a key is never overwritten), or cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise KeyUnusableError(f"{path}: exists already; a key is never overwritten")
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        write_atomic(path, pem, mode=0o600)
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot write the private key: {error.strerror}") from error
    return key


def _read(path: Path, what: str, forbidden: int = 0) -> bytes:
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)  # of what is read, whatever the name means next
            if mode & forbidden:
                advice = f"chmod 600 {path}, and replace the key if somebody may have read it"
                raise KeyUnusableError(f"{path}: others may use the {what}, mode {mode:04o}; {advice}")
            return stream.read()
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot read the {what}: {error.strerror}") from error


def load_private_key(path: Path) -> PrivateKey:
    """Read a P-256 private key from a PEM file that only its owner may touch.

    Raises:
        KeyUnusableError: missing, unreadable, open to its group or others, damaged, encrypted, or not P-256.
    """
    try:
        key = serialization.load_pem_private_key(_read(path, "private key", _OTHERS), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(f"{path}: not an unencrypted PEM private key") from error
    if not isinstance(key, PrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnusableError(f"{path}: not a P-256 key")
    return key


def load_public_key(path: Path) -> PublicKey:
    """Read a P-256 public key from a PEM file.

    Raises:
        KeyUnusableError: missing, unreadable, damaged, or not P-256.
    """
    try:
        key = serialization.load_pem_public_key(_read(path, "public key"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(f"{path}: not a PEM public key") from error
    if not isinstance(key, PublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyUnusableError(f"{path}: not a P-256 key")
    return key


class KeySigner:
    """A private key in this process's memory."""

    protection = "file"

    def __init__(self, key: PrivateKey) -> None:
        """Sign with ``key``."""
        self._key = key
        self.public_key = key.public_key()
        self.kid = thumbprint(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over ``data``: 64 bytes, r then s."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class FileSigner(KeySigner):
    """A record key in a file: for development and the demo. The self-test fails on it in production."""

    def __init__(self, path: Path) -> None:
        """Load the key.

        Raises:
            KeyUnusableError: see :func:`load_private_key`.
        """
        super().__init__(load_private_key(path))


def _scheme(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition(":")
    if scheme not in ("file", "pkcs11") or not rest:
        # The scheme only: a URI may hold what should not be printed.
        known = "file:/path/to/key.pem and pkcs11:token=...;object=...?module-path=..."
        raise KeyUnusableError(f"{scheme or 'empty'}: unknown key URI; known are {known}")
    return scheme, rest


def open_signer(uri: str) -> Signer:
    """The signer a configuration names.

    Args:
        uri: ``file:/path/to/key.pem``, or RFC 7512 (:mod:`evidence.pkcs11_uri`).

    Raises:
        KeyUnusableError: unknown scheme, or the key cannot be used.
    """
    scheme, path = _scheme(uri)
    if scheme == "file":
        return FileSigner(Path(path))
    # Only where it is used: who signs with files needs no PKCS #11.
    from evidence.pkcs11_signer import open_pkcs11

    return open_pkcs11(uri)


def create_signer(uri: str) -> Signer:
    """Make the key that ``uri`` names, there where it will stay, and open it.

    Raises:
        KeyUnusableError: unknown scheme, the key exists already, or it cannot be made.
    """
    scheme, path = _scheme(uri)
    if scheme == "file":
        return KeySigner(generate_key(Path(path)))
    from evidence.pkcs11_signer import create_pkcs11

    return create_pkcs11(uri)
