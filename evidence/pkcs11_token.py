"""Tokens behind PKCS #11 2.40: TPM 2.0 (tpm2-pkcs11), secure elements (ATECC608 with cryptoauthlib), SoftHSM.

A library is initialised without locking arguments, so it may be called from one thread at a time: whoever calls holds
:data:`LOCK`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, PKCS11Error
from pkcs11.constants import DEFAULT, TokenFlag
from pkcs11.exceptions import (
    MultipleObjectsReturned,
    MultipleTokensReturned,
    NoSuchKey,
    NoSuchToken,
    PinIncorrect,
    PinLocked,
    UserAlreadyLoggedIn,
)
from pkcs11.types import Session, SignMixin, Token
from pkcs11.util.ec import encode_named_curve_parameters

from evidence.errors import KeyUnusableError
from evidence.keys import PublicKey
from evidence.pkcs11_uri import Pkcs11Uri

LOCK = threading.RLock()
"""Held around every call into a PKCS #11 library."""
_P256 = encode_named_curve_parameters("secp256r1")
_POINT_BYTES = 65
# tpm2-pkcs11 takes from a template only what the TPM would say itself; what else python-pkcs11 puts in is left out.
_PUBLIC = {Attribute.VERIFY: DEFAULT, Attribute.ENCRYPT: DEFAULT, Attribute.WRAP: DEFAULT}
_PRIVATE = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.DECRYPT: DEFAULT,
    Attribute.UNWRAP: DEFAULT,
}
_TELLING = (
    (Attribute.SENSITIVE, True),
    (Attribute.EXTRACTABLE, False),
    (Attribute.NEVER_EXTRACTABLE, True),
    (Attribute.LOCAL, True),
)
"""What a key says that was made in its token and cannot leave it."""


@contextmanager
def named_errors(uri: Pkcs11Uri) -> Iterator[None]:
    """Errors of the library as ours.

    Raises:
        KeyUnusableError: whatever the library reports, with its name for it.
    """
    try:
        yield
    except NoSuchToken:
        raise KeyUnusableError(f"{uri}: no such token; is it plugged in, and is its daemon running?") from None
    except NoSuchKey:
        raise KeyUnusableError(f"{uri}: the token is there, the key is not") from None
    except (MultipleTokensReturned, MultipleObjectsReturned):
        raise KeyUnusableError(f"{uri}: there are several; name serial or id as well") from None
    except PinLocked:
        raise KeyUnusableError(f"{uri}: the PIN is locked; only the token's security officer can reset it") from None
    except PinIncorrect:
        raise KeyUnusableError(f"{uri}: the PIN is wrong; mend {uri.pin_source} before the token locks") from None
    except PKCS11Error as error:
        if type(error) is not PKCS11Error:
            raise KeyUnusableError(f"{uri}: the token's library reports {type(error).__name__}") from error
        # Its root alone is what python-pkcs11 raises for a file that is missing or no library.
        raise KeyUnusableError(f"{uri.module}: cannot be loaded as a PKCS #11 library") from error


def find_token(uri: Pkcs11Uri) -> Token:
    """The token that ``uri`` names. Use within :func:`named_errors`."""
    return pkcs11.lib(str(uri.module)).get_token(token_label=uri.token, token_serial=uri.serial)


def reset_library(uri: Pkcs11Uri) -> None:
    """Forget all of the library's sessions, in the whole process, and begin anew. Use within :func:`named_errors`."""
    pkcs11.lib(str(uri.module)).reinitialize()


def log_in(token: Token, uri: Pkcs11Uri, *, write: bool = False) -> Session:
    """A session in which the key can be used. Use within :func:`named_errors`.

    Raises:
        KeyUnusableError: the PIN cannot be read, or one more wrong one would lock the token.
    """
    pin = uri.read_pin()
    if pin is None:
        return token.open(rw=write)
    if TokenFlag.USER_PIN_FINAL_TRY in token.flags:
        raise KeyUnusableError(
            f"{uri}: a wrong PIN was given and one try is left; log in by hand once, with the right one"
        )
    try:
        return token.open(rw=write, user_pin=pin)
    except UserAlreadyLoggedIn:  # another key of this process lies in the same token
        return token.open(rw=write)


class TokenInfo(Protocol):
    """What a token says of itself (CK_TOKEN_INFO)."""

    @property
    def manufacturer_id(self) -> str | None:
        """Who made it."""

    @property
    def model(self) -> str | None:
        """Which one it is."""


def protection_of(token: TokenInfo, library: str) -> str:
    """How a key in ``token`` is kept, by what the token and its library say of themselves.

    ``tpm2``; ``swtpm``, a TPM in software; ``secure-element``; ``softhsm``, files; ``pkcs11`` for any other.
    """
    maker, model = (token.manufacturer_id or "").casefold(), (token.model or "").casefold()
    if "softhsm" in maker or "softhsm" in model:
        return "softhsm"
    if "tpm2" in library.casefold():
        return "swtpm" if model.split()[:1] == ["sw"] else "tpm2"
    if "microchip" in maker or model.startswith("atecc"):
        return "secure-element"
    return "pkcs11"


def library_name(uri: Pkcs11Uri) -> str:
    """What the library says of itself. Use within :func:`named_errors`."""
    library = pkcs11.lib(str(uri.module))
    return f"{library.manufacturer_id} {library.library_description}"


def private_key(session: Session, uri: Pkcs11Uri) -> SignMixin:
    """The private key, which has never been outside its token. Use within :func:`named_errors`.

    Raises:
        KeyUnusableError: it could leave the token, or was brought into it.
    """
    key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=uri.label, id=uri.key_id)
    if not isinstance(key, SignMixin):
        raise KeyUnusableError(f"{uri}: the key cannot sign")
    for attribute, wanted in _TELLING:
        # Not every token tells everything; what one denies outright is enough.
        with contextlib.suppress(PKCS11Error):
            if bool(key[attribute]) is not wanted:
                raise KeyUnusableError(
                    f"{uri}: not made in its token, or able to leave it ({attribute.name}); make a new one"
                )
    return key


def public_key(session: Session, uri: Pkcs11Uri) -> PublicKey:
    """The public half, which the token must hold beside the private one. Use within :func:`named_errors`.

    Raises:
        KeyUnusableError: it is no P-256 key.
    """
    key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=uri.label, id=uri.key_id)
    if key[Attribute.EC_PARAMS] != _P256:
        raise KeyUnusableError(f"{uri}: not a P-256 key")
    # CKA_EC_POINT is the point in a DER OCTET STRING (PKCS #11 2.40, 2.3.3); older tokens give the bare point.
    point = bytes(key[Attribute.EC_POINT])[-_POINT_BYTES:]
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise KeyUnusableError(f"{uri}: the token's public key is no point of P-256") from None


def generate(session: Session, uri: Pkcs11Uri) -> None:
    """Make a P-256 key pair in the token under the URI's names. Use within :func:`named_errors`.

    Raises:
        KeyUnusableError: there is an object of that name already; a key is never overwritten.
    """
    wanted = {Attribute.LABEL: uri.label, Attribute.ID: uri.key_id}
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        named = {name: value for name, value in wanted.items() if value is not None}
        if any(True for _ in session.get_objects({Attribute.CLASS: kind} | named)):
            raise KeyUnusableError(f"{uri}: exists already; a key is never overwritten")
    curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _P256}, local=True)
    curve.generate_keypair(
        store=True,
        label=uri.label,
        id=uri.key_id or secrets.token_bytes(16),
        capabilities=MechanismFlag.SIGN,
        public_template=_PUBLIC,
        private_template=_PRIVATE,
    )
