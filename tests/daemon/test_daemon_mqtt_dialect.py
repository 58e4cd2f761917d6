"""Remembering which brokers need MQTT 3.1.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.mqtt import BrokerAddress, Dialect
from daemon.mqtt.dialect import DialectMemory

BROKER = BrokerAddress("broker.example", 8883, None)
OTHER = BrokerAddress("broker.example", 8884, None)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "remembered.json"


def test_version_5_comes_first(path: Path) -> None:
    assert DialectMemory(path, "1").get(BROKER) == Dialect.MQTT_5
    assert not path.exists()


def test_remembered_by_broker_and_across_restarts(path: Path) -> None:
    DialectMemory(path, "1").learn(BROKER, Dialect.MQTT_3_1_1)
    memory = DialectMemory(path, "1")
    assert memory.get(BROKER) == Dialect.MQTT_3_1_1
    assert memory.get(OTHER) == Dialect.MQTT_5
    memory.learn(BROKER, Dialect.MQTT_5)
    assert DialectMemory(path, "1").get(BROKER) == Dialect.MQTT_5


@pytest.mark.parametrize(("later_s", "dialect"), [(86_399, 4), (86_400, 5), (-1, 5)])
def test_asked_again_after_a_day_or_when_the_clock_was_set_back(path: Path, later_s: int, dialect: int) -> None:
    clock = Clock()
    memory = DialectMemory(path, "1", clock)
    memory.learn(BROKER, Dialect.MQTT_3_1_1)
    clock.now += later_s
    assert memory.get(BROKER) == dialect


def test_new_software_asks_again(path: Path) -> None:
    DialectMemory(path, "1").learn(BROKER, Dialect.MQTT_3_1_1)
    assert DialectMemory(path, "2").get(BROKER) == Dialect.MQTT_5


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"v": 1, "software": "1", "mqtt_3_1_1": {"a": "b"}}', "\ud800"]
)
def test_damaged_file_is_no_reason_to_stop(path: Path, content: str) -> None:
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    memory = DialectMemory(path, "1")
    assert memory.get(BROKER) == Dialect.MQTT_5
    memory.learn(BROKER, Dialect.MQTT_3_1_1)
    assert json.loads(path.read_text())["mqtt_3_1_1"].keys() == {"broker.example:8883"}


def test_unwritable_place_costs_only_the_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = DialectMemory(tmp_path / "missing" / "remembered.json", "1")
    memory.learn(BROKER, Dialect.MQTT_3_1_1)
    assert memory.get(BROKER) == Dialect.MQTT_3_1_1
    assert "cannot remember" in caplog.text


def test_without_a_file_only_this_process_remembers() -> None:
    memory = DialectMemory(None, "1")
    memory.learn(BROKER, Dialect.MQTT_3_1_1)
    assert memory.get(BROKER) == Dialect.MQTT_3_1_1
