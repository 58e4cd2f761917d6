"""Records that will never come: nothing goes on by itself, exactly the hole is given up, and every look names it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from evidence.errors import RefusedError
from evidence.verify import verify_records
from gateway.cli import main
from gateway.gap_commands import accept
from gateway.gaps import Gap
from gateway.store import Store
from tests.gateway.conftest import Desk
from tests.gateway.support import Hospital, Unit, digests

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

    accept(desk.store, Gap("u1", 2, 4, *WHY))
    assert desk.take(unit.message(all_records[4])) == digests([all_records[4]])
    accept(desk.store, Gap("u1", 6, 7, *WHY))
    following = unit.event()
    assert desk.take(unit.message(following)) == digests([*all_records[7:]])
    assert (desk.head(unit), desk.store.kept_apart()) == (unit.head, [])
    assert [(one.first, one.last) for one in desk.store.gaps.all()] == [(2, 4), (6, 7)]

    found = verify_records(desk.store.chained_jws("u1"), hospital.authority, unit.head)
    assert [(finding.step, finding.place) for finding in found.findings] == [(4, 2), (4, 3)], "and it is never hidden"


@pytest.mark.parametrize(("first", "last"), [(2, 3), (3, 4), (1, 5), (2, 6), (2, 2)])
def test_only_the_hole_is_given_up(first: int, last: int, desk: Desk, unit: Unit) -> None:
    records = unit.grow(6)
    desk.take(unit.message(records[0]), unit.message(records[5]))
    with pytest.raises(RefusedError, match="the hole is from seq 2 to 5"):
        accept(desk.store, Gap("u1", first, last, *WHY))
    assert desk.store.gaps.all() == []


def test_a_gap_is_given_up_once(desk: Desk, unit: Unit) -> None:
    records = unit.grow(6)
    desk.take(unit.message(records[0]), unit.message(records[5]))
    accept(desk.store, Gap("u1", 2, 5, *WHY))
    with pytest.raises(RefusedError, match="nothing of it waits above a hole"):
        accept(desk.store, Gap("u1", 6, 6, *WHY))
    with pytest.raises(RefusedError, match="birth record is not here"):
        accept(desk.store, Gap("u2", 2, 5, *WHY))


def test_what_comes_late_all_the_same_is_not_believed_beside_it(desk: Desk, unit: Unit) -> None:
    """A chain that was forked: what follows the gap names another past than what turns up."""
    records = unit.grow(4)
    desk.take(unit.message(records[0]), unit.message(records[3]))
    accept(desk.store, Gap("u1", 2, 3, *WHY))
    assert desk.take(unit.message(unit.event())) == digests(unit.records[3:])
    assert desk.take(unit.message(records[2])) == digests([records[2]]), "it is kept"
    assert desk.head(unit) == unit.head


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
    assert "2 to 3 are given up" in capsys.readouterr().out
    main(["--config", str(hospital.gateway_toml), "status"])
    assert "gap  u1  2 to 3  it-7  lost" in capsys.readouterr().out
