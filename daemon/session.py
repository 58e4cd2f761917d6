"""One check as a state machine: pure, a table, no I/O and no clock.

``step(state, event)`` gives the next state and the effects to carry out, in order. What the table does not list is
ignored: an event that comes too late changes nothing. The table prints itself into ``daemon/README.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique

from daemon import record_fields
from daemon.events import (
    Begin,
    CardRead,
    CardTrouble,
    ClearEmergency,
    Closed,
    CompareFace,
    Confirmation,
    Confirmed,
    Consented,
    Declined,
    DeviceLost,
    Document,
    Effect,
    Emergency,
    Event,
    Explained,
    FaceCompared,
    FaceFinding,
    Forget,
    Journal,
    Left,
    LockDoor,
    OpenCamera,
    Proposed,
    ReadCard,
    ReleaseDoor,
    Sealed,
    SealRecord,
    StartTimer,
    StopDevices,
    TimedOut,
    Withdrawn,
)
from daemon.policy import DECIDABLE, Policy
from evidence.decision import DecisionStatement
from evidence.record import Outcome


@unique
class Step(StrEnum):
    """Where a check is."""

    IDLE = "idle"
    NOTICE = "notice"
    CARD = "card"
    FACE = "face"
    DECISION = "decision"
    CONFIRM = "confirm"
    SEALING = "sealing"
    DONE = "done"
    NOTING = "noting"


@dataclass(frozen=True, slots=True)
class State:
    """Everything known about the check under way.

    ``trouble`` is the short name of what stands in the way, for the screen; ``statement`` is what officers are
    confirming.
    """

    policy: Policy
    step: Step = Step.IDLE
    begin: Begin | None = None
    consent: Consented | None = None
    document: Document | None = field(default=None, repr=False)
    faces: tuple[FaceFinding, ...] = ()
    statement: DecisionStatement | None = None
    confirmations: tuple[Confirmation, ...] = ()
    outcome: Outcome | None = None
    sealed: Sealed | None = None
    trouble: str | None = None

    @property
    def check(self) -> str | None:
        """The id of the check under way."""
        return self.begin.check if self.begin else None

    @property
    def matched(self) -> bool:
        """Whether the last comparison was a match and nothing is missing that the policy wants for a pass."""
        return bool(self.faces) and self.faces[-1].decision == "match" and self.missing is None

    @property
    def missing(self) -> str | None:
        """What the policy wants for a pass and this unit cannot show: a finger, or that the face is alive."""
        if self.begin and self.policy.lacking(self.begin.checkpoint, _SHOWN):
            return "finger_missing"
        return "liveness_missing" if self.policy.liveness == "required" else None


Result = tuple[State, tuple[Effect, ...]]
Handler = Callable[[State, Event], Result]

_SHOWN = ("card", "face")
"""The factors that a check can show so far."""

OPEN = (Step.NOTICE, Step.CARD, Step.FACE, Step.DECISION, Step.CONFIRM)
"""Steps in which a check has no record yet."""


def step(state: State, event: Event) -> Result:
    """The state after ``event``, and what to do."""
    handler = TABLE.get((state.step, type(event)))
    if handler is None or _of_another_check(state, event):
        return state, ()
    return handler(state, event)


def _of_another_check(state: State, event: Event) -> bool:
    if isinstance(event, TimedOut) and event.step != state.step:
        return True
    return (
        isinstance(event, CardRead | CardTrouble | FaceCompared | DeviceLost | TimedOut | Sealed)
        and event.check != state.check
    )


def _seal(state: State, outcome: Outcome, reason: str | None = None, *first: Effect) -> Result:
    """Ask for the one check record; nothing is done before it is committed."""
    assert state.begin is not None
    sealing = replace(state, step=Step.SEALING, outcome=outcome, trouble=None)
    fields = record_fields.check(sealing, outcome, reason)
    told = state.policy.alerts_for(state.begin.checkpoint, outcome)
    seal = SealRecord(state.begin.check, fields, alert=bool(told) and not state.begin.drill)
    return sealing, (*first, StopDevices(), Forget(), Journal(), seal)


def _decide(state: State, trouble: str) -> Result:
    after = replace(state, step=Step.DECISION, trouble=trouble, statement=None, confirmations=())
    return after, (StopDevices(), Journal(), StartTimer())


# --- handlers: the first line of each docstring is printed into the table ------------------------------------------


def begin(state: State, event: Begin) -> Result:
    """A new check: the notice is shown; nothing is read before consent."""
    after = State(state.policy, Step.NOTICE, begin=event)
    return after, (Forget(), Journal(), StartTimer())


def consent(state: State, event: Consented) -> Result:
    """Consent given: wait for the card; the camera starts."""
    return replace(state, step=Step.CARD, consent=event), (Journal(), OpenCamera(), ReadCard(), StartTimer())


def decline(state: State, event: Declined) -> Result:
    """She refuses or wants the way without her face: reading stops, officers decide."""
    return _decide(state, "subject_refuses" if event.wish == "refuse" else "other_way")


def card_read(state: State, event: CardRead) -> Result:
    """The card is read: compare the face; without a usable photo officers decide."""
    after = replace(state, document=event.document, trouble=None)
    if not event.photo:
        return _decide(after, "photo_unusable")
    return replace(after, step=Step.FACE), (Journal(), CompareFace(), StartTimer())


def card_trouble(state: State, event: CardTrouble) -> Result:
    """The card could not be read: say so and wait for it again."""
    return replace(state, trouble=event.cause), (ReadCard(),)


def face_compared(state: State, event: FaceCompared) -> Result:
    """A match with nothing against the document passes; a miss is tried again, then officers decide."""
    after = replace(state, faces=(*state.faces, event.finding))
    if event.finding.decision != "match":
        return _face_missed(after)
    if after.document is None or after.document.findings:
        return _decide(after, "document_findings")
    if after.missing is not None:
        return _decide(after, after.missing)
    return _seal(after, Outcome.PASSED)


def _face_missed(state: State) -> Result:
    finding = state.faces[-1]
    trouble = finding.cause or "face_no_match"
    if len(state.faces) <= state.policy.retries:
        return replace(state, trouble=trouble), (CompareFace(), StartTimer())
    return _decide(state, trouble)


def device_lost(state: State, event: DeviceLost) -> Result:
    """A device is missing: officers decide; care goes on."""
    return _decide(state, f"device_lost:{event.device}")


def waited_long(state: State, event: TimedOut) -> Result:
    """Nothing came in time: officers decide."""
    return _decide(state, f"timeout:{event.step}")


def nobody_there(state: State, event: TimedOut) -> Result:
    """Nobody is there any more: the check is recorded as interrupted."""
    return _seal(state, Outcome.INTERRUPTED, f"timeout:{event.step}")


def left(state: State, _event: Left) -> Result:
    """She left, or the check was given up: recorded as interrupted, with the step reached."""
    return _seal(state, Outcome.INTERRUPTED, "left")


def propose(state: State, event: Proposed) -> Result:
    """An officer proposes an outcome: it becomes a statement to confirm."""
    assert state.begin is not None
    if event.outcome not in DECIDABLE or (event.outcome is Outcome.PASSED and not state.matched):
        return replace(state, trouble="outcome_not_open"), ()
    document = state.document.sha256 if state.document else None
    statement = DecisionStatement(state.begin.check, document, event.outcome, event.reason, event.expires)
    after = replace(state, step=Step.CONFIRM, statement=statement, confirmations=(), trouble=None)
    return after, (StopDevices(), Journal(), StartTimer())


def confirm(state: State, event: Confirmed) -> Result:
    """An officer confirms the statement; with enough different officers it is recorded."""
    assert state.statement is not None
    one = event.confirmation
    if one.statement_sha256 != state.statement.sha256:
        return replace(state, trouble="another_statement"), ()
    if one.officer in {other.officer for other in state.confirmations}:
        return replace(state, trouble="same_officer"), ()
    after = replace(state, confirmations=(*state.confirmations, one), trouble=None)
    if len(after.confirmations) < state.policy.officers_for(state.statement.outcome):
        return replace(after, trouble="second_officer_pending"), ()
    return _seal(after, state.statement.outcome, state.statement.reason)


def withdraw(state: State, _event: Withdrawn) -> Result:
    """The statement is taken back before it was complete."""
    return _decide(state, "withdrawn")


def emergency(state: State, event: Emergency) -> Result:
    """Care first: the door opens at once; the check under way, or a new one, is recorded as emergency."""
    if state.step is Step.SEALING and state.outcome is Outcome.EMERGENCY:
        return state, (ReleaseDoor(),)
    running = state.begin if state.step in OPEN else None
    fresh = Begin(event.check, event.checkpoint, record_fields.provisional(event.check), "provisional")
    after = replace(state, begin=running or fresh, statement=None, confirmations=())
    if running is None:
        after = State(state.policy, begin=fresh)
    return _seal(after, Outcome.EMERGENCY, None, ReleaseDoor())


def sealed(state: State, event: Sealed) -> Result:
    """The record is committed: now it is shown; a pass opens the door."""
    after = replace(state, step=Step.DONE, sealed=event)
    if state.outcome is Outcome.EMERGENCY:  # stays on the screen until explained, so nothing personal may stay with it
        return replace(after, document=None, consent=None, faces=()), ()
    door: tuple[Effect, ...] = (ReleaseDoor(),) if state.outcome is Outcome.PASSED else ()
    return after, (*door, StartTimer())


def explain(state: State, event: Explained) -> Result:
    """A named officer accounts for the emergency: an addendum to its record."""
    assert state.sealed is not None
    assert state.begin is not None
    if state.outcome is not Outcome.EMERGENCY or event.statement.check != state.check:
        return replace(state, trouble="nothing_to_explain"), ()
    fields = record_fields.addendum(state.begin.check, state.sealed, event.statement, (event.confirmation,))
    return replace(state, step=Step.NOTING), (SealRecord(state.begin.check, fields, alert=False),)


def close(state: State, _event: Event) -> Result:
    """The result was seen: back to idle, everything personal forgotten, the door locked again."""
    if state.step is Step.DONE and state.outcome is Outcome.EMERGENCY:  # not explained: the door stays open
        return State(state.policy), (Forget(),)
    explained: tuple[Effect, ...] = (ClearEmergency(),) if state.step is Step.NOTING else ()
    return State(state.policy), (Forget(), *explained, LockDoor())


def _table() -> dict[tuple[Step, type], Handler]:
    rows: list[tuple[tuple[Step, ...], type, Callable[..., Result]]] = [
        ((Step.IDLE, Step.DONE), Begin, begin),
        ((Step.NOTICE,), Consented, consent),
        ((Step.NOTICE, Step.CARD, Step.FACE), Declined, decline),
        ((Step.CARD,), CardRead, card_read),
        ((Step.CARD,), CardTrouble, card_trouble),
        ((Step.FACE,), FaceCompared, face_compared),
        ((Step.CARD, Step.FACE), DeviceLost, device_lost),
        ((Step.CARD, Step.FACE), TimedOut, waited_long),
        ((Step.NOTICE, Step.DECISION, Step.CONFIRM), TimedOut, nobody_there),
        (OPEN, Left, left),
        ((Step.NOTICE, Step.CARD, Step.FACE, Step.DECISION), Proposed, propose),
        ((Step.CONFIRM,), Confirmed, confirm),
        ((Step.CONFIRM,), Withdrawn, withdraw),
        (tuple(Step), Emergency, emergency),
        ((Step.SEALING,), Sealed, sealed),
        ((Step.DONE,), Explained, explain),
        ((Step.NOTING,), Sealed, close),
        ((Step.DONE,), TimedOut, close),
        ((Step.DONE,), Closed, close),
    ]
    return {(one, event): handler for steps, event, handler in rows for one in steps}


TABLE = _table()
"""(step, event) -> handler. Anything not listed is ignored."""


def table_markdown() -> str:
    """The table as Markdown, as it stands in ``daemon/README.md``."""
    merged: dict[tuple[str, str], list[str]] = {}
    for (where, event), handler in TABLE.items():
        text = (handler.__doc__ or "").split("\n")[0]
        merged.setdefault((event.__name__, text), []).append(where.value)
    lines = ["| event | in step | what happens |", "|---|---|---|"]
    everywhere = len(Step)
    for (event_name, text), steps in merged.items():
        where_text = "any" if len(steps) == everywhere else ", ".join(steps)
        lines.append(f"| {event_name} | {where_text} | {text} |")
    return "\n".join(lines)
