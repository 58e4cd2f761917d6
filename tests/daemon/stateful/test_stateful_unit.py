"""A few days at the running unit; ``python -m tests.daemon.stateful`` plays as many as there is time for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.daemon.stateful.machine import Day
from tests.daemon.stateful.plant import PACKS, Plant
from tests.support.programs import FindProgram


@pytest.fixture(scope="module")
def number(pytestconfig: pytest.Config) -> int:
    """Draws the policy pack and the days."""
    return int(pytestconfig.getoption("--hypothesis-seed") or secrets.randbits(32))


@pytest.fixture(scope="module")
def plant(program: FindProgram, number: int) -> Iterator[Plant]:
    with Plant(program("mosquitto"), tuple(PACKS)[number % len(PACKS)]) as opened:
        yield opened


def test_any_order_of_things(plant: Plant, number: int) -> None:
    """The rules of :class:`Day`, and what they hold at every moment and at the day's end; other days in each run."""
    played = seed(number)(type("DayAtThePlant", (Day,), {"plant": plant}))
    options = settings(
        max_examples=3,
        stateful_step_count=16,
        derandomize=False,
        database=None,
        phases=(Phase.generate,),  # the unit lives on between days: nothing could be made smaller by repeating it
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(played, settings=options)
    finally:
        assert plant.fault is None, f"--hypothesis-seed={number}: {plant.fault!r}\n{plant.story}"
    plant.cut(0.02, "button")
    plant.settle()
    assert plant.verify_chain() > 1


def test_a_fault_is_seen(plant: Plant) -> None:
    """A judge who never finds anything proves nothing."""
    view = plant.view
    secret = next(iter(plant.cards)).name
    for change in (
        {"visit": f"of {secret}"},
        {"step": "notice", "document": {"name": "示*"}},
        {"step": "done", "seq": None},
    ):
        plant.judge_view({**view, **change})
        with pytest.raises(AssertionError):
            plant.judge()
    plant.camera.judge(1.0)
    with pytest.raises(AssertionError, match="camera"):
        plant.judge()
    plant.presses += 1
    with pytest.raises(AssertionError, match="emergencies"):
        plant.settle()
    plant.begun.add("01a20000-0000-7000-8000-000000000000")
    with pytest.raises(AssertionError, match="without a record"):
        plant.settle()
