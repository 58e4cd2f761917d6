"""Where a check is, and everything known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique

from daemon.events import (
    Begin,
    CheckedElsewhere,
    Confirmation,
    Consented,
    Document,
    OnDuty,
    Sealed,
    Signature,
)
from daemon.face_events import ChallengeSkipped, FaceFinding, Liveness
from daemon.finger_events import FingerConsent, FingerEnrolment, FingerFinding, SlipFacts
from daemon.minors import UNDER_14
from daemon.paper_events import OfficerSigned
from daemon.policy import FLOOR_OFFICERS, Policy
from daemon.policy.words import Factor, Signer, Staff
from evidence.decision import DecisionStatement
from evidence.record import Outcome


@unique
class Step(StrEnum):
    """Where a check is."""

    IDLE = "idle"
    NOTICE = "notice"
    CARD = "card"
    FACE = "face"
    FINGER = "finger"
    DECISION = "decision"
    CONFIRM = "confirm"
    ENROL = "enrol"
    SIGN = "sign"
    SEALING = "sealing"
    DONE = "done"
    NOTING = "noting"


OPEN = (Step.NOTICE, Step.CARD, Step.FACE, Step.FINGER, Step.DECISION, Step.CONFIRM)
"""Steps in which nobody knows yet how the check ends."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything known about the check under way.

    Attributes:
        elsewhere: the check was done through a province's app; nothing of her body counts here.
        takes_back: she refused after she had consented, or is a child whose guardian has not: before anything is read
            again consent is asked for anew.
        without_biometrics: she asked for the other way: officers look at her documents, nothing of her body is read.
        compared: a comparison of her face or finger has begun, whatever became of it.
        attack: one that was seen before a document was entered or another channel named: the looks count no more.
        prefers_finger: she would rather show a finger than her face.
        prints: her card holds fingerprints that can be compared here.
        finger_consent, enrol_consent: to her finger being compared; to its being enrolled.
        slip: what her slip says; ``slip_refused``: why the last one was refused.
        statement: what officers are confirming.
        trouble: short name of what stands in the way, for the screen.
        on_duty: who answers for what the unit does by itself.
    """

    policy: Policy
    step: Step = Step.IDLE
    begin: Begin | None = None
    consent: Consented | None = None
    takes_back: bool = False
    without_biometrics: bool = False
    document: Document | None = field(default=None, repr=False)
    elsewhere: CheckedElsewhere | None = None
    phone: str | None = field(default=None, repr=False)
    compared: bool = False
    faces: tuple[FaceFinding, ...] = ()
    attack: Liveness | None = None
    skipped: tuple[ChallengeSkipped, ...] = ()
    fingers: tuple[FingerFinding, ...] = ()
    prefers_finger: bool = False
    prints: bool = False
    finger_consent: FingerConsent | None = None
    slip: SlipFacts | None = None
    slip_refused: str | None = None
    enrol_consent: FingerConsent | None = None
    enrol_tries: int = 0
    enrolment: FingerEnrolment | None = None
    statement: DecisionStatement | None = None
    confirmations: tuple[Confirmation, ...] = ()
    signature: Signature | None = None
    officer_signatures: tuple[OfficerSigned, ...] = ()
    outcome: Outcome | None = None
    sealed: Sealed | None = None
    trouble: str | None = None
    on_duty: OnDuty | None = None

    @property
    def check(self) -> str | None:
        """The id of the check under way."""
        return self.begin.check if self.begin else None

    @property
    def lets_in(self) -> bool:
        """Whether the door may stand open for what is on the screen: a pass, of which a drill's is none, or care."""
        drill = self.begin is not None and self.begin.drill
        return self.outcome is Outcome.EMERGENCY or (self.outcome is Outcome.PASSED and not drill)

    @property
    def offers_enrolment(self) -> bool:
        """Whether she is asked, now that she has passed, if she wants her finger enrolled: once, at a registration."""
        here = self.begin is not None and self.begin.enrols and self.policy.enrols_finger(self.begin.checkpoint)
        asked = self.step is Step.ENROL or self.enrolment is not None
        own = self.document is not None and self.elsewhere is None and not self.without_biometrics
        return here and own and not asked

    @property
    def may_read_again(self) -> bool:
        """Whether her card may be laid after all: no comparison has begun, no officer has entered a document.

        So no way back gives anybody more tries than the policy does, nor another challenge for one that was cut short.
        """
        read_here = self.document is None or self.document.from_chip
        return self.step is Step.DECISION and read_here and not (self.compared or self.elsewhere)

    @property
    def is_child(self) -> bool:
        """Whether her document says that she is under 14: then a guardian consents and signs."""
        return self.document is not None and UNDER_14 in self.document.findings

    def may_consent(self, one: Consented | FingerConsent) -> bool:
        """Whether this consent is enough to compare or enrol anything of her: it is her own, or of who may give it."""
        return not self.is_child if one.by == "subject" else one.relation in self.relations

    @property
    def answered_for(self) -> bool:
        """Whether somebody is on duty who may answer for a pass that the unit finds by itself; else nobody need."""
        if Signer.OFFICER not in self.policy.signatures_for(Outcome.PASSED):
            return True
        regular = self.policy.staff_for(self.document.type if self.document else None) is Staff.REGULAR
        return self.on_duty is not None and (self.on_duty.regular or not regular)

    @property
    def officers_signing(self) -> tuple[str, ...]:
        """Officers whose drawn names the policy wants on the form: who confirmed, else who is on duty."""
        wanted = self.policy.signatures_for(self.outcome) if self.outcome else ()
        if not {Signer.OFFICER, Signer.OFFICERS} & set(wanted):
            return ()
        on_duty = (self.on_duty.officer,) if self.on_duty else ()
        return tuple(one.officer for one in self.confirmations) or on_duty

    @property
    def relations(self) -> tuple[str, ...]:
        """Of those who may consent and sign for her here: for a child her guardian."""
        child = None if self.document is None else self.is_child
        return self.policy.stand_ins(child=child, unable=self.outcome is Outcome.UNABLE)

    @property
    def officers_needed(self) -> int:
        """How many officers must confirm the statement."""
        assert self.statement is not None
        needed = self.policy.officers_for(self.statement.outcome, self.document.type if self.document else None)
        entered = self.document is not None and not self.document.from_chip
        return max(needed, FLOOR_OFFICERS) if entered else needed

    @property
    def matched(self) -> bool:
        """Whether everything that a pass needs was read and is right; what officers judge of a document apart."""
        return self.document is not None and self.elsewhere is None and not self.lacking

    @property
    def lacking(self) -> tuple[Factor, ...]:
        """What a pass at this checkpoint still wants; of a choice, all that could be chosen."""
        assert self.begin is not None
        shown = {
            Factor.CARD: self.document is not None and self.document.from_chip,
            Factor.FACE: self.against_the_face is None,
            Factor.FINGER: bool(self.fingers) and self.fingers[-1].decision == "match",
        }
        return self.policy.lacking(self.begin.checkpoint, [factor for factor, right in shown.items() if right])

    @property
    def face(self) -> FaceFinding | None:
        """The look at her that counts: the last, or the one before it that found an attack."""
        attacks = [one for one in self.faces if one.liveness.decision == "attack"]
        return next(reversed(attacks or self.faces), None)

    @property
    def liveness(self) -> Liveness | None:
        """What the looks at her found of life."""
        return self.face.liveness if self.face else self.attack

    @property
    def against_the_face(self) -> str | None:
        """Why her face is not that of the document and alive; None if it is."""
        if self.face is None:
            return "face_missing"
        alive = self.face.liveness
        if self.face.decision != "match" and not self.attacked:
            return self.face.cause or "face_no_match"
        if alive.decision == "live" or (alive.decision == "not_performed" and self.policy.liveness != "required"):
            return None
        return "liveness_missing" if alive.decision == "not_performed" else alive.against

    @property
    def attacked(self) -> bool:
        """Whether a face, in any look, was found to be a print, a screen or the like."""
        return self.liveness is not None and self.liveness.decision == "attack"
