"""What the screen may show of fingers and slips: where it stands, never what was captured."""

from __future__ import annotations

from typing import Any

from daemon.finger_texts import FINGER_TEXTS
from daemon.policy.words import Factor
from daemon.state import State
from evidence.instants import local_text, read_instant


def finger_texts() -> dict[str, dict[str, str]]:
    """The consents to a finger, by purpose."""
    return {purpose: {"id": text.id, "zh": text.zh, "en": text.en} for purpose, text in FINGER_TEXTS.items()}


def finger_view(state: State, fitted: bool) -> dict[str, Any] | None:
    """Of the check under way; None while there is none.

    ``open``: a finger counts here and can be read; ``ready``: there is something to compare it with.
    """
    if state.begin is None:
        return None
    here = Factor.FINGER in state.policy.biometrics_for(state.begin.checkpoint)
    return {
        "open": fitted and here and not state.without_biometrics,
        "wished": state.prefers_finger,
        "consented": state.finger_consent is not None,
        "ready": state.slip is not None or state.prints,
        "attempt": len(state.fingers),
        "enrolling": state.enrol_consent is not None,
        "enrolment": state.enrolment.decision if state.enrolment else None,
        "until": local_text(read_instant(state.enrolment.expires))[:10]
        if state.enrolment and state.enrolment.expires
        else None,
    }
