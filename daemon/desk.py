"""The checks of one unit: the one on the screen, and those that wait for their second officer. Pure, as one check is.

Two officers are not always there. A check that has everything but the second of them is *parked*: it leaves the
screen, the office is called, the next woman begins. It is taken up again when the second officer comes; what waits too
long is recorded as interrupted, and stays owed. A parked check lives in memory and in the journal: after a power cut it
is recorded as interrupted too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon import moves, record_fields, session, signatures
from daemon.effects import ClearEmergency, Effect, Forget, LockDoor, Note, StartTimer, StopDevices
from daemon.events import Accounted, Amended, Event, Noted, OnDuty, Parked, Resumed, ShiftChanged, TimedOut, WaitedLong
from daemon.policy import Policy
from daemon.state import State, Step
from evidence.record import Outcome

MOST_PARKED = 8
"""More wait than any delivery room has women: then somebody is not doing their work, and the screen says so."""

Result = tuple["Desk", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class Desk:
    """``active`` is on the screen; ``parked``, oldest first, wait; ``on_duty`` answers for what nobody decides.

    ``shift``: the number of the last :class:`ShiftChanged`.
    """

    active: State
    parked: tuple[State, ...] = ()
    on_duty: OnDuty | None = None
    shift: int = 0

    @classmethod
    def of(cls, policy: Policy) -> Desk:
        """Nobody is there."""
        return cls(State(policy))


def step(desk: Desk, event: Event) -> Result:
    """The desk after ``event``, and what to do."""
    match event:
        case Parked():
            return _park(desk)
        case Resumed():
            return _resume(desk, event.check)
        case WaitedLong():
            return _give_up(desk, event.check)
        case Amended():
            files = signatures.files(event.signature)
            return desk, (Note(record_fields.amendment(event), attachments=files),)
        case Accounted():
            lock = () if desk.active.lets_in else (LockDoor(),)
            return desk, (ClearEmergency(), *lock)
        case Noted():
            return desk, (Note(record_fields.noted(event), alert=event.alert),)
        case ShiftChanged() if event.number < desk.shift:
            return desk, (Note(record_fields.noted(event.noted)),)
        case ShiftChanged():
            changed, effects = _go_on(replace(desk, on_duty=event.on_duty, shift=event.number), event)
            return changed, (Note(record_fields.noted(event.noted)), *effects)
        case TimedOut() if _pending(desk.active) and session.expects(desk.active, event):
            return _park(desk)
        case _:
            return _go_on(desk, event)


def _go_on(desk: Desk, event: Event) -> Result:
    """A step of the check on the screen, which knows who is on duty now."""
    before = desk.active if desk.active.on_duty == desk.on_duty else replace(desk.active, on_duty=desk.on_duty)
    active, effects = session.step(before, event)
    return (desk if active is before else replace(desk, active=active)), effects


def _pending(state: State) -> bool:
    """Whether an officer has confirmed and another one is missing."""
    return state.step is Step.CONFIRM and bool(state.confirmations)


def _park(desk: Desk) -> Result:
    state = desk.active
    if state.step not in (Step.DECISION, Step.CONFIRM):
        return desk, ()
    if len(desk.parked) >= MOST_PARKED:
        return replace(desk, active=replace(state, trouble="too_many_parked")), (StartTimer(),)
    after = replace(desk, active=State(state.policy, on_duty=desk.on_duty), parked=(*desk.parked, state))
    drill = state.begin is not None and state.begin.drill
    return after, (
        StopDevices(),
        Forget(),
        moves.journal(state),
        Note(record_fields.parked(replace(state, on_duty=desk.on_duty)), alert=not drill),
        LockDoor(),
    )


def _resume(desk: Desk, check: str) -> Result:
    found = _find(desk, check)
    if found is None or not _free(desk.active):
        return desk, ()
    rest = tuple(one for one in desk.parked if one is not found)
    after = replace(desk, active=replace(found, trouble=None), parked=rest)
    told = Note(record_fields.resumed(replace(found, on_duty=desk.on_duty)))
    return after, (Forget(), LockDoor(), moves.journal(found), told, StartTimer())


def _free(state: State) -> bool:
    return state.step is Step.IDLE or (state.step is Step.DONE and state.outcome is not Outcome.EMERGENCY)


def _give_up(desk: Desk, check: str) -> Result:
    found = _find(desk, check)
    if found is None:
        return desk, ()
    record = moves.seal(replace(found, on_duty=desk.on_duty), Outcome.INTERRUPTED, "second_officer_pending")[1][-1]
    return replace(desk, parked=tuple(one for one in desk.parked if one is not found)), (record,)


def _find(desk: Desk, check: str) -> State | None:
    return next((one for one in desk.parked if one.check == check), None)
