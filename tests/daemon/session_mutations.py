"""Mistakes that somebody could make in the table, each with the invariant that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon import finger_events as fe
from daemon import finger_moves, moves, record_fields, session
from daemon.moves import Result
from daemon.state import State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome
from tests.daemon.session_alphabet import EXPIRES

Table = dict[tuple[Step, type], Any]


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


def _passes(state: State, event: fa.FaceCompared) -> Result:
    return moves.seal(replace(state, faces=(*state.faces, event.finding)), Outcome.PASSED)


def _any_face_passes(state: State, event: fa.FaceCompared) -> Result:
    attack = event.finding.liveness.decision == "attack"
    return moves.face_compared(state, event) if attack else _passes(state, event)


def _attack_passes(state: State, event: fa.FaceCompared) -> Result:
    attack = event.finding.liveness.decision == "attack"
    return _passes(state, event) if attack else moves.face_compared(state, event)


def _attack_forgotten(state: State, event: fa.FaceCompared) -> Result:
    """As it was: whatever was held up by who is not her, the next look alone counts."""
    if event.finding.decision == "no_match":
        event = replace(event, finding=replace(event.finding, liveness=fa.Liveness("not_performed")))
    return moves.face_compared(state, event)


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


def _any_account(state: State, event: ev.Explained) -> Result:
    assert state.sealed is not None
    fields = record_fields.addendum(state.sealed, event.statement, (event.confirmation,))
    return replace(state, step=Step.NOTING), (ef.SealRecord(state.check or "", fields, alert=False),)


def _second_record(state: State, _event: ev.Emergency) -> Result:
    sealing, effects = moves.seal(state, Outcome.EMERGENCY)
    return sealing, (ef.ReleaseDoor(), *effects)


def _more_tries(state: State, event: fa.FaceCompared) -> Result:
    patient = replace(state.policy, retries=state.policy.retries + 1)
    after, effects = moves.face_compared(replace(state, policy=patient), event)
    return replace(after, policy=state.policy), effects


def _entered_and_tried_anew(state: State, event: ev.ReadAgain) -> Result:
    entered = state.document is not None and not state.document.from_chip
    return moves.read_again(replace(state, document=None, compared=False) if entered else state, event)


def _a_look_cut_short_is_none(state: State, event: ev.ReadAgain) -> Result:
    """As it was: of a look that a refusal, a time-out or a lost camera cuts short nobody knows afterwards."""
    return moves.read_again(replace(state, compared=bool(state.faces or state.fingers)), event)


def _no_document_after_an_attack(state: State, event: ev.DocumentEntered) -> Result:
    return (state, ()) if state.attacked else moves.document_entered(state, event)


def _attack_taken_back(state: State, event: ev.DocumentEntered) -> Result:
    after, effects = moves.document_entered(state, event)
    return replace(after, attack=None), effects


def _three_new_tries(table: Table) -> None:
    """After an attack they would be noticed sooner, and as something else."""
    _with(Step.DECISION, ev.ReadAgain, _entered_and_tried_anew)(table)
    _with(Step.DECISION, ev.DocumentEntered, _no_document_after_an_attack)(table)


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


Mutation = tuple[str, Callable[[Table], None]]
"""The invariant's name, and what is done to the table."""
MUTATIONS: dict[str, Mutation] = {
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
    "an attack passes": ("an attack in any look is no pass", _with(Step.FACE, fa.FaceCompared, _attack_passes)),
    "an attack is forgotten": (
        "an attack in any look stands in the record",
        _with(Step.FACE, fa.FaceCompared, _attack_forgotten),
    ),
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
    "a passport takes an attack back": (
        "an attack in any look stands in the record",
        _with(Step.DECISION, ev.DocumentEntered, _attack_taken_back),
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
        _three_new_tries,
    ),
    "look after look is cut short": (
        "no more tries than the policy's",
        _with(Step.DECISION, ev.ReadAgain, _a_look_cut_short_is_none),
    ),
    "who refused is not asked again": (
        "nothing of the body before consent",
        _with(Step.DECISION, ev.ReadAgain, _asked_once),
    ),
    "a refusal is not heard": ("a refusal stops reading", _with(Step.FACE, ev.Declined, _refusal_unheard)),
    "the door stays open behind her": ("idle holds the door", _at_the_end(_less(ef.LockDoor))),
    "the door stays open for the next woman": (
        "before her result no door rests on another's release",
        _after(Step.DONE, ev.Begin, _less(ef.LockDoor)),
    ),
    "what is personal stays": ("idle has forgotten everything", _at_the_end(_less(ef.Forget))),
    "the next woman inherits": (
        "nothing is left of the woman before",
        _with(Step.DONE, ev.Begin, _the_next_inherits),
    ),
    "an emergency alerts nobody": (
        "an emergency alerts whom the policy names",
        _after(Step.FACE, ev.Emergency, _alerts_nobody),
    ),
    "another emergency's account is taken": (
        "an account is of the emergency it names",
        _with(Step.DONE, ev.Explained, _any_account),
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
IN_DRILLS: dict[str, Mutation] = {
    "an emergency is a drill's": ("an emergency is no drill", _with(Step.CARD, ev.Emergency, _emergency_in_a_drill)),
    "a drill lets her in": (
        "the door opens for a pass or an emergency only",
        _with(Step.SEALING, ev.Sealed, _drill_lets_in),
    ),
}

OF_FINGERS: dict[str, Mutation] = {
    "anybody consents to her finger": (
        "who consents for her may",
        _with(Step.FINGER, fe.FingerConsented, _anybodys_finger),
    ),
}
