"""Explicit exploration of the desk: every reachable state, every event of a finite alphabet.

States are merged by what their future depends on (:func:`merged`): ids of checks and what is only displayed do not
count. Along each first path a few facts are kept beside the state (:class:`Trail`), and invariants are held against
each step. That merged states do have one future is shown with :func:`unmerged`, which tells them apart.

The desk is explored twice. With the whole alphabet, a check that is parked is looked at (:func:`_parked_is_kept`) and
then taken up again at once: what is parked neither changes nor is changed by the check on the screen. That this is so
is what the second walk shows, with a small alphabet and up to two checks parked at any moment.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace

from daemon import desk
from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon.desk import Desk
from daemon.minors import UNDER_14
from daemon.policy import Policy
from daemon.state import OPEN, State, Step
from tests.daemon.session_alphabet import DUTY, Make, alphabet, document
from tests.daemon.session_invariants import Move, Trail, Violation, check

Key = Callable[[Desk, Trail], Hashable]
Tries = Mapping[tuple[str, str], int]


def merged(now: Desk, trail: Trail) -> Hashable:
    """What the future of ``now`` depends on."""
    # What the trail knows beside the state counts only as far as it concerns the checks at the desk.
    return (*(_check_key(one, trail) for one in (now.active, *now.parked)), trail.camera_on, trail.timer)


def unmerged(now: Desk, trail: Trail) -> tuple[Hashable, Hashable]:
    """What :func:`merged` says, and beside it what it leaves out: how the check on the screen came to where it is."""
    state = now.active
    told = (
        (state.consent.relation if state.consent else None, state.without_biometrics, state.elsewhere is not None),
        (state.document.from_chip, state.document.findings) if state.document else None,
        (len(state.faces), _last_face(state), tuple(one.decision for one in state.fingers)),
        (state.prefers_finger, state.prints, state.slip is not None, state.finger_consent is not None),
        (state.enrol_consent is not None, state.enrol_tries, state.enrolment is not None),
        state.statement.outcome if state.statement else None,
        tuple(one.officer for one in state.confirmations),
    )
    return merged(now, trail), told


def _check_key(state: State, trail: Trail) -> Hashable:
    known = (state.check in trail.sealed, state.check in trail.journalled)
    drill = state.begin is not None and state.begin.drill
    ending = (state.step, state.outcome, drill, state.sealed is not None, state.on_duty is not None, known)
    if state.step in (Step.SEALING, Step.DONE, Step.NOTING):
        return ending  # how it came to this counts no more: it stands in the record
    begin = state.begin
    wants_phone = begin is not None and state.policy.checkpoint(begin.checkpoint).own_phone
    return (
        ending,
        state.policy.biometrics_for(begin.checkpoint) if begin else None,
        (wants_phone, wants_phone and state.phone is not None),
        _consents(state, trail),
        state.without_biometrics,
        (state.document.findings, state.document.type, state.document.from_chip) if state.document else None,
        state.elsewhere is not None,
        (_last_face(state), state.check in trail.attacked),
        state.fingers[-1].decision if state.fingers else None,
        (_tries(state), _tried_before(state, trail)),
        _finger_key(state),
        state.statement.outcome if state.statement else None,
        tuple(sorted(one.officer for one in state.confirmations)),
        state.trouble in ("phone_missing", "nobody_on_duty", "regular_staff_only") and state.trouble,
    )


def _last_face(state: State) -> Hashable:
    last = state.faces[-1] if state.faces else None
    return last and (last.decision, last.liveness.decision, state.attacked)


def _consents(state: State, trail: Trail) -> Hashable:
    # Once something was compared or entered, or the outcome stands, nothing of her face is read again.
    entered = state.document is not None and not state.document.from_chip
    compared = bool(state.compared or state.elsewhere or entered)
    if state.step is Step.SIGN or (state.step in (Step.DECISION, Step.CONFIRM) and compared):
        return None
    grown, child = (replace(state, document=one) for one in (document(), document(UNDER_14)))
    enough = [one.may_consent(state.consent) for one in (grown, child)] if state.consent else []
    return (state.check in trail.consented, *enough, state.takes_back)


def _tries(state: State) -> Hashable:
    # Nobody comes back to a step and tries again.
    return (state.step is Step.FACE and len(state.faces), state.step is Step.FINGER and len(state.fingers))


def _tried_before(state: State, trail: Trail) -> Hashable:
    # As many as the state itself knows, but where that has dropped them.
    face, finger = (trail.tries.get((kind, state.check or ""), 0) for kind in ("face", "finger"))
    return (
        face if state.step is Step.FACE or not state.compared else None,
        finger if state.step is Step.FINGER or not state.compared else None,
    )


def _finger_key(state: State) -> Hashable:
    # Later nothing depends on it any more: who left the step does not come back to it.
    return (
        state.step is Step.CARD and state.prefers_finger,
        state.step in (Step.FACE, Step.FINGER) and (state.prints or state.slip is not None),
        state.step is Step.FINGER and state.finger_consent is not None,
        state.step is Step.ENROL and (state.enrol_consent is not None, state.enrol_tries, state.enrolment is not None),
    )


def _advance(trail: Trail, event: ev.Event, after: State, effects: tuple[ef.Effect, ...]) -> Trail:
    consented, journalled, sealed = trail.consented, trail.journalled, trail.sealed
    camera_on, timer = trail.camera_on, trail.timer
    if isinstance(event, ev.Consented) and after.consent is not None and after.check:
        consented |= {after.check}
    if isinstance(event, ev.Declined) and event.wish == "refuse":
        consented -= {after.check}  # whatever she had agreed to: she is asked anew, or nothing is read
    for effect in effects:
        match effect:
            case ef.OpenCamera():
                camera_on = True
            case ef.StopDevices() | ef.StopCamera():
                camera_on = False
            case ef.StartTimer():
                timer = after.step
            case ef.Forget():
                timer = None
            case ef.Journal():
                journalled |= {effect.begin.check}
            case ef.SealRecord() if effect.fields["kind"] == "check":
                sealed |= {effect.check}
    tried, opened = _tried(trail, event, after.check, effects), _opened(trail, effects)
    return Trail(consented, journalled, sealed, _attacked(trail, event), tried, camera_on, opened, timer)


def _attacked(trail: Trail, event: ev.Event) -> frozenset[str]:
    found = isinstance(event, fa.FaceCompared) and event.finding.liveness.decision == "attack"
    return trail.attacked | {event.check} if found else trail.attacked


def _opened(trail: Trail, effects: tuple[ef.Effect, ...]) -> bool:
    asked = [isinstance(one, ef.ReleaseDoor) for one in effects if isinstance(one, ef.ReleaseDoor | ef.LockDoor)]
    return asked[-1] if asked else trail.door_open


def _tried(trail: Trail, event: ev.Event, check: str | None, effects: tuple[ef.Effect, ...]) -> Tries:
    # Looks count from their beginning: one that is cut short tells nothing. A finger's end always comes.
    begun = [("face", check or "") for one in effects if isinstance(one, ef.CompareFace)]
    ended = [("finger", event.check)] if isinstance(event, ev.FingerCompared) else []
    return {**trail.tries, **{one: trail.tries.get(one, 0) + 1 for one in (*begun, *ended)}}


@dataclass(slots=True)
class Explored:
    """What was found: how many states and steps, and the graph between the merged states."""

    states: int
    steps: int
    edges: dict[Hashable, set[Hashable]]
    idle: set[Hashable]
    example: dict[Hashable, Desk]


def explore(
    policy: Policy,
    events: dict[str, Make] | None = None,
    *,
    keep_parked: bool = False,
    key: Key = merged,
    on_duty: ev.OnDuty | None = DUTY,
) -> Explored:
    """Walk every reachable state breadth first.

    Args:
        events: the alphabet, :func:`alphabet` if None.
        keep_parked: a parked check stays so until an event takes it up; else it is taken up again at once.
        key: what two states have in common that are one for the walk.
        on_duty: who is there at the beginning.

    Raises:
        Violation: an invariant does not hold.
    """
    events = alphabet(policy) if events is None else events
    numbers = itertools.count(1)
    first, trail = Desk(State(policy, on_duty=on_duty), on_duty=on_duty), Trail()
    todo: deque[tuple[Desk, Trail]] = deque([(first, trail)])
    found = Explored(0, 0, {key(first, trail): set()}, set(), {key(first, trail): first})
    while todo:
        now, trail = todo.popleft()
        here = key(now, trail)
        found.states += 1
        if now.active.step is Step.IDLE and not now.parked:
            found.idle.add(here)
        _ways_out(now.active)
        for name, event in _happenings(now, events, numbers):
            found.steps += 1
            after, trail_after = _move(now, trail, name, event)
            if after.parked and not keep_parked:
                after, trail_after = _parked_is_kept(now, after, trail_after)
            there = here if after is now and trail_after is trail else key(after, trail_after)
            found.edges[here].add(there)
            if there not in found.edges:
                found.edges[there] = set()
                found.example[there] = after
                todo.append((after, trail_after))
    _every_state_ends(found)
    return found


def _ways_out(state: State) -> None:
    """Wherever something of her body is asked for, refusing it and the way without it are one touch away."""
    if state.step not in (Step.NOTICE, Step.CARD, Step.FACE, Step.FINGER):
        return
    other, _ = desk.step(Desk(state, on_duty=state.on_duty), ev.Declined("other_way"))
    if not other.active.without_biometrics:
        raise Violation("the other way is one touch away", state, "decline other way")
    refused, effects = desk.step(Desk(state, on_duty=state.on_duty), ev.Declined("refuse"))
    if refused.active.step is not Step.DECISION or ef.StopDevices() not in effects:
        raise Violation("a refusal stops reading", state, "decline refuse")


def _happenings(now: Desk, events: dict[str, Make], numbers: Iterator[int]) -> Iterator[tuple[str, ev.Event]]:
    fresh = f"check-{next(numbers)}"  # one will do: each event leads from this state to a future of its own
    for name, make in events.items():
        yield name, make(now.active, fresh)
    for one in now.parked:
        assert one.check is not None
        yield "resumed", ev.Resumed(one.check)
        yield "waited long", ev.WaitedLong(one.check)


def _move(now: Desk, trail: Trail, name: str, event: ev.Event) -> tuple[Desk, Trail]:
    after, effects = desk.step(now, event)
    if after is now and not effects and not isinstance(event, ev.Emergency):
        return now, trail  # ignored: what held before holds
    trail_after = _advance(trail, event, after.active, effects)
    check(Move(now.active, trail, name, event, after.active, effects, trail_after))
    _desk(now, after, name, event, effects)
    return after, trail_after


def _desk(now: Desk, after: Desk, name: str, event: ev.Event, effects: tuple[ef.Effect, ...]) -> None:
    """No check is lost or doubled at the desk, and what is parked stays as it is."""
    before = {one.check: one for one in now.parked}
    for one in after.parked:
        kept = before.pop(one.check, now.active)
        if one != kept:
            raise Violation("a parked check stays as it is", now.active, name)
    gone = set(before)
    given_up = {one.check for one in effects if isinstance(one, ef.SealRecord)} if gone else set()
    if gone and gone != {after.active.check} and gone != given_up:
        raise Violation("no check is lost", now.active, name)
    if isinstance(event, ev.Emergency) and after.parked != now.parked:
        raise Violation("a parked check stays as it is", now.active, name)
    if now.active.step in OPEN and after.active.check != now.active.check:
        followed = now.active in after.parked or any(
            isinstance(one, ef.SealRecord) and one.check == now.active.check for one in effects
        )
        if not followed:
            raise Violation("no check is lost", now.active, name)


def _parked_is_kept(before: Desk, after: Desk, trail: Trail) -> tuple[Desk, Trail]:
    """A check that was parked calls the office, ends if it waits too long, and goes on where it was."""
    (parked,) = after.parked
    assert parked.check is not None
    given_up, trail_long = _move(after, trail, "waited long", ev.WaitedLong(parked.check))
    if given_up.parked or parked.check not in trail_long.sealed:
        raise Violation("one check record per check", before.active, "waited long")
    return _move(after, trail, "resumed", ev.Resumed(parked.check))


def _every_state_ends(found: Explored) -> None:
    """From every state idle can be reached."""
    back: dict[Hashable, set[Hashable]] = {key: set() for key in found.edges}
    for here, nexts in found.edges.items():
        for there in nexts:
            back[there].add(here)
    reaching, todo = set(found.idle), deque(found.idle)
    while todo:
        for before in back[todo.popleft()] - reaching:
            reaching.add(before)
            todo.append(before)
    for here in found.edges.keys() - reaching:
        raise Violation("idle can be reached", found.example[here].active, "any event")
