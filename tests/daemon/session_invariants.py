"""What must hold in each step of the desk, whatever came before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon import desk
from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon.desk import Desk
from daemon.minors import UNDER_14
from daemon.policy import DECIDABLE, Policy
from daemon.policy.words import Signer, SignsWhen
from daemon.state import OPEN, State, Step
from evidence.record import Outcome
from tests.daemon.session_alphabet import HASH

CAMERA_STEPS = (Step.CARD, Step.FACE)


class Violation(AssertionError):
    """An invariant does not hold; ``rule`` is its name."""

    def __init__(self, rule: str, state: State, event: str) -> None:
        super().__init__(f"{rule}: {event} in {state.step} (trouble {state.trouble})")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Trail:
    """What happened on the way: facts that the invariants need and the state need not hold. Sets are of checks.

    ``tries``: for each check, of ``face`` how many have begun, of ``finger`` how many have ended.
    ``attacked``: a look at her found a print, a screen or the like.
    """

    consented: frozenset[str] = frozenset()
    journalled: frozenset[str] = frozenset()
    sealed: frozenset[str] = frozenset()
    attacked: frozenset[str] = frozenset()
    tries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    camera_on: bool = False
    door_open: bool = False
    timer: Step | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One step: the check on the screen before and after, and what was asked."""

    before: State
    trail: Trail
    name: str
    event: ev.Event
    after: State
    effects: tuple[ef.Effect, ...]
    trail_after: Trail

    def hold(self, rule: str, truth: object) -> None:
        if not truth:
            raise Violation(rule, self.before, self.name)

    def seals(self, kind: str) -> list[ef.SealRecord]:
        return [one for one in self.effects if isinstance(one, ef.SealRecord) and one.fields["kind"] == kind]

    def has(self, *kinds: type) -> bool:
        return any(isinstance(one, kinds) for one in self.effects)


def check(move: Move) -> None:
    """Hold every invariant of one check against ``move``.

    Raises:
        Violation: one does not hold.
    """
    _late_events_change_nothing(move)
    _emergency(move)
    _reading(move)
    _time(move)
    sealed = move.trail.sealed
    for seal in move.seals("check"):
        move.hold("one check record per check", seal.check not in sealed and seal.fields["check"] == seal.check)
        sealed |= {seal.check}
        _record(move, seal)
    _door(move)
    _beginning_and_end(move)
    if _parks(move):
        alerts = [one.alert for one in move.effects if isinstance(one, ef.Note)]
        drill = move.before.begin is not None and move.before.begin.drill
        move.hold("a drill alerts nobody", not (drill and any(alerts)))
        move.hold("the office is called when a check is parked", drill or any(alerts))
    if isinstance(move.event, ev.Explained) and move.event.statement.check != move.before.check:
        move.hold("an account is of the emergency it names", not move.effects and move.after.step is move.before.step)


def _door(move: Move) -> None:
    move.hold("the door opens for a pass or an emergency only", not move.has(ef.ReleaseDoor) or _may_open(move))
    resting = move.after.step in OPEN and move.trail_after.door_open
    move.hold("before her result no door rests on another's release", not resting)


def _parks(move: Move) -> bool:
    return move.before.step in OPEN and move.after.step is Step.IDLE


def _may_open(move: Move) -> bool:
    drill = move.after.begin is not None and move.after.begin.drill
    return isinstance(move.event, ev.Emergency) or (move.after.outcome is Outcome.PASSED and not drill)


def _beginning_and_end(move: Move) -> None:
    after = move.after
    if move.before.step is not Step.IDLE and after.step is Step.IDLE:
        blank = State(after.policy, on_duty=after.on_duty)
        move.hold("idle has forgotten everything", move.has(ef.Forget) and after == blank)
        move.hold("idle holds the door", isinstance(move.effects[-1], ef.LockDoor))
        accounted = move.before.step is Step.NOTING
        move.hold("what was accounted for holds no door", not accounted or move.has(ef.ClearEmergency))
    if isinstance(move.event, ev.Begin) and after.begin is move.event:
        new = State(after.policy, Step.NOTICE, begin=move.event, on_duty=after.on_duty)
        move.hold("nothing is left of the woman before", after == new and move.has(ef.Forget))


def _late_events_change_nothing(move: Move) -> None:
    if move.name.startswith("late ") or move.name.endswith(" long other"):
        move.hold("late events change nothing", move.after == move.before and not move.effects)


def _emergency(move: Move) -> None:
    if not isinstance(move.event, ev.Emergency):
        return
    move.hold(
        "an emergency opens the door in its own step", move.effects and isinstance(move.effects[0], ef.ReleaseDoor)
    )
    shown = move.before.step is Step.SEALING or (move.before.step is Step.DONE and move.event.again)
    under_way = shown and move.before.outcome is Outcome.EMERGENCY
    records = [one for one in move.seals("check") if one.fields["outcome"] == Outcome.EMERGENCY]
    for one in records:
        alerts = bool(move.before.policy.alerts_for(one.fields["checkpoint"], Outcome.EMERGENCY))
        move.hold("an emergency is no drill", not one.fields["drill"])
        move.hold("an emergency alerts whom the policy names", one.alert == alerts == ("alerts" in one.fields))
    move.hold("an emergency leads to one record", len(records) == (0 if under_way else 1))
    move.hold("an emergency leads to one record", move.after.step is (move.before.step if under_way else Step.SEALING))
    move.hold("an emergency leads to one record", move.after.outcome is Outcome.EMERGENCY)
    others = [Outcome(one.fields["outcome"]) for one in move.seals("check") if one not in records]
    stands = [move.before.outcome] if move.before.step in (Step.ENROL, Step.SIGN) else []
    drill = move.before.begin is not None and move.before.begin.drill and move.before.step in OPEN
    move.hold("what was decided before an emergency stands", others == ([Outcome.INTERRUPTED] if drill else stands))
    ended, further = desk.step(Desk(move.after), ev.Sealed(move.after.check or "", 2, HASH))
    move.hold("an emergency ends in one action", ended.active.step is Step.DONE)
    move.hold("an emergency leads to one record", not any(isinstance(one, ef.SealRecord) for one in further))


def _tries(move: Move) -> None:
    retries, done = move.before.policy.retries, move.trail_after.tries
    for kind, effect, most in (("face", ef.CompareFace, retries + 1), ("finger", ef.CompareFinger, retries)):
        tried = done.get((kind, move.after.check or ""), 0)
        move.hold("no more tries than the policy's", not move.has(effect) or tried <= most)
    if isinstance(move.event, fa.FaceCompared | ev.FingerCompared) and not move.has(ef.CompareFace, ef.CompareFinger):
        move.hold("after the last try somebody decides", move.after.step not in (Step.CARD, move.before.step))


def _reading(move: Move) -> None:
    _tries(move)
    if move.has(ef.OpenCamera, ef.CompareFace, ef.CompareFinger, ef.EnrolFinger):
        move.hold("nothing of the body before consent", move.after.check in move.trail_after.consented)
        move.hold("nothing of the body on the other way", not move.after.without_biometrics)
    if move.has(ef.CompareFace, ef.CompareFinger):
        move.hold("no comparison without a card", move.after.document is not None)
    if move.has(ef.CompareFinger):
        move.hold("no finger without consent to it", move.after.finger_consent is not None)
        move.hold("a finger is compared with something", move.after.slip is not None or move.after.prints)
    if move.has(ef.EnrolFinger):
        move.hold("no enrolment without consent to it", move.after.enrol_consent is not None)
        move.hold("only who has passed is enrolled", move.after.outcome is Outcome.PASSED)
    _child(move)
    move.hold(
        "the camera runs only while it is needed", not move.trail_after.camera_on or move.after.step in CAMERA_STEPS
    )


def _child(move: Move) -> None:
    after = move.after
    needed = {ef.CompareFace: after.consent, ef.CompareFinger: after.finger_consent}
    for kind, consent in {**needed, ef.EnrolFinger: after.enrol_consent}.items():
        if move.has(kind) and consent is not None and after.document is not None:
            by = _stands_for_her(after.policy, consent.relation, after.document.findings)
            herself = consent.by == "subject" and not after.is_child
            guarded = herself or (consent.by == "delegate" and by)
            rule = "a child is compared with a guardian's consent only"
            move.hold(rule if after.is_child else "who consents for her may", guarded)


def _time(move: Move) -> None:
    ends = (*OPEN, Step.ENROL, Step.SIGN, Step.DONE) if move.after.outcome is not Outcome.EMERGENCY else OPEN
    if move.after.step in ends:
        move.hold("somebody is asked in the end", move.trail_after.timer is move.after.step)
    if move.after.step in (*OPEN, Step.ENROL, Step.SIGN):
        move.hold("a check under way is in the journal", move.after.check in move.trail_after.journalled)


def _record(move: Move, seal: ef.SealRecord) -> None:
    fields: Any = seal.fields
    move.hold("a drill alerts nobody", not (fields["drill"] and seal.alert))
    outcome, officers = Outcome(fields["outcome"]), [one["id"] for one in fields["officers"]]
    _not_of_this_unit(move, fields, outcome, officers)
    move.hold("nobody is both officers", len(set(officers)) == len(officers))
    attacked = fields["check"] in move.trail_after.attacked
    if outcome is Outcome.PASSED:
        move.hold("an attack in any look is no pass", not attacked)
        _pass(move, fields, officers)
    elif outcome in DECIDABLE:
        needed = move.before.policy.officers_for(outcome, fields.get("document", {}).get("type"))
        move.hold("officers decide", fields["decision"]["outcome"] == outcome and len(officers) >= needed)
    told = fields.get("liveness", {}).get("decision") == "attack" or outcome is Outcome.INTERRUPTED
    move.hold("an attack in any look stands in the record", told or not attacked)
    herself = fields.get("subject_sign", {}).get("by") == "subject"
    move.hold("who could not be verified does not sign", not (outcome is Outcome.UNABLE and herself))
    child = UNDER_14 in fields.get("document", {}).get("findings", ())
    move.hold("a guardian signs for a child", not (child and herself))
    _delegates(move, fields, outcome)
    if outcome is Outcome.INTERRUPTED:
        kept = {"document", "face", "finger", "contact", "subject_sign", "decision"} & fields.keys()
        move.hold("an interrupted check keeps no document", not kept)
        move.hold("an interrupted check names no officer who decided", not officers)


def _stands_for_her(policy: Policy, relation: str, findings: Collection[str] | None, *, unable: bool = False) -> bool:
    """As the policy says it; ``findings`` of her document, None where there is none."""
    cases = {SignsWhen.UNDER_14} if findings is not None and UNDER_14 in findings else {SignsWhen.CANNOT_SIGN}
    cases |= set() if unable or SignsWhen.UNDER_14 in cases else {SignsWhen.ENTRUSTED}
    cases |= {SignsWhen.UNDER_14} if findings is None else set()
    return any(one.relation == relation and cases & set(one.when) for one in policy.delegates)


def _delegates(move: Move, fields: Any, outcome: Outcome) -> None:
    """Whoever stands for her says how they are related, and may in her case."""
    finger = fields.get("finger", {})
    consents = [fields.get("consent"), finger.get("consent"), finger.get("enrolment", {}).get("consent")]
    for one in filter(None, consents):
        related = one.get("relation") in move.before.policy.relations
        move.hold("a delegate's relation is recorded", (one["by"] == "delegate") == ("relation" in one) == related)
    signed, document = fields.get("subject_sign"), fields.get("document")
    if signed and signed["by"] == "delegate":
        unable, findings = outcome is Outcome.UNABLE, document and document["findings"]
        may = _stands_for_her(move.before.policy, signed["relation"], findings, unable=unable)
        move.hold("who signs for her may", may)


def _not_of_this_unit(move: Move, fields: Any, outcome: Outcome, officers: list[str]) -> None:
    """What an officer entered is never taken for what the unit read and compared."""
    entered = fields.get("document", {}).get("method", "chip") != "chip"
    elsewhere = fields["channel"] != "unit"
    # Her consent to her finger and her slip may stand there, and who left out a challenge: no findings. And an attack,
    # which is one whatever was shown after it.
    found = [fields.get(one, {}).get("decision", "not_performed") for one in ("finger", "liveness")]
    looked = found[1] not in ("not_performed", "attack")
    matched = "face" in fields or found[0] != "not_performed" or looked or outcome is Outcome.PASSED
    move.hold("no match beside a document without a chip", not (entered and matched))
    move.hold("no match beside a check done elsewhere", not (elsewhere and matched))
    if entered and outcome in DECIDABLE:
        move.hold("two officers for a document without a chip", len(officers) >= 2)
    if elsewhere:
        title = next(one.title for one in move.before.policy.channels if one.id == fields["channel"])
        named = f"{title} {fields['channel_reference']}: "
        move.hold("officers sign where it was done", fields["decision"]["reason"].startswith(named))


def _pass(move: Move, fields: Any, officers: list[str]) -> None:
    policy, checkpoint, document = move.before.policy, fields["checkpoint"], fields["document"]
    matching = [one for one in ("face", "finger") if fields.get(one, {}).get("decision") == "match"]
    move.hold("a pass has every factor", not policy.lacking(checkpoint, ["card", *matching]))
    if "face" in matching and policy.lacking(checkpoint, ["card", *(one for one in matching if one != "face")]):
        alive = fields["liveness"]["decision"]
        lenient = alive == "not_performed" and policy.liveness != "required"
        move.hold("a pass has a living face", alive == "live" or lenient)
    move.hold("a pass has a sound document or an officer", not document["findings"] or officers)
    if not policy.passes_alone(document["type"]):
        move.hold("officers decide", len(officers) >= policy.officers_for(Outcome.PASSED, document["type"]))
    accountable = officers or "on_duty" in fields or Signer.OFFICER not in policy.signatures_for(Outcome.PASSED)
    move.hold("somebody answers for a pass by name", accountable)
    phone = not policy.checkpoint(checkpoint).own_phone or "contact" in fields
    move.hold("a pass has her telephone number", phone or officers)
