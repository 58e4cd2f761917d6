"""Compact JWS, ES256, one spelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as jose

from evidence import jws
from evidence.encoding import MAX_BYTES, b64url_decode, b64url_encode
from evidence.errors import EvidenceError, MalformedError, SignatureError
from evidence.keys import load_private_key, to_jwk
from tests.evidence.conftest import Site, WrongSigner
from tests.vectors.evidence import by_hand
from tests.vectors.evidence.by_hand import N

TYPE = "vernix-record+jws"
SOUND = by_hand.signed(b'{"a":1}')


def test_what_is_signed_verifies(site: Site) -> None:
    token = jws.sign(b"payload", site.signer, TYPE)
    signed = jws.verify(token, TYPE, site.key_for)
    assert (signed.kid, signed.typ, signed.payload) == (site.signer.kid, TYPE, b"payload")
    assert "payload=" not in repr(signed)


def test_another_library_of_ours_made_the_same(site: Site) -> None:
    key = by_hand.UNIT_KEY.public_key()
    assert (
        jws.verify(SOUND, TYPE, lambda kid: key if kid == by_hand.kid(by_hand.UNIT_KEY) else None).payload == b'{"a":1}'
    )
    with pytest.raises(SignatureError, match="unknown key"):
        jws.verify(SOUND, TYPE, site.key_for)


def test_the_longest_payload_verifies_and_a_longer_one_is_not_signed(site: Site) -> None:
    longest = jws.sign(b"x" * MAX_BYTES, site.signer, TYPE)
    assert len(jws.verify(longest, TYPE, site.key_for).payload) == MAX_BYTES
    with pytest.raises(MalformedError, match="may be signed"):
        jws.sign(b"x" * (MAX_BYTES + 1), site.signer, TYPE)


def test_a_longer_token_is_refused_unread() -> None:
    with pytest.raises(MalformedError, match="too long"):
        jws.parse("A" * (jws.MAX_LENGTH + 1), TYPE)


@pytest.mark.parametrize("dots", [0, 1, 3, 2_000_000])
def test_dots_are_counted(dots: int) -> None:
    with pytest.raises(MalformedError, match="three parts"):
        jws.parse("." * dots, TYPE)


def test_whatever_half_s_is_in_the_token_has_one_spelling(site: Site) -> None:
    low, high = by_hand.raw(7, 5), by_hand.raw(7, N - 5)
    kid, key = site.signer.kid, site.signer.public_key
    tokens = {jws.sign(b"p", WrongSigner(kid, key, made), TYPE) for made in (low, high)}
    assert len(tokens) == 1
    assert tokens.pop().endswith(b64url_encode(low))


@pytest.mark.parametrize("size", [0, 63, 65, 70])
def test_a_signer_that_gives_something_else_is_found_before_the_record_is_chained(site: Site, size: int) -> None:
    with pytest.raises(SignatureError, match="64 bytes"):
        jws.sign(b"p", WrongSigner(site.signer.kid, site.signer.public_key, bytes(size)), TYPE)


@given(st.text(max_size=120) | st.lists(st.text("ewJ0-_", max_size=20), min_size=3, max_size=3).map(".".join))
def test_any_text_is_malformed(token: str) -> None:
    with pytest.raises(MalformedError):
        jws.parse(token, TYPE)


HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jwk"]),
    st.sampled_from(["ES256", "none", TYPE, by_hand.kid(by_hand.UNIT_KEY)])
    | st.none()
    | st.integers()
    | st.text(max_size=3),
)


@given(HEADERS)
def test_any_header_is_ours_or_malformed(header: dict[str, object]) -> None:
    token = f"{b64url_encode(json.dumps(header).encode())}.e30.AAAA"
    try:
        signed = jws.parse(token, TYPE)
    except MalformedError:
        return
    assert header == {"alg": "ES256", "kid": signed.kid, "typ": TYPE}


@given(st.integers(0, len(SOUND) - 1), st.characters())
def test_one_character_changed_is_found(place: int, letter: str) -> None:
    token = SOUND[:place] + letter + SOUND[place + 1 :]
    key = by_hand.UNIT_KEY.public_key()
    if token == SOUND:
        return
    with pytest.raises(EvidenceError):
        jws.verify(token, TYPE, lambda _: key)


def test_a_jose_library_reads_what_we_sign(site: Site) -> None:
    """What a hospital's own software does with a record: RFC 7515 by somebody else's code."""
    token = jws.sign(b'{"a":1}', site.signer, TYPE)
    read = jose.deserialize_compact(token, to_jwk(site.signer.public_key), algorithms=["ES256"])
    assert read.payload == b'{"a":1}'
    assert read.headers() == {"alg": "ES256", "kid": site.signer.kid, "typ": TYPE}


def test_what_a_jose_library_signs_we_read(site: Site) -> None:
    key = to_jwk(load_private_key(site.folder / "unit.pem"))
    header = {"alg": "ES256", "kid": site.signer.kid, "typ": TYPE}
    tokens = [jose.serialize_compact(header, b"{}", key) for _ in range(64)]
    kept = [token for token in tokens if _low(token)]
    assert kept, "one in two has s in the lower half"
    for token in kept:
        assert jws.verify(token, TYPE, site.key_for).payload == b"{}"


def _low(token: str) -> bool:
    return int.from_bytes(b64url_decode(token.rpartition(".")[2])[32:], "big") <= N // 2
