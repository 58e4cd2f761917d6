"""The decision statement: its bytes are fixed, because a second program must make the same."""

from __future__ import annotations

import dataclasses

import pytest

from evidence.decision import DecisionStatement
from evidence.encoding import json_object
from evidence.errors import MalformedError
from evidence.record import Outcome
from tests.vectors.evidence import by_hand

STATEMENT = DecisionStatement(by_hand.check_id(1), None, Outcome.MANUAL, "护照核对", "2026-11-21T08:05:00.000Z")


def test_the_bytes_are_fixed() -> None:
    expected = (
        '{"check":"019aa000-0000-7000-8000-000000000001","document_sha256":null,'
        '"expires":"2026-11-21T08:05:00.000Z","outcome":"manual","reason":"护照核对"}'
    ).encode()
    assert STATEMENT.to_bytes() == expected
    assert STATEMENT.sha256 == by_hand.sha256(expected)


def test_every_field_counts() -> None:
    for name, value in {
        "check": by_hand.check_id(2),
        "document_sha256": "0" * 64,
        "outcome": Outcome.PASSED,
        "reason": "",
        "expires": "2026-11-21T08:05:00.001Z",
    }.items():
        other = dataclasses.replace(STATEMENT, **{name: value})
        assert other.sha256 != STATEMENT.sha256
        assert json_object(other.to_bytes())[name] == value


def test_a_reason_that_is_no_text_cannot_be_signed() -> None:
    with pytest.raises(MalformedError):
        dataclasses.replace(STATEMENT, reason="\ud800").to_bytes()
