"""Officers: who may confirm, when, and how often somebody may guess."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from daemon.officers import OfficerRefused, Roster, RosterUnusable, read_roster
from evidence.credentials import Role
from evidence.instants import write_instant
from provisioning.officers import add_officer
from tests.daemon.support import PINS, Home, now

HASH = "ab" * 32
FIRST, SECOND = PINS
TRIES, LOCKED_FOR = 5, dt.timedelta(minutes=5)
"""As the screen says it; not taken from the code."""


class Clock:
    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> dt.datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(home: Home, clock: Clock) -> Roster:
    return Roster(read_roster(home.config().unit.officers), clock)


def refusal(roster: Roster, officer: str, pin: str) -> str:
    with pytest.raises(OfficerRefused) as refused:
        roster.confirm(officer, pin, HASH)
    return refused.value.cause


def test_right_pin_confirms_this_statement(roster: Roster) -> None:
    one = roster.confirm(FIRST, PINS[FIRST], HASH)
    assert (one.officer, one.role, one.method, one.statement_sha256) == (FIRST, "officer", "pin", HASH)


@pytest.mark.parametrize(
    ("officer", "pin"),
    [(FIRST, "000000"), (FIRST, ""), (FIRST, PINS[SECOND]), ("nobody", PINS[FIRST]), (FIRST.upper(), PINS[FIRST])],
)
def test_wrong_pin_or_unknown_officer_are_told_alike(officer: str, pin: str, roster: Roster) -> None:
    assert refusal(roster, officer, pin) == "wrong_pin"


def test_too_many_tries_lock_one_officer_for_a_while(roster: Roster, clock: Clock) -> None:
    for _ in range(TRIES):
        assert refusal(roster, FIRST, "000000") == "wrong_pin"
    assert refusal(roster, FIRST, PINS[FIRST]) == "locked"
    assert roster.confirm(SECOND, PINS[SECOND], HASH).officer == SECOND
    clock.moment += LOCKED_FOR - dt.timedelta(seconds=1)
    assert refusal(roster, FIRST, PINS[FIRST]) == "locked"
    clock.moment += dt.timedelta(seconds=1)
    assert roster.confirm(FIRST, PINS[FIRST], HASH).officer == FIRST


def test_unknown_id_is_locked_like_a_known_one(roster: Roster) -> None:
    """Otherwise the lock would tell who is in the roster."""
    causes = [refusal(roster, "nobody", "000000") for _ in range(TRIES + 1)]
    assert causes == ["wrong_pin"] * TRIES + ["locked"]


def test_right_pin_forgives_earlier_mistakes(roster: Roster) -> None:
    for _ in range(2):
        for _ in range(TRIES - 1):
            assert refusal(roster, FIRST, "000000") == "wrong_pin"
        roster.confirm(FIRST, PINS[FIRST], HASH)


def test_validity_begins_and_ends(home: Home, clock: Clock) -> None:
    start = now()
    end = start + dt.timedelta(days=1)
    add_officer(home.toml.parent, "o-103", Role.OFFICER, "582047", start, end)
    roster = Roster(read_roster(home.config().unit.officers), clock)
    clock.moment = start - dt.timedelta(seconds=1)
    assert refusal(roster, "o-103", "582047") == "not_valid"
    clock.moment = end - dt.timedelta(seconds=1)
    assert roster.confirm("o-103", "582047", HASH).officer == "o-103"
    clock.moment = end
    assert refusal(roster, "o-103", "582047") == "not_valid"
    assert refusal(roster, "o-103", "000000") == "wrong_pin", "only who knows the PIN learns that it is over"


def test_pin_hashes_are_never_shown(home: Home) -> None:
    officers = read_roster(home.config().unit.officers)
    assert "argon2" not in repr(officers)
    assert officers[FIRST].pin.startswith("$argon2id$")


def entry(**changes: Any) -> dict[str, Any]:
    return {"id": "o-1", "role": "officer", "pin": "$x", "valid_from": write_instant(now()), "valid_to": None} | changes


DAMAGED: dict[str, object] = {
    "not an object": [],
    "no officers": {"v": 1},
    "officers no list": {"v": 1, "officers": 5},
    "officers are text": {"v": 1, "officers": "abc"},
    "entry no object": {"v": 1, "officers": [5]},
    "no pin": {"v": 1, "officers": [{"id": "o-1", "role": "officer", "valid_from": write_instant(now())}]},
    "pin no text": {"v": 1, "officers": [entry(pin=5)]},
    "role empty": {"v": 1, "officers": [entry(role="")]},
    "no beginning": {"v": 1, "officers": [entry(valid_from=None)]},
    "beginning without a zone": {"v": 1, "officers": [entry(valid_from="2026-01-01T00:00:00")]},
    "end is a number": {"v": 1, "officers": [entry(valid_to=5)]},
    "end is empty": {"v": 1, "officers": [entry(valid_to="")]},
    "id no record could name": {"v": 1, "officers": [entry(id="o 1")]},
    "id too long": {"v": 1, "officers": [entry(id="o" * 65)]},
    "id twice": {"v": 1, "officers": [entry(), entry(role="office")]},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_roster_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "officers.json"
    path.write_text(json.dumps(DAMAGED[name]), "utf-8")
    with pytest.raises(RosterUnusable, match=r"officers\.json: not a roster"):
        read_roster(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"officers": [], "officers": []}'])
def test_what_is_no_json(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "officers.json"
    path.write_bytes(content)
    with pytest.raises(RosterUnusable, match="not a roster"):
        read_roster(path)


def test_missing_roster(tmp_path: Path) -> None:
    with pytest.raises(RosterUnusable, match="cannot read the roster"):
        read_roster(tmp_path / "officers.json")


def test_damaged_hash_lets_nobody_in(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "officers.json"
    path.write_text(json.dumps({"v": 1, "officers": [entry()]}), "utf-8")
    clock.moment += dt.timedelta(seconds=1)
    assert refusal(Roster(read_roster(path), clock), "o-1", "$x") == "wrong_pin"
