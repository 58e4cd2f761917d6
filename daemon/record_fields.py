"""From what a check knows to the fields of its record. Pure; the writer adds unit, time, number and signature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from daemon import signatures
from daemon.events import Amended, CheckedElsewhere, Confirmation, Consented, Noted, Sealed
from daemon.face_events import ChallengeSkipped, Liveness
from daemon.finger_events import FingerConsent
from daemon.finger_texts import FINGER_TEXTS
from daemon.journal import Entry
from daemon.outbox.checks import Settlement
from daemon.policy import Policy
from evidence.decision import DecisionStatement
from evidence.record import Kind, Outcome

if TYPE_CHECKING:
    from daemon.state import State


UNIT = "unit"
"""The channel of every check that was done here."""
LONGEST_REASON = 500


def reason(policy: Policy, elsewhere: CheckedElsewhere | None, why: str) -> str:
    """The reason of a decision; of a check that was done elsewhere it names where, so that officers sign that too."""
    if elsewhere is None:
        return why
    title = next((one.title for one in policy.channels if one.id == elsewhere.channel), elsewhere.channel)
    return f"{title} {elsewhere.reference}: {why}"[:LONGEST_REASON]


def provisional(check: str) -> str:
    """A visit reference for a check that began without one; an addendum links the visit later."""
    return f"P-{check[-12:]}"


def officers(confirmations: Iterable[Confirmation]) -> list[dict[str, Any]]:
    """The record's ``officers``."""
    return [
        {
            "id": one.officer,
            "role": one.role,
            "assertion": {
                "method": one.method,
                "statement_sha256": one.statement_sha256,
                **({"attested_by": "unit"} if one.method == "pin" else one.proof),
            },
        }
        for one in confirmations
    ]


def alerts(policy: Policy, checkpoint: str, outcome: Outcome, *, drill: bool) -> list[dict[str, Any]]:
    """Whom the policy wants told of ``outcome`` there, the most urgent first, and in what time; of a drill nobody."""
    told = () if drill else policy.alerts_for(checkpoint, outcome)
    return [{"to": one.recipient.value, "within_s": one.within_s} for one in told]


def _told(policy: Policy, checkpoint: str, outcome: Outcome, drill: bool) -> dict[str, Any]:
    told = alerts(policy, checkpoint, outcome, drill=drill)
    return {"alerts": told} if told else {}


def check(state: State, outcome: Outcome, reason: str | None) -> dict[str, Any]:
    """The fields of the one check record of ``state``."""
    begin = state.begin
    assert begin is not None
    fields: dict[str, Any] = {
        "kind": Kind.CHECK.value,
        "check": begin.check,
        "drill": begin.drill,
        "checkpoint": begin.checkpoint,
        "outcome": outcome.value,
        "policy": {"id": state.policy.id, "version": state.policy.version},
        "visit": {"ref": begin.visit, "source": begin.visit_source},
        "subject": {"role": begin.role},
        "officers": officers(state.confirmations),
        "channel": UNIT,
        **_told(state.policy, begin.checkpoint, outcome, begin.drill),
    }
    if reason:
        fields["reason"] = reason
    if begin.gestation_week is not None:
        fields["gestation_week"] = begin.gestation_week
    if state.on_duty is not None:
        fields["on_duty"] = state.on_duty.to_dict()
    if state.consent is not None:
        fields["consent"] = _consent(state)
    if outcome is Outcome.INTERRUPTED:  # keeps nothing of the document, nor of a decision about it
        return {**fields, "officers": [], "step_reached": reached(state)}
    if state.statement is not None:
        fields["decision"] = state.statement.to_dict()
        if state.elsewhere is not None:
            fields |= {"channel": state.elsewhere.channel, "channel_reference": state.elsewhere.reference}
    if state.phone is not None:
        fields["contact"] = {"phone": state.phone}
    return fields | signatures.fields(state.signature, state.officer_signatures) | _findings(state)


def pressed(claimed_at: str | None) -> dict[str, Any]:
    """When a page says that the emergency was pressed, where the unit did not answer it then: a claim, no more."""
    return {"pressed": {"claimed_at": claimed_at, "claimed_by": "screen"}} if claimed_at else {}


def reached(state: State) -> str:
    """How far the check got, for a record that does not keep the document."""
    if state.outcome is Outcome.EMERGENCY:  # the door is open by then; a power cut must not hide why
        return "emergency"
    if state.outcome is not None and state.outcome is not Outcome.INTERRUPTED:
        return f"decided:{state.outcome}"
    if state.fingers:
        return "finger"
    if state.faces:
        return "face"
    if state.document is not None:
        return "card"
    return "consent" if state.consent else "notice"


def _consent(state: State) -> dict[str, Any]:
    assert state.consent is not None
    text, notice = state.policy.consent, state.policy.notice
    return {
        "text_id": text.id,
        "sha256": text.sha256,
        "at": state.consent.at,
        **_consenting(state.consent),
        "notice": {"text_id": notice.id, "sha256": notice.sha256},
    }


def _findings(state: State) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if state.document is not None:
        fields["document"] = {**state.document.facts, "findings": list(state.document.findings)}
    if state.face is not None:
        face = state.face
        fields["face"] = {
            "score": face.score,
            "threshold": face.threshold,
            "decision": face.decision,
            "frames": face.frames,
            "attempts": len(state.faces),
            "model": dict(face.model),
            **({"cause": face.cause} if face.cause else {}),
        }
    if state.liveness is not None or state.skipped:
        fields["liveness"] = _liveness(state)
    finger = _finger(state)
    return fields | ({"finger": finger} if finger else {})


def _liveness(state: State) -> dict[str, Any]:
    """What was found, and who left out what: that is told even where it came to no look at her."""
    found = state.liveness or Liveness("not_performed")
    return {
        "decision": found.decision,
        "checks": [dict(one) for one in found.checks],
        **({"cause": found.cause} if found.cause else {}),
        **({"skipped": [_skipped(one) for one in state.skipped]} if state.skipped else {}),
    }


def _finger(state: State) -> dict[str, Any]:
    """Never a template: what was found, with what it was compared, and each consent by its own id and words."""
    found, enrolment = state.fingers[-1] if state.fingers else None, state.enrolment
    said = {
        "attempts": len(state.fingers) or None,
        "consent": _finger_consent(state.finger_consent),
        "slip": asdict(state.slip) if state.slip else None,
        "slip_refused": state.slip_refused,
        "enrolment": {**asdict(enrolment), "consent": _finger_consent(state.enrol_consent)} if enrolment else None,
        **({name: getattr(found, name) for name in ("score", "cause", "method", "threshold")} if found else {}),
    }
    kept = {name: value for name, value in said.items() if value is not None}
    if "enrolment" in kept:
        kept["enrolment"] = {name: value for name, value in kept["enrolment"].items() if value is not None}
    return {"decision": found.decision if found else "not_performed", **kept} if kept else {}


def _finger_consent(one: FingerConsent | None) -> dict[str, Any] | None:
    if one is None:
        return None
    text = FINGER_TEXTS[one.purpose]
    return {"id": one.id, "text_id": text.id, "sha256": text.digest, "at": one.at, **_consenting(one)}


def _consenting(one: Consented | FingerConsent) -> dict[str, str]:
    return {"by": one.by} if one.by == "subject" else {"by": one.by, "relation": one.relation}


def _skipped(one: ChallengeSkipped) -> dict[str, Any]:
    said = {"challenge": one.challenge, "officer": one.officer, "role": one.role, "reason": one.reason}
    return {**said, "attested_by": "unit"}


def addendum(to: Sealed, statement: DecisionStatement, confirmations: Iterable[Confirmation]) -> dict[str, Any]:
    """The fields of an addendum to the record ``to``, which officers confirmed by ``statement``."""
    return {
        "kind": Kind.ADDENDUM.value,
        "check": to.check,
        "refers_to": {"seq": to.seq, "sha256": to.sha256},
        "reason": statement.reason,
        "decision": statement.to_dict(),
        "officers": officers(confirmations),
    }


def amendment(event: Amended) -> dict[str, Any]:
    """The fields of an addendum that brings what came later: a visit's number, a signature, a mistaken touch."""
    fields = {**addendum(event.to, event.statement, event.confirmations), **event.said}
    if event.accounts:
        fields["accounts"] = True
    return fields | signatures.fields(event.signature)


def settlement(one: Settlement) -> dict[str, Any]:
    """The fields of the addendum to a debt that a later check of the same visit settles."""
    return {
        "kind": Kind.ADDENDUM.value,
        "check": one.debt.check,
        "refers_to": {"seq": one.debt.seq, "sha256": one.debt.sha256},
        "reason": "settled",
        "settled_by": {"check": one.by.check, "seq": one.by.seq, "sha256": one.by.sha256},
        "officers": [],
    }


def parked(state: State) -> dict[str, Any]:
    """The fields of the event that calls the office: a check waits for its second officer."""
    return _of_waiting(state, "check.parked", cause="second_officer_pending")


def resumed(state: State) -> dict[str, Any]:
    """The fields of the event that says who was on duty when a parked check was taken up again."""
    return _of_waiting(state, "check.resumed")


def _of_waiting(state: State, what: str, **more: str) -> dict[str, Any]:
    assert state.begin is not None
    there = {"on_duty": state.on_duty.to_dict()} if state.on_duty else {}
    return {**there, "kind": Kind.EVENT.value, "event": {"type": what, "check": state.begin.check, **more}}


def noted(event: Noted) -> dict[str, Any]:
    """The fields of the event that tells something about officers or devices: a shift, a lockout, a camera."""
    return {"kind": Kind.EVENT.value, "event": {"type": event.what, **event.facts}}


def interrupted(entry: Entry, policy: Policy) -> dict[str, Any]:
    """The fields for a check that a power cut or crash ended: known only from the journal."""
    emergency = entry.step == Outcome.EMERGENCY
    ended = Outcome.EMERGENCY if emergency else Outcome.INTERRUPTED
    return {
        "kind": Kind.CHECK.value,
        "check": entry.check,
        "drill": entry.drill,
        "checkpoint": entry.checkpoint,
        "outcome": Outcome.INTERRUPTED.value,
        "policy": {"id": policy.id, "version": policy.version},
        "visit": {"ref": entry.visit, "source": entry.visit_source},
        "subject": {"role": entry.role},
        "officers": [],
        "channel": UNIT,
        "reason": "restart",
        "step_reached": entry.step,
        **_told(policy, entry.checkpoint, ended, entry.drill and not emergency),
    }
