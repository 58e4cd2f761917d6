"""One check as a state machine: pure, a table, no I/O and no clock. *When* something happens is decided here.

``step(state, event)`` gives the next state and the effects to carry out, in order. What the table does not list is
ignored: an event that comes too late changes nothing. The table prints itself into ``daemon/README.md``.
"""

from __future__ import annotations

from collections.abc import Callable

from daemon import finger_moves, moves
from daemon.events import (
    Begin,
    CardRead,
    CardTrouble,
    CheckedElsewhere,
    Closed,
    Confirmed,
    Consented,
    Declined,
    DeviceLost,
    DocumentEntered,
    Emergency,
    Event,
    Explained,
    FingerCompared,
    Left,
    NoCard,
    PhoneGiven,
    Proposed,
    ReadAgain,
    Sealed,
    ShiftChanged,
    Signed,
    SignedLater,
    TimedOut,
    Withdrawn,
)
from daemon.face_events import ChallengeSkipped, FaceCompared
from daemon.finger_events import (
    EnrolmentEnded,
    FingerConsented,
    FingerEnrolled,
    FingerTold,
    FingerWished,
    SlipRejected,
    SlipShown,
)
from daemon.moves import Result
from daemon.paper_events import OfficerSigned
from daemon.state import OPEN, State, Step

Handler = Callable[[State, Event], Result]


def expects(state: State, event: Event) -> bool:
    """Whether the table has a row for ``event``, and it is about this check."""
    return (state.step, type(event)) in TABLE and not _of_another_check(state, event)


def step(state: State, event: Event) -> Result:
    """The state after ``event``, and what to do."""
    if not expects(state, event):
        return state, ()
    return TABLE[state.step, type(event)](state, event)


def _of_another_check(state: State, event: Event) -> bool:
    if isinstance(event, TimedOut) and event.step != state.step:
        return True
    return isinstance(event, _OF_A_CHECK) and event.check != state.check


_OF_A_CHECK = (
    CardRead
    | CardTrouble
    | FaceCompared
    | FingerCompared
    | FingerTold
    | FingerEnrolled
    | SlipShown
    | SlipRejected
    | DeviceLost
    | TimedOut
    | Sealed
)


READING = (Step.CARD, Step.FACE, Step.FINGER)


def _table() -> dict[tuple[Step, type], Handler]:
    rows: list[tuple[tuple[Step, ...], type, Callable[..., Result]]] = [
        ((Step.IDLE, Step.DONE), Begin, moves.begin),
        ((Step.NOTICE,), Consented, moves.consent),
        ((Step.NOTICE, *READING), Declined, moves.decline),
        ((Step.CARD,), CardRead, moves.card_read),
        ((Step.CARD,), CardTrouble, moves.card_trouble),
        ((Step.NOTICE, Step.CARD), NoCard, moves.no_card),
        ((Step.DECISION,), ReadAgain, moves.read_again),
        ((Step.NOTICE, Step.CARD, Step.DECISION), DocumentEntered, moves.document_entered),
        ((Step.NOTICE, Step.CARD, Step.DECISION), CheckedElsewhere, moves.checked_elsewhere),
        ((Step.NOTICE, *READING, Step.DECISION), PhoneGiven, moves.phone_given),
        ((Step.DECISION,), ShiftChanged, moves.shift_changed),
        ((Step.FACE,), FaceCompared, moves.face_compared),
        ((Step.CARD, Step.FACE), ChallengeSkipped, moves.skip_challenge),
        ((Step.CARD, Step.FACE), FingerWished, finger_moves.wish),
        ((Step.FINGER,), FingerConsented, finger_moves.consented),
        ((Step.FACE, Step.FINGER), SlipShown, finger_moves.slip_shown),
        ((Step.FACE, Step.FINGER), SlipRejected, finger_moves.slip_rejected),
        ((Step.FINGER, Step.ENROL), FingerTold, finger_moves.told),
        ((Step.FINGER,), FingerCompared, finger_moves.compared),
        ((Step.ENROL,), FingerConsented, finger_moves.enrol_consented),
        ((Step.ENROL,), FingerEnrolled, finger_moves.enrolled),
        ((Step.ENROL,), DeviceLost, finger_moves.enrol_lost),
        ((Step.ENROL,), EnrolmentEnded, finger_moves.enrolment_ended),
        ((Step.ENROL,), TimedOut, finger_moves.enrolment_ended),
        ((Step.ENROL,), Left, finger_moves.enrolment_ended),
        (READING, DeviceLost, moves.device_lost),
        (READING, TimedOut, moves.waited_long),
        ((Step.NOTICE, Step.DECISION, Step.CONFIRM), TimedOut, moves.nobody_there),
        (OPEN, Left, moves.left),
        ((Step.NOTICE, *READING, Step.DECISION), Proposed, moves.propose),
        ((Step.CONFIRM,), Confirmed, moves.confirm),
        ((Step.CONFIRM,), Withdrawn, moves.withdraw),
        ((Step.SIGN,), Signed, moves.signed),
        ((Step.SIGN,), OfficerSigned, moves.officer_signed),
        ((Step.SIGN,), SignedLater, moves.signed_later),
        ((Step.SIGN,), TimedOut, moves.signed_later),
        ((Step.SIGN,), Left, moves.signed_later),
        (tuple(Step), Emergency, moves.emergency),
        ((Step.SEALING,), Sealed, moves.sealed),
        ((Step.DONE,), Explained, moves.explain),
        ((Step.NOTING,), Sealed, moves.close),
        ((Step.DONE,), TimedOut, moves.close),
        ((Step.DONE,), Closed, moves.close),
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
