"""A touch counts for the step that was shown to whoever touched; the server and the loop hold it to that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.desk import Desk
from daemon.door import NoDoor
from daemon.events import Begin, Consented, Declined, Emergency, Event, Left, Meant
from daemon.journal import Journal
from daemon.session import step
from daemon.state import Step
from daemon.unit import Unit
from tests.daemon.kiosk_screen import OFFICER, PATIENCE_S, POLICY, Screen
from tests.daemon.support import PINS, Home, idle_devices

CHECK = "0197a000-0000-7000-8000-00000000000c"
BEGUN = Begin(CHECK, "delivery", "V-1", "typed")
AT_IDLE = {"check": None, "step": "idle"}


@pytest.fixture
def screen(home: Home) -> Iterator[Screen]:
    made = Screen(home)
    yield made
    made.close()


def test_a_touch_for_a_step_that_is_over_is_refused(screen: Screen) -> None:
    """The second tap of a finger that began the check does not refuse it for her."""
    screen.state, _ = step(screen.state, BEGUN)
    for name, values in (("decline", {"wish": "refuse"}), ("consent", {}), ("left", {})):
        assert screen.touch(name, {**values, "shown": AT_IDLE}) == (409, "screen_changed")
        assert screen.touch(name, {**values, "shown": {"check": "check-2", "step": "notice"}}) == (
            409,
            "screen_changed",
        )
        for nothing in (None, "notice", {}, {"step": "notice"}):
            assert screen.touch(name, {**values, "shown": nothing})[0] in (400, 409)
    assert screen.events.empty()
    assert screen.touch("decline", {"wish": "refuse"}) == (202, None)
    assert isinstance(screen.told(), Declined)


def test_no_pin_is_tried_for_a_step_that_is_over(screen: Screen) -> None:
    wrong = {"officer": OFFICER, "pin": "000000", "reason": "birth", "shown": {"check": CHECK, "step": "done"}}
    for _ in range(6):
        assert screen.touch("explain", wrong) == (409, "screen_changed")
    right = {"officer": OFFICER, "pin": PINS[OFFICER], "reason": "birth"}
    assert screen.touch("explain", right) == (409, "nothing_to_explain"), "and nobody is locked out"


def test_an_emergency_is_for_every_screen(screen: Screen) -> None:
    assert screen.touch("emergency", {"shown": {"check": "another", "step": "done"}}) == (202, None)
    assert isinstance(screen.told(), Emergency)


@pytest.fixture
def unit(home: Home) -> Iterator[Unit]:
    """Its loop is turned by hand."""
    config, outbox = home.config(), home.outbox()
    journal = Journal(config.unit.data / "journal")
    made = Unit(config, POLICY, outbox, journal, NoDoor(), _nobody_looks, lambda: None)
    made.cards = made.faces = idle_devices()
    yield made
    outbox.close()


def _nobody_looks(_desk: Desk) -> None:
    pass


def turn(unit: Unit, *posted: Event) -> Step:
    for event in posted:
        unit.post(event)
    unit.close()
    unit.run(lambda: None)
    return unit.state.step


def test_what_was_current_when_it_came_and_is_not_in_its_turn_is_dropped(unit: Unit) -> None:
    first, second = Meant(BEGUN, None, ("idle",)), Meant(Declined("refuse"), None, ("idle",))
    assert turn(unit, first, second) is Step.NOTICE
    assert turn(unit, Meant(Left(), "check-2", ("notice",))) is Step.NOTICE, (
        "and so is what was meant for another woman"
    )
    consented = Meant(Consented("2026-11-21T08:00:00.000Z"), CHECK, ("notice",))
    assert turn(unit, consented, consented) is Step.CARD


@pytest.mark.parametrize("name", ["decline", "left"])
def test_who_refuses_or_has_gone_means_the_check_not_its_step(name: str, screen: Screen, unit: Unit) -> None:
    """The step changes between her touch and the server, or between the server and the loop: reading ends."""
    consent = Consented("2026-11-21T08:00:00.000Z")
    shown = {"check": CHECK, "step": "notice"}
    screen.state, _ = step(screen.state, BEGUN)
    screen.state, _ = step(screen.state, consent)
    assert screen.touch(name, {"wish": "refuse", "shown": shown}) == (202, None)
    assert screen.touch("consent", {"shown": shown}) == (409, "screen_changed")
    assert screen.touch(name, {"wish": "refuse", "shown": {"check": CHECK, "step": "decision"}})[0] == 409
    assert turn(unit, BEGUN, consent, screen.events.get(timeout=PATIENCE_S)) not in (Step.NOTICE, Step.CARD)
