"""What staff may ask: lists, figures, the self-test; and who may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from daemon.check_id import new_check_id
from daemon.events import Begin
from daemon.kiosk.asks import Asks
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.service import HELD, findings
from daemon.kiosk.tally import BUCKETS_S, Tally
from daemon.officers import Roster, read_roster
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.selftest import TESTS
from daemon.state import State, Step
from daemon.tries import TRIES
from evidence.record import Outcome
from tests.daemon.support import PINS, Home, check_fields, now

OFFICER, PIN = next(iter(PINS.items()))
POLICY = load_policy("neutral")


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


@pytest.fixture
def asks(home: Home, outbox: Outbox) -> Asks:
    roster = Roster(read_roster(home.config().unit.officers), now)
    return Asks(outbox, Tally(lambda: 0.0), roster, lambda: [{"test": "clock", "ok": True, "text": "fine"}])


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


def test_selftest_is_for_who_has_a_pin(asks: Asks) -> None:
    assert asks.answer("selftest", {"officer": OFFICER, "pin": PIN})[0]["test"] == "clock"
    assert refused(asks, "selftest") == ("wrong_pin", 403)
    assert refused(asks, "selftest", officer=5, pin=PIN) == ("pin_is_missing", 400)
    for _ in range(TRIES):
        assert refused(asks, "selftest", officer=OFFICER, pin="0") == ("wrong_pin", 403)
    assert refused(asks, "selftest", officer=OFFICER, pin=PIN) == ("locked", 403)


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


class Played:
    """A tally that is shown checks; the clock is the test's."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.tally = Tally(lambda: self.at_s)

    def check(self, outcome: Outcome, seconds: float, trouble: str | None = None, *, drill: bool = False) -> None:
        state = State(POLICY, Step.NOTICE, begin=Begin(new_check_id(), "delivery", "V-1", "typed", drill=drill))
        self.tally.see(state)
        self.tally.see(replace(state, step=Step.DECISION, trouble=trouble))
        self.at_s += seconds
        for step in (Step.SIGN, Step.SEALING, Step.DONE):
            self.tally.see(replace(state, step=step, outcome=outcome))
        self.tally.see(State(POLICY))


def test_tally_groups_times_and_counts_causes() -> None:
    played = Played()
    played.check(Outcome.PASSED, 10, "face_blurred")
    played.check(Outcome.FAILED, 15, "face_no_match")
    played.check(Outcome.FAILED, 16, "face_no_match")
    played.check(Outcome.REFUSED, 1000)
    played.check(Outcome.UNABLE, 5, "device_lost:camera")
    played.check(Outcome.FAILED, 5, "face_no_match", drill=True)
    facts = played.tally.to_dict()
    assert facts["times"] == [[15, 3], [30, 1], [60, 0], [120, 0], [300, 0], [None, 1]]
    assert [end for end, _ in facts["times"]] == [*BUCKETS_S, None]
    assert facts["causes"] == [["face_no_match", 2], ["refused", 1], ["device_lost", 1]]
