"""PKCS #11 URIs (RFC 7512), the part that names one key in one token.

``pkcs11:token=vernix;object=record?module-path=/usr/lib/libtpm2_pkcs11.so.1&pin-source=file:/etc/vernix/pin``

A PIN never stands in a URI here: URIs stand in configurations, which are printed, logged and copied.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from evidence.errors import KeyUnusableError

SCHEME = "pkcs11"
_PATH_NAMES = frozenset({"token", "serial", "object", "id", "type"})
_QUERY_NAMES = frozenset({"module-path", "pin-source"})
_MAX_PIN_BYTES = 256


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """One key: the library, the token in it, the key in that.

    Attributes:
        module: the PKCS #11 library.
        token: the token's label, or None: then ``serial`` names it.
        serial: the token's serial number.
        label: the key's label (CKA_LABEL), ``object`` in the URI.
        key_id: the key's CKA_ID.
        pin_source: the file that holds the PIN; None for a token that asks for none.
    """

    module: Path
    token: str | None
    serial: bytes | None
    label: str | None
    key_id: bytes | None
    pin_source: Path | None

    def __str__(self) -> str:
        """For messages: which key in which token."""
        key = self.label if self.label is not None else f"id {(self.key_id or b'').hex()}"
        token = self.token if self.token is not None else f"serial {(self.serial or b'').decode('utf-8', 'replace')}"
        return f"pkcs11: key {key!r} in token {token!r}"

    def read_pin(self) -> str | None:
        """The PIN, without the line's end; None where the URI names no file.

        Raises:
            KeyUnusableError: the file is missing, empty, too long, or others may read it.
        """
        if self.pin_source is None:
            return None
        try:
            mode = self.pin_source.stat().st_mode
            data = self.pin_source.read_bytes()
            pin = data.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise KeyUnusableError(f"{self.pin_source}: cannot read the PIN: {error.strerror}") from error
        except UnicodeDecodeError:
            raise KeyUnusableError(f"{self.pin_source}: the PIN is not UTF-8") from None
        if stat.S_IMODE(mode) & 0o077:
            raise KeyUnusableError(f"{self.pin_source}: others may read the PIN; chmod 600 it and change the PIN")
        if not pin or len(data) > _MAX_PIN_BYTES:
            raise KeyUnusableError(f"{self.pin_source}: must hold the PIN and nothing else")
        return pin


def _bad(what: str) -> KeyUnusableError:
    # Never the URI itself: somebody may have written a PIN into it.
    return KeyUnusableError(
        f"pkcs11 URI: {what}; write pkcs11:token=...;object=...?module-path=...&pin-source=file:..."
    )


def _attributes(text: str, separator: str, known: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise _bad("pin-value is not taken, a PIN does not belong into a URI")
        if name not in known or not equals or not value:
            raise _bad("an attribute is unknown or without value")
        yield name, unquote_to_bytes(value)


def _found(path: str, query: str) -> dict[str, bytes]:
    pairs = [*_attributes(path, ";", _PATH_NAMES), *_attributes(query, "&", _QUERY_NAMES)]
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("an attribute stands twice")
    return found


def _text(found: dict[str, bytes], name: str) -> str | None:
    try:
        return found[name].decode("utf-8") if name in found else None
    except UnicodeDecodeError:
        raise _bad(f"{name} is not UTF-8") from None


def _file(found: dict[str, bytes], name: str) -> Path | None:
    text = _text(found, name)
    if text is None:
        return None
    path = Path(text.removeprefix("file://").removeprefix("file:"))
    if not path.is_absolute() or "\0" in text:
        raise _bad(f"{name} must be an absolute path")
    return path


def parse_pkcs11_uri(uri: str) -> Pkcs11Uri:
    """The key that ``uri`` names.

    Raises:
        KeyUnusableError: not such a URI, or it leaves open which library, token or key; never repeats the URI.
    """
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    if scheme != SCHEME or not rest.isascii():
        raise _bad("not one")
    found = _found(path, query)
    if found.get("type", b"private") != b"private":
        raise _bad("type must be private")
    module = _file(found, "module-path")
    if module is None:
        raise _bad("module-path is missing")
    if not found.keys() & {"token", "serial"} or not found.keys() & {"object", "id"}:
        raise _bad("token (or serial) and object (or id) must be named")
    return Pkcs11Uri(
        module,
        _text(found, "token"),
        found.get("serial"),
        _text(found, "object"),
        found.get("id"),
        _file(found, "pin-source"),
    )
