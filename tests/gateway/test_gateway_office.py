"""Alerts that nobody has in hand, and special cases (专案管理): noticed, told again, shown; closed by an officer."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.demo.ports import HOST, free_port
from daemon.policy import pack_path
from evidence.credentials import Role, hash_pin
from evidence.instants import write_instant
from evidence.keys import open_signer
from gateway.approvers import Proven
from gateway.cli import main
from gateway.config import Broker, Officers
from gateway.office import AGAIN, AT_ONCE, Alert, Closed, Office
from gateway.officers import Application
from gateway.receiver import Receiver
from gateway.store import Store
from tests.gateway.conftest import folder_in_memory
from tests.gateway.support import Waiting
from tests.gateway.ward import BEGIN, SITE, Ward, WorkingUnit, decided
from tests.support.background import Background
from tests.support.brokers import wait_for

OFFICE, OFFICER, APPLIED = "g-0001", "g-0002", "g-0003"
DAY_S = 86400
POLICE = [{"to": "police", "within_s": 0}, {"to": "health_authority", "within_s": DAY_S}]
LATER = [{"to": "health_authority", "within_s": DAY_S}]
CLERK = "g-0004"
PIN = "739104"
Say = Callable[..., str]


def staff(store: Store) -> None:
    """Two officers of the office, one of the ward, and one whose account nobody has approved."""
    with store.transaction():
        for number, (officer, role) in enumerate(
            ((OFFICE, Role.OFFICE), (OFFICER, Role.OFFICER), (APPLIED, Role.OFFICE), (CLERK, Role.OFFICE))
        ):
            asked = Application(f"示例{number}", "产科", "护师", f"139 0000 000{number}", "夜班", "OBS", role)
            store.officers.apply(asked, "root", BEGIN, officer)
            if officer != APPLIED:
                for name, department in (("示例甲", "医务科"), ("示例乙", "护理部")):
                    store.officers.approve(officer, Proven(name, department), Officers(), BEGIN)
        store.officers.set_credential(OFFICE, "pin", hash_pin(PIN), "root", BEGIN)


@pytest.fixture
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        (made.toml.parent / "pack.toml").write_text(pack_path("jiangxi").read_text("utf-8"), "utf-8")
        text = made.toml.read_text("utf-8").replace('data = "data"', 'data = "data"\npolicy = "pack.toml"')
        made.toml.write_text(text, "utf-8")
        staff(made.store)
        yield made
        made.close()


@pytest.fixture
def say(ward: Ward, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    def run(*arguments: object, status: int = 0, pin: str = PIN) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{pin}\n"))
        done = main(["--config", str(ward.toml), *map(str, arguments)])
        out, err = capsys.readouterr()
        assert done == status, out + err
        return out + err

    return run


@pytest.fixture
def unit(ward: Ward) -> WorkingUnit:
    return ward.unit("u1")


def change(ward: Ward, sql: str, *values: str) -> None:
    """Somebody changes the store behind the gateway's back."""
    with closing(sqlite3.connect(ward.store.path)) as db, db:
        db.execute(sql, values)


def reminded(ward: Ward, after: dt.timedelta) -> list[int]:
    with ward.store.transaction():
        return [one.seq for one in ward.store.office.remind(BEGIN + after)]


# --- alerts ---


def test_an_alert_is_told_again_until_somebody_has_it_in_hand(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    unit.check("failed", alerts=POLICE)
    unit.check("unable", alerts=LATER)
    unit.check("failed", alerts=POLICE, drill=True)
    unit.check("passed")
    unit.deliver()
    at_once, in_a_day = 2, 3
    moment = dt.timedelta(milliseconds=1)
    assert reminded(ward, AT_ONCE - moment) == []
    assert reminded(ward, AT_ONCE) == [at_once]
    assert reminded(ward, AT_ONCE + AGAIN - moment) == [], "once an hour"
    with closing(Store(ward.store.path)) as restarted, restarted.transaction():
        assert restarted.office.remind(BEGIN + AT_ONCE + AGAIN - moment) == [], "a restart changes nothing"
    assert reminded(ward, AT_ONCE + AGAIN) == [at_once]
    say("alert", "take", "u1", at_once, "--by", OFFICER)
    assert reminded(ward, dt.timedelta(seconds=DAY_S) - moment) == []
    assert reminded(ward, dt.timedelta(seconds=DAY_S)) == [in_a_day]


def test_the_tightest_time_counts_and_none_is_beyond_the_calendar(ward: Ward, unit: WorkingUnit) -> None:
    unit.check("failed", alerts=list(reversed(POLICE)))
    unit.check("failed", alerts=[{"to": "police", "within_s": 10**15}])
    unit.deliver()
    with ward.store.transaction():
        first, second = ward.store.office.alerts()
    assert (first.due, first.told) == (write_instant(BEGIN + AT_ONCE), "health_authority, police")
    assert second.due == write_instant(BEGIN + dt.timedelta(days=366))


def test_a_clock_that_was_ahead_silences_no_alert(ward: Ward, unit: WorkingUnit) -> None:
    """When the record came, and when it was told."""
    ward.now = BEGIN + dt.timedelta(days=400)
    unit.check("failed", alerts=POLICE)
    unit.deliver()
    assert reminded(ward, dt.timedelta(days=400)) == [2]
    assert reminded(ward, AT_ONCE) == [2]
    assert reminded(ward, AT_ONCE) == [], "once an hour"
    assert reminded(ward, AT_ONCE + AGAIN) == [2]


def test_a_unit_that_does_not_know_the_time_makes_no_alert_late(ward: Ward, unit: WorkingUnit) -> None:
    unit.now -= dt.timedelta(days=1)  # its clock has lost the time
    unit.check("failed", alerts=POLICE)
    ward.now = BEGIN + AGAIN
    unit.deliver()
    with ward.store.transaction():
        (one,) = ward.store.office.alerts()
    assert one.due == write_instant(ward.now + AT_ONCE)


def test_who_has_it_in_hand_is_a_named_officer(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    unit.check("failed", alerts=POLICE)
    unit.deliver()
    line = say("alert", "list", status=1)
    assert "u1" in line
    assert "未通过 failed  分娩 delivery  police, health_authority" in line
    assert "超时无人处理 overdue" in line
    assert f"{APPLIED} is applied" in say("alert", "take", "u1", 2, "--by", APPLIED, status=2)
    assert "there is no officer" in say("alert", "take", "u1", 2, "--by", "g-9", status=2)
    assert "no alert that nobody has in hand" in say("alert", "take", "u1", 3, "--by", OFFICER, status=2)
    change(ward, "UPDATE officers SET role = 'engineer' WHERE id = ?", CLERK)
    engineer = say("alert", "take", "u1", 2, "--by", CLERK, status=2)
    assert f"approved account of role officer or office; {CLERK} has role engineer" in engineer
    say("alert", "take", "u1", 2, "--by", OFFICER)
    assert "no alert that nobody has in hand" in say("alert", "take", "u1", 2, "--by", OFFICE, status=2)
    assert say("alert", "list") == ""
    (done,) = [json.loads(one) for one in say("alert", "list", "--all", "--json").splitlines()]
    assert (done["taken_by"], done["overdue"], done["told"]) == (OFFICER, False, "police, health_authority")
    assert "took alert" in say("officer", "audit")
    assert ward.store.rows()[1].alert is False, "the record is as it was"


def test_status_shows_what_is_overdue(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    unit.check("failed", alerts=POLICE)
    unit.deliver()
    unit.tell_health()
    change(ward, "UPDATE units SET heard = ?", write_instant(dt.datetime.now(dt.UTC)))
    assert "overdue  u1  1 alerts that nobody has in hand" in say("status", status=1)
    assert json.loads(say("status", "--json", status=1))["overdue"] == 1
    say("alert", "take", "u1", 2, "--by", OFFICER)
    assert json.loads(say("status", "--json"))["overdue"] == 0


def test_an_alert_in_hand_stays_so_when_its_damaged_record_comes_again(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    unit.check("failed", alerts=POLICE)
    unit.deliver()
    say("alert", "take", "u1", 2, "--by", OFFICER)
    change(ward, "UPDATE records SET jws = ''")
    unit._delivered = 0
    unit.deliver()
    assert say("alert", "list") == ""
    assert "failed" in say("show", "u1", 2)


def test_an_alert_of_a_record_that_was_expelled_is_none(ward: Ward, unit: WorkingUnit) -> None:
    unit.check("failed", alerts=POLICE)
    unit.deliver()
    change(ward, "DELETE FROM records WHERE seq = 2")
    assert reminded(ward, AGAIN) == []


def test_the_running_gateway_says_so_whether_there_is_a_broker_or_not(
    ward: Ward, unit: WorkingUnit, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names unit, number and outcome; never a person."""
    unit.check("failed", alerts=POLICE, officers=(OFFICER, OFFICE))
    unit.deliver()
    signer = open_signer(f"file:{ward.root / 'gateway/signing.key'}")
    receiver = Receiver(Broker(HOST, free_port()), SITE, ward.intake, ward.store, signer)
    background = Background("receiver", receiver.run)
    with caplog.at_level(logging.WARNING, "gateway.receiver"):
        background.start()
        try:
            wait_for(lambda: "nobody has it in hand" in caplog.text, "the reminder")
        finally:
            receiver.stop()
            background.end(20)
    (said,) = [one.getMessage() for one in caplog.records if "in hand" in one.getMessage()]
    assert said.startswith("alert: u1 seq 2, outcome failed: nobody has it in hand")
    assert "tell 'police, health_authority'" in said


def test_a_locked_store_does_not_end_the_gateway_for_a_reminder(
    ward: Ward, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.receiver.REMIND_EVERY_S", 0.01)
    signer = open_signer(f"file:{ward.root / 'gateway/signing.key'}")
    receiver = Receiver(Broker(HOST, free_port()), SITE, ward.intake, ward.store, signer)
    ward.store.office._db.execute("PRAGMA busy_timeout=1")
    background = Background("receiver", receiver.run)
    with closing(sqlite3.connect(ward.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        background.start()
        try:
            wait_for(lambda: "alerts were not looked for: database is locked" in caplog.text, "the skipped round")
        finally:
            other.execute("ROLLBACK")
            receiver.stop()
            background.end(20)


def test_what_a_store_of_before_holds_is_not_told_of(memory: Path) -> None:
    with closing(Store(memory / "gateway.db")) as store, store.transaction():
        assert store.office.alerts(all_of_them=True) == []
        assert isinstance(store.office, Office)
    one = Alert("u1", 2, "failed", "delivery", "police", write_instant(BEGIN), None, None)
    assert (one.is_overdue(BEGIN), one.is_overdue(BEGIN - AGAIN)) == (True, False)


# --- special cases ---


def cases(say: Say, *more: str, status: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in say("case", "list", "--json", *more, status=status).splitlines()]


def test_cases_follow_from_records_and_are_closed_by_the_office(unit: WorkingUnit, say: Say) -> None:
    visit = {"ref": "V-1", "source": "typed"}
    opened = unit.check("failed", visit=visit)[0]
    unit.now += dt.timedelta(hours=1)
    unit.check("passed", visit=visit)
    unit.check("emergency", visit=visit)
    unit.check("refused", visit=visit, drill=True)
    unit.check("refused", checkpoint="art_transfer", subject={"role": "patient"})
    unit.deliver()
    (found,) = cases(say, status=1)
    assert (found["check"], found["unit"], found["seq"], found["state"]) == (opened, "u1", 2, "open")
    assert "分娩 Delivery  未通过 failed  未结 open" in say("case", "list", status=1)
    assert "there is no officer" in say("case", "close", opened, "--by", "x", "--reason", "identity shown", status=2)
    of_the_ward = say("case", "close", opened, "--by", OFFICER, "--reason", "identity shown", status=2)
    assert f"approved account of role office; {OFFICER} has role officer" in of_the_ward
    assert "reason: expected 1 to" in say("case", "close", opened, "--by", OFFICE, "--reason", " ", status=2)
    say("case", "close", opened, "--by", OFFICE, "--reason", "公安机关已核实身份")
    assert cases(say, status=0) == []
    (done,) = cases(say, "--all", status=0)
    assert (done["state"], done["closed_by"], done["reason"]) == ("closed", OFFICE, "公安机关已核实身份")
    line = say("case", "list", "--all")
    assert OFFICE in line
    assert "公安机关已核实身份" in line
    assert "no special case that is open" in say("case", "close", opened, "--by", OFFICE, "--reason", "x", status=2)
    assert "公安机关已核实身份" in say("officer", "audit")


def test_a_case_is_opened_again_with_a_reason(unit: WorkingUnit, say: Say) -> None:
    opened = unit.check("failed")[0]
    unit.deliver()
    by = ("--by", OFFICE, "--reason", "another woman")
    assert "no special case that is closed" in say("case", "reopen", opened, *by, status=2)
    say("case", "close", opened, "--by", OFFICE, "--reason", "identity shown")
    assert "wrong PIN" in say("case", "reopen", opened, *by, pin="480273", status=2)
    assert cases(say, status=0) == []
    say("case", "reopen", opened, *by)
    assert [one["check"] for one in cases(say, status=1)] == [opened]
    assert f"reopened case    {opened}: another woman" in say("officer", "audit")


def test_a_case_wants_the_pin_and_not_of_who_signed(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    own, other = unit.check("failed", officers=(OFFICE, OFFICER))[0], unit.check("failed")[0]
    unit.deliver()
    by = ("--by", OFFICE, "--reason", "identity shown")
    assert f"{OFFICE} signed this check" in say("case", "close", own, *by, status=2)
    assert f"{CLERK} has no PIN" in say("case", "close", own, "--by", CLERK, "--reason", "x", status=2)
    assert "holds none" in say("case", "close", other, *by, pin="", status=2)
    for _ in range(5):
        assert "wrong PIN" in say("case", "close", other, *by, pin="480273", status=2)
    assert "too many wrong PINs" in say("case", "close", other, *by, status=2), "not even the right one"
    assert len(cases(say, status=1)) == 2
    change(ward, "UPDATE officers SET phone = (SELECT phone FROM officers WHERE id = ?) WHERE id = ?", OFFICE, CLERK)
    assert f"{OFFICE} signed this check" in say("case", "close", own, "--by", CLERK, "--reason", "x", status=2)


def test_who_signed_an_addendum_is_no_judge_either(unit: WorkingUnit, say: Say) -> None:
    opened = unit.check("failed")
    unit.later(opened, **decided(opened[0], "failed", OFFICE))
    refers_to = {"seq": opened[1], "sha256": opened[2]}
    unit.outbox.append({"kind": "addendum", "check": opened[0], "refers_to": refers_to, "reason": "by nobody"})
    unit.deliver()
    by = ("--by", OFFICE, "--reason", "identity shown")
    assert f"{OFFICE} signed this check" in say("case", "close", opened[0], *by, status=2)


def test_two_who_close_at_once_hear_it_plainly(
    ward: Ward, unit: WorkingUnit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one types the PIN the other is done; and the same with opening again."""
    closed = Closed(unit.check("failed")[0], CLERK, "identity shown", write_instant(BEGIN))
    unit.deliver()

    def close() -> None:
        with ward.store.transaction():
            assert ward.store.office.close_case(closed)

    def reopen() -> None:
        with ward.store.transaction():
            assert ward.store.office.reopen_case(closed.check)

    for word, other_does, told in (
        ("close", close, "somebody has closed this case just now"),
        ("reopen", reopen, "somebody has opened this case again just now"),
    ):
        monkeypatch.setattr("sys.stdin", Waiting(f"{PIN}\n", other_does))
        words = ["--config", str(ward.toml), "case", word, closed.check, "--by", OFFICE, "--reason", "x"]
        assert main(words) == 2
        assert told in capsys.readouterr().err


def test_cases_are_counted(ward: Ward, unit: WorkingUnit, say: Say) -> None:
    days = ("--from", "2026-07-01", "--to", "2026-09-30")
    opened = [unit.check("failed")[0], unit.check("unable")[0]]
    unit.deliver()
    unit.tell_health()
    say("case", "close", opened[0], "--by", OFFICE, "--reason", "identity shown")
    found = json.loads(say("statistics", *days, "--json"))
    assert (found["special_cases"], found["special_cases_open"]) == (2, 1)
    report = ward.folder / "report.html"
    say("report", "--quarter", "2026Q3", "--out", report, status=1)
    assert "专案未结：1 件" in report.read_text("utf-8")
    rows = ward.folder / "rows.jsonl"
    say("export", "--format", "jsonl", *days, "--out", rows)
    assert [json.loads(line)["case"] for line in rows.read_text("utf-8").splitlines()] == ["closed", "open"]
    text = ward.toml.read_text("utf-8")
    ward.toml.write_text(text.replace('policy = "pack.toml"\n', ""), "utf-8")
    assert json.loads(say("statistics", *days, "--json"))["special_cases"] is None, "no pack says what one is"
    assert "gateway.policy: missing" in say("case", "list", status=2)
