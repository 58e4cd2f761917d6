"""Roster and worklist on the whole way: gateway, mosquitto and unit, each a process of its own; the unit is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.demo.people import ANNA
from daemon.demo.screen import DemoError
from daemon.demo.stage import APPROVERS, OFFICERS, PASSWORDS, UNIT, Stage
from tests.end_to_end.support import SiteMosquitto, act, silent
from tests.support import ROOT
from tests.support.programs import FindProgram

PIN = "739104"
OLD = next(iter(OFFICERS))


@pytest.fixture(scope="module")
def stage(program: FindProgram) -> Iterator[Stage]:
    with Stage(silent, make_broker=SiteMosquitto.maker(program("mosquitto"))) as made:
        yield made


def gateway(stage: Stage, *words: str, given: str = "") -> str:
    command = [sys.executable, "-m", "gateway.cli", "--config", str(stage.gateway_toml), *words]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def officer(stage: Stage) -> str:
    """A new officer with both approvals and a PIN; the id."""
    words = ["--name", "示例核验员", "--department", "产科", "--post", "护师", "--phone", "139 0000 0001"]
    made = gateway(stage, "officer", "apply", *words, "--reason", "夜班", "--code", "OBS", "--regular", "--json")
    made_id = str(json.loads(made)["id"])
    stage.enrol_approvers()
    for department, by in APPROVERS.items():
        words = ["officer", "approve", made_id, "--department", department, "--by", by]
        gateway(stage, *words, given=f"{PASSWORDS[by]}\n")
    gateway(stage, "officer", "pin", made_id, "--by", "信息科", given=f"{PIN}\n")
    return made_id


def refuse(stage: Stage, who: str, pin: str) -> None:
    """A check that she refuses, confirmed by ``who``."""
    play = act(stage)
    play.begin()
    play.touch("decline", wish="refuse")
    play.step("decision")
    stage.screen.touch("propose", outcome="refused", reason="refused by the woman herself")
    play.step("confirm")
    stage.screen.touch("confirm", officer=who, pin=pin)
    play.done()


def connected(stage: Stage) -> None:
    stage.screen.wait("the broker", lambda view: bool(view["online"]) and view["waiting"] == 0, 60)


def test_a_roster_is_in_force_at_once_and_after_a_power_cut(stage: Stage) -> None:
    refuse(stage, OLD, OFFICERS[OLD])
    connected(stage)
    new = officer(stage)
    gateway(stage, "roster", "send", "--unit", UNIT)
    stage.screen.wait("the roster", lambda view: not view["duty"])  # in which nobody of provisioning is
    assert (stage.folder / "unit/data/roster.json").exists()
    stage.screen.touch("log_in", officer=new, pin=PIN)
    stage.screen.wait("who is on duty", lambda view: bool(view["duty"]) and view["duty"]["officer"] == new)
    stage.kill_unit()
    stage.officer = None  # not in the hospital's roster
    stage.start_unit()
    refuse(stage, new, PIN)
    with pytest.raises(DemoError, match="wrong_pin"):
        stage.screen.touch("log_in", officer=OLD, pin=OFFICERS[OLD])
    connected(stage)
    result = stage.verify()
    assert result["sound"]


def test_a_worklist_is_compared_and_gone_after_a_restart(stage: Stage) -> None:
    connected(stage)
    expected = {"name": "另一位产妇", "number": "990000199003070521"}
    content: dict[str, Any] = {"v": 1, "entries": [{"visit": "V-0002", "checkpoint": "delivery", "expected": expected}]}
    file = stage.folder / "list.json"
    file.write_text(json.dumps(content), "utf-8")
    gateway(stage, "worklist", "send", str(file), "--unit", UNIT)
    view = stage.screen.wait("the worklist", lambda now: bool(now["worklist"]))
    assert view["worklist"] == [{"visit": "V-0002", "checkpoint": "delivery", "owed": []}]
    play = act(stage, "V-0002")
    play.whole_check(ANNA, play.card(ANNA))
    view = play.step("decision")
    assert {"number_differs_from_visit", "name_differs_from_visit"} <= set(view["findings"])
    stage.kill_unit()
    for path in (stage.folder / "unit/data").rglob("*"):
        assert not path.is_file() or expected["name"].encode() not in path.read_bytes()
    stage.start_unit()
    view = stage.screen.wait("the new view", lambda now: now["step"] == "idle")
    assert view["worklist"] == []
