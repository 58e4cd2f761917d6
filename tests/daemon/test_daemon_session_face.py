"""What a look at her does to a check: single steps that the exploration does not look at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon import record_fields
from daemon.policy import load_policy
from daemon.policy.words import Liveness
from daemon.state import State, Step
from evidence.record import Outcome
from tests.daemon.session_alphabet import EXPIRES, HASH, finding
from tests.daemon.session_play import BEGIN, CONSENT, POLICY, card, confirmation, face, play, seal

PASSPORT = ev.DocumentEntered(ev.Document({"type": "passport", "method": "typed"}, (), {}, HASH))


def test_who_is_not_her_is_looked_at_again_and_then_a_person_decides() -> None:
    """A helper may have been nearer."""
    state, effects = play(BEGIN, CONSENT, card(), face("no_match"))
    assert (state.step, state.trouble, effects) == (Step.FACE, "face_not_hers", (ef.CompareFace(), ef.StartTimer()))
    state, _ = play(face("no_match"), state=state)
    assert (state.step, state.trouble) == (Step.FACE, "face_not_hers")
    state, _ = play(face("no_match"), state=state)
    assert (state.step, state.trouble) == (Step.DECISION, "face_no_match")


def test_an_attack_is_not_tried_again_and_stands_in_the_record() -> None:
    state, effects = play(BEGIN, CONSENT, card(), face("no_match", "attack"))
    assert (state.step, state.trouble) == (Step.DECISION, "liveness:replay")
    assert ef.CompareFace() not in effects
    state, _ = play(ev.Proposed(Outcome.FAILED, "a print", EXPIRES), state=state)
    _, effects = play(confirmation(state, "o-1"), state=state)
    assert seal(effects).fields["liveness"] == {"decision": "attack", "checks": [], "cause": "replay"}


def test_an_attack_counts_whatever_was_seen_after_it() -> None:
    """No look follows one; should one ever, it cannot wash it away."""
    looks = (finding("no_match", "attack"), finding("match", "live"))
    state = replace(play(BEGIN, CONSENT, card())[0], faces=looks)
    assert state.attacked
    assert (state.against_the_face, state.matched) == ("liveness:replay", False)


@pytest.mark.parametrize("instead", [PASSPORT, ev.CheckedElsewhere("ganfutong", "G-1")], ids=["passport", "app"])
def test_an_attack_stands_in_the_record_whatever_is_shown_after_it(instead: ev.Event) -> None:
    """What was compared with her card does not stand beside another document; who held up a print did all the same."""
    policy = replace(load_policy("jiangxi"), signatures=())
    state, _ = play(BEGIN, CONSENT, card(), face("match", "attack"), instead, state=State(policy))
    state, _ = play(ev.Proposed(Outcome.MANUAL, "seen by two", EXPIRES), state=state)
    state, _ = play(confirmation(state, "o-1"), state=state)
    _, effects = play(confirmation(state, "o-2"), state=state)
    fields = seal(effects).fields
    assert fields["liveness"] == {"decision": "attack", "checks": [], "cause": "replay"}
    assert "face" not in fields


def test_what_was_compared_with_her_card_does_not_stand_beside_a_passport() -> None:
    state, _ = play(BEGIN, CONSENT, card(), face("match", "unsure"), PASSPORT)
    assert {"face", "liveness"}.isdisjoint(record_fields.check(state, Outcome.UNABLE, None))


@pytest.mark.parametrize(
    "cut",
    [ev.Declined("refuse"), ev.TimedOut("check-1", "face"), ev.DeviceLost("check-1", "camera")],
    ids=["refused", "timed out", "camera lost"],
)
def test_a_look_that_is_cut_short_is_not_begun_anew(cut: ev.Event) -> None:
    """Who sees that the light did not let him through cannot draw another one."""
    state, _ = play(BEGIN, CONSENT, card(), cut)
    after, effects = play(ev.ReadAgain(), state=state)
    assert (state.step, after.trouble, effects) == (Step.DECISION, "read_again_not_open", ())


def test_a_face_that_cannot_be_used_is_a_finding_and_people_go_on() -> None:
    """An oxygen mask: she was told what is in the way while she was looked at, and is not asked again."""
    state, effects = play(BEGIN, CONSENT, card(), face("not_comparable"))
    assert (state.step, state.trouble) == (Step.DECISION, "no_face")
    assert ef.CompareFace() not in effects
    state, _ = play(ev.Proposed(Outcome.UNABLE, "oxygen mask", EXPIRES), state=state)
    assert state.step is Step.CONFIRM


def test_match_that_nobody_can_say_is_alive_is_no_pass_where_the_policy_wants_it() -> None:
    policy = replace(POLICY, liveness=Liveness.REQUIRED)
    state, _ = play(BEGIN, CONSENT, card(), face("match"), state=State(policy))
    assert (state.step, state.trouble) == (Step.DECISION, "liveness_missing")
    state, _ = play(ev.Proposed(Outcome.PASSED, "looks right", EXPIRES), state=state)
    assert (state.step, state.trouble) == (Step.DECISION, "outcome_not_open")


def test_what_an_officer_left_out_stays_so_when_her_card_comes_late() -> None:
    """Coloured light is not shown to whom an officer has spared it, and the record says who did."""
    left_out = fa.ChallengeSkipped("light", "o-1", "officer", "epilepsy")
    state, effects = play(BEGIN, CONSENT, left_out, ev.TimedOut("check-1", "card"), ev.ReadAgain())
    order = [one for one in effects if isinstance(one, ef.OpenCamera | ef.SkipChallenge)]
    assert order[-2:] == [ef.OpenCamera(), ef.SkipChallenge("light")], "a camera that is opened leaves nothing out"
    refused, _ = play(BEGIN, CONSENT, left_out, ev.Declined("refuse"))
    again, effects = play(ev.ReadAgain(), CONSENT, state=refused)
    assert ef.SkipChallenge("light") in effects
    for one in (state, again):
        passed, _ = play(card(), face("match"), state=one)
        told = record_fields.check(passed, Outcome.PASSED, None)["liveness"]["skipped"]
        assert [(each["challenge"], each["officer"]) for each in told] == [("light", "o-1")]
