"""What fingers and slips do to a check: the handlers of their rows in the table of ``daemon/session.py``. Pure.

The first line of each docstring is printed into the table.
"""

from __future__ import annotations

from dataclasses import replace

from daemon import moves
from daemon.effects import CompareFinger, EnrolFinger, StartTimer
from daemon.events import DeviceLost, FingerCompared, Left, TimedOut
from daemon.finger_events import (
    EnrolmentEnded,
    FingerConsented,
    FingerEnrolled,
    FingerEnrolment,
    FingerTold,
    FingerWished,
    SlipRejected,
    SlipShown,
)
from daemon.minors import UNDER_14
from daemon.moves import Result
from daemon.policy.words import Factor
from daemon.state import State, Step

FINAL = ("finger_not_comparable", "finger_no_reference")
"""Causes that another try cannot change."""


def _asked_for(state: State) -> bool:
    """Whether a finger may be compared: she consented, and there is something to compare it with."""
    return state.finger_consent is not None and (state.slip is not None or state.prints)


def _not_enough(state: State, event: FingerConsented) -> str:
    """What is wrong with a consent that does not count."""
    return UNDER_14 if state.is_child and event.consent.by == "subject" else "relation_not_open"


def wish(state: State, _event: FingerWished) -> Result:
    """She would rather show a finger: once her card is read, where a finger counts here; else nothing changes."""
    if not moves.may_read(state, Factor.FINGER) or state.without_biometrics:
        return state, ()
    after = replace(state, prefers_finger=True)
    return moves.read_finger(after) if state.step is Step.FACE else (after, ())


def consented(state: State, event: FingerConsented) -> Result:
    """She consents to her finger being captured: it is, as soon as there is something to compare it with."""
    if event.consent.purpose != "compare":
        return state, ()
    if not state.may_consent(event.consent):
        return replace(state, trouble=_not_enough(state, event)), ()
    return _compare(replace(state, finger_consent=event.consent))


def told(state: State, event: FingerTold) -> Result:
    """The sensor's instruction of the moment: shown; she is still at it."""
    return replace(state, trouble=event.word), (StartTimer(),)


def slip_shown(state: State, event: SlipShown) -> Result:
    """Her slip is good: her finger is compared with it, after she consented to that."""
    if not moves.may_read(state, Factor.FINGER) or state.without_biometrics:
        return state, ()
    after = replace(state, slip=event.slip, slip_refused=None, trouble=None)
    return moves.read_finger(after) if state.step is Step.FACE else _compare(after)


def slip_rejected(state: State, event: SlipRejected) -> Result:
    """A slip is refused: why is shown and kept for the record; another slip, or another way, is open."""
    return replace(state, slip_refused=event.cause, trouble=event.cause), (StartTimer(),)


def compared(state: State, event: FingerCompared) -> Result:
    """The finger matches: the end; a miss is tried again, what no try can change goes to officers."""
    if not _asked_for(state):
        return state, ()
    after = replace(state, fingers=(*state.fingers, event.finding))
    if after.matched:
        return moves.judge(after)
    trouble = event.finding.cause or "finger_no_match"
    if event.finding.decision != "match" and trouble not in FINAL and len(after.fingers) <= after.policy.retries:
        return replace(after, trouble=trouble), (CompareFinger(), StartTimer())
    if event.finding.decision == "match":  # the finger is right, the face before it was not
        trouble = after.against_the_face or trouble
    return moves.ask_officers(after, trouble)


def _compare(state: State) -> Result:
    if _asked_for(state):
        return replace(state, compared=True, trouble=None), (CompareFinger(), StartTimer())
    needed = None if state.finger_consent is None else state.slip_refused or "finger_slip_needed"
    return replace(state, trouble=needed), (StartTimer(),)


# --- enrolling: the check has passed, and nothing that happens here changes that ------------------------------------


def enrol_consented(state: State, event: FingerConsented) -> Result:
    """She consents to enrol and to carry her template on a slip: her finger is captured."""
    if event.consent.purpose != "enrol" or state.enrol_consent is not None or state.enrolment is not None:
        return state, ()
    if not state.may_consent(event.consent):
        return replace(state, trouble=_not_enough(state, event)), ()
    return replace(state, enrol_consent=event.consent, trouble=None), (EnrolFinger(), StartTimer())


def enrolled(state: State, event: FingerEnrolled) -> Result:
    """The enrolment has ended: she gets her slip; a miss is tried again, then the check goes on without."""
    if state.enrol_consent is None or state.enrolment is not None:
        return state, ()
    if event.enrolment.decision == "enrolled":
        return replace(state, enrolment=event.enrolment, trouble=None), (StartTimer(),)
    tries = state.enrol_tries + 1
    after = replace(state, enrol_tries=tries, trouble=event.enrolment.cause)
    if tries <= state.policy.retries and event.enrolment.cause != "finger_not_enrolled":
        return after, (EnrolFinger(), StartTimer())
    return replace(after, enrolment=event.enrolment), (StartTimer(),)


def enrol_lost(state: State, event: DeviceLost) -> Result:
    """The module is missing while she enrols: the check goes on without a slip."""
    if event.device != "fingerprint":
        return state, ()
    cause = f"device_lost:{event.device}"
    return replace(state, enrolment=FingerEnrolment("not_enrolled", cause), trouble=cause), (StartTimer(),)


def enrolment_ended(state: State, _event: EnrolmentEnded | TimedOut | Left) -> Result:
    """She has her slip, or wants none: the check, which has passed, goes on to its end."""
    assert state.outcome is not None
    given_up = FingerEnrolment("not_enrolled", "given_up") if state.enrol_consent else None
    return moves.ends(replace(state, enrolment=state.enrolment or given_up, trouble=None), state.outcome)
