"""Checks that wait for their second officer, signatures, and the ways on when there is no card or no biometric."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon import desk
from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon import finger_events as fe
from daemon.desk import MOST_PARKED, Desk
from daemon.policy import Policy, load_policy
from daemon.policy.words import Factor
from daemon.state import Step
from evidence import schema
from evidence.decision import DecisionStatement
from evidence.encoding import sha256_hex
from evidence.record import Outcome
from tests.daemon.session_alphabet import DUTY, EXPIRES, HASH, document, finding

NEUTRAL = load_policy("neutral")
UNSIGNED = replace(NEUTRAL, signatures=())
ATTENDED = replace(Desk.of(NEUTRAL), on_duty=DUTY)
"""Somebody is there who answers for a pass."""
PNG = b"a drawn name"
CONSENT = ev.Consented(EXPIRES)
UNCONSCIOUS = ev.Proposed(Outcome.UNABLE, "unconscious", EXPIRES)


def begin(check: str = "check-1", checkpoint: str = "delivery") -> ev.Begin:
    return ev.Begin(check, checkpoint, f"V-{check}", "typed")


def card(check: str = "check-1", *findings: str, permit: bool = False) -> ev.CardRead:
    return ev.CardRead(check, document(*findings, permit=permit), photo=True)


def face(decision: str, alive: str = "live") -> fa.FaceCompared:
    return fa.FaceCompared("check-1", finding(decision, alive))


def confirmed(now: Desk, officer: str) -> ev.Confirmed:
    assert now.active.statement is not None
    return ev.Confirmed(ev.Confirmation(officer, "officer", "pin", now.active.statement.sha256))


def play(now: Desk, *happened: ev.Event) -> tuple[Desk, tuple[ef.Effect, ...]]:
    """The desk after all events, and the effects of the last."""
    effects: tuple[ef.Effect, ...] = ()
    for event in happened:
        now, effects = desk.step(now, event)
    return now, effects


def one_confirmed(policy: Policy = UNSIGNED) -> Desk:
    now, _ = play(Desk.of(policy), begin(), UNCONSCIOUS)
    return play(now, confirmed(now, "o-1"))[0]


def sealed(effects: tuple[ef.Effect, ...]) -> ef.SealRecord:
    (one,) = [effect for effect in effects if isinstance(effect, ef.SealRecord)]
    return one


# --- parked ----------------------------------------------------------------------------------------------------------


def test_parked_check_calls_the_office_and_lets_the_next_woman_begin() -> None:
    now, effects = play(one_confirmed(), ev.Parked())
    (call,) = [effect for effect in effects if isinstance(effect, ef.Note)]
    told = call.fields["event"]
    assert (call.alert, told["type"], told["check"]) == (True, "check.parked", "check-1")
    assert (now.active.step, [one.check for one in now.parked]) == (Step.IDLE, ["check-1"])
    now, _ = play(now, begin("check-2"))
    assert (now.active.step, now.active.check, len(now.parked)) == (Step.NOTICE, "check-2", 1)


def test_second_officer_ends_a_parked_check() -> None:
    now, _ = play(one_confirmed(), ev.Parked(), ev.Resumed("check-1"))
    assert (now.parked, now.active.step) == ((), Step.CONFIRM)
    same, _ = play(now, confirmed(now, "o-1"))
    assert same.active.trouble == "same_officer"
    _, effects = play(now, confirmed(now, "o-2"))
    assert [one["id"] for one in sealed(effects).fields["officers"]] == ["o-1", "o-2"]


def test_whoever_is_next_behind_a_pass_finds_the_door_locked() -> None:
    now, _ = play(replace(one_confirmed(), on_duty=DUTY), ev.Parked(), begin("check-2"), CONSENT, card("check-2"))
    now, effects = play(now, replace(face("match"), check="check-2"), ev.Sealed("check-2", 3, HASH))
    assert (now.active.step, effects[0]) == (Step.DONE, ef.ReleaseDoor())
    for following in (begin("check-3"), ev.Resumed("check-1")):
        assert ef.LockDoor() in play(now, following)[1]


def test_who_is_on_duty_is_named_when_a_parked_check_is_taken_up() -> None:
    parked, _ = play(one_confirmed(), ev.Parked())
    _, effects = play(replace(parked, on_duty=DUTY), ev.Resumed("check-1"))
    (note,) = [effect for effect in effects if isinstance(effect, ef.Note)]
    assert note.fields["event"] == {"type": "check.resumed", "check": "check-1"}
    assert (note.fields["on_duty"], note.alert) == (DUTY.to_dict(), False)
    assert not any(isinstance(one, ef.Note) for one in play(parked, ev.Resumed("another"))[1])


def test_nobody_confirms_in_time_and_the_check_is_parked_by_itself() -> None:
    now, _ = play(one_confirmed(), ev.TimedOut("check-1", Step.CONFIRM))
    assert [one.check for one in now.parked] == ["check-1"]


def test_nobody_at_all_confirms_in_time_and_it_is_recorded() -> None:
    now, _ = play(Desk.of(UNSIGNED), begin(), UNCONSCIOUS)
    now, effects = play(now, ev.TimedOut("check-1", Step.CONFIRM))
    assert (now.parked, sealed(effects).fields["outcome"]) == ((), "interrupted")


def test_parked_check_that_waits_too_long_is_recorded_as_interrupted() -> None:
    now, effects = play(one_confirmed(), ev.Parked(), begin("check-2"), ev.WaitedLong("check-1"))
    record = sealed(effects)
    assert (record.check, record.fields["outcome"], record.fields["reason"]) == (
        "check-1",
        "interrupted",
        "second_officer_pending",
    )
    assert record.fields["officers"] == [], "what one officer confirmed decided nothing"
    assert (now.active.check, now.parked) == ("check-2", ())
    assert play(now, ev.WaitedLong("check-1"))[1] == ()


def test_parked_check_is_not_taken_up_while_another_woman_is_here() -> None:
    now, effects = play(one_confirmed(), ev.Parked(), begin("check-2"), ev.Resumed("check-1"))
    assert (now.active.check, len(now.parked), effects) == ("check-2", 1, ())


def test_emergency_leaves_the_parked_checks_alone() -> None:
    now, effects = play(one_confirmed(), ev.Parked(), ev.Emergency("fresh", "delivery"))
    assert effects[0] == ef.ReleaseDoor()
    assert ([one.check for one in now.parked], sealed(effects).check) == (["check-1"], "fresh")


def test_too_many_parked_checks_are_said() -> None:
    now = one_confirmed()
    now = replace(now, parked=(now.active,) * MOST_PARKED)
    after, effects = play(now, ev.Parked())
    assert (after.active.step, after.active.trouble) == (Step.CONFIRM, "too_many_parked")
    assert effects == (ef.StartTimer(),)


def test_drill_that_is_parked_calls_nobody() -> None:
    now, effects = play(Desk.of(UNSIGNED), replace(begin(), drill=True), UNCONSCIOUS, ev.Parked())
    assert [one.check for one in now.parked] == ["check-1"]
    assert [effect.alert for effect in effects if isinstance(effect, ef.Note)] == [False]


# --- signatures ------------------------------------------------------------------------------------------------------


def test_pass_opens_the_door_and_is_recorded_with_her_signature() -> None:
    now, effects = play(ATTENDED, begin(), CONSENT, card(), face("match"))
    assert now.active.step is Step.SIGN
    assert effects[0] == ef.ReleaseDoor(), "she need not wait at the door to sign"
    _, effects = play(now, ev.Signed(ev.Signature("delegate", "spouse", PNG)))
    record = sealed(effects)
    assert record.fields["subject_sign"] == {"by": "delegate", "relation": "spouse", "sha256": sha256_hex(PNG)}
    assert record.attachments == (("signature.png", PNG),)
    assert record.fields["attachments"] == [{"name": "signature.png", "sha256": sha256_hex(PNG)}]


@pytest.mark.parametrize("event", [ev.SignedLater(), ev.TimedOut("check-1", Step.SIGN), ev.Left()])
def test_nobody_signs_and_the_outcome_stands(event: ev.Event) -> None:
    now, _ = play(ATTENDED, begin(), CONSENT, card(), face("match"))
    _, effects = play(now, event)
    record = sealed(effects)
    assert (record.fields["outcome"], "subject_sign" in record.fields, record.attachments) == ("passed", False, ())


def test_emergency_while_she_signs_keeps_what_was_decided() -> None:
    now, _ = play(ATTENDED, begin(), CONSENT, card(), face("match"))
    now, effects = play(now, ev.Emergency("fresh", "delivery"))
    outcomes = {one.check: one.fields["outcome"] for one in effects if isinstance(one, ef.SealRecord)}
    assert outcomes == {"check-1": "passed", "fresh": "emergency"}
    assert now.active.check == "fresh"


# --- other ways ------------------------------------------------------------------------------------------------------


def test_other_way_reads_her_card_and_nothing_of_her_body() -> None:
    now, effects = play(Desk.of(UNSIGNED), begin(), ev.Declined("other_way"))
    assert (now.active.step, ef.ReadCard() in effects, ef.OpenCamera() in effects) == (Step.CARD, True, False)
    now, _ = play(now, card())
    assert (now.active.step, now.active.trouble) == (Step.DECISION, "other_way")
    now, _ = play(now, ev.Proposed(Outcome.MANUAL, "papers seen", EXPIRES))
    assert now.active.officers_needed == 2
    now, _ = play(now, confirmed(now, "o-1"))
    _, effects = play(now, confirmed(now, "o-2"))
    fields = sealed(effects).fields
    assert (fields["outcome"], "document" in fields) == ("manual", True)
    assert not {"face", "finger", "consent"} & fields.keys()


def test_refusal_reads_nothing() -> None:
    now, effects = play(Desk.of(UNSIGNED), begin(), ev.Declined("refuse"))
    assert (now.active.step, ef.ReadCard() in effects) == (Step.DECISION, False)


@pytest.mark.parametrize("cause", ["forgotten", "chip_dead", "phone_eid", "none_issued"])
def test_no_card_is_a_way_on(cause: str) -> None:
    now, _ = play(Desk.of(UNSIGNED), begin(), CONSENT, ev.NoCard(cause))
    assert (now.active.step, now.active.trouble) == (Step.DECISION, f"no_card:{cause}")


def test_permit_from_the_chip_needs_two_officers_beside_the_face() -> None:
    now, _ = play(Desk.of(UNSIGNED), begin(), CONSENT, card(permit=True), face("match"))
    assert (now.active.step, now.active.trouble) == (Step.DECISION, "officers_for_document")
    now, _ = play(now, ev.Proposed(Outcome.PASSED, "permit seen", EXPIRES))
    assert now.active.officers_needed == 2


def test_entered_document_is_decided_by_officers() -> None:
    now, _ = play(Desk.of(UNSIGNED), begin(), ev.DocumentEntered(document(permit=True)))
    now, _ = play(now, ev.Proposed(Outcome.PASSED, "looks right", EXPIRES))
    assert now.active.trouble == "outcome_not_open", "a document without a reading is never a pass"


@pytest.mark.parametrize(("alive", "trouble"), [("attack", "liveness:replay"), ("unsure", "liveness:unsure")])
def test_a_doubt_about_life_is_for_officers_at_once(alive: str, trouble: str) -> None:
    now, _ = play(Desk.of(UNSIGNED), begin(), CONSENT, card(), face("no_match", "live"))
    assert (now.active.step, now.active.trouble) == (Step.FACE, "face_not_hers"), "a miss is tried again"
    now, _ = play(now, face("match", alive))
    assert (now.active.step, now.active.trouble) == (Step.DECISION, trouble)
    now, _ = play(now, ev.Proposed(Outcome.PASSED, "looks right", EXPIRES))
    assert now.active.trouble == "outcome_not_open"


def test_finger_instead_of_the_face_where_the_policy_takes_one_of_them() -> None:
    policy = replace(UNSIGNED, factors=(Factor.CARD,), one_of=(Factor.FACE, Factor.FINGER), retries=0)
    now, effects = play(Desk.of(policy), begin(), CONSENT, card(), face("no_match"))
    assert (now.active.step, ef.PrepareFinger() in effects, ef.StopCamera() in effects) == (Step.FINGER, True, True)
    consented = fe.FingerConsented(fe.FingerConsent(HASH, "compare", EXPIRES))
    now, effects = play(now, consented, fe.SlipShown("check-1", fe.SlipFacts(HASH, "unit", EXPIRES, EXPIRES)))
    assert ef.CompareFinger() in effects
    _, effects = play(now, ev.FingerCompared("check-1", fe.FingerFinding("match", 120)))
    fields = sealed(effects).fields
    assert [fields[name]["decision"] for name in ("face", "finger")] == ["no_match", "match"]
    assert fields["outcome"] == "passed"


def test_attack_does_not_lead_to_the_finger() -> None:
    policy = replace(UNSIGNED, factors=(Factor.CARD,), one_of=(Factor.FACE, Factor.FINGER), retries=0)
    now, _ = play(Desk.of(policy), begin(), CONSENT, card(), face("match", "attack"))
    assert now.active.step is Step.DECISION


def test_her_own_telephone_number_where_the_checkpoint_wants_it() -> None:
    yubei = load_policy("chongqing_yubei")
    (place,) = [one.id for one in yubei.checkpoints if one.own_phone][:1]
    now, _ = play(Desk.of(replace(yubei, signatures=())), begin(checkpoint=place), CONSENT, card(), face("match"))
    assert (now.active.step, now.active.trouble) == (Step.DECISION, "phone_missing")
    _, effects = play(now, ev.PhoneGiven("13900000000"))
    fields = sealed(effects).fields
    assert (fields["outcome"], fields["contact"]) == ("passed", {"phone": "13900000000"})
    assert "13900000000" not in repr(now)


# --- later -----------------------------------------------------------------------------------------------------------


def test_what_comes_later_is_an_addendum() -> None:
    check = "0197a000-0000-7000-8000-000000000001"
    statement = DecisionStatement(check, None, Outcome.EMERGENCY, "visit: V-7", EXPIRES)
    confirmation = ev.Confirmation("o-1", "officer", "pin", statement.sha256)
    to = ev.Sealed(check, 7, HASH)
    event = ev.Amended(to, statement, (confirmation,), {"visit": {"ref": "V-7", "source": "typed"}})
    now, (note,) = play(Desk.of(NEUTRAL), event)
    assert now == Desk.of(NEUTRAL)
    assert isinstance(note, ef.Note)
    assert (note.fields["refers_to"], note.fields["visit"]["ref"]) == ({"seq": 7, "sha256": HASH}, "V-7")
    whole = {"v": 1, "unit": "u", "site": "s", "seq": 9, "prev": HASH, "boot": 1, "salt": "A" * 22, **note.fields}
    time = {"earliest": EXPIRES, "latest": EXPIRES, "source": "clock"}
    schema.check("record-v1", {**whole, "time": time, "software": {"version": "1"}})


def test_emergency_from_before_a_restart_is_accounted_for_later() -> None:
    statement = DecisionStatement("check-0", None, Outcome.EMERGENCY, "explanation: birth at the door", EXPIRES)
    confirmation = ev.Confirmation("o-1", "officer", "pin", statement.sha256)
    event = ev.Amended(ev.Sealed("check-0", 7, HASH), statement, (confirmation,), accounts=True)
    now, (note,) = play(Desk.of(NEUTRAL), event)
    assert isinstance(note, ef.Note)
    assert note.fields["accounts"], "nothing is cleared before this is committed"
    assert play(now, ev.Accounted())[1] == (ef.ClearEmergency(), ef.LockDoor())
    assert play(now, begin(), ev.Accounted())[1] == (ef.ClearEmergency(), ef.LockDoor()), "before her result"
    passed, _ = play(ATTENDED, begin(), CONSENT, card(), face("match"))
    assert play(passed, ev.Accounted())[1] == (ef.ClearEmergency(),), "the door is open for her who has passed"
