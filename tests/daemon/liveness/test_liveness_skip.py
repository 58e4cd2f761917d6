"""An officer leaves a challenge out: only with a PIN, only where the policy allows it, and the record says who."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon import events as ev
from daemon import face_events as fa
from daemon.effects import SealRecord, SkipChallenge
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.touches import Touches
from daemon.liveness.inspection import SKIPPED
from daemon.officers import Roster, read_roster
from daemon.policy import Policy, load_policy
from daemon.session import step
from daemon.state import State, Step
from evidence.record import Outcome
from tests.daemon.session_alphabet import EXPIRES, document
from tests.daemon.support import PINS, Home, now

POLICY = replace(load_policy("neutral"), signatures=())
STRICT = replace(POLICY, challenges=replace(POLICY.challenges, officer_may_skip=False))
OFFICER, PIN = next(iter(PINS.items()))
ASKED = {"challenge": "light", "officer": OFFICER, "pin": PIN, "reason": "she cannot bear the light"}


def touches(home: Home, policy: Policy = POLICY) -> Touches:
    roster = Roster(read_roster(home.config().unit.officers), now)
    return Touches(policy, "delivery", roster, lambda: State(policy), now, lambda _: None)


def test_an_officer_with_a_pin_may(home: Home) -> None:
    event = touches(home).event("skip_challenge", ASKED)
    assert event == fa.ChallengeSkipped("light", OFFICER, "officer", ASKED["reason"])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"pin": "000000"}, "wrong_pin"),
        ({"reason": " "}, "reason_is_missing"),
        ({"reason": "E12345678", "pin": "000000"}, "reason_has_document_number"),
        ({"challenge": "thermal"}, "challenge_must_be_one_of:light,motion"),
        ({"challenge": "card"}, "challenge_must_be_one_of:light,motion"),
    ],
)
def test_nobody_else_and_nothing_else(home: Home, change: dict[str, str], cause: str) -> None:
    with pytest.raises(TouchRefused, match=f"^{cause}$"):
        touches(home).event("skip_challenge", ASKED | change)


@pytest.mark.parametrize(
    ("role", "cause"),
    [
        ("inspector", "inspector_reads_only"),
        ("engineer", "engineer_self_test_only"),
        ("cleaner", "role_decides_nothing"),
    ],
)
def test_only_who_may_decide_leaves_one_out(home: Home, role: str, cause: str) -> None:
    officers = read_roster(home.config().unit.officers)
    officers[OFFICER] = replace(officers[OFFICER], role=role)
    only = replace(touches(home), roster=Roster(officers, now))
    with pytest.raises(TouchRefused, match=f"^{cause}$"):
        only.event("skip_challenge", ASKED)


def test_a_policy_may_forbid_it(home: Home) -> None:
    with pytest.raises(TouchRefused, match="challenge_not_skippable"):
        touches(home, STRICT).event("skip_challenge", ASKED)
    state, effects = step(at_the_face(STRICT), SKIP)
    assert (state.trouble, state.skipped, effects) == ("challenge_not_skippable", (), ())


def test_what_asks_nothing_of_her_is_not_left_out() -> None:
    state, effects = step(at_the_face(POLICY), replace(SKIP, challenge="thermal"))
    assert (state.trouble, state.skipped, effects) == ("challenge_not_skippable", (), ())


SAID = [{"challenge": "light", "officer": OFFICER, "role": "officer", "reason": "why", "attested_by": "unit"}]
SKIP = fa.ChallengeSkipped("light", OFFICER, "officer", "why")


def at_the_face(policy: Policy) -> State:
    state = State(policy)
    for event in (
        ev.Begin("c", "delivery", "V-1", "typed"),
        ev.Consented("2026-11-21T08:00:00.000Z"),
        ev.CardRead("c", document(), photo=True),
    ):
        state, _ = step(state, event)
    assert state.step is Step.FACE
    return state


def test_the_record_says_who_left_it_out_and_why() -> None:
    state, effects = step(at_the_face(POLICY), SKIP)
    assert effects == (SkipChallenge("light"),)
    checks = ({"name": "light", "decision": "not_performed", "reasons": [SKIPPED], "evidence": {}},)
    hashes = {"detector": "ab" * 32, "embedding": "ab" * 32}
    finding = fa.FaceFinding("match", 0.5, 0.4, 3, hashes, None, fa.Liveness("live", checks))
    state, effects = step(state, fa.FaceCompared("c", finding))
    record = next(one for one in effects if isinstance(one, SealRecord))
    assert record.fields["liveness"]["checks"] == [dict(checks[0])]
    assert record.fields["liveness"]["skipped"] == SAID


@pytest.mark.parametrize("end", [ev.DeviceLost("c", "camera"), ev.TimedOut("c", Step.FACE), ev.Declined("refuse")])
def test_the_record_says_it_where_it_came_to_no_look_at_her_too(end: ev.Event) -> None:
    state, _ = step(at_the_face(POLICY), SKIP)
    state, _ = step(state, end)
    state, _ = step(state, ev.Proposed(Outcome.UNABLE, "why", EXPIRES))
    assert state.statement is not None
    for officer in ("o-1", "o-2"):
        confirmation = ev.Confirmation(officer, "officer", "pin", state.statement.sha256)
        state, effects = step(state, ev.Confirmed(confirmation))
    fields = next(one for one in effects if isinstance(one, SealRecord)).fields
    assert fields["liveness"] == {"decision": "not_performed", "checks": [], "skipped": SAID}
    assert "face" not in fields
