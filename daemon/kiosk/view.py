"""What the screen may show of a check: masked, and nothing of the document once the check ended as an emergency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.session import State, Step


def view(
    state: State,
    *,
    waiting: int,
    online: bool,
    why_offline: str | None,
    storage: Mapping[str, Any] | None = None,
    troubles: Sequence[str] = (),
) -> dict[str, Any]:
    """The screen's content as plain JSON values.

    Args:
        storage: the room that is left, see :mod:`daemon.storage`.
        troubles: what is wrong with devices, see :mod:`daemon.troubles`.
    """
    return {
        "step": state.step.value,
        "check": state.check,
        "checkpoint": state.begin.checkpoint if state.begin else None,
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
    }


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
        "needed": state.policy.officers_for(state.statement.outcome),
    }
