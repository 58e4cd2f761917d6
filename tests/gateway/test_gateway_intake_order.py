"""Sound records in every order: each is stored once, and receipted when its whole past is here."""

from __future__ import annotations

import datetime as dt
import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from daemon.outbox import Outbox
from evidence import downlink
from evidence.chain import Head
from evidence.errors import RefusedError
from evidence.topics import Channel
from evidence.verify import read_record, verify_records
from gateway.aside import Message
from gateway.intake import MAX_ABOVE_HOLE
from tests.gateway.conftest import Desk
from tests.gateway.support import Hospital, Unit, digests


def test_in_order(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    records = unit.grow(5)
    for record in records:
        assert desk.take(unit.message(record)) == digests([record])
    assert desk.head(unit) == unit.head
    assert desk.store.chained_jws("u1") == [record.jws for record in records]
    assert verify_records(desk.store.chained_jws("u1"), hospital.authority, unit.head).sound


def test_in_one_batch(desk: Desk, hospital: Hospital) -> None:
    units = [hospital.unit(name) for name in ("u1", "u2")]
    messages = [unit.message(record) for unit in units for record in unit.grow(3)]
    Random(7).shuffle(messages)
    assert desk.intake.take(messages) == {unit.address.unit: digests(unit.records) for unit in units}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_in_any_order(desk: Desk, unit: Unit, order: tuple[int, ...]) -> None:
    records = unit.grow(4)
    receipted = desk.take(*[unit.message(records[place]) for place in order])
    assert receipted == digests(records)
    assert desk.head(unit) == unit.head
    assert desk.store.kept_apart() == []


def test_repeated_is_receipted_again_and_stored_once(desk: Desk, unit: Unit) -> None:
    records = unit.grow(2)
    messages = [unit.message(record) for record in records]
    desk.take(*messages)
    assert desk.take(*messages) == digests(records)
    # The unit seals once, but whoever seals the same record again says nothing new.
    assert desk.take(unit.message(records[1])) == digests(records[1:])
    assert [row.seq for row in desk.store.rows()] == [1, 2]
    assert desk.reasons() == []


@pytest.mark.parametrize("damage", ["sha256 = 'x'", "jws = 'x' || substr(jws, 2)", "jws = CAST(x'ff' AS TEXT)"])
def test_a_damaged_one_is_replaced_when_it_comes_again(damage: str, desk: Desk, unit: Unit) -> None:
    """By itself only, and what is known of it stays."""
    records = unit.grow(3)
    desk.take(*[unit.message(record) for record in records])
    before = desk.store.rows()
    with closing(sqlite3.connect(desk.store.path)) as db, db:
        db.execute(f"UPDATE records SET {damage} WHERE seq = 2")
    assert desk.take(unit.message(unit.twin(2))) == {}
    assert "the chain is forked" in desk.reasons()[-1]
    assert desk.take(unit.message(records[1])) == digests(records[1:2])
    assert desk.store.chained_jws("u1") == [record.jws for record in records]
    assert desk.store.rows() == before


def test_above_a_hole_waits_and_is_receipted_with_what_fills_it(desk: Desk, unit: Unit) -> None:
    records = unit.grow(6)
    assert desk.take(unit.message(records[0])) == digests(records[:1])
    assert desk.take(*[unit.message(record) for record in records[2:]]) == {}
    assert [row.chained for row in desk.store.rows()] == [True, False, False, False, False]
    assert desk.take(unit.message(records[1])) == digests(records[1:])
    assert all(row.chained for row in desk.store.rows())


def test_alert_above_a_hole(desk: Desk, unit: Unit) -> None:
    records = unit.grow(4)
    assert desk.take(unit.message(records[0]), unit.message(records[3], Channel.ALERT)) == digests(records[:1])
    assert [(row.seq, row.alert, row.chained) for row in desk.store.rows()] == [(1, False, True), (4, True, False)]
    assert desk.take(unit.message(records[3])) == {}  # in its turn, as a record
    assert desk.take(*[unit.message(record) for record in records[1:3]]) == digests(records[1:])
    assert [row.alert for row in desk.store.rows()] == [False, False, False, True]


def test_alert_after_its_record(desk: Desk, unit: Unit) -> None:
    records = unit.grow(2)
    desk.take(*[unit.message(record) for record in records])
    assert desk.take(unit.message(records[1], Channel.ALERT)) == digests(records[1:])
    assert desk.store.rows()[-1].alert


def test_before_the_birth_record(desk: Desk, unit: Unit) -> None:
    records = unit.grow(4)
    assert desk.take(*[unit.message(record) for record in records[1:]]) == {}
    assert desk.store.rows() == []
    assert desk.waiting() == 3
    assert desk.take(unit.message(records[0])) == digests(records)
    assert desk.store.kept_apart() == []
    assert all(room.messages == room.bytes == 0 for room in desk.store.rooms().values())


def test_alert_before_the_birth_record(desk: Desk, unit: Unit) -> None:
    records = unit.grow(3)
    desk.take(unit.message(records[2], Channel.ALERT), unit.message(records[0]))
    assert [(row.seq, row.alert) for row in desk.store.rows()] == [(1, False), (3, True)]


def test_units_do_not_mix(desk: Desk, hospital: Hospital) -> None:
    one, other = hospital.unit("u1"), hospital.unit("u2")
    for unit in (one, other):
        unit.grow(2)
    desk.take(one.message(one.records[0]), other.message(other.records[1]))
    assert desk.head(one) == Head(1, one.records[0].sha256)
    assert desk.head(other) is None


def test_what_waits_above_a_hole_is_bounded(desk: Desk, unit: Unit) -> None:
    records = unit.grow(MAX_ABOVE_HOLE + 12)
    messages = [unit.message(record) for record in records]
    desk.intake.take([messages[0], *messages[2:]])
    assert desk.store.count_unchained("u1") == MAX_ABOVE_HOLE
    assert desk.store.rooms()["u1"].dropped == 10
    # The hole is filled all the same, and what was dropped is sent again, as it had no receipt.
    assert desk.intake.take([messages[1]])["u1"].keys() == set(range(2, MAX_ABOVE_HOLE + 3))
    assert desk.intake.take(messages[-10:])["u1"] == digests(records[-10:])
    assert desk.head(unit) == unit.head


def alarms(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The seq of every alert that was raised, in this order."""
    return [int(line.split(" seq ")[1].split(",")[0]) for line in caplog.messages if line.startswith("alert: u1")]


def test_no_alert_is_silent_for_want_of_a_place(desk: Desk, unit: Unit, caplog: pytest.LogCaptureFixture) -> None:
    records = unit.grow(2 + 300)
    birth, missing, *above = records
    desk.take(unit.message(birth), *[unit.message(record, Channel.ALERT) for record in above])
    numbers = [record.seq for record in above]
    assert desk.store.count_unchained("u1") == MAX_ABOVE_HOLE
    assert alarms(caplog) == numbers, "also those that found no place"
    desk.take(*[unit.message(record, Channel.ALERT) for record in above[-60:]])
    assert alarms(caplog) == numbers, "a repetition says nothing new"
    desk.take(unit.message(missing), *[unit.message(record, Channel.ALERT) for record in above[MAX_ABOVE_HOLE:]])
    assert desk.head(unit) == unit.head
    assert [row.alert for row in desk.store.rows()] == [False, False] + [True] * 300
    assert alarms(caplog) == numbers, "nor does the place they have at last"


def test_alerts_without_a_place_are_remembered_within_bounds(
    desk: Desk, unit: Unit, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.MAX_ABOVE_HOLE", 0)
    monkeypatch.setattr("gateway.intake.MAX_UNSTORED_ALERTS", 3)
    records = unit.grow(7)
    desk.take(unit.message(records[0]), *[unit.message(record, Channel.ALERT) for record in records[2:]])
    desk.take(*[unit.message(record, Channel.ALERT) for record in reversed(records[2:])])
    assert alarms(caplog) == [3, 4, 5, 6, 7, 4, 3], "of five the last three are known again"


def test_forged_alert_without_a_place_alarms_nobody(
    desk: Desk, hospital: Hospital, unit: Unit, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.MAX_ABOVE_HOLE", 0)
    birth, _, third = unit.grow(3)
    desk.take(unit.message(birth), unit.message(unit.twin(third.seq, hospital.signer), Channel.ALERT))
    assert alarms(caplog) == []


def test_intake_begun_anew_goes_on(desk: Desk, hospital: Hospital, unit: Unit) -> None:
    records = unit.grow(4)
    desk.take(unit.message(records[0]), unit.message(records[2]))
    again = hospital.intake(desk.store)
    assert again.take([unit.message(records[1]), unit.message(records[3])])["u1"] == digests(records[1:])


def test_receipt_is_one_that_the_unit_takes(desk: Desk, hospital: Hospital, unit: Unit, tmp_path: Path) -> None:
    records = unit.grow(1)
    outbox = Outbox(
        tmp_path / "outbox.db",
        identity={"unit": "u1", "site": "s1", "software": {"version": "0.1.0"}},
        signer=unit.signer,
        recipients=unit.recipients,
        birth=lambda: records[0],
    )
    for _ in range(3):
        outbox.append({"kind": "event", "event": {"type": "start"}})
    sealed = [item.envelope for item in outbox.waiting()]
    receipted = desk.take(*[Message(unit.address, Channel.RECORD, one) for one in sealed])
    token = hospital.receipt(unit.address, receipted, 1)
    accepted = downlink.read(
        token, Channel.RECEIPT, unit.address, hospital.key_for, last_counter=0, now=hospital.now + dt.timedelta(hours=1)
    )
    assert outbox.apply_receipt(accepted.body, accepted.issued) == 4
    assert outbox.count_waiting() == 0
    other = hospital.receipt(unit.address, receipted | {3: "0" * 64}, 2)
    accepted = downlink.read(other, Channel.RECEIPT, unit.address, hospital.key_for, last_counter=1, now=None)
    with pytest.raises(RefusedError):
        outbox.apply_receipt(accepted.body, accepted.issued)
    outbox.close()
    assert [read_record(token).seq for token in desk.store.chained_jws("u1")] == [1, 2, 3, 4]
