"""The state machine's table, its README, and single steps that the exploration does not look at."""

from __future__ import annotations

import re
from dataclasses import replace

from daemon import effects as ef
from daemon import events as ev
from daemon import finger_events as fe
from daemon import moves
from daemon.journal import Entry
from daemon.minors import UNDER_14
from daemon.paper_events import PrintWanted
from daemon.policy import load_policy
from daemon.policy.words import SignsWhen
from daemon.record_fields import interrupted, provisional
from daemon.session import TABLE, table_markdown
from daemon.state import State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome
from tests.daemon.session_alphabet import DUTY, EXPIRES, HASH, NOTED
from tests.daemon.session_play import BEGIN, CONSENT, POLICY, card, confirmation, face, play, seal
from tests.support import ROOT

README = ROOT / "daemon" / "README.md"


def test_a_pass_waits_for_somebody_who_answers_for_it() -> None:
    """Where the policy wants an officer's name: one comes on duty, or one confirms it."""
    policy = load_policy("neutral")
    waiting, _ = play(BEGIN, CONSENT, card(), face("match"), state=State(policy))
    assert (waiting.step, waiting.trouble) == (Step.DECISION, "nobody_on_duty")
    gone, _ = play(ev.ShiftChanged(None, NOTED), state=waiting)
    assert gone == waiting
    passed, effects = play(ev.ShiftChanged(DUTY, NOTED), state=replace(waiting, on_duty=DUTY))
    assert (passed.step, passed.outcome) == (Step.SIGN, Outcome.PASSED)
    assert ef.ReleaseDoor() in effects
    _, effects = play(ev.SignedLater(), state=passed)
    assert seal(effects).fields["on_duty"] == DUTY.to_dict()
    named, _ = play(ev.Proposed(Outcome.PASSED, "looked at", EXPIRES), state=waiting)
    named, _ = play(confirmation(named, "o-1"), state=named)
    assert named.outcome is Outcome.PASSED


def test_readme_has_the_table() -> None:
    """To mend: put the output of ``table_markdown()`` between the two markers."""
    found = re.search(r"<!-- table: begin -->\n\n(.*)\n\n<!-- table: end -->", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == table_markdown()


def test_readme_names_every_module() -> None:
    text = README.read_text("utf-8")
    for path in (ROOT / "daemon").iterdir():
        if path.suffix == ".py" and path.name != "__init__.py":
            assert f"`{path.name}`" in text, f"{path.name} is not in daemon/README.md"


def test_every_row_has_a_sentence_and_every_event_a_row() -> None:
    assert all(handler.__doc__ for handler in TABLE.values())
    at_the_desk = {ev.Parked, ev.Resumed, ev.WaitedLong, ev.Amended, ev.Accounted, ev.Noted, ev.Meant, PrintWanted}
    assert {event for _, event in TABLE} == set(ev.Event.__args__) - at_the_desk
    assert "| Emergency | any |" in table_markdown()


def test_match_with_findings_passes_by_an_officer() -> None:
    state, _ = play(BEGIN, CONSENT, card("expired"), face("match"))
    assert state.trouble == "document_findings"
    state, _ = play(ev.Proposed(Outcome.PASSED, "renewed, seen", EXPIRES), state=state)
    _, effects = play(confirmation(state, "o-1"), state=state)
    fields = seal(effects).fields
    assert (fields["outcome"], fields["document"]["findings"], fields["reason"]) == (
        "passed",
        ["expired"],
        "renewed, seen",
    )
    assert fields["decision"]["document_sha256"] == HASH


def test_two_officers_confirm_the_same_statement() -> None:
    state, _ = play(BEGIN, ev.Proposed(Outcome.UNABLE, "unconscious", EXPIRES))
    first = confirmation(state, "o-1")
    state, effects = play(first, state=state)
    assert (state.trouble, effects) == ("second_officer_pending", ())
    state, effects = play(first, state=state)
    assert (state.trouble, effects) == ("same_officer", ())
    state, _ = play(ev.Withdrawn(), ev.Proposed(Outcome.UNABLE, "asleep", EXPIRES), state=state)
    assert state.confirmations == ()
    state, _ = play(first, state=state)
    assert state.trouble == "another_statement", "a confirmation cannot be given in advance or kept"
    state, _ = play(confirmation(state, "o-1"), state=state)
    _, effects = play(confirmation(state, "o-2"), state=state)
    record = seal(effects)
    assert [one["id"] for one in record.fields["officers"]] == ["o-1", "o-2"]
    assert record.alert
    assert {one["assertion"]["statement_sha256"] for one in record.fields["officers"]} == {
        DecisionStatement(**{**record.fields["decision"], "outcome": Outcome.UNABLE}).sha256
    }


def test_emergency_keeps_the_check_and_forgets_the_person() -> None:
    state, _ = play(BEGIN, CONSENT, card())
    state, effects = play(ev.Emergency("fresh", "delivery"), state=state)
    assert effects[0] == ef.ReleaseDoor(), "before anything that could fail"
    assert (seal(effects).check, seal(effects).alert) == ("check-1", True)
    state, _ = play(ev.Sealed("check-1", 2, HASH), state=state)
    assert (state.document, state.consent, state.faces) == (None, None, ())


def test_drill_is_recorded_as_one_and_alerts_nobody() -> None:
    _, effects = play(replace(BEGIN, drill=True), ev.Left())
    assert (seal(effects).fields["drill"], seal(effects).alert) == (True, False)


def test_emergency_during_a_drill_is_a_real_one() -> None:
    """Its own check, which alerts and counts; the drill ends as interrupted."""
    state, _ = play(replace(BEGIN, drill=True), CONSENT, card())
    state, effects = play(ev.Emergency("fresh", "delivery"), state=state)
    assert effects[0] == ef.ReleaseDoor()
    drill, emergency = (one for one in effects if isinstance(one, ef.SealRecord))
    assert (drill.check, drill.fields["outcome"], drill.fields["drill"], drill.alert) == (
        *("check-1", "interrupted", True, False),
    )
    assert (emergency.check, emergency.fields["outcome"], emergency.fields["drill"], emergency.alert) == (
        *("fresh", "emergency", False, True),
    )
    assert state.check == "fresh"


def test_pass_in_a_drill_opens_nothing() -> None:
    state, effects = play(replace(BEGIN, drill=True), CONSENT, card(), face("match"))
    assert state.outcome is Outcome.PASSED
    assert ef.ReleaseDoor() not in effects
    state, effects = play(ev.Sealed("check-1", 2, HASH), state=state)
    assert (state.step, ef.ReleaseDoor() in effects) == (Step.DONE, False)


def test_card_that_comes_late_is_read_after_all() -> None:
    """Also after a touch on the wrong button: no card, documents only."""
    for mistake in (ev.TimedOut("check-1", "card"), ev.NoCard("forgotten")):
        state, _ = play(BEGIN, CONSENT, mistake)
        assert (state.step, state.may_read_again) == (Step.DECISION, True)
        state, effects = play(ev.ReadAgain(), state=state)
        assert (state.step, state.consent) == (Step.CARD, CONSENT)
        assert {ef.OpenCamera(), ef.ReadCard(), ef.StartTimer()} <= set(effects)
        passed, _ = play(card(), face("match"), state=state)
        assert passed.outcome is Outcome.PASSED
    state, _ = play(BEGIN, ev.Declined("other_way"), card(), ev.ReadAgain())
    assert (state.step, state.without_biometrics, state.document) == (Step.NOTICE, False, None)


def test_refusal_may_be_taken_back_and_consent_is_asked_anew() -> None:
    state, _ = play(BEGIN, CONSENT, ev.Declined("refuse"))
    proposed, _ = play(ev.Proposed(Outcome.REFUSED, "her word", EXPIRES), state=state)
    withdrawn, _ = play(ev.Withdrawn(), state=proposed)
    for refused in (state, withdrawn):
        after, effects = play(ev.ReadAgain(), state=refused)
        assert (after.step, after.consent) == (Step.NOTICE, None)
        assert ef.OpenCamera() not in effects
    again, effects = play(ev.ReadAgain(), CONSENT, state=state)
    assert (again.step, again.takes_back) == (Step.CARD, False)


def test_nothing_is_read_again_once_something_was_compared_or_entered() -> None:
    entered = ev.DocumentEntered(ev.Document({"type": "passport", "method": "typed"}, (), {}, HASH))
    missed = (CONSENT, card(), face("no_match"))
    for happened in ((*missed, ev.Declined("refuse")), (CONSENT, ev.NoCard("forgotten"), entered)):
        state, _ = play(BEGIN, *happened)
        after, effects = play(ev.ReadAgain(), state=state)
        assert (after.step, after.trouble, effects) == (Step.DECISION, "read_again_not_open", ())
    state, _ = play(BEGIN, *missed, ev.Declined("refuse"), entered, ev.ReadAgain())
    assert state.step is Step.DECISION, "a document entered is no way to three more tries"


def test_who_could_not_be_verified_does_not_sign_herself() -> None:
    state, _ = play(BEGIN, ev.Proposed(Outcome.UNABLE, "unconscious", EXPIRES), state=State(load_policy("neutral")))
    for officer in ("o-1", "o-2"):
        state, _ = play(confirmation(state, officer), state=state)
    assert state.step is Step.SIGN
    herself, effects = play(ev.Signed(ev.Signature("subject", "self", b"-")), state=state)
    assert (herself.step, herself.trouble, effects) == (Step.SIGN, "subject_cannot_sign", ())
    entrusted, effects = play(ev.Signed(ev.Signature("delegate", "entrusted_person", b"-")), state=herself)
    assert (entrusted.step, entrusted.trouble, effects) == (Step.SIGN, "relation_not_open", ()), "she entrusted nobody"
    _, effects = play(ev.Signed(ev.Signature("delegate", "spouse", b"-")), state=entrusted)
    assert seal(effects).fields["subject_sign"]["by"] == "delegate"


def test_a_childs_guardian_consents_and_signs() -> None:
    """Her own consent opened the camera; her card tells her age, and nothing is compared before a guardian's."""
    child = card(UNDER_14)
    state, effects = play(BEGIN, CONSENT, child, state=State(load_policy("jiangxi")))
    assert (state.step, state.trouble) == (Step.DECISION, "guardian_must_consent")
    assert ef.CompareFace() not in effects
    state, _ = play(ev.ReadAgain(), state=state)
    assert state.step is Step.NOTICE, "the notice is read to the guardian too"
    state, effects = play(ev.Consented(EXPIRES, "delegate", "guardian"), child, state=state)
    assert state.step is Step.FACE
    assert ef.CompareFace() in effects
    state, _ = play(face("match", "live"), state=state)
    assert state.trouble == "document_findings", "officers look at a child's check in any case"
    state, _ = play(ev.Proposed(Outcome.PASSED, "with her mother", EXPIRES), state=state)
    while state.step is Step.CONFIRM:
        state, _ = play(confirmation(state, f"o-{len(state.confirmations)}"), state=state)
    herself, effects = play(ev.Signed(ev.Signature("subject", "self", b"-")), state=state)
    assert (herself.step, herself.trouble, effects) == (Step.SIGN, "guardian_must_sign", ())
    spouse, _ = play(ev.Signed(ev.Signature("delegate", "spouse", b"-")), state=herself)
    assert spouse.trouble == "relation_not_open"
    _, effects = play(ev.Signed(ev.Signature("delegate", "guardian", b"-")), state=spouse)
    assert seal(effects).fields["subject_sign"]["relation"] == "guardian"


def test_a_childs_finger_is_her_guardians_to_give_too() -> None:
    """Consent to a finger is one of its own."""
    relations = {"self": "subject", "spouse": "delegate", "guardian": "delegate"}
    given = [fe.FingerConsent(HASH, "compare", EXPIRES, by, relation) for relation, by in relations.items()]
    told = [fe.FingerConsented(one) for one in given]
    happened = (BEGIN, ev.Consented(EXPIRES, "delegate", "guardian"), card(UNDER_14), fe.FingerWished())
    state, _ = play(*happened, state=State(load_policy("jiangxi")))
    assert state.step is Step.FINGER
    herself, effects = play(told[0], state=state)
    assert (herself.trouble, herself.finger_consent, effects) == (UNDER_14, None, ())
    spouse, effects = play(told[1], state=herself)
    assert (spouse.trouble, spouse.finger_consent, effects) == ("relation_not_open", None, ())
    guardian, _ = play(told[2], state=spouse)
    assert guardian.finger_consent == given[2]


def test_who_consents_for_her_says_how_they_are_related() -> None:
    """It is recorded, and must be one of the policy's; for a child a husband's is not enough."""
    policy = load_policy("hainan")
    here = policy.checkpoints[-1].id
    begun, _ = play(replace(BEGIN, checkpoint=here), state=State(policy))
    for relation in ("self", "entrusted_person"):  # Hainan lets family sign, nobody else
        refused, effects = play(ev.Consented(EXPIRES, "delegate", relation), state=begun)
        assert (refused.step, refused.trouble, effects) == (Step.NOTICE, "relation_not_open", ())
    husband = ev.Consented(EXPIRES, "delegate", "spouse")
    asked, effects = play(husband, card(UNDER_14), state=begun)
    assert (asked.trouble, asked.takes_back) == ("guardian_must_consent", True)
    state, effects = play(husband, card(), state=begun)
    assert ef.CompareFace() in effects
    _, effects = play(ev.Proposed(Outcome.FAILED, "why", EXPIRES), ev.Emergency("check-2", here), state=state)
    assert seal(effects).fields["consent"] == {
        **seal(effects).fields["consent"],
        "by": "delegate",
        "relation": "spouse",
    }


def test_who_stands_for_children_only_does_not_for_a_grown_woman() -> None:
    """A hospital's own pack may say so; then the check goes to officers, and consent is asked for anew."""
    policy = load_policy("neutral")
    only = (SignsWhen.UNDER_14,)
    strict = [replace(one, when=only) if one.relation == "guardian" else one for one in policy.delegates]
    guardian = ev.Consented(EXPIRES, "delegate", "guardian")
    state, effects = play(BEGIN, guardian, card(), state=State(replace(policy, delegates=tuple(strict))))
    assert (state.step, state.trouble) == (Step.DECISION, "relation_not_open")
    assert ef.CompareFace() not in effects
    again, _ = play(ev.ReadAgain(), state=state)
    assert again.step is Step.NOTICE


def test_temporary_staff_do_not_answer_where_regular_staff_must() -> None:
    """By the policy, or by its rule for this kind of document: then the check waits for somebody who may."""
    policy = load_policy("chongqing_yubei")
    begun = replace(BEGIN, checkpoint=next(one.id for one in policy.checkpoints if not one.own_phone))
    steps = (begun, CONSENT, card(), face("match", "live"))
    waiting, _ = play(*steps, state=State(policy, on_duty=DUTY))
    assert (waiting.step, waiting.trouble) == (Step.DECISION, "regular_staff_only")
    regular = replace(DUTY, regular=True)
    after, _ = play(ev.ShiftChanged(regular, NOTED), state=replace(waiting, on_duty=regular))
    assert after.outcome is Outcome.PASSED


def test_only_an_emergency_is_explained() -> None:
    statement = DecisionStatement("check-1", None, Outcome.EMERGENCY, "why", EXPIRES)
    explained = ev.Explained(statement, ev.Confirmation("o-1", "officer", "pin", statement.sha256))
    state, _ = play(BEGIN, ev.Left(), ev.Sealed("check-1", 2, HASH), explained)
    assert (state.step, state.trouble) == (Step.DONE, "nothing_to_explain")


def test_account_of_another_emergency_is_not_taken() -> None:
    state, _ = play(BEGIN, ev.Left(), ev.Sealed("check-1", 2, HASH), ev.Emergency("check-2", "delivery"))
    state, _ = play(ev.Sealed("check-2", 3, HASH), state=state)
    statement = DecisionStatement("check-1", None, Outcome.EMERGENCY, "why", "2030-01-01T00:00:00.000Z")
    account = ev.Explained(statement, ev.Confirmation("o-1", "officer", "pin", statement.sha256))
    after, effects = play(account, state=state)
    assert (after.step, after.trouble, effects) == (Step.DONE, "nothing_to_explain", ())


def test_interrupted_by_a_cut_names_the_step_only() -> None:
    entry = Entry("check-1", "delivery", "V-1", "typed", "mother", drill=False, step="card")
    fields = interrupted(entry, POLICY)
    assert (fields["outcome"], fields["step_reached"], fields["reason"]) == ("interrupted", "card", "restart")
    assert not {"document", "face", "consent", "alerts"} & fields.keys()
    emergency = interrupted(replace(entry, step="emergency", drill=True), POLICY)
    assert emergency["alerts"] == [{"to": "hospital_office", "within_s": 0}], "a cut hides no emergency"
    assert provisional("0197-abcdefabcdef") == "P-abcdefabcdef"


def test_record_names_whom_the_policy_wants_told() -> None:
    policy = load_policy("jiangxi")
    day = {"to": "health_authority", "within_s": 86_400}
    at_once = [{"to": "hospital_office", "within_s": 0}, {"to": "police", "within_s": 0}]
    for checkpoint, outcome, told in (
        ("delivery", Outcome.FAILED, [*at_once, day]),
        ("antenatal", Outcome.FAILED, [at_once[0], day]),
        ("delivery", Outcome.PASSED, None),
    ):
        begun = State(policy, Step.NOTICE, begin=replace(BEGIN, checkpoint=checkpoint))
        record = seal(moves.seal(begun, outcome)[1])
        assert (record.fields.get("alerts"), record.alert) == (told, told is not None)
        drill = seal(moves.seal(replace(begun, begin=replace(BEGIN, drill=True)), outcome)[1])
        assert ("alerts" in drill.fields, drill.alert) == (False, False)


def test_state_does_not_show_the_document() -> None:
    state, _ = play(BEGIN, CONSENT, card())
    assert state.document is not None
    assert "resident_id_card" not in repr(state)
    assert "resident_id_card" not in repr(state.document)
