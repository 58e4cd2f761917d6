"""Strict JSON and base64url, so that two readers of the same bytes never see two different things.

RFC 8259 leaves duplicate names and large numbers to the reader; RFC 7515 section 10.12 asks for unique names. Here both
are refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from typing import Any

from evidence.errors import MalformedError

MAX_BYTES = 1 << 20
MAX_INTEGER = (1 << 53) - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""
_MAX_DEPTH = 24
_MAX_DIGITS = 17


def sha256_hex(data: bytes) -> str:
    """SHA-256 of ``data``, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def b64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of unpadded base64url; only the canonical spelling is accepted.

    Raises:
        MalformedError: other characters, padding, or unused bits that are not zero.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("not base64url") from None
    if b64url_encode(data) != text:
        raise MalformedError("not canonical base64url")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("a JSON name occurs twice in one object")
    return found


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= _MAX_DIGITS else MAX_INTEGER + 1
    if abs(value) > MAX_INTEGER:
        raise MalformedError("a JSON integer is beyond 2^53 - 1")
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MalformedError("a JSON number is beyond what a double can hold")
    return value


def _refuse_constant(name: str) -> Any:
    raise MalformedError(f"{name} is not JSON")


def _check_tree(value: Any, room: int = _MAX_DEPTH) -> None:
    if room < 0:
        raise MalformedError(f"JSON nested deeper than {_MAX_DEPTH}")
    if isinstance(value, str):
        # A lone surrogate is a JSON escape that no UTF-8 can carry: nobody could store or print it.
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise MalformedError("a JSON string holds a lone surrogate")
        return
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    for item in value if isinstance(value, list) else ():
        _check_tree(item, room - 1)


def json_object(data: bytes) -> dict[str, Any]:
    """Parse one JSON object from UTF-8 ``data``.

    Raises:
        MalformedError: not UTF-8, not JSON, not an object, larger than ``MAX_BYTES``, nested too deeply, a name
            twice in one object, a lone surrogate, NaN or Infinity, a number no double can hold, or an integer that
            some reader would round.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedError(f"not JSON at character {error.pos}") from None
    except RecursionError:
        raise MalformedError(f"JSON nested deeper than {_MAX_DEPTH}") from None
    if not isinstance(value, dict):
        raise MalformedError("the JSON is not an object")
    if data.count(b"{") + data.count(b"[") > _MAX_DEPTH or b"\\u" in data:
        _check_tree(value)  # only then can it be nested too deeply, or hold a surrogate, which UTF-8 cannot
    return value


def json_bytes(value: dict[str, Any]) -> bytes:
    """``value`` as compact UTF-8 JSON with sorted names: the same value always gives the same bytes.

    For strings, integers, booleans, null, lists and objects with ASCII names this is RFC 8785; a float is written as
    Python writes it, so nothing that others must write again byte for byte (a decision statement) may hold one.

    Raises:
        MalformedError: NaN, Infinity, a lone surrogate, or a value that is not JSON.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        # Not chained: a UnicodeEncodeError carries the whole text, which may be a person's.
        raise MalformedError(f"cannot be written as JSON: {type(error).__name__}") from None
