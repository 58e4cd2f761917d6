"""Explicit exploration of the check's state machine: every reachable state, every event of a finite alphabet.

States are merged by what their future depends on (:func:`_key`); ids of checks and what is only displayed do not count.
Along each first path a few facts are kept beside the state (:class:`Trail`), and invariants are held against each step.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from daemon import events as ev
from daemon import session
from daemon.policy import DECIDABLE, Policy
from daemon.session import OPEN, State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome

HASH = "ab" * 32
EXPIRES = "2030-01-01T00:00:00.000Z"
MODEL = {"detector": HASH, "embedding": HASH}
FACTS = {"type": "resident_id_card", "number": "-", "name": "-"}
OTHER = "another-check"
OFFICERS = ("o-1", "o-2", "o-3")
CAMERA_STEPS = (Step.CARD, Step.FACE)

Make = Callable[[State, str], ev.Event]
"""An event for a state; the text is a check id that nobody has used."""


class Violation(AssertionError):
    """An invariant does not hold; ``rule`` is its name."""

    def __init__(self, rule: str, state: State, event: str) -> None:
        super().__init__(f"{rule}: {event} in {state.step} (trouble {state.trouble})")
        self.rule = rule


def finding(decision: str) -> ev.FaceFinding:
    cause = "no_face" if decision == "not_comparable" else None
    return ev.FaceFinding(decision, None if cause else 0.5, 0.4, 0 if cause else 3, MODEL, cause)


def document(*findings: str) -> ev.Document:
    return ev.Document(FACTS, findings, {}, HASH)


def _confirmed(state: State, officer: str, *, other_statement: bool = False) -> ev.Event:
    statement = HASH if other_statement or state.statement is None else state.statement.sha256
    return ev.Confirmed(ev.Confirmation(officer, "officer", "pin", statement))


def _explained(check: str, officer: str = "o-1") -> ev.Event:
    statement = DecisionStatement(check, None, Outcome.EMERGENCY, "why", EXPIRES)
    return ev.Explained(statement, ev.Confirmation(officer, "officer", "pin", statement.sha256))


def _own(make: Callable[[str], ev.Event], check: str | None) -> Make:
    return lambda state, _fresh: make(check if check is not None else state.check or "none")


def _of_a_check(check: str | None) -> Iterator[tuple[str, Make]]:
    """The events that name a check, for the one under way (None) or for ``check``."""
    for name, one in (("clean", document()), ("expired", document("expired"))):
        for photo in (True, False):
            yield (
                f"card {name} photo={photo}",
                _own(lambda c, one=one, photo=photo: ev.CardRead(c, one, photo), check),  # type: ignore[misc]
            )
    yield "card trouble", _own(lambda c: ev.CardTrouble(c, "card_removed"), check)
    for decision in ("match", "no_match", "not_comparable"):
        yield f"face {decision}", _own(lambda c, d=decision: ev.FaceCompared(c, finding(d)), check)  # type: ignore[misc]
    for device in ("camera", "card_reader"):
        yield f"lost {device}", _own(lambda c, d=device: ev.DeviceLost(c, d), check)  # type: ignore[misc]
    for step in Step:
        yield f"timeout {step}", _own(lambda c, s=step: ev.TimedOut(c, s), check)  # type: ignore[misc]
    yield "sealed", _own(lambda c: ev.Sealed(c, 2, HASH), check)


def alphabet() -> dict[str, Make]:
    """Every event, by name."""
    made: dict[str, Make] = {
        "begin": lambda _s, fresh: ev.Begin(fresh, "delivery", "V-1", "typed"),
        "begin drill": lambda _s, fresh: ev.Begin(fresh, "delivery", "V-1", "typed", drill=True),
        "consent": lambda _s, _f: ev.Consented(EXPIRES),
        "decline refuse": lambda _s, _f: ev.Declined("refuse"),
        "decline other way": lambda _s, _f: ev.Declined("other_way"),
        "left": lambda _s, _f: ev.Left(),
        "closed": lambda _s, _f: ev.Closed(),
        "withdrawn": lambda _s, _f: ev.Withdrawn(),
        "emergency": lambda _s, fresh: ev.Emergency(fresh, "delivery"),
        "explained": lambda s, _f: _explained(s.check or "none"),
        "explained other": lambda _s, _f: _explained(OTHER),
        "confirmed other": lambda s, _f: _confirmed(s, "o-3", other_statement=True),
    }
    for officer in OFFICERS:
        made[f"confirmed {officer}"] = lambda s, _f, o=officer: _confirmed(s, o)  # type: ignore[misc]
    for outcome in Outcome:
        made[f"proposed {outcome}"] = lambda _s, _f, o=outcome: ev.Proposed(o, "why", EXPIRES)  # type: ignore[misc]
    made |= {f"own {name}": make for name, make in _of_a_check(None)}
    made |= {f"late {name}": make for name, make in _of_a_check(OTHER)}
    return made


@dataclass(frozen=True, slots=True)
class Trail:
    """What happened on the way: facts that the invariants need and the state need not hold."""

    consented: bool = False
    camera_on: bool = False
    timer: Step | None = None
    journalled: bool = False
    sealed: frozenset[str] = frozenset()


def _key(state: State, trail: Trail) -> Hashable:
    # What the trail knows beside the state counts only as far as it concerns the check under way.
    return (
        state.step,
        state.begin.drill if state.begin else None,
        state.consent is not None,
        state.document.findings if state.document else None,
        (len(state.faces), state.faces[-1].decision if state.faces else None),
        state.statement.outcome if state.statement else None,
        tuple(sorted(one.officer for one in state.confirmations)),
        state.outcome,
        state.sealed is not None,
        state.check in trail.sealed,
        (trail.consented, trail.camera_on, trail.timer, trail.journalled),
    )


def _advance(trail: Trail, event: ev.Event, after: State, effects: tuple[ev.Effect, ...], *, begun: bool) -> Trail:
    if begun:
        trail = replace(trail, consented=False, journalled=False)
    if isinstance(event, ev.Consented) and after.consent is not None:
        trail = replace(trail, consented=True)
    for effect in effects:
        if isinstance(effect, ev.OpenCamera):
            trail = replace(trail, camera_on=True)
        elif isinstance(effect, ev.StopDevices):
            trail = replace(trail, camera_on=False)
        elif isinstance(effect, ev.StartTimer):
            trail = replace(trail, timer=after.step)
        elif isinstance(effect, ev.Forget):
            trail = replace(trail, timer=None)
        elif isinstance(effect, ev.Journal):
            trail = replace(trail, journalled=True)
        elif isinstance(effect, ev.SealRecord) and effect.fields["kind"] == "check":
            trail = replace(trail, sealed=trail.sealed | {effect.check})
    return trail


@dataclass(slots=True)
class Explored:
    """What was found: how many states and steps, and the graph between the merged states."""

    states: int
    steps: int
    edges: dict[Hashable, set[Hashable]]
    idle: set[Hashable]
    example: dict[Hashable, State]


def explore(policy: Policy) -> Explored:
    """Walk every reachable state breadth first.

    Raises:
        Violation: an invariant does not hold.
    """
    numbers = itertools.count(1)
    first, trail = State(policy), Trail()
    todo: deque[tuple[State, Trail]] = deque([(first, trail)])
    found = Explored(0, 0, {_key(first, trail): set()}, set(), {_key(first, trail): first})
    events = alphabet()
    while todo:
        state, trail = todo.popleft()
        here = _key(state, trail)
        found.states += 1
        if state.step is Step.IDLE:
            found.idle.add(here)
        for name, make in events.items():
            found.steps += 1
            event = make(state, f"check-{next(numbers)}")
            after, effects = session.step(state, event)
            begun = after.check != state.check and after.check is not None
            trail_after = _advance(trail, event, after, effects, begun=begun)
            _check(_Move(state, trail, name, event, after, effects, trail_after))
            there = _key(after, trail_after)
            found.edges[here].add(there)
            if there not in found.edges:
                found.edges[there] = set()
                found.example[there] = after
                todo.append((after, trail_after))
    _every_state_ends(found)
    return found


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
    for key in found.edges.keys() - reaching:
        raise Violation("idle can be reached", found.example[key], "any event")


@dataclass(frozen=True, slots=True)
class _Move:
    before: State
    trail: Trail
    name: str
    event: ev.Event
    after: State
    effects: tuple[ev.Effect, ...]
    trail_after: Trail

    def hold(self, rule: str, truth: object) -> None:
        if not truth:
            raise Violation(rule, self.before, self.name)

    def seals(self, kind: str) -> list[ev.SealRecord]:
        return [one for one in self.effects if isinstance(one, ev.SealRecord) and one.fields["kind"] == kind]

    def has(self, kind: type) -> bool:
        return any(isinstance(one, kind) for one in self.effects)


def _check(move: _Move) -> None:
    _late_events_change_nothing(move)
    _emergency(move)
    _camera(move)
    _time(move)
    for seal in move.seals("check"):
        _record(move, seal)
    move.hold("the door opens for a pass or an emergency only", not move.has(ev.ReleaseDoor) or _may_open(move))


def _may_open(move: _Move) -> bool:
    return isinstance(move.event, ev.Emergency) or move.after.outcome is Outcome.PASSED


def _late_events_change_nothing(move: _Move) -> None:
    if move.name.startswith("late "):
        move.hold("late events change nothing", move.after == move.before and not move.effects)


def _emergency(move: _Move) -> None:
    if not isinstance(move.event, ev.Emergency):
        return
    move.hold("an emergency opens the door in its own step", move.has(ev.ReleaseDoor))
    under_way = move.before.step is Step.SEALING and move.before.outcome is Outcome.EMERGENCY
    move.hold("an emergency leads to one record", len(move.seals("check")) == (0 if under_way else 1))
    move.hold("an emergency leads to one record", move.after.step is Step.SEALING)
    move.hold("an emergency leads to one record", move.after.outcome is Outcome.EMERGENCY)
    shown, further = session.step(move.after, ev.Sealed(move.after.check or "", 2, HASH))
    move.hold("an emergency ends in one action", shown.step is Step.DONE)
    move.hold("an emergency leads to one record", not any(isinstance(one, ev.SealRecord) for one in further))


def _camera(move: _Move) -> None:
    if move.has(ev.OpenCamera) or move.has(ev.CompareFace):
        move.hold("no camera before consent", move.trail_after.consented and move.after.consent is not None)
    if move.has(ev.CompareFace):
        move.hold("no comparison without a card", move.after.document is not None)
    move.hold(
        "the camera runs only while it is needed", not move.trail_after.camera_on or move.after.step in CAMERA_STEPS
    )


def _time(move: _Move) -> None:
    ends = (*OPEN, Step.DONE) if move.after.outcome is not Outcome.EMERGENCY else OPEN
    if move.after.step in ends:
        move.hold("somebody is asked in the end", move.trail_after.timer is move.after.step)
    if move.after.step in OPEN:
        move.hold("a check under way is in the journal", move.trail_after.journalled)


def _record(move: _Move, seal: ev.SealRecord) -> None:
    fields: Any = seal.fields
    move.hold("one check record per check", seal.check not in move.trail.sealed and fields["check"] == seal.check)
    move.hold("a drill alerts nobody", not (fields["drill"] and seal.alert))
    outcome, officers = Outcome(fields["outcome"]), [one["id"] for one in fields["officers"]]
    move.hold("nobody is both officers", len(set(officers)) == len(officers))
    if outcome is Outcome.PASSED:
        move.hold("a pass has a matching face", fields.get("face", {}).get("decision") == "match")
        move.hold("a pass has every factor", not move.before.policy.lacking(fields["checkpoint"], ("card", "face")))
        move.hold("a pass has a live face", move.before.policy.liveness != "required")
        move.hold("a pass has a sound document or an officer", not fields["document"]["findings"] or officers)
    elif outcome in DECIDABLE:
        needed = move.before.policy.officers_for(outcome)
        move.hold("officers decide", fields["decision"]["outcome"] == outcome and len(officers) >= needed)
    if outcome is Outcome.INTERRUPTED:
        move.hold("an interrupted check keeps no document", "document" not in fields and "face" not in fields)
