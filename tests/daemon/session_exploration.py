"""Explicit exploration of the desk: every reachable state, every event of a finite alphabet.

States are merged by what their future depends on (:func:`_key`); ids of checks and what is only displayed do not count.
Along each first path a few facts are kept beside the state (:class:`Trail`), and invariants are held against each step.

The desk is explored twice. With the whole alphabet, a check that is parked is looked at (:func:`_parked_is_kept`) and
then taken up again at once: what is parked neither changes nor is changed by the check on the screen. That this is so
is what the second walk shows, with a small alphabet and up to two checks parked at any moment.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from daemon import desk
from daemon import effects as ef
from daemon import events as ev
from daemon.desk import Desk
from daemon.policy import DECIDABLE, Policy
from daemon.state import OPEN, State, Step
from evidence.decision import DecisionStatement
from evidence.record import Outcome

HASH = "ab" * 32
EXPIRES = "2030-01-01T00:00:00.000Z"
MODEL = {"detector": HASH, "embedding": HASH}
FACTS = {"type": "resident_id_card", "number": "-", "name": "-"}
PERMIT = {"type": "hk_mo_tw_residence_permit", "number": "-", "name": "-"}
OTHER = "another-check"
OFFICERS = ("o-1", "o-2")
CAMERA_STEPS = (Step.CARD, Step.FACE)

Make = Callable[[State, str], ev.Event]
"""An event for a state; the text is a check id that nobody has used."""


class Violation(AssertionError):
    """An invariant does not hold; ``rule`` is its name."""

    def __init__(self, rule: str, state: State, event: str) -> None:
        super().__init__(f"{rule}: {event} in {state.step} (trouble {state.trouble})")
        self.rule = rule


def finding(decision: str, alive: str = "not_performed") -> ev.FaceFinding:
    cause = "no_face" if decision == "not_comparable" else None
    liveness = ev.Liveness(alive, (), "replay" if alive == "attack" else None)
    return ev.FaceFinding(decision, None if cause else 0.5, 0.4, 0 if cause else 3, MODEL, cause, liveness)


def document(*findings: str, permit: bool = False) -> ev.Document:
    return ev.Document(PERMIT if permit else FACTS, findings, {}, HASH)


def _confirmed(state: State, officer: str, *, other_statement: bool = False) -> ev.Event:
    statement = HASH if other_statement or state.statement is None else state.statement.sha256
    return ev.Confirmed(ev.Confirmation(officer, "officer", "pin", statement))


def _explained(check: str, officer: str = "o-1") -> ev.Event:
    statement = DecisionStatement(check, None, Outcome.EMERGENCY, "why", EXPIRES)
    return ev.Explained(statement, ev.Confirmation(officer, "officer", "pin", statement.sha256))


def _own(make: Callable[[str], ev.Event], check: str | None) -> Make:
    return lambda state, _fresh: make(check if check is not None else state.check or "none")


def _card(one: ev.Document, photo: bool, check: str | None) -> Make:
    return _own(lambda c: ev.CardRead(c, one, photo), check)


def _face(decision: str, alive: str, check: str | None) -> Make:
    return _own(lambda c: ev.FaceCompared(c, finding(decision, alive)), check)


def _finger(decision: str, check: str | None) -> Make:
    return _own(lambda c: ev.FingerCompared(c, ev.FingerFinding(decision)), check)


def _lost(device: str, check: str | None) -> Make:
    return _own(lambda c: ev.DeviceLost(c, device), check)


def _timeout(where: Step, check: str | None) -> Make:
    return _own(lambda c: ev.TimedOut(c, where), check)


def _of_a_check(check: str | None) -> Iterator[tuple[str, Make]]:
    """The events that name a check, for the one under way (None) or for ``check``."""
    cards = {"clean": document(), "expired": document("expired"), "permit": document(permit=True)}
    for name, one in cards.items():
        for photo in (True, False):
            yield f"card {name} photo={photo}", _card(one, photo, check)
    yield "card trouble", _own(lambda c: ev.CardTrouble(c, "card_removed"), check)
    for decision, alive in (
        ("match", "not_performed"),
        ("match", "live"),
        ("match", "attack"),
        ("match", "unsure"),
        ("no_match", "live"),
        ("not_comparable", "not_performed"),
    ):
        yield f"face {decision} {alive}", _face(decision, alive, check)
    for decision in ("match", "no_match", "not_performed"):
        yield f"finger {decision}", _finger(decision, check)
    for device in ("camera", "card_reader", "fingerprint"):
        yield f"lost {device}", _lost(device, check)
    for step in Step:
        yield f"timeout {step}", _timeout(step, check)
    yield "sealed", _own(lambda c: ev.Sealed(c, 2, HASH), check)


def _officer(name: str) -> Make:
    return lambda state, _fresh: _confirmed(state, name)


def _proposal(outcome: Outcome) -> Make:
    return lambda _state, _fresh: ev.Proposed(outcome, "why", EXPIRES)


def _plain(event: ev.Event) -> Make:
    return lambda _state, _fresh: event


def _amended(_state: State, _fresh: str) -> ev.Event:
    statement = DecisionStatement(OTHER, None, Outcome.EMERGENCY, "a mistaken touch", EXPIRES)
    confirmation = ev.Confirmation("o-1", "officer", "pin", statement.sha256)
    return ev.Amended(ev.Sealed(OTHER, 2, HASH), statement, confirmation)


def _begin(checkpoint: str, *, drill: bool = False) -> Make:
    return lambda _state, fresh: ev.Begin(fresh, checkpoint, "V-1", "typed", drill=drill)


def checkpoints(policy: Policy) -> list[str]:
    """One checkpoint of each sort that the machine tells apart."""
    sorts = {
        (one.own_phone, policy.factors_for(one.id), policy.one_of_for(one.id)): one.id for one in policy.checkpoints
    }
    return list(sorts.values())


def alphabet(policy: Policy) -> dict[str, Make]:
    """Every event, by name."""
    made: dict[str, Make] = {
        **{f"begin {name}": _begin(name) for name in checkpoints(policy)},
        "consent": _plain(ev.Consented(EXPIRES)),
        "decline refuse": _plain(ev.Declined("refuse")),
        "decline other way": _plain(ev.Declined("other_way")),
        "no card": _plain(ev.NoCard("forgotten")),
        "document entered": _plain(ev.DocumentEntered(document(permit=True))),
        "phone": _plain(ev.PhoneGiven("-")),
        "signed": _plain(ev.Signed(ev.Signature("delegate", "spouse", b"-"))),
        "signed later": _plain(ev.SignedLater()),
        "left": _plain(ev.Left()),
        "closed": _plain(ev.Closed()),
        "withdrawn": _plain(ev.Withdrawn()),
        "parked": _plain(ev.Parked()),
        "resumed other": _plain(ev.Resumed(OTHER)),
        "waited long other": _plain(ev.WaitedLong(OTHER)),
        "amended": _amended,
        "emergency": lambda _s, fresh: ev.Emergency(fresh, policy.checkpoints[0].id),
        "explained": lambda s, _f: _explained(s.check or "none"),
        "explained other": lambda _s, _f: _explained(OTHER),
        "confirmed other": lambda s, _f: _confirmed(s, "o-3", other_statement=True),
    }
    made |= {f"confirmed {officer}": _officer(officer) for officer in OFFICERS}
    made |= {f"proposed {outcome}": _proposal(outcome) for outcome in Outcome}
    made |= {f"own {name}": make for name, make in _of_a_check(None)}
    made |= {f"late {name}": make for name, make in _of_a_check(OTHER)}
    return made


_FEW = (
    *("left", "closed", "withdrawn", "parked", "emergency", "explained", "amended"),
    *("confirmed o-1", "confirmed o-2", "proposed unable", "own sealed"),
    *("own timeout confirm", "own timeout decision", "own timeout done", "own timeout notice"),
)


def small_alphabet(policy: Policy) -> dict[str, Make]:
    """Enough to park at every place; what is parked is resumed and given up by :func:`_happenings`."""
    every, here = alphabet(policy), policy.checkpoints[0].id
    return {"begin": _begin(here), "begin drill": _begin(here, drill=True), **{name: every[name] for name in _FEW}}


@dataclass(frozen=True, slots=True)
class Trail:
    """What happened on the way: facts that the invariants need and the state need not hold. Sets are of checks."""

    consented: frozenset[str] = frozenset()
    journalled: frozenset[str] = frozenset()
    sealed: frozenset[str] = frozenset()
    camera_on: bool = False
    timer: Step | None = None


def _key(now: Desk, trail: Trail) -> Hashable:
    # What the trail knows beside the state counts only as far as it concerns the checks at the desk.
    return (*(_check_key(one, trail) for one in (now.active, *now.parked)), trail.camera_on, trail.timer)


def _check_key(state: State, trail: Trail) -> Hashable:
    last = state.faces[-1] if state.faces else None
    begin = state.begin
    wants_phone = begin is not None and state.policy.checkpoint(begin.checkpoint).own_phone
    return (
        state.step,
        (begin.drill, state.policy.biometrics_for(begin.checkpoint)) if begin else None,
        (wants_phone, wants_phone and state.phone is not None),
        state.consent is not None,
        state.without_biometrics,
        (state.document.findings, state.document.type) if state.document else None,
        (len(state.faces), last.decision, last.liveness.decision) if last else None,
        (len(state.fingers), state.fingers[-1].decision) if state.fingers else None,
        state.statement.outcome if state.statement else None,
        tuple(sorted(one.officer for one in state.confirmations)),
        state.outcome,
        state.sealed is not None,
        state.trouble == "phone_missing",
        tuple(state.check in known for known in (trail.sealed, trail.consented, trail.journalled)),
    )


def _advance(trail: Trail, event: ev.Event, after: State, effects: tuple[ef.Effect, ...]) -> Trail:
    if isinstance(event, ev.Consented) and after.consent is not None and after.check:
        trail = replace(trail, consented=trail.consented | {after.check})
    for effect in effects:
        match effect:
            case ef.OpenCamera():
                trail = replace(trail, camera_on=True)
            case ef.StopDevices() | ef.StopCamera():
                trail = replace(trail, camera_on=False)
            case ef.StartTimer():
                trail = replace(trail, timer=after.step)
            case ef.Forget():
                trail = replace(trail, timer=None)
            case ef.Journal():
                trail = replace(trail, journalled=trail.journalled | {effect.begin.check})
            case ef.SealRecord() if effect.fields["kind"] == "check":
                trail = replace(trail, sealed=trail.sealed | {effect.check})
    return trail


@dataclass(slots=True)
class Explored:
    """What was found: how many states and steps, and the graph between the merged states."""

    states: int
    steps: int
    edges: dict[Hashable, set[Hashable]]
    idle: set[Hashable]
    example: dict[Hashable, Desk]


def explore(policy: Policy, events: dict[str, Make] | None = None, *, keep_parked: bool = False) -> Explored:
    """Walk every reachable state breadth first.

    Args:
        events: the alphabet, :func:`alphabet` if None.
        keep_parked: a parked check stays so until an event takes it up; else it is taken up again at once.

    Raises:
        Violation: an invariant does not hold.
    """
    events = alphabet(policy) if events is None else events
    numbers = itertools.count(1)
    first, trail = Desk.of(policy), Trail()
    todo: deque[tuple[Desk, Trail]] = deque([(first, trail)])
    found = Explored(0, 0, {_key(first, trail): set()}, set(), {_key(first, trail): first})
    while todo:
        now, trail = todo.popleft()
        here = _key(now, trail)
        found.states += 1
        if now.active.step is Step.IDLE and not now.parked:
            found.idle.add(here)
        _other_way(now.active)
        for name, event in _happenings(now, events, numbers):
            found.steps += 1
            after, trail_after = _move(now, trail, name, event)
            if after.parked and not keep_parked:
                after, trail_after = _parked_is_kept(now, after, trail_after)
            there = here if after is now and trail_after is trail else _key(after, trail_after)
            found.edges[here].add(there)
            if there not in found.edges:
                found.edges[there] = set()
                found.example[there] = after
                todo.append((after, trail_after))
    _every_state_ends(found)
    return found


def _other_way(state: State) -> None:
    """The way without biometrics is one touch away, wherever something of her body is asked for."""
    if state.step in (Step.NOTICE, Step.CARD, Step.FACE, Step.FINGER):
        other, _ = desk.step(Desk(state), ev.Declined("other_way"))
        if not other.active.without_biometrics:
            raise Violation("the other way is one touch away", state, "decline other way")


def _happenings(now: Desk, events: dict[str, Make], numbers: Iterator[int]) -> Iterator[tuple[str, ev.Event]]:
    for name, make in events.items():
        yield name, make(now.active, f"check-{next(numbers)}")
    for one in now.parked:
        assert one.check is not None
        yield "resumed", ev.Resumed(one.check)
        yield "waited long", ev.WaitedLong(one.check)


def _move(now: Desk, trail: Trail, name: str, event: ev.Event) -> tuple[Desk, Trail]:
    after, effects = desk.step(now, event)
    if after is now and not effects and not isinstance(event, ev.Emergency):
        return now, trail  # ignored: what held before holds
    trail_after = _advance(trail, event, after.active, effects)
    _check(_Move(now.active, trail, name, event, after.active, effects, trail_after))
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
    for key in found.edges.keys() - reaching:
        raise Violation("idle can be reached", found.example[key], "any event")


@dataclass(frozen=True, slots=True)
class _Move:
    before: State
    trail: Trail
    name: str
    event: ev.Event
    after: State
    effects: tuple[ef.Effect, ...]
    trail_after: Trail

    def hold(self, rule: str, truth: object) -> None:
        if not truth:
            raise Violation(rule, self.before, self.name)

    def seals(self, kind: str) -> list[ef.SealRecord]:
        return [one for one in self.effects if isinstance(one, ef.SealRecord) and one.fields["kind"] == kind]

    def has(self, *kinds: type) -> bool:
        return any(isinstance(one, kinds) for one in self.effects)


def _check(move: _Move) -> None:
    _late_events_change_nothing(move)
    _emergency(move)
    _reading(move)
    _time(move)
    sealed = move.trail.sealed
    for seal in move.seals("check"):
        move.hold("one check record per check", seal.check not in sealed and seal.fields["check"] == seal.check)
        sealed |= {seal.check}
        _record(move, seal)
    move.hold("the door opens for a pass or an emergency only", not move.has(ef.ReleaseDoor) or _may_open(move))
    move.hold("the office is called when a check is parked", not _parks(move) or move.has(ef.Note))


def _parks(move: _Move) -> bool:
    return move.before.step in OPEN and move.after.step is Step.IDLE


def _may_open(move: _Move) -> bool:
    return isinstance(move.event, ev.Emergency) or move.after.outcome is Outcome.PASSED


def _late_events_change_nothing(move: _Move) -> None:
    if move.name.startswith("late ") or move.name.endswith(" long other"):
        move.hold("late events change nothing", move.after == move.before and not move.effects)


def _emergency(move: _Move) -> None:
    if not isinstance(move.event, ev.Emergency):
        return
    move.hold(
        "an emergency opens the door in its own step", move.effects and isinstance(move.effects[0], ef.ReleaseDoor)
    )
    under_way = move.before.step is Step.SEALING and move.before.outcome is Outcome.EMERGENCY
    records = [one for one in move.seals("check") if one.fields["outcome"] == Outcome.EMERGENCY]
    move.hold("an emergency leads to one record", len(records) == (0 if under_way else 1))
    move.hold("an emergency leads to one record", move.after.step is Step.SEALING)
    move.hold("an emergency leads to one record", move.after.outcome is Outcome.EMERGENCY)
    decided = [one for one in move.seals("check") if one not in records]
    move.hold("what was decided before an emergency stands", bool(decided) == (move.before.step is Step.SIGN))
    shown, further = desk.step(Desk(move.after), ev.Sealed(move.after.check or "", 2, HASH))
    move.hold("an emergency ends in one action", shown.active.step is Step.DONE)
    move.hold("an emergency leads to one record", not any(isinstance(one, ef.SealRecord) for one in further))


def _reading(move: _Move) -> None:
    if move.has(ef.OpenCamera, ef.CompareFace, ef.CompareFinger):
        move.hold("nothing of the body before consent", move.after.check in move.trail_after.consented)
        move.hold("nothing of the body on the other way", not move.after.without_biometrics)
    if move.has(ef.CompareFace, ef.CompareFinger):
        move.hold("no comparison without a card", move.after.document is not None)
    move.hold(
        "the camera runs only while it is needed", not move.trail_after.camera_on or move.after.step in CAMERA_STEPS
    )


def _time(move: _Move) -> None:
    ends = (*OPEN, Step.SIGN, Step.DONE) if move.after.outcome is not Outcome.EMERGENCY else OPEN
    if move.after.step in ends:
        move.hold("somebody is asked in the end", move.trail_after.timer is move.after.step)
    if move.after.step in (*OPEN, Step.SIGN):
        move.hold("a check under way is in the journal", move.after.check in move.trail_after.journalled)


def _record(move: _Move, seal: ef.SealRecord) -> None:
    fields: Any = seal.fields
    move.hold("a drill alerts nobody", not (fields["drill"] and seal.alert))
    outcome, officers = Outcome(fields["outcome"]), [one["id"] for one in fields["officers"]]
    move.hold("nobody is both officers", len(set(officers)) == len(officers))
    if outcome is Outcome.PASSED:
        _pass(move, fields, officers)
    elif outcome in DECIDABLE:
        needed = move.before.policy.officers_for(outcome, fields.get("document", {}).get("type"))
        move.hold("officers decide", fields["decision"]["outcome"] == outcome and len(officers) >= needed)
    if outcome is Outcome.INTERRUPTED:
        kept = {"document", "face", "finger", "contact", "subject_sign"} & fields.keys()
        move.hold("an interrupted check keeps no document", not kept)


def _pass(move: _Move, fields: Any, officers: list[str]) -> None:
    policy, checkpoint, document = move.before.policy, fields["checkpoint"], fields["document"]
    matching = [one for one in ("face", "finger") if fields.get(one, {}).get("decision") == "match"]
    move.hold("a pass has every factor", not policy.lacking(checkpoint, ["card", *matching]))
    if "face" in matching and policy.lacking(checkpoint, ["card", *(one for one in matching if one != "face")]):
        alive = fields["liveness"]["decision"]
        lenient = alive == "not_performed" and policy.liveness != "required"
        move.hold("a pass has a living face", alive == "live" or lenient)
    move.hold("a pass has a sound document or an officer", not document["findings"] or officers)
    if not policy.passes_alone(document["type"]):
        move.hold("officers decide", len(officers) >= policy.officers_for(Outcome.PASSED, document["type"]))
    phone = not policy.checkpoint(checkpoint).own_phone or "contact" in fields
    move.hold("a pass has her telephone number", phone or officers)
