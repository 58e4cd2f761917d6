"""Verification: what the vectors do not say, and what may never come out of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import certificates, chain
from evidence.chain import Head
from evidence.errors import MalformedError, SignatureError
from evidence.verify import check_signature, read_origin, read_record, verify_records
from tests.evidence.conftest import Site
from tests.vectors.evidence import build, by_hand

AUTHORITY = by_hand.authority()


def test_what_this_package_writes_it_verifies(site: Site) -> None:
    items = [site.birth()]
    head = Head(1, items[0].sha256)
    for _ in range(3):
        items.append(site.event(head))
        head = chain.follow(head, items[-1])
    result = verify_records([item.jws for item in items], site.authority, head)
    assert (result.sound, result.unit, result.site, result.count, result.head) == (True, "u1", "s1", 4, head)


def test_the_origin_is_the_birth_records(site: Site) -> None:
    origin = read_origin(site.birth(), site.authority)
    assert (origin.unit, origin.site) == ("u1", "s1")
    assert origin.head == chain.genesis(certificates.to_der(site.certificate))
    assert origin.until == site.certificate.not_valid_after_utc
    assert origin.key_for(site.signer.kid) is origin.key
    assert origin.key_for(site.gateway.kid) is None
    with pytest.raises(MalformedError, match="birth record"):
        read_origin(site.event(Head(1, "0" * 64)), site.authority)


def test_a_birth_record_is_signed_by_its_own_key() -> None:
    text = by_hand.text_of(by_hand.birth())
    forged = read_record(by_hand.signed(text, by_hand.STRANGER, by_hand.header(by_hand.UNIT_KEY)))
    with pytest.raises(SignatureError, match="does not hold"):
        read_origin(forged, AUTHORITY)


def test_one_record_is_held_against_its_origin() -> None:
    origin = read_origin(read_record(build.BASE[0]), AUTHORITY)
    check_signature(read_record(build.BASE[4]), origin)
    with pytest.raises(SignatureError, match="does not hold"):
        check_signature(read_record(f"{build.BASE[4].rpartition('.')[0]}.{'A' * 86}"), origin)
    other = by_hand.payload_of(build.BASE[4]) | {"unit": "test-unit-2"}
    with pytest.raises(SignatureError, match="another unit"):
        check_signature(read_record(by_hand.signed(by_hand.text_of(other))), origin)


def test_what_nobody_signed_says_nothing() -> None:
    """A forged record of a check, put in before the true one, must not make the true one look like the second."""
    forged = by_hand.payload_of(build.BASE[2]) | {"boot": 900, "outcome": "failed"}
    late = {"earliest": "2030-01-01T00:00:00.000Z", "latest": "2030-01-01T00:00:00.000Z", "source": "network"}
    token = by_hand.signed(by_hand.text_of(forged | {"time": late}), by_hand.STRANGER, by_hand.header(by_hand.UNIT_KEY))
    result = verify_records([*build.BASE[:2], token, *build.BASE[2:]], AUTHORITY)
    assert [(finding.step, finding.place) for finding in result.findings] == [(3, 3)]
    assert result.count == len(build.BASE)
    assert result.kinds["check"] == 8
    assert not result.sound


def test_nothing_to_verify_is_not_sound() -> None:
    result = verify_records([], AUTHORITY)
    assert not result.sound
    assert [(finding.step, finding.place) for finding in result.findings] == [(1, 0)]
    assert [finding.step for finding in verify_records([], AUTHORITY, Head(1, "0" * 64)).findings] == [1, 8]


def test_records_are_not_all_kept() -> None:
    """100 000 records fit into a small machine: what is kept of one is much less than the record."""

    def stream(count: int) -> Iterator[str]:
        token = build.BASE[0]
        yield token
        for number in range(count):
            event = by_hand.fields(number, kind="event", event={"type": "x", "filler": "y" * 20_000})
            token = by_hand.signed(by_hand.text_of(by_hand.after(token, event)))
            yield token

    tracemalloc.start()
    try:
        result = verify_records(stream(300), AUTHORITY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.count == 301
    assert peak < 3_000_000, "300 records of 27 kB would be 8 MB"


TOKENS = st.sampled_from(build.BASE) | st.text(max_size=20) | st.just("e30.e30.AAAA")


@given(st.lists(TOKENS, max_size=8))
def test_any_order_of_any_tokens_gives_findings_and_no_error(tokens: list[str]) -> None:
    result = verify_records(tokens, AUTHORITY)
    assert result.sound is (0 < len(tokens) <= len(build.BASE) and tokens == build.BASE[: len(tokens)])


@given(st.integers(0, 2), st.integers(0, 10_000), st.characters(max_codepoint=127))
def test_one_character_changed_is_found(place: int, at: int, letter: str) -> None:
    token = build.BASE[place]
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    tokens = [*build.BASE[:place], changed, *build.BASE[place + 1 : 3]]
    assert verify_records(tokens, AUTHORITY).sound is (changed == token)
