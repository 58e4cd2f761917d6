"""Receipts (回执): the gateway's word that it has verified and stored these very records.

The hash is SHA-256 over the 32-byte hashes of the records' JWS in ascending order of ``seq``, so a receipt for other
records with the same numbers is worth nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evidence.errors import MalformedError, RefusedError

Range = tuple[int, int]
"""First and last ``seq``, both included."""


def ranges_of(numbers: Iterable[int]) -> list[Range]:
    """Ascending ``numbers`` as ranges: 1 2 3 7 -> (1, 3), (7, 7)."""
    ranges: list[Range] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def gaps_of(ranges: Iterable[Range], last: int) -> list[Range]:
    """What is missing from 1 to ``last`` among ``ranges``, in ascending order of their first number."""
    gaps: list[Range] = []
    following = 1
    for first, end in (*ranges, (last + 1, last + 1)):
        if first > following:
            gaps.append((following, min(first - 1, last)))
        following = max(following, end + 1)
    return [(first, end) for first, end in gaps if first <= end]


def hash_of(digests: Iterable[str]) -> str:
    """The receipt's hash over record hashes (hexadecimal) in ascending order of ``seq``."""
    total = hashlib.sha256()
    for digest in digests:
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def make_body(digests: Mapping[int, str]) -> dict[str, Any]:
    """The body of a receipt for records, given as ``seq`` -> hash."""
    ordered = sorted(digests)
    return {
        "ranges": [list(pair) for pair in ranges_of(ordered)],
        "sha256": hash_of(digests[seq] for seq in ordered),
    }


def read_ranges(body: Mapping[str, Any]) -> Sequence[Range]:
    """The ranges of a receipt's body.

    Raises:
        MalformedError: not ascending, overlapping, or backwards.
    """
    ranges = [(first, last) for first, last in body["ranges"]]
    floor = 0
    for first, last in ranges:
        if not floor < first <= last:
            raise MalformedError("a receipt's ranges must ascend without overlap")
        floor = last
    return ranges


def check_hash(body: Mapping[str, Any], digests: Iterable[str]) -> None:
    """Hold a receipt against our own records' hashes, in ascending order of ``seq``.

    Raises:
        RefusedError: the receipt is for other records than ours.
    """
    if hash_of(digests) != body["sha256"]:
        raise RefusedError("the receipt is for other records than ours")
