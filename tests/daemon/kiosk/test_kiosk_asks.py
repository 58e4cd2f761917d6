"""What staff may ask: lists, figures, the self-test; and who may not."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from daemon.check_id import new_check_id
from daemon.clock import UnitClock
from daemon.events import OnDuty
from daemon.kiosk.asks import BUCKETS_S, Asks
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.service import HELD, findings
from daemon.officers import Roster, read_roster
from daemon.outbox import Outbox
from daemon.outbox.figures import cause_of
from daemon.selftest import TESTS
from daemon.tries import TRIES
from tests.daemon.support import PINS, SYNCHRONISED, Home, check_fields, now

OFFICER, PIN = next(iter(PINS.items()))
THERE = OnDuty(OFFICER, "officer", "2026-03-02T00:00:00.000Z", "pin")
MODEL = dict.fromkeys(("detector", "embedding", "liveness"), "0" * 64)


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


@pytest.fixture
def asks(home: Home, outbox: Outbox) -> Asks:
    roster = Roster(read_roster(home.config().unit.officers), now)
    return Asks(outbox, roster, lambda: [{"test": "clock", "ok": True, "text": "fine"}], on_duty=lambda: THERE)


def refused(asks: Asks, name: str, **values: Any) -> tuple[str, int]:
    with pytest.raises(TouchRefused) as caught:
        asks.answer(name, values)
    return caught.value.cause, caught.value.status


def test_last_checks_newest_first_without_drills(asks: Asks, outbox: Outbox) -> None:
    for outcome in ("refused", "unable"):
        outbox.append(check_fields(outcome=outcome))
    outbox.append({**check_fields(), "drill": True})
    found = asks.answer("checks", {})
    assert [(one["outcome"], one["owed"]) for one in found] == [("unable", True), ("refused", False)]


def test_checks_of_one_visit_are_found_once_settled(asks: Asks, outbox: Outbox) -> None:
    """The reference is kept nowhere; a scan of the wristband finds what its hash was kept of."""
    check = new_check_id()
    for visit, own in (("V-0042", check), ("V-0043", new_check_id())):
        outbox.append({**check_fields(own), "visit": {"ref": visit, "source": "scanned"}})
    known = replace(asks, visit_of=lambda one: "***042" if one == check else "")
    assert [one["visit"] for one in known.answer("checks", {})] == ["", "***042"]
    (found,) = known.answer("checks", {"visit": "V-0042"})
    assert (found["check"], found["provisional"], found["claimant"]) == (check, False, False)
    assert known.answer("checks", {"visit": "V-0099"}) == []
    assert refused(asks, "checks", visit="99000019900307052X") == ("visit_looks_like_an_id_number", 400)


def test_charts_count_by_day_place_and_outcome(asks: Asks, outbox: Outbox) -> None:
    for _ in range(3):
        outbox.append(check_fields(new_check_id()))
    outbox.append({**check_fields(new_check_id()), "checkpoint": "admission"})
    outbox.append({**check_fields(), "drill": True})
    outbox.append({**check_fields(), "channel": "ganfutong"})
    facts = asks.answer("charts", {})
    day = facts["today"]
    assert facts["counts"] == [
        {"day": day, "checkpoint": "admission", "outcome": "refused", "channel": "unit", "count": 1},
        {"day": day, "checkpoint": "delivery", "outcome": "refused", "channel": "ganfutong", "count": 1},
        {"day": day, "checkpoint": "delivery", "outcome": "refused", "channel": "unit", "count": 3},
    ]


def test_a_birth_of_tonight_stands_under_todays_date(home: Home) -> None:
    """At three in the morning in China it is still yesterday in UTC."""
    night = now().replace(hour=19, minute=0) + dt.timedelta(days=2)
    with closing(home.outbox(lambda floor: UnitClock(floor, now=lambda: night, kernel=lambda: SYNCHRONISED))) as opened:
        opened.append(check_fields(new_check_id()))
        facts = Asks(opened, Roster((), now), list, on_duty=lambda: THERE).answer("charts", {})
    assert facts["today"] == str(night.date() + dt.timedelta(days=1))
    assert [one["day"] for one in facts["counts"]] == [facts["today"]]


def test_selftest_is_for_who_has_a_pin(asks: Asks) -> None:
    assert asks.answer("selftest", {"officer": OFFICER, "pin": PIN})[0]["test"] == "clock"
    assert refused(asks, "selftest") == ("wrong_pin", 403)
    assert refused(asks, "selftest", officer=5, pin=PIN) == ("pin_is_missing", 400)
    for _ in range(TRIES):
        assert refused(asks, "selftest", officer=OFFICER, pin="0") == ("wrong_pin", 403)
    assert refused(asks, "selftest", officer=OFFICER, pin=PIN) == ("locked", 403)


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("officer", {"checks", "debts", "charts", "selftest"}),
        ("office", {"checks", "debts", "charts", "selftest"}),
        ("inspector", {"checks", "debts", "charts"}),
        ("engineer", {"selftest"}),
        ("cleaner", set()),
    ],
)
def test_each_role_sees_what_the_table_says(role: str, seen: set[str], home: Home, asks: Asks) -> None:
    """With nobody on duty lists and charts want a PIN; what is somebody's to see is theirs, and no more."""
    known = read_roster(home.config().unit.officers)
    known[OFFICER] = replace(known[OFFICER], role=role)
    alone = replace(asks, roster=Roster(known, now), on_duty=lambda: None)
    for name in ("checks", "debts", "charts", "selftest"):
        values = {"officer": OFFICER, "pin": PIN, "before": 10**6}
        if name in seen:
            assert isinstance(alone.answer(name, values), list | dict)
        else:
            assert refused(alone, name, **values)[1] == 403
        wrong = ("wrong_pin", 403) if name == "selftest" else ("nobody_on_duty", 409)
        assert refused(alone, name, before=10**6) == wrong


def test_unknown_question(asks: Asks) -> None:
    assert refused(asks, "everything") == ("unknown_question", 404)
    assert refused(asks, "__class__") == ("unknown_question", 404)


def test_findings_of_a_unit_at_work(home: Home) -> None:
    """Devices that the unit holds are not opened a second time; what is wrong with them is known."""
    home.edit('card_reader = "none:"', 'card_reader = "serial:///dev/does-not-exist"')
    found = {one["test"]: one for one in findings(home.config(), ("card_reader:gone",))}
    assert set(found) == set(TESTS)
    assert found["card_reader"]["ok"] is False
    assert found["card_reader"]["text"].startswith("card_reader:gone: ")
    assert found["policy"] == {"test": "policy", "ok": True, "text": found["policy"]["text"]}
    assert found["camera"]["ok"]
    assert "consent" in found["camera"]["text"]
    assert {name for name in HELD if found[name]["text"] == "none fitted"} == set(HELD) - {"card_reader"}
    in_order = {one["test"]: one for one in findings(home.config(), ())}
    assert (in_order["card_reader"]["ok"], in_order["card_reader"]["text"]) == (True, "in use, in order")


def test_a_dark_ring_is_found_with_the_co_processor(home: Home) -> None:
    home.edit("[devices]", '[devices]\ncoprocessor = "serial:///dev/does-not-exist"')
    found = {one["test"]: one for one in findings(home.config(), ("light:unseen", "door:no_one_shot"))}
    assert found["coprocessor"]["ok"] is False
    assert found["coprocessor"]["troubles"] == ["light:unseen"]
    assert "shade the lamp" in found["coprocessor"]["text"]


def begun(seconds: float) -> str:
    """The id of a check that began so long ago."""
    at_ms = int((now().timestamp() - seconds) * 1000)
    return str(uuid.UUID(int=at_ms << 80 | uuid.UUID(new_check_id()).int & (1 << 80) - 1))


def test_times_and_causes_outlast_a_restart(home: Home) -> None:
    """From begin to record, by the check's own id; what went wrong, by its record; drills and words of people never."""
    opened = home.outbox()
    face = {"score": 0.1, "threshold": 0.4, "decision": "no_match", "frames": 3, "attempts": 3, "model": MODEL}
    alive = {"decision": "attack", "checks": [], "cause": "screen"}
    for seconds, outcome, more in (
        (10, "refused", {}),
        (16, "unable", {"face": face}),
        (17, "unable", {"face": {**face, "cause": "face_too_dark"}}),
        (18, "unable", {"face": {**face, "decision": "match"}, "liveness": alive}),
        (1000, "refused", {"reason": "in her own words"}),
        (20, "interrupted", {"reason": "timeout:decision", "step_reached": "notice"}),
        (5, "unable", {"drill": True}),
        (200_000, "unable", {}),
    ):
        opened.append({**check_fields(begun(seconds), outcome), **more})
    opened.close()
    opened = home.outbox()
    facts = Asks(opened, Roster((), now), list, on_duty=lambda: THERE).answer("charts", {})
    opened.close()
    assert facts["times"] == [(15, 1), (30, 3), (60, 0), (120, 0), (300, 0), (None, 1)]
    assert [end for end, _ in facts["times"]] == [*BUCKETS_S, None]
    once = ("face_no_match", "face_too_dark", "liveness", "timeout", "unable")
    assert facts["causes"] == [("refused", 2), *((cause, 1) for cause in once)]
    assert cause_of({"outcome": "passed", "face": face}) == ""


def test_misuse_of_the_emergency_is_told(outbox: Outbox, asks: Asks) -> None:
    fields = check_fields(outcome="emergency")
    to = outbox.append(fields)
    assert asks.answer("charts", {})["causes"] == [("emergency", 1)]
    refers = {"seq": to.seq, "sha256": to.sha256}
    said = {"kind": "addendum", "check": fields["check"], "refers_to": refers, "officers": [], "reason": "a mistake"}
    outbox.append({**said, "amends": "mistaken_emergency", "accounts": True})
    assert asks.answer("charts", {})["causes"] == [("mistaken_emergency", 1)]
