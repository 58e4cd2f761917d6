"""Health messages: what a unit claims of its chain's end, and what an old or forged claim may not do."""

from __future__ import annotations

import datetime as dt

import pytest

from evidence.chain import Head
from gateway.store import UnitRow
from tests.gateway.conftest import Desk
from tests.gateway.support import NOW, Hospital, Unit


def row(desk: Desk) -> UnitRow:
    (found,) = desk.store.units()
    return found


@pytest.fixture
def known(desk: Desk, unit: Unit) -> Unit:
    """A unit of whose four records two have come."""
    desk.take(*[unit.message(record) for record in unit.grow(4)[:2]])
    return unit


def test_claim_is_kept(desk: Desk, known: Unit) -> None:
    assert desk.take(known.health(4)) == {}
    assert row(desk).claimed == Head(4, known.records[3].sha256)
    assert row(desk).heard == "2026-11-21T08:00:00.000Z"
    assert desk.reasons() == []


def test_later_claim_of_the_same_head_says_that_the_unit_is_alive(
    desk: Desk, known: Unit, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take(known.health(4))
    monkeypatch.setattr(hospital, "now", NOW + dt.timedelta(minutes=1))
    desk.take(known.health(4, minute=1))
    assert row(desk).heard == "2026-11-21T08:01:00.000Z"


@pytest.mark.parametrize(("seq", "minute"), [(4, 0), (3, 9), (4, -5)])
def test_repetition_says_nothing(
    desk: Desk, known: Unit, hospital: Hospital, monkeypatch: pytest.MonkeyPatch, seq: int, minute: int
) -> None:
    """Whoever recorded an old claim cannot make a dead unit look alive, nor its chain shorter."""
    desk.take(known.health(4))
    before = row(desk)
    monkeypatch.setattr(hospital, "now", NOW + dt.timedelta(hours=1))
    desk.take(known.health(seq, minute=minute))
    assert row(desk) == before
    assert desk.reasons() == []


def test_a_clock_that_was_ahead_and_is_set_right_silences_no_unit(
    desk: Desk, known: Unit, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.take(known.health(4, minute=20 * 24 * 60, boot=3, number=7))
    monkeypatch.setattr(hospital, "now", NOW + dt.timedelta(minutes=1))
    desk.take(known.health(4, minute=1, boot=3, number=8, refused=1))
    assert (row(desk).heard, row(desk).claimed_at, row(desk).refused) == (
        *("2026-11-21T08:01:00.000Z", "2026-11-21T08:01:00.000Z"),
        1,
    )
    desk.take(known.health(4, minute=2, boot=4, number=1, refused=2))
    assert row(desk).refused == 2, "after a start numbers begin anew"


@pytest.mark.parametrize("place", [{"boot": 3, "number": 7}, {"boot": 3, "number": 6}, {"boot": 2, "number": 9}, {}])
def test_repetition_is_known_by_its_place_whatever_the_time(desk: Desk, known: Unit, place: dict[str, int]) -> None:
    desk.take(known.health(4, boot=3, number=7))
    before = row(desk)
    desk.take(known.health(4, minute=90, **place))
    assert row(desk) == before
    assert desk.reasons() == []


def test_software_of_before_tells_no_place_and_is_heard(desk: Desk, known: Unit) -> None:
    desk.take(known.health(4), known.health(4, minute=1, refused=1))
    assert row(desk).refused == 1
    desk.take(known.health(4, minute=-9, boot=2, number=1, refused=2))
    assert row(desk).refused == 2, "after its upgrade it is heard too"


def test_before_the_birth_record_it_says_nothing(desk: Desk, unit: Unit) -> None:
    unit.grow(2)
    assert desk.take(unit.health(2)) == {}
    assert desk.store.units() == []
    assert desk.store.kept_apart() == []


def test_forged(desk: Desk, known: Unit, hospital: Hospital) -> None:
    stranger = hospital.unit("u2").signer
    desk.take(known.health(2, signer=stranger))
    assert "unknown key" in desk.reasons()[0]
    desk.take(known.health(4, signer=stranger))  # that key may come with what is missing; it never does
    assert (row(desk).claimed.seq, desk.waiting()) == (0, 1)


def test_by_a_key_that_may_still_come_it_waits_once(desk: Desk, known: Unit, hospital: Hospital) -> None:
    """After a rotation, health overtakes the backlog in which the key record is."""
    known.rotate(hospital)
    for minute in range(3):
        desk.take(known.health(len(known.records), minute=minute))
    assert (desk.waiting(), desk.reasons(), row(desk).claimed.seq) == (1, [], 0)
    desk.take(*[known.message(record) for record in known.records])
    assert (desk.waiting(), desk.reasons(), row(desk).claimed.seq) == (0, [], len(known.records))


def test_by_the_key_before_only_for_its_own_records(desk: Desk, known: Unit, hospital: Hospital) -> None:
    old = known.signer
    known.rotate(hospital)
    known.event()
    desk.take(*[known.message(record) for record in known.records])
    desk.take(known.health(len(known.records) - 2, signer=old))
    assert row(desk).claimed.seq == len(known.records) - 2
    desk.take(known.health(len(known.records), signer=old))
    assert "not in force" in desk.reasons()[0]


def test_what_the_unit_refused_is_known(desk: Desk, known: Unit) -> None:
    desk.take(known.health(4, refused=7))
    assert row(desk).refused == 7


@pytest.mark.parametrize("name", ["unit", "site"])
def test_for_another_unit_or_site(desk: Desk, known: Unit, name: str) -> None:
    desk.take(known.health(4, **{name: "u2"}))
    assert row(desk).claimed.seq == 0
    assert "names another unit or site" in desk.reasons()[0]


WRONG = [
    {"seq": "4"},
    {"seq": None},
    {"seq": True},
    {"seq": 0},
    {"seq": -1},
    {"seq": 4.0},
    {"head": None},
    {"head": "F" * 64},
    {"head": "0" * 63},
    {"at": 5},
    {"at": "yesterday"},
    {"boot": 0},
    {"number": "1"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_malformed(desk: Desk, known: Unit, wrong: dict[str, object]) -> None:
    desk.take(known.health(4, **wrong))
    assert row(desk).claimed.seq == 0
    assert len(desk.reasons()) == 1


def test_not_even_a_jws(desk: Desk, known: Unit) -> None:
    for payload in (b"", b"\xff", "健康".encode(), b"a.b.c"):
        desk.take(type(known.health(4))(known.address, known.health(4).channel, payload))
    assert len(desk.reasons()) == 4


def test_claim_of_another_record_than_the_one_here(desk: Desk, known: Unit) -> None:
    desk.take(known.health(2, head="0" * 64))
    assert row(desk).claimed.seq == 0
    assert desk.reasons() == ["the unit claims another record seq 2 than the one that is here"]
