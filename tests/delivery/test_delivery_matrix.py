"""The matrix of ``python -m tests.delivery`` in a size for every day: every case on every broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.cases import CASES, CaseKind
from tests.delivery.cli import BROKERS, make_broker, make_site, play, working_folder
from tests.delivery.stage import Hospital, opened
from tests.support.programs import FindProgram

RECORDS = 30
HURRY = 10.0
"""Delivery's pauses pass this much faster: 0.5 s, 1 s, 2 s ... instead of 5, 10, 20."""


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory, program: FindProgram) -> Path:
    """Where what is compiled for the cases lies."""
    program("gcc")
    return tmp_path_factory.mktemp("tools")


def _hospital(name: str) -> Iterator[Hospital]:
    with working_folder() as folder, opened(make_broker(name, make_site(folder / "site"))) as made:
        yield made


@pytest.fixture(scope="module")
def mosquitto(program: FindProgram) -> Iterator[Hospital]:
    program("mosquitto")
    yield from _hospital("mosquitto")


@pytest.fixture(scope="module")
def amqtt() -> Iterator[Hospital]:
    yield from _hospital("amqtt")


@pytest.fixture(scope="module")
def nats() -> Iterator[Hospital]:
    yield from _hospital("nats")


def _all() -> Iterator[object]:
    for broker in BROKERS:
        for kind in CASES:
            if kind.only in (None, broker):
                yield pytest.param(broker, kind, id=f"{broker}-{kind.name.replace(' ', '_')}")


@pytest.mark.parametrize(("broker", "kind"), list(_all()))
def test_every_record_arrives_exactly_once(
    broker: str, kind: CaseKind, tools: Path, request: pytest.FixtureRequest
) -> None:
    hospital: Hospital = request.getfixturevalue(broker)
    outcome = play(hospital, kind, RECORDS, HURRY, tools)
    assert (outcome.lost, outcome.doubled, outcome.wrong) == (0, 0, ())
    assert outcome.records > RECORDS  # the birth record is one more
