"""The unit with the real co-processor firmware on MicroPython in place of the simulated device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.demo.scenarios import emergency, match, power_cut
from daemon.demo.stage import UNIT, Stage
from tests.end_to_end.support import act, all_receipted, check_rows, silent
from tests.firmware.real_firmware import RealFirmware
from tests.support.brokers import wait_for


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(silent, make_coprocessor=lambda key: RealFirmware(tmp_path, key)) as made:
        yield made


def test_door_button_and_power_cut(stage: Stage) -> None:
    """The scenarios themselves wait for the lock's pin: locked, open on a pass, on the button, and on a dead unit."""
    for play in (match, emergency, power_cut):
        play(act(stage))
        stage.reader.lift()
        if stage.screen.wait("any view", lambda _: True)["step"] == "done":
            stage.screen.touch("close")
            stage.screen.wait("the idle screen", lambda view: view["step"] == "idle")
    wait_for(lambda: "coprocessor.host_silent" in {one["type"] for one in recorded(stage)}, "all events", 30)
    all_receipted(stage)
    assert [row["outcome"] for row in check_rows(stage)] == ["passed", "emergency", "interrupted"]
    assert stage.verify()["sound"]
    events = recorded(stage)
    assert {"coprocessor.started", "coprocessor.emergency"} <= {one["type"] for one in events}
    assert all(one["authentic"] for one in events)
    counters = [one["counter"] for one in events]
    assert counters == list(range(1, len(counters) + 1)), "no event is missing or doubled"


def recorded(stage: Stage) -> list[dict[str, Any]]:
    """The co-processor's events that the gateway has verified."""
    rows = stage.gateway("list", "--json", "--limit", "-1")
    numbers = [str(row["seq"]) for row in rows if row["kind"] == "event" and row["chained"]]
    events = [stage.gateway("show", UNIT, number, "--json")[0]["event"] for number in numbers]
    return [one for one in events if one["type"].startswith("coprocessor.")]
