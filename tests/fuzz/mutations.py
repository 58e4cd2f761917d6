"""Inputs that are nearly right: sound messages, changed as lines, disks and people change them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from evidence.encoding import b64url_decode, b64url_encode

TOKENS = (
    *(b"", b"\x00", b"\xff", b"\xff" * 4, b"\x80\x00\x00\x00", b"\x7f\xff", b"\r\n", b"=", b".", b"..", b"/", b"%00"),
    *(b"null", b"-1", b"1e999", b"9" * 400, b"NaN", b'"', b"\\ud800", b"{", b"[" * 400, b"}", b'"v":1,', b"e30"),
    *("证".encode(), "\u202e".encode(), b"\xed\xa0\x80", b"A" * 1000),
)
VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 1 << 53, 1 << 63, 1.5, 2.0, "", "x", "0" * 64, "\x00", "a/b", "\u202e", "证" * 300),
    *([], {}, [[]], [0] * 50, {"": {}}, [[1, 2, 3]], {"v": 1}),
)


@st.composite
def mutated(draw: DrawFn, samples: Sequence[bytes]) -> bytes:
    """One of ``samples`` after a few changes; now and then bytes of no sense at all."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=3000))
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 5))):
        _CHANGES[draw(st.integers(0, len(_CHANGES) - 1))](draw, data, samples)
    return bytes(data)


def _place(draw: DrawFn, data: bytearray) -> tuple[int, int]:
    first = draw(st.integers(0, len(data)))
    return first, min(len(data), first + draw(st.sampled_from((1, 2, 4, 16, 64, 300))))


def _flip(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    if data:
        data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))


def _set(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    if data:
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))


def _cut(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    first, last = _place(draw, data)
    del data[first:last]


def _shorten(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    del data[draw(st.integers(0, len(data))) :]


def _repeat(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    first, last = _place(draw, data)
    data[first:first] = data[first:last] * draw(st.sampled_from((1, 2, 30)))


def _insert(draw: DrawFn, data: bytearray, _samples: Sequence[bytes]) -> None:
    first, _ = _place(draw, data)
    data[first:first] = draw(st.sampled_from(TOKENS))


def _splice(draw: DrawFn, data: bytearray, samples: Sequence[bytes]) -> None:
    other = draw(st.sampled_from(samples))
    first, last = _place(draw, data)
    data[first:last] = other[first : first + draw(st.sampled_from((1, 8, 100, 2000)))]


_CHANGES: Sequence[Callable[[DrawFn, bytearray, Sequence[bytes]], None]] = (
    *(_flip, _set, _cut, _shorten, _repeat, _insert, _splice),
)


def _paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, item in inner for path in _paths(item, (*before, key)))]


@st.composite
def changed(draw: DrawFn, samples: Sequence[Any]) -> Any:
    """One of the JSON values ``samples`` with some members replaced, left out or added."""
    value = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 4))):
        path = draw(st.sampled_from(_paths(value)))
        new = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if not path:
            continue
        place = value
        for key in path[:-1]:
            place = place[key]
        match draw(st.integers(0, 3)):
            case 0:
                del place[path[-1]]
            case 1 if isinstance(place, dict):
                place[draw(st.sampled_from(("more", "v", "seq", path[-1])))] = new
            case _:
                place[path[-1]] = new
    return value


def as_bytes(value: Any) -> bytes:
    """JSON, whatever is in it."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def json_files(*samples: Any) -> SearchStrategy[bytes]:
    """Files that hold nearly one of ``samples``: changed as values, or as bytes."""
    return changed(samples).map(as_bytes) | mutated([as_bytes(one) for one in samples])


def tokens(samples: Sequence[str], resign: Callable[[bytes, str], str] | None = None) -> SearchStrategy[bytes]:
    """Compact JWS: changed bytes, changed payloads under the old signature, and changed payloads signed anew.

    Args:
        resign: signs a payload; the text is one of ``samples``, whose header it shall have.
    """

    @st.composite
    def made(draw: DrawFn) -> bytes:
        token = draw(st.sampled_from(samples))
        header, payload, signature = token.split(".")
        try:
            sound = json.loads(b64url_decode(payload))
            content = draw(changed([sound]).map(as_bytes) | mutated([b64url_decode(payload)]))
        except ValueError:
            content = draw(mutated([b64url_decode(payload)]))
        if resign is not None and draw(st.booleans()):
            return resign(content, token).encode()
        return f"{header}.{b64url_encode(content)}.{signature}".encode()

    return mutated([one.encode() for one in samples]) | made()
