"""A record key in a PKCS #11 token: hashed here, signed there (CKM_ECDSA, raw r and s)."""

from __future__ import annotations

import contextlib
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Mechanism, PKCS11Error
from pkcs11.exceptions import SessionClosed, SessionHandleInvalid, UserNotLoggedIn
from pkcs11.types import Session, SignMixin

from evidence import pkcs11_token as token
from evidence.errors import KeyUnusableError
from evidence.keys import PublicKey, thumbprint
from evidence.pkcs11_uri import Pkcs11Uri, parse_pkcs11_uri

_SESSION_LOST = (SessionClosed, SessionHandleInvalid, UserNotLoggedIn)
"""After these a new session is enough; after anything else the library begins anew, as for a token that was away."""


class Pkcs11Signer:
    """Signs with a key that never leaves its token. May be used from any thread."""

    def __init__(self, uri: Pkcs11Uri) -> None:
        """Find the token, log in, find the key.

        Raises:
            KeyUnusableError: library, token, PIN or key are not as they must be; names which.
        """
        self._uri = uri
        self._session: Session | None = None
        with token.LOCK:
            self._key, self.public_key = self._open()
        self.kid = thumbprint(self.public_key)

    def _open(self) -> tuple[SignMixin, PublicKey]:
        with token.named_errors(self._uri):
            found = token.find_token(self._uri)
            self.protection = token.protection_of(found, token.library_name(self._uri))
            self._session = token.log_in(found, self._uri)
            return token.private_key(self._session, self._uri), token.public_key(self._session, self._uri)

    def _reopen(self, cause: PKCS11Error) -> None:
        self._end_session()
        with token.named_errors(self._uri):
            if not isinstance(cause, _SESSION_LOST):
                token.reset_library(self._uri)
        self._key, public = self._open()
        if thumbprint(public) != self.kid:
            raise KeyUnusableError(f"{self._uri}: there is another key now under this name, kid {thumbprint(public)}")

    def _end_session(self) -> None:
        if self._session is not None:
            with contextlib.suppress(PKCS11Error):  # it may be lost; then there is nothing to end
                self._session.close()
        self._session = None

    def close(self) -> None:
        """End the session with the token; the next signature opens another."""
        with token.LOCK:
            self._end_session()

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over ``data``: 64 bytes, r then s. A TPM needs up to a second for it.

        A lost session or a token that was away is opened again once.

        Raises:
            KeyUnusableError: the token is gone or refuses, or what it gave is no signature by this key.
        """
        digest = hashlib.sha256(data).digest()
        with token.LOCK:
            signature = self._sign(digest)
        self._check(signature, data)
        return signature

    def _sign(self, digest: bytes) -> bytes:
        try:
            return self._key.sign(digest, mechanism=Mechanism.ECDSA)
        except PKCS11Error as error:
            self._reopen(error)
        with token.named_errors(self._uri):
            return self._key.sign(digest, mechanism=Mechanism.ECDSA)

    def _check(self, signature: bytes, data: bytes) -> None:
        """A token that went wrong must not make a hole in the chain."""
        if len(signature) != 64:
            raise KeyUnusableError(f"{self._uri}: gave {len(signature)} bytes instead of a signature of 64")
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        try:
            self.public_key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise KeyUnusableError(f"{self._uri}: gave a signature that its public key does not verify") from None


def open_pkcs11(uri: str) -> Pkcs11Signer:
    """The signer that a ``pkcs11:`` URI names.

    Raises:
        KeyUnusableError: see :class:`Pkcs11Signer` and :func:`evidence.pkcs11_uri.parse_pkcs11_uri`.
    """
    return Pkcs11Signer(parse_pkcs11_uri(uri))


def create_pkcs11(uri: str) -> Pkcs11Signer:
    """Make the key that ``uri`` names, in its token, and open it.

    Raises:
        KeyUnusableError: it exists already, or see :func:`open_pkcs11`.
    """
    parsed = parse_pkcs11_uri(uri)
    if parsed.label is None:
        raise KeyUnusableError("pkcs11 URI: a new key needs a name; add object=...")
    with token.LOCK, token.named_errors(parsed):
        session = token.log_in(token.find_token(parsed), parsed, write=True)
        try:
            token.generate(session, parsed)
        finally:
            session.close()
    return Pkcs11Signer(parsed)
