"""The state machine holds its invariants in every reachable state, and the invariants notice a broken table."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from daemon import desk, record_fields, session
from daemon import effects as ef
from daemon import events as ev
from daemon.policy import Policy, load_policy, shipped_names
from daemon.policy.words import Factor, Liveness
from daemon.state import State, Step
from evidence.record import Outcome
from tests.daemon.session_alphabet import DUTY, NOTED, SHIFTS, Make, alphabet, drills, small_alphabet
from tests.daemon.session_exploration import explore, unmerged
from tests.daemon.session_invariants import Violation
from tests.daemon.session_mutations import IN_DRILLS, MUTATIONS, OF_FINGERS

NEUTRAL = load_policy("neutral")
PACKS = {name: load_policy(name) for name in shipped_names()}
ONCE = replace(NEUTRAL, retries=1)
BARE = replace(ONCE, signatures=())
POLICIES = {
    **PACKS,
    "no retry, no signature": replace(BARE, retries=0),
    "liveness required": replace(BARE, liveness=Liveness.REQUIRED),
    "finger beside the face": replace(BARE, factors=(Factor.CARD, Factor.FACE, Factor.FINGER)),
    "card and finger": replace(BARE, factors=(Factor.CARD, Factor.FINGER)),
    "face or finger": replace(PACKS["jiangxi"], liveness=Liveness.WHEN_FITTED, signatures=(), retries=1),
    "two for all": replace(BARE, officers=replace(NEUTRAL.officers, passed=2, failed=2, refused=2, device_fault=2)),
}


def _unused(policy: Policy) -> set[Step]:
    """Steps that a policy does without."""
    biometrics = {one for checkpoint in policy.checkpoints for one in policy.biometrics_for(checkpoint.id)}
    steps = {Factor.FACE: Step.FACE, Factor.FINGER: Step.FINGER}
    never_signs = set() if policy.signatures else {Step.SIGN}
    never_enrols = set() if any(policy.enrols_finger(one.id) for one in policy.checkpoints) else {Step.ENROL}
    return {step for factor, step in steps.items() if factor not in biometrics} | never_signs | never_enrols


@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
def test_every_reachable_state(policy: Policy) -> None:
    found = explore(policy)
    sys.stdout.write(f"{found.states} states, {found.steps} (state, event) pairs\n")
    assert found.states > 100, f"only {found.states} states were reached: the alphabet no longer drives the machine"
    assert found.steps == found.states * len(alphabet(policy))
    assert {now.active.step for now in found.example.values()} == set(Step) - _unused(policy)


def test_every_reachable_state_with_parked_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_PARKED", 2)
    found = explore(NEUTRAL, small_alphabet(NEUTRAL), keep_parked=True)
    sys.stdout.write(f"{found.states} states with up to two parked checks, {found.steps} (state, event) pairs\n")
    assert {len(now.parked) for now in found.example.values()} == {0, 1, 2}


def test_every_reachable_state_while_officers_come_and_go() -> None:
    policy = replace(NEUTRAL, retries=0)
    found = explore(policy, {**alphabet(policy), **SHIFTS}, on_duty=None)
    sys.stdout.write(f"{found.states} states with shifts, {found.steps} (state, event) pairs\n")
    missing = [now for now in found.example.values() if now.active.trouble == "nobody_on_duty"]
    assert missing
    after, _ = desk.step(missing[0], ev.ShiftChanged(DUTY, NOTED))
    assert after.active.outcome is Outcome.PASSED, "the check goes on when only a name was missing"


def test_every_reachable_state_of_drills() -> None:
    """Beside real checks: what is a drill's stays a drill's, and an emergency is never one."""
    policy = replace(NEUTRAL, retries=0)
    found = explore(policy, drills(policy))
    sys.stdout.write(f"{found.states} states with drills, {found.steps} (state, event) pairs\n")
    drilled = {now.active.step for now in found.example.values() if now.active.begin and now.active.begin.drill}
    assert drilled == set(Step) - _unused(policy) - {Step.IDLE, Step.NOTING}


MERGED = {"face": replace(BARE, retries=2), "finger": replace(POLICIES["card and finger"], retries=2)}


@pytest.mark.parametrize("policy", MERGED.values(), ids=list(MERGED))
def test_merged_states_have_one_future(policy: Policy) -> None:
    """Told apart, they break no invariant either, and lead to the same."""
    found = explore(policy, _without_kin(alphabet(policy)), key=unmerged)
    futures: dict[Any, set[frozenset[Any]]] = {}
    for here, nexts in found.edges.items():
        futures.setdefault(_coarse(here), set()).add(frozenset(_coarse(there) for there in nexts))
    sys.stdout.write(f"{found.states} states told apart, {len(futures)} merged\n")
    assert found.states > 2 * len(futures)
    assert [here for here, nexts in futures.items() if len(nexts) > 1] == []


def _without_kin(events: dict[str, Make]) -> dict[str, Make]:
    """Two outcomes stand for those that officers choose among, a guardian for delegates; what comes late is ignored."""
    chosen = {f"proposed {one}" for one in Outcome} - {"proposed passed", "proposed unable"}
    chosen |= {name for name in events if name.endswith((" spouse", " stranger"))}
    return {name: make for name, make in events.items() if name not in chosen and not name.startswith("late ")}


def _coarse(key: Any) -> Any:
    return key[0]


@pytest.mark.parametrize("name", [*MUTATIONS, *IN_DRILLS, *OF_FINGERS])
def test_broken_table_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, change = {**MUTATIONS, **IN_DRILLS, **OF_FINGERS}[name]
    table = dict(session.TABLE)
    change(table)
    monkeypatch.setattr(session, "TABLE", table)
    policy = POLICIES["card and finger"] if name in OF_FINGERS else NEUTRAL
    with pytest.raises(Violation) as noticed:
        explore(policy, drills(policy) if name in IN_DRILLS else None)
    assert noticed.value.rule == rule


def test_parked_drill_that_alerts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parking stands not in the table: it is the desk's."""
    park = desk._park

    def calls_the_office(now: desk.Desk) -> desk.Result:
        after, effects = park(now)
        return after, tuple(replace(one, alert=True) if isinstance(one, ef.Note) else one for one in effects)

    monkeypatch.setattr(desk, "_park", calls_the_office)
    with pytest.raises(Violation, match="a drill alerts nobody"):
        explore(NEUTRAL, small_alphabet(NEUTRAL))


_OF_A_PASS = (
    *("begin", "consent", "own card clean photo=True", "own face match live", "left", "own sealed", "closed"),
    *("proposed unable", "confirmed o-1", "parked"),
)


def test_parked_check_that_is_taken_up_behind_an_open_door_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small alphabet knows no pass."""
    resume, every = desk._resume, {**alphabet(NEUTRAL), **small_alphabet(NEUTRAL)}
    events = {name: every[name] for name in _OF_A_PASS}
    monkeypatch.setattr(desk, "MOST_PARKED", 1)
    assert explore(NEUTRAL, events, keep_parked=True).states

    def leaves_it_open(now: desk.Desk, check: str) -> desk.Result:
        after, effects = resume(now, check)
        return after, tuple(one for one in effects if not isinstance(one, ef.LockDoor))

    monkeypatch.setattr(desk, "_resume", leaves_it_open)
    with pytest.raises(Violation, match="before her result no door rests on another's release"):
        explore(NEUTRAL, events, keep_parked=True)


def test_interrupted_check_that_keeps_officers_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    fields_of = record_fields.check

    def keeps(state: State, outcome: Outcome, reason: str | None) -> dict[str, Any]:
        return {**fields_of(state, outcome, reason), "officers": record_fields.officers(state.confirmations)}

    monkeypatch.setattr(record_fields, "check", keeps)
    with pytest.raises(Violation, match="an interrupted check names no officer who decided"):
        explore(NEUTRAL, small_alphabet(NEUTRAL))


def test_late_events_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison of check ids an answer for the woman before would count for the next."""
    monkeypatch.setattr(session, "_of_another_check", lambda _state, _event: False)
    with pytest.raises(Violation, match="late events change nothing"):
        explore(NEUTRAL)
