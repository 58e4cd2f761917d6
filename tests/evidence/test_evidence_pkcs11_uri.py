"""PKCS #11 URIs: what they name, and that a PIN is neither taken from one nor told by an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import KeyUnusableError
from evidence.pkcs11_uri import parse_pkcs11_uri

WHOLE = "pkcs11:token=a%20b;object=rec%3Bord;id=%01%ff;type=private?module-path=/lib/x.so&pin-source=file:/etc/pin"


def test_every_attribute_is_read() -> None:
    uri = parse_pkcs11_uri(WHOLE)
    assert (uri.token, uri.label, uri.key_id, uri.serial) == ("a b", "rec;ord", b"\x01\xff", None)
    assert (uri.module, uri.pin_source) == (Path("/lib/x.so"), Path("/etc/pin"))
    assert str(uri) == "pkcs11: key 'rec;ord' in token 'a b'"


@pytest.mark.parametrize("source", ["file:/p/pin", "file:///p/pin", "/p/pin"])
def test_a_pin_source_is_an_absolute_path(source: str) -> None:
    assert parse_pkcs11_uri(f"pkcs11:serial=12;id=%0A?module-path=/x&pin-source={source}").pin_source == Path("/p/pin")


def test_a_key_may_be_named_by_serial_and_id() -> None:
    uri = parse_pkcs11_uri("pkcs11:serial=12;id=%0A?module-path=/x")
    assert str(uri) == "pkcs11: key 'id 0a' in token 'serial 12'"
    assert uri.read_pin() is None


@pytest.mark.parametrize(
    "uri",
    [
        "file:/key.pem",
        "pkcs11:",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a?module-path=/x",
        "pkcs11:object=b?module-path=/x",
        "pkcs11:token=a;object=b?module-path=x.so",
        "pkcs11:token=a;object=b?module-path=/x&pin-source=pin",
        "pkcs11:token=a;token=b;object=c?module-path=/x",
        "pkcs11:token=a;object=b;slot-id=3?module-path=/x",
        "pkcs11:token=a;object=b;type=public?module-path=/x",
        "pkcs11:token=a;object=?module-path=/x",
        "pkcs11:token=a;object?module-path=/x",
        "pkcs11:token=%ff;object=b?module-path=/x",
        "pkcs11:token=a;object=b?module-path=/x%00y",
        "pkcs11:token=\u00e9;object=b?module-path=/x",
        "pkcs11:token=a;object=b?module-path=/x&attribute=1",
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(KeyUnusableError, match="pkcs11 URI"):
        parse_pkcs11_uri(uri)


@pytest.mark.parametrize("place", ["pkcs11:token=a;object=b?module-path=/x&pin-value=4711", "pkcs11:pin-value=4711"])
def test_a_pin_in_a_uri_is_refused_and_not_repeated(place: str) -> None:
    with pytest.raises(KeyUnusableError, match="pin-value is not taken") as caught:
        parse_pkcs11_uri(place)
    assert "4711" not in str(caught.value)


def _uri(path: Path) -> str:
    return f"pkcs11:token=a;object=b?module-path=/x&pin-source=file:{path}"


@pytest.mark.parametrize(
    ("content", "mode", "text"),
    [
        (b"4711\n", 0o640, "others may read"),
        (b"", 0o600, "must hold the PIN"),
        (b"\r\n", 0o600, "must hold the PIN"),
        (b"4711" * 100, 0o600, "must hold the PIN"),
        (b"\xff4711", 0o600, "not UTF-8"),
    ],
)
def test_a_bad_pin_file_is_named_without_its_content(tmp_path: Path, content: bytes, mode: int, text: str) -> None:
    path = tmp_path / "pin"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(KeyUnusableError, match=text) as caught:
        parse_pkcs11_uri(_uri(path)).read_pin()
    assert "4711" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_pin_is_a_file_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.touch(mode=0o600)
    path.write_bytes(b" 47 11\r\n")
    assert parse_pkcs11_uri(_uri(path)).read_pin() == " 47 11"
    with pytest.raises(KeyUnusableError, match="cannot read the PIN"):
        parse_pkcs11_uri(_uri(tmp_path / "none")).read_pin()


@given(st.text(max_size=60))
def test_no_text_does_harm(text: str) -> None:
    with pytest.raises(KeyUnusableError):
        parse_pkcs11_uri(f"pkcs11:{text}")
