"""What the screen may show: the texts it is served with, and of a check what is masked.

Nothing of the document once the check ended as an emergency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daemon import record_fields
from daemon.check_id import begun_at
from daemon.config import Unit
from daemon.desk import Desk
from daemon.documents.numbers import ENTERED
from daemon.events import OnDuty
from daemon.kiosk.amendments import AGES, listed
from daemon.kiosk.finger_view import finger_texts, finger_view
from daemon.outbox.checks import CheckRow
from daemon.policy import Policy
from daemon.policy.words import DOCUMENTS, RECIPIENTS, Hold
from daemon.printing.forms import NO_PRINTER
from daemon.state import State, Step
from daemon.worklist import Expected
from evidence.record import Outcome
from evidence.webauthn import challenge_of

VOICES = Path(__file__).with_name("static") / "voice"
"""A folder for each language or dialect, in it a file for each word."""


STOOD_FOR = (Step.NOTICE, Step.FINGER, Step.ENROL, Step.SIGN)
"""Steps in which somebody may consent or sign for her."""


def page_facts(unit: Unit, policy: Policy) -> dict[str, Any]:
    """What the page needs to know once: where it is, the policy's words, and which of them can be heard."""
    return {
        "unit": unit.id,
        "site": unit.site,
        "checkpoint": unit.checkpoint,
        "checkpoints": {one.id: {"zh": one.title, "en": one.title_en} for one in policy.checkpoints},
        "subjects": {one.id: list(policy.subjects_for(one.id)) for one in policy.checkpoints},
        "weeks": [one.id for one in policy.checkpoints if one.weeks is not None],
        "notice": {
            "id": policy.notice.id,
            "parts": [
                {"about": part.about.value, "zh": part.zh.strip(), "en": part.en.strip()}
                for part in policy.notice.parts
            ],
        },
        "consent": {"id": policy.consent.id, "zh": policy.consent.zh.strip(), "en": policy.consent.en.strip()},
        "may_skip": list(policy.challenges.skippable),
        "documents": {kind.value: {"zh": zh, "en": en} for kind, (zh, en) in DOCUMENTS.items()},
        "entered": [kind.value for kind in ENTERED],
        "channels": {one.id: {"zh": one.title, "en": one.title_en} for one in policy.channels},
        "recipients": {one.value: {"zh": zh, "en": en} for one, (zh, en) in RECIPIENTS.items()},
        "second_officer_from": policy.staff.second_officer_from.value,
        "finger_consents": finger_texts(),
        "stand_ins": {age: policy.stand_ins(child=child) for child, age in AGES.items()},
        "relations": {one.relation: {"zh": one.title, "en": one.title_en} for one in policy.delegates},
        "voices": {
            folder.name: sorted(file.stem for file in folder.glob("*.ogg"))
            for folder in sorted(VOICES.iterdir())
            if folder.is_dir()
        },
    }


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
    finger_fitted: bool = False,
    asked: str | None = None,
    hint: str | None = None,
    printing: Mapping[str, Any] = NO_PRINTER,
    night: bool = False,
    attended: bool = False,
) -> dict[str, Any]:
    """The screen's content as plain JSON values.

    Args:
        storage: the room that is left, see :mod:`daemon.storage`.
        troubles: what is wrong with devices, see :mod:`daemon.troubles`.
        owed: emergencies that nobody has accounted for, and checks that are still owed.
        duty: who is on duty.
        expected: the worklist, of which visit and checkpoint are shown.
        finger_fitted: there is a fingerprint module.
        asked, hint: what is asked of her while her face is looked at, what is in the way; see :mod:`daemon.faces`.
        printing: whether there is something to print, and how printing stands, see :mod:`daemon.printing.forms`.
        night, attended: the room around the screen, see :mod:`daemon.room`.
    """
    state = desk.active
    return {
        "step": state.step.value,
        "check": state.check,
        **_begun(state),
        "trouble": (hint if state.step is Step.FACE else None) or state.trouble,
        "outcome": state.outcome.value if state.outcome else None,
        **_follows(state),
        "seq": state.sealed.seq if state.sealed and state.step is Step.DONE else None,
        **_seen(state),
        "asked": asked if state.step is Step.FACE else None,
        "printing": dict(printing),
        **_signing(state),
        "finger": finger_view(state, finger_fitted),
        "decision": _decision(state),
        "may_pass": state.begin is not None and state.matched,
        "may_read_again": state.may_read_again,
        "waiting": waiting,
        "online": online,
        "why_offline": why_offline,
        "storage": dict(storage) if storage else None,
        "devices": list(troubles),
        "parked": [_parked(one) for one in desk.parked],
        "owed": [listed(one) for one in owed],
        "night": night,
        "attended": attended,
        "duty": {"officer": duty.officer, "role": duty.role, "since": duty.since} if duty else None,
        "worklist": [{"visit": one.visit, "checkpoint": one.checkpoint, "owed": list(one.owed)} for one in expected],
    }


def _signing(state: State) -> dict[str, Any]:
    """Who signs while that is asked for: officers, those of them who have, she herself; who may stand for her."""
    relations = list(state.relations) if state.step in STOOD_FOR else []
    if state.step is not Step.SIGN:
        return {"signing": [], "signed": [], "relations": relations, "may_sign": False}
    signed = [one.officer for one in state.officer_signatures]
    herself = not state.is_child and state.outcome is not Outcome.UNABLE
    return {
        "signing": list(state.officers_signing),
        "signed": signed,
        "relations": relations,
        "may_sign": herself,
    }


def _parked(state: State) -> dict[str, Any]:
    assert state.begin is not None
    return {
        "check": state.begin.check,
        "visit": state.begin.visit,
        "checkpoint": state.begin.checkpoint,
        "at": begun_at(state.begin.check),
        "document": state.document.display["type"] if state.document else None,
        "decision": _decision(state),
    }


def _begun(state: State) -> dict[str, Any]:
    one = state.begin
    return {
        "checkpoint": one.checkpoint if one else None,
        "visit": one.visit if one and one.visit_source != "provisional" else None,
        "role": one.role if one else None,
        "drill": bool(one and one.drill),
        "not_due": _not_due(state) if state.step is Step.NOTICE else None,
    }


def _not_due(state: State) -> dict[str, int] | None:
    """The week before or after which no check is due here, where that holds; she may be checked all the same."""
    week = state.begin.gestation_week if state.begin else None
    if state.begin is None or week is None or state.policy.due(state.begin.checkpoint, week):
        return None
    weeks = state.policy.checkpoint(state.begin.checkpoint).weeks
    assert weeks is not None
    last = weeks.last
    return {"before": weeks.first} if last is None or week < weeks.first else {"after": last}


def _follows(state: State) -> dict[str, Any]:
    """What follows from the result: whom staff are to tell, as the record says; what waits for a verified identity."""
    if state.step is not Step.DONE or state.begin is None or state.outcome is None:
        return {"alerts": [], "held_back": None}
    here = state.begin.checkpoint
    held = state.policy.held_back(here, state.outcome)
    return {
        "alerts": record_fields.alerts(state.policy, here, state.outcome, drill=state.begin.drill),
        "held_back": None if held is Hold.NOTHING else held.value,
    }


def _seen(state: State) -> dict[str, Any]:
    """What was read of her, masked: the document, or the other channel's check, and the face."""
    return {
        "document": dict(state.document.display) if state.document else None,
        "findings": list(state.document.findings) if state.document else [],
        "channel": _channel(state),
        "face": _face(state),
        "attack": state.liveness.against if state.liveness and state.attacked else None,
    }


def _channel(state: State) -> dict[str, str] | None:
    one = state.elsewhere
    return {"id": one.channel, "reference": one.reference} if one else None


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
        "expires": state.statement.expires,
        "statement": state.statement.sha256,
        "challenge": challenge_of(state.statement.sha256),
        "findings": sorted({found for one in state.confirmations for found in one.proof.get("findings", ())}),
    }
