"""Receipts: ranges and a hash that fit exactly the records they are for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence import receipt
from evidence.errors import MalformedError, RefusedError
from tests.vectors.evidence.by_hand import sha256

NUMBERS = st.sets(st.integers(1, 60))


def _digests(numbers: set[int]) -> dict[int, str]:
    return {number: sha256(str(number).encode()) for number in numbers}


@given(NUMBERS)
def test_ranges_hold_exactly_their_numbers(numbers: set[int]) -> None:
    ranges = receipt.ranges_of(numbers)
    assert {number for first, last in ranges for number in range(first, last + 1)} == numbers
    assert all(second[0] > first[1] + 1 for first, second in pairwise(ranges))


@given(NUMBERS)
def test_a_receipt_fits_its_records(numbers: set[int]) -> None:
    digests = _digests(numbers)
    body = receipt.make_body(dict(sorted(digests.items(), reverse=True)))
    assert list(receipt.read_ranges(body)) == receipt.ranges_of(numbers)
    receipt.check_hash(body, [digests[number] for number in sorted(numbers)])


@given(NUMBERS, NUMBERS)
def test_a_receipt_fits_no_others(numbers: set[int], others: set[int]) -> None:
    if numbers == others:
        return
    digests = _digests(others)
    with pytest.raises(RefusedError, match="other records"):
        receipt.check_hash(receipt.make_body(_digests(numbers)), [digests[number] for number in sorted(others)])


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_ranges_ascend_or_are_malformed(pairs: list[tuple[int, int]]) -> None:
    flat = [number for pair in pairs for number in pair]
    sound = all(first <= last for first, last in pairs) and all(a[1] < b[0] for a, b in pairwise(pairs))
    body = {"ranges": [list(pair) for pair in pairs], "sha256": "0" * 64}
    if sound:
        assert flat == sorted(flat)
        assert list(receipt.read_ranges(body)) == pairs
    else:
        with pytest.raises(MalformedError, match="ascend"):
            receipt.read_ranges(body)


def test_a_range_over_everything_costs_nothing_to_read() -> None:
    assert list(receipt.read_ranges({"ranges": [[1, 2**53 - 1]], "sha256": "0" * 64})) == [(1, 2**53 - 1)]
