"""Security keys: registrations and assertions, sound and not; the vectors have the record's side of it."""

from __future__ import annotations

from typing import Any

import pytest
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st

from evidence.encoding import b64url_encode
from evidence.errors import EvidenceError, MalformedError, SignatureError
from evidence.keys import from_jwk, plain_jwk
from evidence.webauthn import challenge_of, check_assertion, read_cose, read_registration, registration_challenge
from tests.support.soft_key import ATTESTED, ORIGIN, PRESENT, VERIFIED, SoftKey

STATEMENT = "ab" * 32
KEY = SoftKey()
SITE, OFFICER = "s1", "o-1"
CHALLENGE = registration_challenge(SITE, OFFICER)


def check(
    assertion: dict[str, Any], statement: str = STATEMENT, key: SoftKey = KEY, origin: str | None = ORIGIN
) -> None:
    check_assertion({"rp_id": "localhost", **assertion}, statement, key.key.public_key(), origin)


def test_a_key_signs_a_statement() -> None:
    made = KEY.sign(challenge_of(STATEMENT))
    check(made)
    check(made, origin=None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"origin": "https://example.org"}, "not from a unit's page"),
        ({"origin": "http://localhost:9999"}, "Invalid origin"),
        ({"rp_id": "example.org"}, "Wrong RP ID"),
        ({"origin": "https:localhost:8080"}, "not from a unit's page"),
        ({"flags": PRESENT | VERIFIED | 0x80}, "not the form"),
        ({"flags": PRESENT}, "User verification"),
        ({"flags": VERIFIED}, "User Present"),
    ],
)
def test_another_place_or_nobody_there(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SignatureError, match=why):
        check(KEY.sign(challenge_of(STATEMENT), **changes))


def test_another_statement_or_key() -> None:
    made = KEY.sign(challenge_of(STATEMENT))
    with pytest.raises(SignatureError, match="Wrong challenge"):
        check(made, "cd" * 32)
    with pytest.raises(SignatureError, match="Invalid signature"):
        check(made, key=SoftKey())


@given(
    st.sampled_from(["credential_id", "authenticator_data", "client_data", "signature"]),
    st.binary(max_size=80).map(b64url_encode) | st.text(max_size=20),
)
def test_any_other_bytes_are_refused(name: str, value: str) -> None:
    made = KEY.sign(challenge_of(STATEMENT))
    if made[name] != value and name != "credential_id":  # it only says which key to look for
        with pytest.raises(EvidenceError):
            check(made | {name: value})


def test_a_registration_gives_the_key() -> None:
    credential, cose = read_registration(KEY.register(CHALLENGE), SITE, OFFICER)
    assert (credential, cose) == (KEY.id, KEY.credential()["key"])
    assert plain_jwk(read_cose(cose)) == plain_jwk(KEY.key.public_key())
    assert from_jwk(plain_jwk(KEY.key.public_key())).public_numbers() == KEY.key.public_key().public_numbers()


RSA = cbor.encode({1: 3, 3: -257, -1: b"n" * 256, -2: b"\x01\x00\x01"})


@pytest.mark.parametrize(
    "changes",
    [
        {"challenge": registration_challenge(SITE, "o-2")},
        {"origin": "https://example.org"},
        {"rp_id": "example.org"},
        {"flags": PRESENT},
        {"cose": RSA},
        {"cose": cbor.encode({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})},
        {"cose": b"\xff"},
    ],
    ids=str,
)
def test_registrations_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        read_registration(KEY.register(**{"challenge": CHALLENGE, **changes}), SITE, OFFICER)


@given(st.recursive(st.none() | st.text(max_size=8) | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_registration_is_refused(value: Any) -> None:
    for made in (value if isinstance(value, dict) else {}, KEY.register(CHALLENGE) | {"response": value}):
        with pytest.raises(SignatureError):
            read_registration(made, SITE, OFFICER)


@pytest.mark.parametrize("name", ["clientDataJSON", "attestationObject"])
def test_a_number_in_a_registration_takes_no_memory(name: str) -> None:
    made = KEY.register(CHALLENGE)
    with pytest.raises(SignatureError):
        read_registration(made | {"response": made["response"] | {name: 2**53}}, SITE, OFFICER)


@pytest.mark.parametrize("name", ["credential_id", "authenticator_data", "client_data", "signature"])
def test_a_number_in_an_assertion_takes_no_memory(name: str) -> None:
    with pytest.raises(MalformedError):
        check(KEY.sign(challenge_of(STATEMENT)) | {name: 2**53})


@given(st.binary(max_size=100))
def test_any_bytes_are_a_key_or_none(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_cose(b64url_encode(data))


def test_a_registration_without_a_key() -> None:
    assert ATTESTED == 64
    made = KEY.register(CHALLENGE)
    data = KEY._data("localhost", PRESENT | VERIFIED)
    response = made["response"] | {
        "attestationObject": b64url_encode(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data}))
    }
    with pytest.raises(SignatureError):
        read_registration(made | {"response": response}, SITE, OFFICER)
