"""What the screen may show of a check: masked, and nothing of the document once the check ended as an emergency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.desk import Desk
from daemon.duty import OnDuty
from daemon.outbox.checks import CheckRow
from daemon.state import State, Step
from daemon.worklist import Expected
from evidence.webauthn import challenge_of


def view(
    desk: Desk,
    *,
    waiting: int,
    online: bool,
    why_offline: str | None,
    storage: Mapping[str, Any] | None = None,
    troubles: Sequence[str] = (),
    owed: Sequence[CheckRow] = (),
    duty: OnDuty | None = None,
    expected: Sequence[Expected] = (),
) -> dict[str, Any]:
    """The screen's content as plain JSON values.

    Args:
        storage: the room that is left, see :mod:`daemon.storage`.
        troubles: what is wrong with devices, see :mod:`daemon.troubles`.
        owed: checks that are still owed.
        duty: who is on duty.
        expected: the worklist, of which visit and checkpoint are shown.
    """
    state = desk.active
    return {
        "step": state.step.value,
        "check": state.check,
        "checkpoint": state.begin.checkpoint if state.begin else None,
        "visit": state.begin.visit if state.begin else None,
        "drill": bool(state.begin and state.begin.drill),
        "trouble": state.trouble,
        "outcome": state.outcome.value if state.outcome else None,
        "seq": state.sealed.seq if state.sealed and state.step is Step.DONE else None,
        "document": dict(state.document.display) if state.document else None,
        "findings": list(state.document.findings) if state.document else [],
        "face": _face(state),
        "decision": _decision(state),
        "waiting": waiting,
        "online": online,
        "why_offline": why_offline,
        "storage": dict(storage) if storage else None,
        "devices": list(troubles),
        "parked": [_parked(one) for one in desk.parked],
        "owed": [_owed(one) for one in owed],
        "duty": {"officer": duty.officer, "role": duty.role, "since": duty.since} if duty else None,
        "worklist": [{"visit": one.visit, "checkpoint": one.checkpoint, "owed": list(one.owed)} for one in expected],
    }


def _parked(state: State) -> dict[str, Any]:
    assert state.begin is not None
    return {
        "check": state.begin.check,
        "visit": state.begin.visit,
        "checkpoint": state.begin.checkpoint,
        "decision": _decision(state),
    }


def _owed(one: CheckRow) -> dict[str, Any]:
    return {"check": one.check, "visit": one.visit, "checkpoint": one.checkpoint, "outcome": one.outcome, "at": one.at}


def _face(state: State) -> dict[str, Any] | None:
    if not state.faces:
        return None
    last = state.faces[-1]
    return {"decision": last.decision, "cause": last.cause, "attempt": len(state.faces)}


def _decision(state: State) -> dict[str, Any] | None:
    if state.statement is None:
        return None
    return {
        "outcome": state.statement.outcome.value,
        "reason": state.statement.reason,
        "confirmed": [one.officer for one in state.confirmations],
        "needed": state.officers_needed,
        "challenge": challenge_of(state.statement.sha256),
    }
