"""A unit whose record key changes: every record is held against the key in force at its place."""

from __future__ import annotations

import itertools

import pytest

from evidence.verify import verify_records
from tests.gateway.conftest import Desk
from tests.gateway.support import Hospital, Unit, digests


@pytest.fixture
def rotated(unit: Unit, hospital: Hospital) -> Unit:
    """Birth, event, key record, and two events by the new key."""
    unit.grow(2)
    unit.rotate(hospital)
    unit.event()
    unit.event()
    return unit


@pytest.mark.parametrize("order", list(itertools.permutations(range(1, 5))), ids=str)
def test_in_any_order_after_the_birth(desk: Desk, hospital: Hospital, rotated: Unit, order: tuple[int, ...]) -> None:
    messages = [rotated.message(rotated.records[place]) for place in (0, *order)]
    assert desk.take(*messages) == digests(rotated.records)
    assert desk.store.kept_apart() == []
    assert verify_records(desk.store.chained_jws("u1"), hospital.authority, rotated.head).sound


def test_birth_record_last(desk: Desk, rotated: Unit) -> None:
    assert desk.take(*[rotated.message(record) for record in reversed(rotated.records)]) == digests(rotated.records)
    assert desk.store.kept_apart() == []


def test_intake_begun_anew_knows_the_new_key(desk: Desk, hospital: Hospital, rotated: Unit) -> None:
    desk.take(*[rotated.message(record) for record in rotated.records[:4]])
    again = hospital.intake(desk.store)
    assert again.take([rotated.message(rotated.records[4])]) == {"u1": digests(rotated.records[4:])}
    again.take([rotated.health(5)])
    assert desk.store.units()[0].claimed.seq == 5


def test_old_key_is_out_of_force(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    unit.grow(2)
    old = unit.signer
    unit.rotate(hospital)
    desk.take(*[unit.message(record) for record in unit.records])
    assert desk.take(unit.message(unit.make(signer=old, kind="event", event={"type": "start"}))) == {}
    assert "not in force" in desk.reasons()[0]
    assert desk.take(unit.message(unit.event())) == digests(unit.records[-1:])


def test_record_by_the_old_key_that_waited_above_the_rotation_gives_way(
    desk: Desk, hospital: Hospital, unit: Unit
) -> None:
    """Whoever stole the old key is quicker than the rotation."""
    unit.grow(2)
    old = unit.signer
    unit.rotate(hospital)
    false = unit.make(signer=old, kind="event", event={"type": "start"})
    true = unit.event()
    desk.take(unit.message(unit.records[0]), unit.message(false), unit.message(unit.records[1]))
    assert desk.take(unit.message(unit.records[2])) == digests(unit.records[2:3])
    assert "not in force" in desk.reasons()[0]
    assert desk.take(unit.message(true)) == digests([true])


def test_key_of_a_stranger_brings_nothing_into_force(desk: Desk, stranger: Hospital, unit: Unit) -> None:
    unit.grow(2)
    own = unit.signer
    unit.rotate(stranger)  # certified by another authority
    desk.take(*[unit.message(record) for record in unit.records])
    assert desk.take(unit.message(unit.make(kind="event", event={"type": "start"}))) == {}
    assert "unknown key" in desk.reasons()[0]
    unit.signer = own
    assert desk.take(unit.message(unit.event())) == digests(unit.records[-1:])
