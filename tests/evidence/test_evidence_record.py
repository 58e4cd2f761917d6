"""Payloads: what is signed can be read by everyone, and says nothing in a traceback."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.encoding import b64url_decode
from evidence.errors import MalformedError
from evidence.record import OWED, Kind, Outcome, Record, new_salt, parse_payload, payload_bytes
from evidence.verify import read_record
from tests.evidence.conftest import Site
from tests.vectors.evidence import build, by_hand

PASSED = by_hand.payload_of(build.BASE[2])


def test_a_payload_comes_back() -> None:
    assert parse_payload(payload_bytes(PASSED)) == PASSED


@pytest.mark.parametrize(
    "more",
    [
        {"reason": "\ud83d"},
        {"x": math.nan},
        {"x": np.float32(1)},
        {"x": {1, 2}},
        {"x": 2**53},
        {"x": "A" * (1 << 20)},
        {"outcome": "maybe"},
        {"gestation_week": 38.0},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_nobody_could_read_is_not_signed(more: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as caught:
        payload_bytes(PASSED | more)
    assert "样本" not in repr(caught.value)


def test_what_is_nested_too_deeply_is_not_signed() -> None:
    deep: list[Any] = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(MalformedError, match="nested"):
        payload_bytes(PASSED | {"x": deep})


def test_a_record_reads_its_own_fields() -> None:
    item = read_record(build.BASE[2])
    assert (item.seq, item.kind, item.prev) == (3, Kind.CHECK, by_hand.sha256(build.BASE[1].encode()))
    assert item.sha256 == by_hand.sha256(build.BASE[2].encode())
    for secret in ("样本", by_hand.DOCUMENT["number"], build.BASE[2][:40]):
        assert secret not in repr(item)


def test_salts_are_128_bits_and_differ() -> None:
    salts = {new_salt() for _ in range(100)}
    assert len(salts) == 100
    assert {len(b64url_decode(salt)) for salt in salts} == {16}


def test_a_check_that_did_not_take_place_is_owed() -> None:
    assert {"emergency", "unable", "interrupted", "device_fault"} == OWED
    assert set(Outcome) - OWED == {"passed", "failed", "refused", "manual"}


@given(st.text(max_size=100) | st.binary(max_size=80).map(lambda data: by_hand.signed(data)))
def test_any_text_is_malformed(token: str) -> None:
    with pytest.raises(MalformedError):
        read_record(token)


@given(st.binary(max_size=200))
def test_any_payload_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_payload(data)


@given(st.sampled_from(sorted(PASSED)), st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9))
def test_any_field_replaced_is_a_record_or_malformed(name: str, value: Any) -> None:
    try:
        data = payload_bytes(PASSED | {name: value})
    except MalformedError:
        return
    assert isinstance(Record(parse_payload(data), "").kind, Kind)


def test_a_person_of_the_vectors_is_nobody() -> None:
    number = by_hand.DOCUMENT["number"]
    assert number.startswith("990000")
    assert number == by_hand.id_number(number[:17])


def test_the_unit_does_not_sign_for_another_kind_of_place(site: Site) -> None:
    with pytest.raises(MalformedError, match="seq"):
        payload_bytes(site.fields(kind="event", event={"type": "x"}, v=1, seq=1, prev="0" * 64, salt=new_salt()))
