"""The table: every combination of four answers, what must hold for all of them."""

from __future__ import annotations

import json
from itertools import product

import pytest

from models.liveness.fusion import BESIDE, TABLE, Check, LivenessPolicy, fits, fuse, next_check
from models.liveness.result import CheckResult, Decision, not_performed

ALL = LivenessPolicy(thermal=True)
LIVE, ATTACK, UNSURE, NOT = Decision.LIVE, Decision.ATTACK, Decision.UNSURE, Decision.NOT_PERFORMED


LOOKS = (Check.PASSIVE, Check.LIGHT, Check.MOTION, Check.THERMAL)


def results(*decisions: Decision) -> list[CheckResult]:
    return [CheckResult(check, decision, ("why",)) for check, decision in zip(LOOKS, decisions, strict=True)]


EVERY = list(product(Decision, repeat=4))


@pytest.mark.parametrize("decisions", EVERY)
def test_for_every_combination(decisions: tuple[Decision, ...]) -> None:
    passive, light, motion, _ = decisions
    finding = fuse(ALL, results(*decisions))
    if ATTACK in (light, motion):
        assert finding.decision is ATTACK
    if finding.decision is LIVE:
        assert passive is not ATTACK or (light, motion) == (LIVE, LIVE), "only both challenges outweigh the network"
        assert LIVE in (light, motion), "a passive network alone never suffices"
        assert (passive, light, motion).count(LIVE) >= 2 or passive is NOT
    if finding.decision is ATTACK:
        assert ATTACK in (light, motion), "neither a passive network alone nor warmth refuses anybody"
    assert (finding.decision is NOT) == (decisions[:3] == (NOT, NOT, NOT))
    assert finding.decision is LIVE or finding.reasons
    json.dumps(finding.to_dict(), allow_nan=False)


@pytest.mark.parametrize("decisions", [one for one in EVERY if one[3] is NOT])
def test_warmth_never_decides(decisions: tuple[Decision, ...]) -> None:
    """It is evidence: no reading changes the finding, and every one stays in the record."""
    without = fuse(ALL, results(*decisions))
    for thermal in Decision:
        finding = fuse(ALL, results(*decisions[:3], thermal))
        assert (finding.decision, finding.reasons) == (without.decision, without.reasons)
        assert CheckResult(Check.THERMAL, thermal, ("why",)) in finding.checks


def test_where_warmth_is_missing_a_movement_is_asked_for_while_one_is_possible() -> None:
    """Once it is forbidden, skipped or tried without success she is as live as where no sensor is fitted."""
    done = [CheckResult("passive", LIVE), CheckResult("thermal", UNSURE, ("not_warmer",)), CheckResult("light", LIVE)]
    still = CheckResult("motion", UNSURE, ("no_movement",))
    skipped = not_performed("motion", "skipped_by_officer")
    without_motion = LivenessPolicy(thermal=True, motion=False)
    assert [next_check(ALL, rest) for rest in (done, [*done, still])] == [Check.MOTION, Check.MOTION]
    ends = ((without_motion, done), (ALL, [*done, skipped]), (ALL, [*done, still, still]))
    for policy, rest in ends:
        assert next_check(policy, rest) is None
        assert fuse(policy, rest).decision is LIVE
    assert next_check(LivenessPolicy(), done) is None, "a reading that the policy forbids asks for nothing"
    assert fuse(ALL, [*done, CheckResult("motion", ATTACK, ("moves_as_plane",))]).decision is ATTACK


def test_every_row_is_needed_and_the_last_one_catches_all() -> None:
    used = set()
    for decisions in EVERY:
        counted = dict(zip(LOOKS, results(*decisions), strict=True))
        used.add(next(number for number, row in enumerate(TABLE) if fits(row, counted)))
    assert used == set(range(len(TABLE)))


def test_a_policy_may_forbid_the_light_and_an_officer_skip_it() -> None:
    policy = LivenessPolicy(light=False)
    done = [CheckResult("passive", LIVE), CheckResult("light", ATTACK, ("flat_response",))]
    assert fuse(policy, done).decision is UNSURE
    assert next_check(policy, done) is Check.MOTION
    assert fuse(policy, [*done, CheckResult("motion", LIVE)]).decision is LIVE
    skipped = [CheckResult("passive", LIVE), not_performed("light", "skipped_by_officer")]
    assert fuse(LivenessPolicy(), skipped).reasons == ("light:skipped_by_officer", "motion:not_asked")


def test_what_comes_next() -> None:
    policy = LivenessPolicy(thermal=True)
    done: list[CheckResult] = []
    asked = []
    while (check := next_check(policy, done)) is not None:
        asked.append(check)
        done.append(CheckResult(check, UNSURE, ("why",)))
        if check is Check.PASSIVE:
            done[-1] = CheckResult(check, LIVE)
    assert asked == [Check.PASSIVE, Check.THERMAL, Check.LIGHT, Check.MOTION, Check.MOTION]
    live = [CheckResult("passive", LIVE), CheckResult("thermal", LIVE), CheckResult("light", LIVE)]
    assert next_check(policy, live) is None
    attack = [
        CheckResult("passive", LIVE),
        CheckResult("thermal", LIVE),
        CheckResult("light", ATTACK, ("no_response",)),
    ]
    assert next_check(policy, attack) is None


def test_the_last_try_counts_and_all_are_kept() -> None:
    done = [CheckResult("light", LIVE), CheckResult("passive", UNSURE), CheckResult("motion", UNSURE, ("no_movement",))]
    assert fuse(LivenessPolicy(), done).decision is UNSURE
    finding = fuse(LivenessPolicy(), [*done, CheckResult("motion", LIVE)])
    assert finding.decision is LIVE
    assert [check.name for check in finding.checks] == ["light", "passive", "motion", "motion"]


def test_nothing_done_is_not_performed() -> None:
    finding = fuse(LivenessPolicy(), [])
    assert finding.decision is NOT
    assert {check.name for check in finding.checks} == {"passive", "light", "motion"}


def test_an_unknown_check_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="aura"):
        fuse(LivenessPolicy(), [CheckResult("aura", LIVE)])


@pytest.mark.parametrize("decisions", [one for one in EVERY if one[3] is NOT])
@pytest.mark.parametrize("check", BESIDE)
def test_frames_and_a_changed_face_only_speak_against(decisions: tuple[Decision, ...], check: Check) -> None:
    without = fuse(ALL, results(*decisions)).decision
    for beside in Decision:
        finding = fuse(ALL, [*results(*decisions), CheckResult(check, beside, ("why",))])
        assert finding.decision is without or finding.decision in (ATTACK, UNSURE)
        assert finding.decision is not LIVE or beside not in (ATTACK, UNSURE)
        if beside is ATTACK:
            assert finding.decision is ATTACK
        if finding.decision is not without:
            assert finding.reasons == (f"{check}:why",)


@pytest.mark.parametrize("light", [LIVE, UNSURE, NOT])
def test_whom_the_network_suspects_is_asked_to_move(light: Decision) -> None:
    """Alone it refuses nobody, so that the movement tells: with the light it is live, without it a person looks."""
    done = [CheckResult("passive", ATTACK, ("looks_recaptured",)), CheckResult("light", light, ("why",))]
    finding = fuse(LivenessPolicy(), done)
    assert (finding.decision, finding.reasons[0]) == (UNSURE, "passive:looks_recaptured")
    assert next_check(LivenessPolicy(), done) is Check.MOTION
    assert next_check(LivenessPolicy(motion=False), done) is None
    plane = CheckResult("motion", ATTACK, ("moves_as_plane",))
    assert fuse(LivenessPolicy(), [*done, plane]).reasons == ("motion:moves_as_plane",)
    moved = [*done, CheckResult("motion", LIVE)]
    assert next_check(LivenessPolicy(), moved) is None
    assert fuse(LivenessPolicy(), moved).decision is (LIVE if light is LIVE else UNSURE)


@pytest.mark.parametrize("beside", [ATTACK, UNSURE])
def test_whom_the_network_suspects_is_not_asked_to_move_before_a_camera_that_lies(beside: Decision) -> None:
    done = [CheckResult("passive", ATTACK, ("why",)), CheckResult("light", LIVE), CheckResult("frames", beside)]
    assert next_check(LivenessPolicy(), done) is None


def test_nobody_is_asked_to_move_where_no_answer_would_help() -> None:
    for passive, light in ((UNSURE, UNSURE), (NOT, NOT)):
        done = [CheckResult("passive", passive, ("why",)), CheckResult("light", light, ("why",))]
        assert next_check(LivenessPolicy(), done) is None, (passive, light)
