"""The state machine holds its invariants in every reachable state, and the invariants notice a broken table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from daemon import desk, finger_moves, moves, session
from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon import finger_events as fe
from daemon.moves import Result
from daemon.policy import Policy, load_policy, shipped_names
from daemon.policy.words import Factor, Liveness
from daemon.state import State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome
from tests.daemon.session_alphabet import DUTY, EXPIRES, NOTED, SHIFTS, Make, alphabet, drills, small_alphabet
from tests.daemon.session_exploration import explore, unmerged
from tests.daemon.session_invariants import Violation

NEUTRAL = load_policy("neutral")
PACKS = {name: load_policy(name) for name in shipped_names()}
ONCE = replace(NEUTRAL, retries=1)
BARE = replace(ONCE, signatures=())
POLICIES = {
    **PACKS,
    "no retry, no signature": replace(BARE, retries=0),
    "liveness required": replace(BARE, liveness=Liveness.REQUIRED),
    "finger beside the face": replace(BARE, factors=(Factor.CARD, Factor.FACE, Factor.FINGER)),
    "card and finger": replace(BARE, factors=(Factor.CARD, Factor.FINGER)),
    "face or finger": replace(PACKS["jiangxi"], liveness=Liveness.WHEN_FITTED, signatures=(), retries=1),
    "two for all": replace(BARE, officers=replace(NEUTRAL.officers, passed=2, failed=2, refused=2, device_fault=2)),
}
Table = dict[tuple[Step, type], Any]


def _unused(policy: Policy) -> set[Step]:
    """Steps that a policy does without."""
    biometrics = {one for checkpoint in policy.checkpoints for one in policy.biometrics_for(checkpoint.id)}
    steps = {Factor.FACE: Step.FACE, Factor.FINGER: Step.FINGER}
    never_signs = set() if policy.signatures else {Step.SIGN}
    never_enrols = set() if any(policy.enrols_finger(one.id) for one in policy.checkpoints) else {Step.ENROL}
    return {step for factor, step in steps.items() if factor not in biometrics} | never_signs | never_enrols


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
def test_every_reachable_state(policy: Policy) -> None:
    found = explore(policy)
    sys.stdout.write(f"{found.states} states, {found.steps} (state, event) pairs\n")
    assert found.states > 100, f"only {found.states} states were reached: the alphabet no longer drives the machine"
    assert found.steps == found.states * len(alphabet(policy))
    assert {now.active.step for now in found.example.values()} == set(Step) - _unused(policy)


def test_every_reachable_state_with_parked_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_PARKED", 2)
    found = explore(NEUTRAL, small_alphabet(NEUTRAL), keep_parked=True)
    sys.stdout.write(f"{found.states} states with up to two parked checks, {found.steps} (state, event) pairs\n")
    assert {len(now.parked) for now in found.example.values()} == {0, 1, 2}


def test_every_reachable_state_while_officers_come_and_go() -> None:
    policy = replace(NEUTRAL, retries=0)
    found = explore(policy, {**alphabet(policy), **SHIFTS}, on_duty=None)
    sys.stdout.write(f"{found.states} states with shifts, {found.steps} (state, event) pairs\n")
    missing = [now for now in found.example.values() if now.active.trouble == "nobody_on_duty"]
    assert missing
    after, _ = desk.step(missing[0], ev.ShiftChanged(DUTY, NOTED))
    assert after.active.outcome is Outcome.PASSED, "the check goes on when only a name was missing"


def test_every_reachable_state_of_drills() -> None:
    """Beside real checks: what is a drill's stays a drill's, and an emergency is never one."""
    policy = replace(NEUTRAL, retries=0)
    found = explore(policy, drills(policy))
    sys.stdout.write(f"{found.states} states with drills, {found.steps} (state, event) pairs\n")
    drilled = {now.active.step for now in found.example.values() if now.active.begin and now.active.begin.drill}
    assert drilled == set(Step) - _unused(policy) - {Step.IDLE, Step.NOTING}


MERGED = {"face": replace(BARE, retries=2), "finger": replace(POLICIES["card and finger"], retries=2)}


@pytest.mark.parametrize("policy", MERGED.values(), ids=list(MERGED))
def test_merged_states_have_one_future(policy: Policy) -> None:
    """Told apart, they break no invariant either, and lead to the same."""
    found = explore(policy, _without_kin(alphabet(policy)), key=unmerged)
    futures: dict[Any, set[frozenset[Any]]] = {}
    for here, nexts in found.edges.items():
        futures.setdefault(_coarse(here), set()).add(frozenset(_coarse(there) for there in nexts))
    sys.stdout.write(f"{found.states} states told apart, {len(futures)} merged\n")
    assert found.states > 2 * len(futures)
    assert [here for here, nexts in futures.items() if len(nexts) > 1] == []


def _without_kin(events: dict[str, Make]) -> dict[str, Make]:
    """Two outcomes stand for those that officers choose among, a guardian for delegates; what comes late is ignored."""
    chosen = {f"proposed {one}" for one in Outcome} - {"proposed passed", "proposed unable"}
    chosen |= {name for name in events if name.endswith((" spouse", " stranger"))}
    return {name: make for name, make in events.items() if name not in chosen and not name.startswith("late ")}


def _coarse(key: Any) -> Any:
    return key[0]


def _without(*rows: tuple[Step, type]) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        for row in rows:
            del table[row]

    return change


def _with(where: Step, event: type, handler: Callable[[State, Any], Result]) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        table[where, event] = handler

    return change


def _more(*effects: ef.Effect) -> Callable[[Result], Result]:
    return lambda result: (result[0], (*result[1], *effects))


def _less(*kinds: type) -> Callable[[Result], Result]:
    return lambda result: (result[0], tuple(one for one in result[1] if type(one) not in kinds))


def _after(where: Step, event: type, change: Callable[[Result], Result]) -> Callable[[Table], None]:
    handler = session.TABLE[where, event]
    return _with(where, event, lambda state, happened: change(handler(state, happened)))


def _child_consents(state: State, event: ev.CardRead) -> Result:
    assert state.consent is not None
    guardian = replace(state.consent, by="delegate", relation="guardian")
    after, effects = moves.card_read(replace(state, consent=guardian), event)
    return replace(after, consent=state.consent), effects


def _unrelated(state: State, event: ev.Consented) -> Result:
    after, effects = moves.consent(state, replace(event, by="subject"))
    return replace(after, consent=replace(event, relation="self")), effects


def _anybodys_finger(state: State, event: fe.FingerConsented) -> Result:
    guardian = fe.FingerConsented(replace(event.consent, by="delegate", relation="guardian"))
    after, effects = finger_moves.consented(state, guardian)
    return replace(after, finger_consent=event.consent if after.finger_consent else None), effects


def _signs_unasked(by: str) -> Callable[[Table], None]:
    def signed(state: State, event: ev.Signed) -> Result:
        if event.signature.by != by:
            return moves.signed(state, event)
        return moves.signed_later(replace(state, signature=event.signature), ev.SignedLater())

    return _with(Step.SIGN, ev.Signed, signed)


def _any_face_passes(state: State, event: fa.FaceCompared) -> Result:
    return moves.seal(replace(state, faces=(*state.faces, event.finding)), Outcome.PASSED)


def _anybody_twice(state: State, event: ev.Confirmed) -> Result:
    assert state.statement is not None
    confirmations = (*state.confirmations, event.confirmation)
    after = replace(state, confirmations=confirmations)
    if len(confirmations) < state.officers_needed:
        return after, ()
    return moves.seal(after, state.statement.outcome, state.statement.reason)


def _face_is_enough(state: State, event: fa.FaceCompared) -> Result:
    after = replace(state, faces=(*state.faces, event.finding))
    return moves.seal(after, Outcome.PASSED) if after.matched else moves.face_compared(state, event)


def _emergency_forgets_the_decision(state: State, event: ev.Emergency) -> Result:
    return moves.emergency(replace(state, step=Step.DECISION), event)


def _one_is_enough(state: State, event: ev.Confirmed) -> Result:
    assert state.statement is not None
    after = replace(state, confirmations=(event.confirmation,))
    return moves.seal(after, state.statement.outcome, state.statement.reason)


def _keeps_the_face(state: State, event: ev.DocumentEntered) -> Result:
    after, effects = moves.document_entered(state, event)
    return replace(after, faces=state.faces, fingers=state.fingers), effects


def _any_app_passes(state: State, event: ev.CheckedElsewhere) -> Result:
    statement = DecisionStatement(state.check or "", None, Outcome.PASSED, "why", EXPIRES)
    return moves.seal(replace(state, elsewhere=event, statement=statement), Outcome.PASSED)


def _second_record(state: State, _event: ev.Emergency) -> Result:
    sealing, effects = moves.seal(state, Outcome.EMERGENCY)
    return sealing, (ef.ReleaseDoor(), *effects)


def _more_tries(state: State, event: fa.FaceCompared) -> Result:
    patient = replace(state.policy, retries=state.policy.retries + 1)
    after, effects = moves.face_compared(replace(state, policy=patient), event)
    return replace(after, policy=state.policy), effects


def _entered_and_tried_anew(state: State, event: ev.ReadAgain) -> Result:
    return moves.read_again(replace(state, document=None), event)


def _asked_once(state: State, event: ev.ReadAgain) -> Result:
    return moves.read_again(replace(state, takes_back=False), event)


def _refusal_unheard(state: State, event: ev.Declined) -> Result:
    return (state, ()) if event.wish == "refuse" else moves.decline(state, event)


def _alerts_nobody(result: Result) -> Result:
    return result[0], tuple(replace(one, alert=False) if isinstance(one, ef.SealRecord) else one for one in result[1])


def _at_the_end(change: Callable[[Result], Result]) -> Callable[[Table], None]:
    """Whatever ends a check on the screen."""

    def every(table: Table) -> None:
        for where, event in ((Step.DONE, ev.Closed), (Step.DONE, ev.TimedOut), (Step.NOTING, ev.Sealed)):
            _after(where, event, change)(table)

    return every


def _the_next_inherits(state: State, event: ev.Begin) -> Result:
    after, effects = moves.begin(state, event)
    return replace(after, document=state.document, faces=state.faces, consent=state.consent), effects


def _emergency_in_a_drill(state: State, _event: ev.Emergency) -> Result:
    """As it was: the drill's own record is the emergency's, a drill's."""
    sealing, effects = moves.seal(replace(state, statement=None, confirmations=()), Outcome.EMERGENCY)
    return sealing, (ef.ReleaseDoor(), *effects)


def _drill_lets_in(state: State, event: ev.Sealed) -> Result:
    after, effects = moves.sealed(state, event)
    return after, (ef.ReleaseDoor(), *effects) if state.outcome is Outcome.PASSED else effects


MUTATIONS: dict[str, tuple[str, Callable[[Table], None]]] = {
    "no emergency while officers confirm": (
        "an emergency opens the door in its own step",
        _without((Step.CONFIRM, ev.Emergency)),
    ),
    "the door waits for the record": (
        "an emergency opens the door in its own step",
        _after(Step.CARD, ev.Emergency, _less(ef.ReleaseDoor)),
    ),
    "an emergency without a record": (
        "an emergency leads to one record",
        _with(Step.DONE, ev.Emergency, lambda state, _: (state, (ef.ReleaseDoor(),))),
    ),
    "a second emergency writes a second record": (
        "an emergency leads to one record",
        _with(Step.SEALING, ev.Emergency, _second_record),
    ),
    "a hand that trembles writes a second record": (
        "an emergency leads to one record",
        _with(Step.DONE, ev.Emergency, lambda state, event: moves.emergency(state, replace(event, again=False))),
    ),
    "the camera warms up during the notice": (
        "nothing of the body before consent",
        _after(Step.IDLE, ev.Begin, _more(ef.OpenCamera())),
    ),
    "the camera stays on": (
        "the camera runs only while it is needed",
        _after(Step.FACE, ev.TimedOut, _less(ef.StopDevices)),
    ),
    "any face passes": ("a pass has a living face", _with(Step.FACE, fa.FaceCompared, _any_face_passes)),
    "nobody looks at the document": (
        "a pass has a sound document or an officer",
        _with(Step.FACE, fa.FaceCompared, _face_is_enough),
    ),
    "what she was signing is gone": (
        "what was decided before an emergency stands",
        _with(Step.SIGN, ev.Emergency, _emergency_forgets_the_decision),
    ),
    "no way on without her face": ("the other way is one touch away", _without((Step.FACE, ev.Declined))),
    "an officer counts twice": ("nobody is both officers", _with(Step.CONFIRM, ev.Confirmed, _anybody_twice)),
    "one officer is enough": ("officers decide", _with(Step.CONFIRM, ev.Confirmed, _one_is_enough)),
    "leaving while the record is written": ("one check record per check", _with(Step.SEALING, ev.Left, moves.left)),
    "the record never comes": ("an emergency ends in one action", _without((Step.SEALING, ev.Sealed))),
    "the result stays for ever": (
        "idle can be reached",
        _without((Step.DONE, ev.Closed), (Step.DONE, ev.TimedOut), (Step.NOTING, ev.Sealed)),
    ),
    "nobody watches the clock": (
        "somebody is asked in the end",
        _after(Step.NOTICE, ev.Consented, _less(ef.StartTimer)),
    ),
    "no journal": ("a check under way is in the journal", _after(Step.IDLE, ev.Begin, _less(ef.Journal))),
    "a passport takes over the face of a card": (
        "no match beside a document without a chip",
        _with(Step.DECISION, ev.DocumentEntered, _keeps_the_face),
    ),
    "an app's word is a pass": (
        "no match beside a check done elsewhere",
        _with(Step.DECISION, ev.CheckedElsewhere, _any_app_passes),
    ),
    "the door opens for all": (
        "the door opens for a pass or an emergency only",
        _after(Step.SEALING, ev.Sealed, _more(ef.ReleaseDoor())),
    ),
    "one more try of her face": ("no more tries than the policy's", _with(Step.FACE, fa.FaceCompared, _more_tries)),
    "three new tries behind an entered document": (
        "no more tries than the policy's",
        _with(Step.DECISION, ev.ReadAgain, _entered_and_tried_anew),
    ),
    "who refused is not asked again": (
        "nothing of the body before consent",
        _with(Step.DECISION, ev.ReadAgain, _asked_once),
    ),
    "a refusal is not heard": ("a refusal stops reading", _with(Step.FACE, ev.Declined, _refusal_unheard)),
    "the door stays open behind her": ("idle holds the door", _at_the_end(_less(ef.LockDoor))),
    "what is personal stays": ("idle has forgotten everything", _at_the_end(_less(ef.Forget))),
    "the next woman inherits": (
        "nothing is left of the woman before",
        _with(Step.DONE, ev.Begin, _the_next_inherits),
    ),
    "an emergency alerts nobody": (
        "an emergency alerts whom the policy names",
        _after(Step.FACE, ev.Emergency, _alerts_nobody),
    ),
    "what was accounted for holds the door": (
        "what was accounted for holds no door",
        _after(Step.NOTING, ev.Sealed, _less(ef.ClearEmergency)),
    ),
    "a child's own consent is enough": (
        "a child is compared with a guardian's consent only",
        _with(Step.CARD, ev.CardRead, _child_consents),
    ),
    "a delegate goes for herself": ("a delegate's relation is recorded", _with(Step.NOTICE, ev.Consented, _unrelated)),
    "anybody signs for her": ("who signs for her may", _signs_unasked("delegate")),
    "she signs herself who cannot": ("who could not be verified does not sign", _signs_unasked("subject")),
}
IN_DRILLS: dict[str, tuple[str, Callable[[Table], None]]] = {
    "an emergency is a drill's": ("an emergency is no drill", _with(Step.CARD, ev.Emergency, _emergency_in_a_drill)),
    "a drill lets her in": (
        "the door opens for a pass or an emergency only",
        _with(Step.SEALING, ev.Sealed, _drill_lets_in),
    ),
}

OF_FINGERS: dict[str, tuple[str, Callable[[Table], None]]] = {
    "anybody consents to her finger": (
        "who consents for her may",
        _with(Step.FINGER, fe.FingerConsented, _anybodys_finger),
    ),
}


@pytest.mark.parametrize("name", [*MUTATIONS, *IN_DRILLS, *OF_FINGERS])
def test_broken_table_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, change = {**MUTATIONS, **IN_DRILLS, **OF_FINGERS}[name]
    table = dict(session.TABLE)
    change(table)
    monkeypatch.setattr(session, "TABLE", table)
    policy = POLICIES["card and finger"] if name in OF_FINGERS else NEUTRAL
    with pytest.raises(Violation) as noticed:
        explore(policy, drills(policy) if name in IN_DRILLS else None)
    assert noticed.value.rule == rule


def test_late_events_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison of check ids an answer for the woman before would count for the next."""
    monkeypatch.setattr(session, "_of_another_check", lambda _state, _event: False)
    with pytest.raises(Violation, match="late events change nothing"):
        explore(NEUTRAL)
