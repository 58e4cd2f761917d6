"""Records that will never come: nothing goes on by itself, exactly the hole is given up, and every look names it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from evidence.chain import Head
from evidence.errors import RefusedError
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.verify import verify_records
from gateway.cli import main
from gateway.gap_commands import accept
from gateway.gaps import Gap
from gateway.store import Store
from tests.gateway.conftest import Desk
from tests.gateway.support import NOW, Hospital, Unit, digests

WHY = ("it-7", "store lost without a backup, overwritten at the unit", "2026-11-21T08:00:00.000Z")


def test_a_chain_goes_on_behind_its_gaps(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    """A store that was lost has the birth record, a key and the last records of a unit again; the rest is gone."""
    records = unit.grow(4)
    unit.rotate(hospital)
    unit.event()
    for _ in range(3):
        unit.event()
    all_records = unit.records
    kept = [all_records[0], all_records[4], *all_records[7:]]
    assert desk.take(*map(unit.message, kept)) == digests(records[:1])
    assert len(desk.store.kept_apart()) == 2, "those by the second key wait for it"

    accept(desk.store, Gap("u1", 2, 4, *WHY), desk.intake)
    assert (desk.head(unit), desk.waiting()) == (Head(5, all_records[4].sha256), 0), (
        "the key is here, and what it signed"
    )
    accept(desk.store, Gap("u1", 6, 7, *WHY), desk.intake)
    assert desk.head(unit) == unit.head, "also of a unit that sends nothing more"
    assert desk.take(*map(unit.message, kept)) == digests(kept), "what comes again is receipted"
    assert (desk.head(unit), desk.store.kept_apart()) == (unit.head, [])
    assert [(one.first, one.last) for one in desk.store.gaps.all()] == [(2, 4), (6, 7)]

    found = verify_records(desk.store.chained_jws("u1"), hospital.authority, unit.head)
    assert [(finding.step, finding.place) for finding in found.findings] == [(4, 2), (4, 3)], "and it is never hidden"


@pytest.fixture
def given_up(desk: Desk, unit: Unit) -> Unit:
    """A unit of whose eight records 2 to 5 were given up."""
    records = unit.grow(8)
    desk.take(*(unit.message(records[number]) for number in (0, 5, 6, 7)))
    accept(desk.store, Gap("u1", 2, 5, *WHY), desk.intake)
    return unit


def chained(desk: Desk) -> list[int]:
    return [row.seq for row in desk.store.rows() if row.chained]


def gaps(desk: Desk) -> list[tuple[int, int]]:
    return [(one.first, one.last) for one in desk.store.gaps.all()]


def test_a_unit_that_sends_nothing_more_is_verified_all_the_same(desk: Desk, given_up: Unit) -> None:
    """An emergency's alert overtook the backlog, and the unit was stolen."""
    assert (chained(desk), desk.head(given_up)) == ([1, 6, 7, 8], given_up.head)
    assert desk.take(given_up.health(8)) == {}
    assert desk.store.units()[0].claimed == given_up.head


def test_a_running_gateway_goes_on_from_where_the_operator_led_it(
    desk: Desk, hospital: Hospital, unit: Unit, store: Store
) -> None:
    """The key came with the records that another process verified."""
    records = unit.grow(3)
    unit.rotate(hospital)
    unit.event()
    desk.take(unit.message(records[0]), unit.message(records[3]), unit.message(records[4]))
    accept(store, Gap("u1", 2, 3, *WHY), hospital.intake(store))
    assert desk.take(unit.message(unit.event())) == digests(unit.records[5:])
    assert (chained(desk), desk.reasons(), desk.waiting()) == ([1, 4, 5, 6], [], 0)


@pytest.mark.parametrize(("first", "last"), [(2, 3), (3, 4), (1, 5), (2, 6), (2, 2)])
def test_only_the_hole_is_given_up(first: int, last: int, desk: Desk, unit: Unit) -> None:
    records = unit.grow(6)
    desk.take(unit.message(records[0]), unit.message(records[5]))
    with pytest.raises(RefusedError, match="the hole is from seq 2 to 5"):
        accept(desk.store, Gap("u1", first, last, *WHY), desk.intake)
    assert desk.store.gaps.all() == []


def test_a_record_that_is_here_is_no_hole_and_what_helps_is_said(desk: Desk, unit: Unit) -> None:
    desk.take(*[unit.message(record) for record in unit.grow(3)])
    with pytest.raises(RefusedError, match="comes again by vernix-gateway resend u1 2 2"):
        accept(desk.store, Gap("u1", 2, 2, *WHY), desk.intake)


@pytest.mark.usefixtures("given_up")
def test_a_gap_is_given_up_once(desk: Desk) -> None:
    for gap in (Gap("u1", 2, 5, *WHY), Gap("u1", 10, 11, *WHY), Gap("u1", 9, 8, *WHY)):
        with pytest.raises(RefusedError, match="the hole is from seq 9"):
            accept(desk.store, gap, desk.intake)
    with pytest.raises(RefusedError, match="birth record is not here"):
        accept(desk.store, Gap("u2", 2, 5, *WHY), desk.intake)


def test_records_that_nobody_believes_are_given_up_before_anything_follows(
    hospital: Hospital, unit: Unit, store: Store
) -> None:
    """All that has come since is by a key that was revoked; the key record behind it is on its way."""
    records = unit.grow(7)
    entry = Revoked(unit.signer.kid, "1", NOW, Reason.COMPROMISED, Head(3, records[2].sha256))
    store.set_revocations(sign_revocations(hospital.site, 1, [entry], NOW, KeySigner(hospital.authority_key)))
    desk = Desk(hospital.intake(store), store)
    assert desk.take(*map(unit.message, records)) == digests(records[:3])
    assert len(desk.reasons()) == 4
    accept(store, Gap("u1", 4, 7, *WHY), desk.intake)
    assert (desk.head(unit), gaps(desk)) == (Head(3, records[2].sha256), [(4, 7)])
    unit.rotate(hospital)
    unit.event()
    assert desk.take(unit.message(records[8])) == {}, "its key is not here yet"
    assert desk.take(*map(unit.message, records)) == digests(records[:3] + records[7:])
    assert (chained(desk), gaps(desk), desk.waiting()) == ([1, 2, 3, 8, 9], [(4, 7)], 0)


def test_too_much_is_not_given_up(desk: Desk, unit: Unit) -> None:
    """Of what an operator names, nothing is lost that comes; neither in order nor overtaken by an alert."""
    records = unit.grow(9)
    desk.take(unit.message(records[0]))
    accept(desk.store, Gap("u1", 2, 99, *WHY), desk.intake)
    assert desk.take(unit.message(records[1])) == digests(records[1:2])
    assert desk.take(unit.message(records[6])) == digests(records[6:7])
    assert gaps(desk) == [(3, 6)], "the chain goes on behind them, and nothing later is given up"
    assert desk.take(unit.message(records[8])) == {}
    assert desk.take(*map(unit.message, records)) == digests(records)
    assert (chained(desk), gaps(desk), desk.reasons()) == (list(range(1, 10)), [], [])


def test_two_holes_side_by_side_are_one(desk: Desk, unit: Unit) -> None:
    records = unit.grow(8)
    desk.take(unit.message(records[0]))
    accept(desk.store, Gap("u1", 2, 3, *WHY), desk.intake)
    assert desk.take(unit.message(records[6])) == {}
    accept(desk.store, Gap("u1", 4, 6, *WHY), desk.intake)
    assert chained(desk) == [1, 7]
    assert desk.take(*map(unit.message, records[1:7])) == digests(records[1:7])
    assert (chained(desk), gaps(desk)) == (list(range(1, 8)), [])


def test_what_comes_late_is_believed_when_the_record_above_it_names_it(
    desk: Desk, hospital: Hospital, given_up: Unit
) -> None:
    records = given_up.records
    assert desk.take(*map(given_up.message, (records[1], records[2], records[3]))) == {}
    assert chained(desk) == [1, 6, 7, 8]
    assert desk.take(given_up.message(given_up.event())) == digests(records[8:]), "nor by the next record"
    assert chained(desk) == [1, 6, 7, 8, 9]
    assert desk.take(given_up.message(records[4])) == digests(records[1:5])
    assert (chained(desk), gaps(desk)) == (list(range(1, 10)), [])
    assert verify_records(desk.store.chained_jws("u1"), hospital.authority, given_up.head).sound


def test_a_gap_closes_from_above(desk: Desk, given_up: Unit) -> None:
    records = given_up.records
    assert desk.take(given_up.message(records[4])) == digests(records[4:5])
    assert desk.take(given_up.message(records[2])) == {}
    assert (chained(desk), gaps(desk)) == ([1, 5, 6, 7, 8], [(2, 4)])
    assert desk.take(given_up.message(records[4])) == digests(records[4:5]), "again, like any other"


@pytest.mark.parametrize("place", [2, 3, 5])
def test_in_a_gap_the_twin_of_a_record_is_never_believed(place: int, desk: Desk, given_up: Unit) -> None:
    """The unit's key signed two records with one number: the one that comes first is not the one for that."""
    records, twin = given_up.records, given_up.twin(place)
    assert desk.take(given_up.message(twin)) == {}
    assert desk.take(given_up.message(given_up.event())) == digests(records[8:])
    assert twin.jws not in desk.store.chained_jws("u1")
    for _ in range(2):  # what had no receipt comes again
        desk.take(*map(given_up.message, records[1:5]), given_up.message(twin))
    assert (chained(desk), gaps(desk)) == (list(range(1, 10)), [])
    assert desk.store.chained_jws("u1") == [one.jws for one in records]
    assert desk.reasons()
    assert all("forked" in reason and reason.startswith(f"seq {place}") for reason in desk.reasons())


def test_a_chain_that_was_forked_below_its_gap_stays_open(desk: Desk, given_up: Unit) -> None:
    """What the upper half names is not linked to the lower half: both are the unit's, and neither is hidden."""
    store, records = desk.store, given_up.records
    store._db.execute("UPDATE records SET sha256 = ? WHERE seq = 1", ("0" * 64,))
    assert desk.take(*map(given_up.message, records[1:5])) == digests(records[2:5])
    assert (chained(desk), gaps(desk)) == ([1, 3, 4, 5, 6, 7, 8], [(2, 2)])
    assert desk.reasons() == ["seq 2: linked to another record than seq 1: the chain is forked"]


def test_room_in_a_gap_is_limited(desk: Desk, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.intake.MAX_ABOVE_HOLE", 2)
    records = unit.grow(9)
    desk.take(unit.message(records[0]), unit.message(records[8]))
    accept(desk.store, Gap("u1", 2, 8, *WHY), desk.intake)
    assert desk.take(*map(unit.message, records[1:6])) == {}
    assert desk.store.count_late("u1") == 2
    assert desk.take(unit.message(records[7])) == digests(records[7:8]), "the one that is named has its place"
    while gaps(desk):
        desk.take(*map(unit.message, records[1:8]))
    assert chained(desk) == list(range(1, 10))


def test_as_an_operator_does_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital.of_site(tmp_path)
    unit = hospital.unit()
    records = unit.grow(4)
    data = hospital.gateway_toml.parent / "data"
    with closing(Store(data / "gateway.db")) as store:
        Desk(hospital.intake(store), store).take(unit.message(records[0]), unit.message(records[3]))
    command = ["--config", str(hospital.gateway_toml), "accept-gap", "u1"]
    reason = ["--by", "it-7", "--reason", "lost"]
    assert main([*command, "2", "4", *reason]) == 3
    assert "the hole is from seq 2 to 3" in capsys.readouterr().err
    assert main([*command, "2", "3", *reason]) == 0
    assert "2 to 3 are given up; every verification and export will name them.\nThe chain is verified up to seq 4" in (
        capsys.readouterr().out
    )
    status = ["--config", str(hospital.gateway_toml), "status"]
    assert main(status) == 1
    assert "gap  u1  2 to 3  it-7  lost" in capsys.readouterr().out
    assert main([*status, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["missing"], told["quarantined"]) == (4, 2, 0)
    assert [(one["first"], one["last"], one["accepted_by"], one["reason"]) for one in told["gaps"]] == [
        (2, 3, "it-7", "lost")
    ]
    assert main([*command, "5", "6", *reason]) == 0
    assert "the chain goes on when seq 7 comes" in capsys.readouterr().out
    with closing(Store(data / "gateway.db")) as store:
        desk = Desk(hospital.intake(store), store)
        desk.take(*map(unit.message, [*records, unit.event()]), unit.health(5))
    assert main([*status, "--json"]) == 0, "what came late is missing no longer, and what never was is not"
    assert [(one["first"], one["last"]) for one in json.loads(capsys.readouterr().out)["gaps"]] == [(6, 6)]
