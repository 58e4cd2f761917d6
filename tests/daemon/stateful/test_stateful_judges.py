"""The judges of the stateful test find what they are there to find: a judge who never finds anything proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daemon.demo.stage import OFFICERS
from hw.fingerprint.codec import Instruction
from hw.fingerprint.simulated_finger import Finger
from hw.fingerprint.simulator import SimulatedModule
from tests.daemon.stateful import records, views
from tests.daemon.stateful.fingers import Fingers
from tests.daemon.stateful.keys import MISUSES, Keys

FIRST, SECOND = OFFICERS
PASSED: dict[str, Any] = {
    "check": "c-1",
    "seq": 5,
    "outcome": "passed",
    "drill": False,
    "policy": {"id": "jiangxi"},
    "checkpoint": "delivery",
    "document": {"method": "chip"},
    "face": {"decision": "match"},
    "officers": [],
}
MANUAL: dict[str, Any] = {**PASSED, "outcome": "manual", "officers": [{"id": FIRST}, {"id": SECOND}]}
WRONG: dict[str, dict[str, Any]] = {
    "passed without what the policy wants": {**PASSED, "face": {"decision": "no_match"}},
    "decided by too few officers": {**MANUAL, "officers": [{"id": FIRST}]},
    "an officer counted twice": {**MANUAL, "officers": [{"id": FIRST}, {"id": SECOND}, {"id": FIRST}]},
    "a finger compared without consent": {**PASSED, "finger": {"decision": "match"}},
    "emergencies taken for drills": {**PASSED, "outcome": "emergency", "drill": True},
    "signed by who could not be verified": {**MANUAL, "outcome": "unable", "subject_sign": {"by": "subject"}},
}


@pytest.mark.parametrize(
    "record",
    [
        PASSED,
        MANUAL,
        {**PASSED, "finger": {"decision": "not_performed"}},
        {**PASSED, "face": {}, "finger": {"decision": "match", "consent": {}}},
    ],
)
def test_a_good_record(record: dict[str, Any]) -> None:
    assert records.faults_of([record], {"c-1"}, {("c-1", 5, record["outcome"])}) == []


@pytest.mark.parametrize("what", records.WRONG)
def test_a_wrong_record(what: str) -> None:
    (found,) = records.faults_of([WRONG[what]], (), ())
    assert found.startswith(what)


def test_records_that_are_missing_or_double() -> None:
    found = records.faults_of([PASSED, PASSED], {"c-2"}, {("c-1", 6, "passed")})
    assert [one.partition(":")[0] for one in found] == [
        "records of one check",
        "checks without a record",
        "shown as recorded and not there",
    ]


def test_an_officer_who_counts_twice_on_the_screen() -> None:
    view = {"step": "confirm", "decision": {"confirmed": [FIRST, FIRST]}, "document": None, "face": None, "seq": None}
    assert views.faults_of(view, ["not there"]) == ["an officer counts twice, at confirm"]


@pytest.fixture
def fingers() -> Iterator[Fingers]:
    with SimulatedModule() as module:
        yield Fingers(module)


def looked(fingers: Fingers, **finger: bool) -> list[str]:
    """Two looks at a check, a capture in between."""
    view = {"check": "c-1", "step": "finger", "finger": {"consented": False, "enrolling": False, **finger}}
    fingers.judge(view)
    fingers.module.history.append(Instruction.GenImg)
    fingers.judge(view)
    return fingers.faults


def test_a_capture_without_consent(fingers: Fingers) -> None:
    assert looked(fingers, consented=True) == looked(fingers, enrolling=True) == []
    assert looked(fingers) == ["a finger was captured at finger, without consent"]


def test_what_is_not_hers(fingers: Fingers) -> None:
    fingers._slips, fingers._whose = {"anna": ("", "s-1"), "bella": ("", "s-2")}, {"1": "anna"}
    record = {"check": "c-1", "document": {"number": "1"}, "finger": {"decision": "match", "slip": {"consent": "s-1"}}}
    assert fingers.judge_records([record]) == ["another one's finger matched: c-1"], "she has laid none"
    fingers.lay("anna")
    assert fingers.judge_records([record]) == []
    record["finger"] = {"decision": "match", "slip": {"consent": "s-2"}}
    assert fingers.judge_records([record]) == ["another one's finger matched: c-1"]


def test_a_template_that_stays(fingers: Fingers) -> None:
    fingers._slips = {"anna": ("", "s-1")}
    assert not fingers.left
    fingers.module.buffers[2] = Finger("anna", quality=50).template(512)
    assert fingers.left


class TrustingPage:
    """A unit that takes everything; ``statement`` is another one each time it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def wait(self, _what: str, _condition: object) -> dict[str, Any]:
        self.looks += 1
        return {"decision": {"challenge": f"c{self.looks}", "statement": f"s{self.looks}"}}

    def _request(self, _method: str, _path: str, _body: bytes) -> bytes:
        return b'{"challenge": "c", "statement": "s"}'


def test_a_unit_that_takes_every_key() -> None:
    page: Any = TrustingPage()
    keys = Keys(lambda _name, **_values: 202, lambda: page, "http://localhost")
    for how in MISUSES:
        keys.misuse(how)
        keys.misuse(how)
        assert keys.faults, how
        keys.faults.clear()
    keys.prepared("log_in")
    assert keys.faults == ["log_in was taken: what was sent before"]
