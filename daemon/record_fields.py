"""From what a check knows to the fields of its record. Pure; the writer adds unit, time, number and signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from daemon.events import Confirmation, Sealed
from daemon.journal import Entry
from daemon.policy import Policy
from evidence.decision import DecisionStatement
from evidence.record import Kind, Outcome

if TYPE_CHECKING:
    from daemon.session import State


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
                **({"attested_by": "unit"} if one.method == "pin" else {}),
            },
        }
        for one in confirmations
    ]


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
        "channel": "unit",
    }
    if reason:
        fields["reason"] = reason
    if state.consent is not None:
        fields["consent"] = _consent(state)
    if outcome is Outcome.INTERRUPTED:  # keeps nothing of the document, nor of a decision about it
        return {**fields, "officers": [], "step_reached": reached(state)}
    if state.statement is not None:
        fields["decision"] = state.statement.to_dict()
    return fields | _findings(state)


def reached(state: State) -> str:
    """How far the check got, for a record that does not keep the document."""
    if state.outcome is Outcome.EMERGENCY:  # the door is open by then; a power cut must not hide why
        return "emergency"
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
        "by": state.consent.by,
        "notice": {"text_id": notice.id, "sha256": notice.sha256},
    }


def _findings(state: State) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if state.document is not None:
        fields["document"] = {**state.document.facts, "findings": list(state.document.findings)}
    if state.faces:
        last = state.faces[-1]
        fields["face"] = {
            "score": last.score,
            "threshold": last.threshold,
            "decision": last.decision,
            "frames": last.frames,
            "attempts": len(state.faces),
            "model": dict(last.model),
            **({"cause": last.cause} if last.cause else {}),
        }
        fields["liveness"] = {"decision": "not_performed", "checks": []}
    return fields


def addendum(
    check: str, to: Sealed, statement: DecisionStatement, confirmations: Iterable[Confirmation]
) -> dict[str, Any]:
    """The fields of an addendum to the record ``to``, which officers confirmed by ``statement``."""
    return {
        "kind": Kind.ADDENDUM.value,
        "check": check,
        "refers_to": {"seq": to.seq, "sha256": to.sha256},
        "reason": statement.reason,
        "decision": statement.to_dict(),
        "officers": officers(confirmations),
    }


def interrupted(entry: Entry, policy: Policy) -> dict[str, Any]:
    """The fields for a check that a power cut or crash ended: known only from the journal."""
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
        "channel": "unit",
        "reason": "restart",
        "step_reached": entry.step,
    }
