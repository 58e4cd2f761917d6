"""Strict JSON and base64url: what two readers could see differently is refused."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.encoding import MAX_BYTES, MAX_INTEGER, b64url_decode, b64url_encode, json_bytes, json_object, sha256_hex
from evidence.errors import MalformedError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "[]",
        "1",
        '"text"',
        "null",
        "{",
        "{}}",
        "{} {}",
        "{'a':1}",
        '{"a":1,}',
        "{a:1}",
        '{"a":01}',
        '{"a":.5}',
        '{"a":1.}',
        '{"a":+1}',
        '{"a":0x10}',
        '{"a":١}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":1e400}',
        '{"a":-1e400}',
        '{"a":9007199254740992}',
        '{"a":-9007199254740992}',
        '{"a":"\\ud800"}',
        '{"a":"\\udc00x"}',
        '{"\\ud800":1}',
        '{"a":"\n"}',
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":1}',
        '{"a":{"b":1,"b":2}}',
        '[{"a":1,"a":1}]',
        '{"a":[{"b":1,"b":2}]}',
        "\ufeff{}",
        "{}\0",
    ],
)
def test_json_that_some_reader_sees_otherwise_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        json_object(text.encode())


@pytest.mark.parametrize(
    "data", [b"\xff{}", '{"a":"é"}'.encode("latin-1"), "{}".encode("utf-16"), b'{"a":"\xed\xa0\xbd"}']
)
def test_other_encodings_than_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        json_object(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"a":['])
@pytest.mark.parametrize("count", [26, 1_000, 100_000])
def test_deep_nesting_is_refused_without_a_crash(opening: bytes, count: int) -> None:
    with pytest.raises(MalformedError, match=r"nested|not JSON|not an object"):
        json_object(b'{"x":' + opening * count)


def test_nesting_is_counted() -> None:
    deepest = json_object(b'{"a":' + b"[" * 24 + b"]" * 24 + b"}")
    assert list(deepest) == ["a"]
    with pytest.raises(MalformedError, match="deeper than 24"):
        json_object(b'{"a":' + b"[" * 25 + b"]" * 25 + b"}")


def test_size_is_bounded() -> None:
    frame = len(b'{"a":""}')
    assert json_object(b'{"a":"' + b"x" * (MAX_BYTES - frame) + b'"}')
    with pytest.raises(MalformedError, match="more than"):
        json_object(b'{"a":"' + b"x" * (MAX_BYTES - frame + 1) + b'"}')


@pytest.mark.parametrize("value", [MAX_INTEGER, -MAX_INTEGER, 0, 1.5, -0.25, 1e300, True, None, "样本", "\U0001f600"])
def test_sound_values_come_back(value: Any) -> None:
    assert json_object(json_bytes({"a": value})) == {"a": value}


@given(st.dictionaries(TEXTS, JSON, max_size=5))
def test_what_is_written_is_read_and_written_the_same(value: dict[str, Any]) -> None:
    data = json_bytes(value)
    assert json_object(data) == value
    assert json_bytes(json_object(data)) == data


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_order_of_names_does_not_matter(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    try:
        data = json_bytes(value)
    except MalformedError:
        return
    assert json_bytes(turned) == data


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_an_object_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert isinstance(json_object(data), dict)


@given(st.text(alphabet='{}[]",:0123456789eE+-.truefalsn\\ud8', max_size=80))
def test_nearly_json_is_an_object_or_malformed(text: str) -> None:
    try:
        value = json_object(text.encode())
    except MalformedError:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {1, 2}, b"bytes", object(), {"\udfff": 1}])
def test_what_is_not_json_is_not_written(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        json_bytes({"name": "样本甲", "a": value})
    assert "样本" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_loop_is_not_written() -> None:
    value: dict[str, Any] = {}
    value["self"] = value
    with pytest.raises(MalformedError):
        json_bytes(value)


@given(st.binary(max_size=100))
def test_base64url_comes_back(data: bytes) -> None:
    text = b64url_encode(data)
    assert b64url_decode(text) == data
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AA=", "AA==", "AB", "AAB", "+A", "/A", "A A", "AA\n", "\nAA", "AA ", "é", "ＡＡ", "\ud800"]
)
def test_other_spellings_of_base64url_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        b64url_decode(text)


@given(st.text(max_size=60) | st.text(alphabet="AQgw-_=+/ \n", max_size=60))
def test_only_one_spelling_of_base64url_is_read(text: str) -> None:
    try:
        data = b64url_decode(text)
    except MalformedError:
        return
    assert b64url_encode(data) == text


def test_sha256_is_lower_case_hexadecimal() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
