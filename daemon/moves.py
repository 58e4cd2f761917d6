"""What each event does to a check: the handlers of the table in ``daemon/session.py``. Pure.

The first line of each docstring is printed into the table.
"""

from __future__ import annotations

from dataclasses import replace

from daemon import record_fields, signatures
from daemon.effects import (
    ClearEmergency,
    CompareFace,
    Effect,
    Forget,
    Journal,
    KnowPress,
    LockDoor,
    OpenCamera,
    PrepareFinger,
    ReadCard,
    ReleaseDoor,
    SealRecord,
    SkipChallenge,
    StartTimer,
    StopCamera,
    StopDevices,
)
from daemon.events import (
    Begin,
    CardRead,
    CardTrouble,
    CheckedElsewhere,
    Closed,
    Confirmed,
    Consented,
    Declined,
    DeviceLost,
    DocumentEntered,
    Emergency,
    Explained,
    Left,
    NoCard,
    PhoneGiven,
    Press,
    Proposed,
    ReadAgain,
    Sealed,
    ShiftChanged,
    Signed,
    SignedLater,
    TimedOut,
    Withdrawn,
)
from daemon.face_events import ChallengeSkipped, FaceCompared
from daemon.paper_events import OfficerSigned
from daemon.policy import DECIDABLE
from daemon.policy.words import Factor, Signer
from daemon.state import OPEN, State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome

Result = tuple[State, tuple[Effect, ...]]


def journal(state: State, press: Press | None = None) -> Journal:
    """How far ``state`` has got, for the journal."""
    assert state.begin is not None
    return Journal(state.begin, record_fields.reached(state), press)


def seal(
    state: State,
    outcome: Outcome,
    reason: str | None = None,
    *,
    press: Press | None = None,
    claimed_at: str | None = None,
) -> Result:
    """Ask for the one check record; nothing is done before it is committed."""
    assert state.begin is not None
    sealing = replace(state, step=Step.SEALING, outcome=outcome, trouble=None)
    fields = record_fields.check(sealing, outcome, reason) | record_fields.pressed(claimed_at)
    signed = signatures.files(sealing.signature, sealing.officer_signatures) if "attachments" in fields else ()
    record = SealRecord(state.begin.check, fields, "alerts" in fields, signed, press)
    return sealing, (StopDevices(), Forget(), journal(sealing, press), record)


def ask_officers(state: State, trouble: str, *further: Effect) -> Result:
    after = replace(state, step=Step.DECISION, trouble=trouble, statement=None, confirmations=())
    return after, (StopDevices(), *further, journal(after), StartTimer())


def _let_in(state: State) -> tuple[Effect, ...]:
    """The door for who has passed; a drill opens nothing."""
    return (ReleaseDoor(),) if state.lets_in else ()


def ends(state: State, outcome: Outcome) -> Result:
    """The outcome stands: she may enrol a finger, signs it where the policy wants that, then it is recorded."""
    if outcome is Outcome.PASSED and state.offers_enrolment:
        after = replace(state, step=Step.ENROL, outcome=outcome, trouble=None)
        return after, (*_let_in(after), StopDevices(), journal(after), PrepareFinger(), StartTimer())
    if not {Signer.SUBJECT_OR_DELEGATE, Signer.FAMILY} & set(state.policy.signatures_for(outcome)):
        return seal(state, outcome, state.statement.reason if state.statement else None)
    after = replace(state, step=Step.SIGN, outcome=outcome, trouble=None)
    return after, (*_let_in(after), StopDevices(), journal(after), StartTimer())  # she need not wait to sign


def _signed_or_not(state: State) -> Result:
    assert state.outcome is not None
    return seal(state, state.outcome, state.statement.reason if state.statement else None)


def judge(state: State) -> Result:
    """Everything that a pass needs is there: it is one, unless officers must look at something."""
    assert state.begin is not None
    assert state.document is not None
    if state.document.findings:
        return ask_officers(state, "document_findings")
    if state.policy.checkpoint(state.begin.checkpoint).own_phone and state.phone is None:
        return ask_officers(state, "phone_missing")
    if not state.policy.passes_alone(state.document.type):
        return ask_officers(state, "officers_for_document")
    if not state.answered_for:
        return ask_officers(state, "nobody_on_duty" if state.on_duty is None else "regular_staff_only")
    return ends(state, Outcome.PASSED)


def may_read(state: State, factor: Factor) -> bool:
    assert state.begin is not None
    return factor in state.policy.biometrics_for(state.begin.checkpoint)


def _read_face(state: State) -> Result:
    after = replace(state, step=Step.FACE, compared=True, trouble=None)
    return after, (journal(after), CompareFace(), StartTimer())


def read_finger(state: State) -> Result:
    """Ask for her finger: for consent to it first, then for her slip where her card holds no print to compare with."""
    after = replace(state, step=Step.FINGER, trouble=None)
    return after, (StopCamera(), journal(after), PrepareFinger(), StartTimer())


def begin(state: State, event: Begin) -> Result:
    """A new check: the door is locked behind the one before, the notice is shown; nothing is read before consent."""
    after = State(state.policy, Step.NOTICE, begin=event, on_duty=state.on_duty)
    return after, (Forget(), LockDoor(), journal(after), StartTimer())


def consent(state: State, event: Consented) -> Result:
    """Consent given, her own or of who may stand for her: wait for the card; the camera starts."""
    if not state.may_consent(event):
        return replace(state, trouble="relation_not_open"), ()
    after = replace(state, step=Step.CARD, consent=event, trouble=None)
    camera: list[Effect] = []
    if may_read(state, Factor.FACE):  # a camera that is opened knows nothing of what was left out before
        camera = [OpenCamera(), *(SkipChallenge(one.challenge) for one in state.skipped)]
    return after, (journal(after), *camera, ReadCard(), StartTimer())


def decline(state: State, event: Declined) -> Result:
    """She refuses: reading stops, officers decide. Or she wants the other way: her card alone is read."""
    if event.wish == "refuse":
        return ask_officers(replace(state, takes_back=state.consent is not None), "subject_refuses")
    after = replace(state, without_biometrics=True)
    if after.document is not None:
        return ask_officers(after, "other_way")
    after = replace(after, step=Step.CARD, trouble=None)
    return after, (StopDevices(), journal(after), ReadCard(), StartTimer())


def card_read(state: State, event: CardRead) -> Result:
    """The card is read: compare face or finger; without a usable photo, or on the other way, officers decide."""
    prints = event.prints and may_read(state, Factor.FINGER)
    after = replace(state, document=event.document, prints=prints, trouble=None)
    if after.without_biometrics:
        return ask_officers(after, "other_way")
    if after.consent is not None and not after.may_consent(after.consent):
        trouble = "guardian_must_consent" if after.is_child else "relation_not_open"
        return ask_officers(replace(after, takes_back=True), trouble)
    if after.prefers_finger or not may_read(after, Factor.FACE):
        return read_finger(after)
    return _read_face(after) if event.photo else ask_officers(after, "photo_unusable")


def card_trouble(state: State, event: CardTrouble) -> Result:
    """The card could not be read: say so and wait for it again."""
    return replace(state, trouble=event.cause), (ReadCard(),)


def read_again(state: State, _event: ReadAgain) -> Result:
    """Her card can be laid after all, while no comparison has begun; who had refused is asked for consent anew.

    What an officer left out stays so.
    """
    if not state.may_read_again:
        return replace(state, trouble="read_again_not_open"), ()
    kept = {name: getattr(state, name) for name in ("begin", "on_duty", "phone", "skipped")}
    anew = State(state.policy, Step.NOTICE, **kept)
    if state.consent is not None and not state.takes_back:
        after, effects = consent(anew, state.consent)
        return after, (Forget(), *effects)
    return anew, (Forget(), journal(anew), StartTimer())


def no_card(state: State, event: NoCard) -> Result:
    """There is no chip to read: officers decide, with another document or without."""
    return ask_officers(state, f"no_card:{event.cause}")


def _compared_with_nothing(state: State) -> State:
    """Nothing that this unit compared stands beside what comes now; an attack that it saw does."""
    return replace(state, faces=(), fingers=(), attack=state.liveness if state.attacked else None)


def document_entered(state: State, event: DocumentEntered) -> Result:
    """A document without a chip was entered: two officers decide about it."""
    return ask_officers(replace(_compared_with_nothing(state), document=event.document), "document_entered")


def checked_elsewhere(state: State, event: CheckedElsewhere) -> Result:
    """Done through a province's app: officers decide about that; nothing that this unit compared stands beside it."""
    if event.channel not in {one.id for one in state.policy.channels}:
        return replace(state, trouble="unknown_channel"), ()
    return ask_officers(replace(_compared_with_nothing(state), elsewhere=event), "checked_elsewhere")


def phone_given(state: State, event: PhoneGiven) -> Result:
    """Her own telephone number: kept for the record; if only that was missing, the check goes on."""
    after = replace(state, phone=event.phone)
    return judge(after) if state.trouble == "phone_missing" else (after, ())


def shift_changed(state: State, event: ShiftChanged) -> Result:
    """Somebody came on duty: if only a name was missing that answers for the pass, the check goes on."""
    waits = state.trouble in ("nobody_on_duty", "regular_staff_only")
    return judge(state) if event.on_duty and waits else (state, ())


def face_compared(state: State, event: FaceCompared) -> Result:
    """A living match ends it or goes on to the finger; who is not her is looked at again; else finger or officers.

    All else was asked within the one look: a face that cannot be used, or a doubt about life, is for people, never for
    a loop. Somebody else may simply have been nearer; but whoever held up a print is not given another try.
    """
    after = replace(state, faces=(*state.faces, event.finding))
    trouble = after.against_the_face
    if after.matched:
        return judge(after)
    if event.finding.decision == "no_match" and not after.attacked and len(after.faces) <= after.policy.retries:
        return replace(after, trouble="face_not_hers"), (CompareFace(), StartTimer())
    if Factor.FINGER in after.lacking and not after.attacked and trouble != "liveness_missing":
        return read_finger(after)
    return ask_officers(after, trouble or "finger_missing")


def skip_challenge(state: State, event: ChallengeSkipped) -> Result:
    """An officer leaves out a challenge that she cannot do, where the policy allows it; the record says who."""
    if event.challenge not in state.policy.challenges.skippable:
        return replace(state, trouble="challenge_not_skippable"), ()
    return replace(state, skipped=(*state.skipped, event)), (SkipChallenge(event.challenge),)


def device_lost(state: State, event: DeviceLost) -> Result:
    """A device is missing: officers decide; care goes on."""
    return ask_officers(state, f"device_lost:{event.device}")


def waited_long(state: State, event: TimedOut) -> Result:
    """Nothing came in time: officers decide."""
    return ask_officers(state, f"timeout:{event.step}")


def nobody_there(state: State, event: TimedOut) -> Result:
    """Nobody is there any more: the check is recorded as interrupted."""
    return seal(state, Outcome.INTERRUPTED, f"timeout:{event.step}")


def left(state: State, _event: Left) -> Result:
    """She left, or the check was given up: recorded as interrupted, with the step reached."""
    return seal(state, Outcome.INTERRUPTED, "left")


def propose(state: State, event: Proposed) -> Result:
    """An officer proposes an outcome: it becomes a statement to confirm."""
    assert state.begin is not None
    if event.outcome not in DECIDABLE or (event.outcome is Outcome.PASSED and not state.matched):
        return replace(state, trouble="outcome_not_open"), ()
    document = state.document.sha256 if state.document else None
    reason = record_fields.reason(state.policy, state.elsewhere, event.reason)
    statement = DecisionStatement(state.begin.check, document, event.outcome, reason, event.expires)
    after = replace(state, step=Step.CONFIRM, statement=statement, confirmations=(), trouble=None)
    return after, (StopDevices(), journal(after), StartTimer())


def confirm(state: State, event: Confirmed) -> Result:
    """An officer confirms the statement; with enough different officers it stands."""
    assert state.statement is not None
    one = event.confirmation
    if one.statement_sha256 != state.statement.sha256:
        return replace(state, trouble="another_statement"), ()
    if one.officer in {other.officer for other in state.confirmations}:
        return replace(state, trouble="same_officer"), ()
    after = replace(state, confirmations=(*state.confirmations, one), trouble=None)
    if len(after.confirmations) < after.officers_needed:
        return replace(after, trouble="second_officer_pending"), ()
    return ends(after, state.statement.outcome)


def withdraw(state: State, _event: Withdrawn) -> Result:
    """The statement is taken back before it was complete."""
    return ask_officers(state, "withdrawn")


def signed(state: State, event: Signed) -> Result:
    """She, or her delegate, signed the result: it is recorded. Who could not be verified does not sign herself."""
    if event.signature.by == "subject" and (state.is_child or state.outcome is Outcome.UNABLE):
        return replace(state, trouble="guardian_must_sign" if state.is_child else "subject_cannot_sign"), ()
    if event.signature.by == "delegate" and event.signature.relation not in state.relations:
        return replace(state, trouble="relation_not_open"), ()
    return _signed_or_not(replace(state, signature=event.signature))


def officer_signed(state: State, event: OfficerSigned) -> Result:
    """An officer drew a name for the form; hers, or her delegate's, is still waited for."""
    if event.officer not in state.officers_signing:
        return replace(state, trouble="not_this_officer"), ()
    others = tuple(one for one in state.officer_signatures if one.officer != event.officer)
    return replace(state, officer_signatures=(*others, event), trouble=None), (StartTimer(),)


def signed_later(state: State, _event: SignedLater | TimedOut | Left) -> Result:
    """Nobody signs now: it is recorded without; an addendum may bring the signature."""
    return _signed_or_not(state)


def _drill(state: State) -> bool:
    return state.begin is not None and state.begin.drill


def emergency(state: State, event: Emergency) -> Result:
    """Care first: the door opens at once; the check under way, or a new one, is recorded as emergency; no drill is."""
    same = state.step is Step.SEALING or (state.step is Step.DONE and event.again)
    if state.outcome is Outcome.EMERGENCY and same:
        return state, (ReleaseDoor(), *((KnowPress(event.press),) if event.press else ()))
    before: tuple[Effect, ...] = ()
    if state.step in OPEN and not _drill(state):
        state = replace(state, statement=None, confirmations=())
    else:
        if state.step in (Step.ENROL, Step.SIGN):  # its outcome stands, and is recorded before
            before = _signed_or_not(state)[1]
        elif state.step in OPEN:  # a drill is over, an emergency never is one
            before = seal(state, Outcome.INTERRUPTED, Outcome.EMERGENCY.value)[1]
        role, ref = state.policy.subjects_for(event.checkpoint)[0], record_fields.provisional(event.check)
        fresh = Begin(event.check, event.checkpoint, ref, "provisional", role=role.value)
        state = State(state.policy, begin=fresh, on_duty=state.on_duty)
    sealing, effects = seal(state, Outcome.EMERGENCY, press=event.press, claimed_at=event.claimed_at)
    return sealing, (ReleaseDoor(), *before, *effects)


def sealed(state: State, event: Sealed) -> Result:
    """The record is committed: now it is shown; a pass opens the door."""
    after = replace(state, step=Step.DONE, sealed=event)
    if state.outcome is Outcome.EMERGENCY:  # stays on the screen until explained, so nothing personal may stay with it
        return replace(State(state.policy, Step.DONE, begin=state.begin), outcome=state.outcome, sealed=event), ()
    return after, (*_let_in(state), StartTimer())


def explain(state: State, event: Explained) -> Result:
    """A named officer accounts for the emergency: an addendum to its record."""
    assert state.sealed is not None
    assert state.begin is not None
    if state.outcome is not Outcome.EMERGENCY or event.statement.check != state.check:
        return replace(state, trouble="nothing_to_explain"), ()
    said = {**event.said, "accounts": True}
    fields = record_fields.addendum(state.sealed, event.statement, (event.confirmation,)) | said
    return replace(state, step=Step.NOTING), (SealRecord(state.begin.check, fields, alert=False),)


def close(state: State, _event: Sealed | TimedOut | Closed) -> Result:
    """The result was seen: back to idle, everything personal forgotten, the door locked again."""
    # After an emergency too: one that nobody has accounted for keeps the door open whatever asks to lock it.
    explained: tuple[Effect, ...] = (ClearEmergency(),) if state.step is Step.NOTING else ()
    return State(state.policy), (Forget(), *explained, LockDoor())
