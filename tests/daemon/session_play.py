"""A check that is played by hand, event after event."""

from __future__ import annotations

from dataclasses import replace

from daemon import effects as ef
from daemon import events as ev
from daemon import face_events as fa
from daemon.policy import load_policy
from daemon.session import step
from daemon.state import State
from tests.daemon.session_alphabet import EXPIRES, document, finding

POLICY = replace(load_policy("neutral"), signatures=())
BEGIN = ev.Begin("check-1", "delivery", "V-1", "typed")
CONSENT = ev.Consented(EXPIRES)


def play(*happened: ev.Event, state: State | None = None) -> tuple[State, tuple[ef.Effect, ...]]:
    """The state after all events, and the effects of the last."""
    now = state or State(POLICY)
    effects: tuple[ef.Effect, ...] = ()
    for event in happened:
        now, effects = step(now, event)
    return now, effects


def card(*findings: str) -> ev.CardRead:
    return ev.CardRead("check-1", document(*findings), photo=True)


def face(decision: str, alive: str = "not_performed") -> fa.FaceCompared:
    return fa.FaceCompared("check-1", finding(decision, alive))


def confirmation(state: State, officer: str) -> ev.Confirmed:
    assert state.statement is not None
    return ev.Confirmed(ev.Confirmation(officer, "officer", "pin", state.statement.sha256))


def seal(effects: tuple[ef.Effect, ...]) -> ef.SealRecord:
    (one,) = [effect for effect in effects if isinstance(effect, ef.SealRecord)]
    return one
