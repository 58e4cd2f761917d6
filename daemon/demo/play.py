"""``vernix demo``: plays the scripted people and holds what the gateway verified against what should have happened."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from daemon.demo.process import quiet_signals
from daemon.demo.scenarios import SCENARIOS, Act, Scenario
from daemon.demo.screen import DemoError
from daemon.demo.stage import UNIT, Stage
from evidence.console import INTERRUPTED

DELIVERY_S = 40.0


@dataclass(frozen=True, slots=True)
class Result:
    """One person: what should have come out, and what the gateway verified.

    ``outcome`` is None if nothing arrived; ``reason`` is what speaks against a living face; ``error`` tells where the
    script stuck, and is no part of the JSON line.
    """

    scenario: str
    expected: str
    outcome: str | None
    reason: str | None
    seq: int | None
    delivered: bool
    verified: bool
    ms: int
    error: str | None = None

    @property
    def right(self) -> bool:
        """Whether all of it is as it should be."""
        arrived = self.delivered and self.verified
        return self.error is None and self.outcome == self.expected and arrived

    def to_json(self) -> str:
        """The line of ``vernix demo --json``."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "error"})


@dataclass(frozen=True, slots=True)
class _Played:
    scenario: Scenario
    check: str | None
    ms: int
    error: str | None = None


class Teller:
    """Tells each step as it happens: to the terminal, or to standard error where JSON goes to standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self._stream = sys.stderr if as_json else sys.stdout
        self._start_s = time.monotonic()

    def __call__(self, text: str) -> None:
        """One line, with the time since the beginning."""
        print(f"{time.monotonic() - self._start_s:6.1f} s  {text}", file=self._stream, flush=True)


def _play_one(stage: Stage, scenario: Scenario, tell: Teller, number: int) -> _Played:
    tell(f"-- {number}/{len(SCENARIOS)} {scenario.title}: expected {scenario.expected}")
    act = Act(stage, lambda text: tell(f"   {text}"), f"V-{scenario.visit or number:04}")
    start_s = time.monotonic()
    try:
        check, error = scenario.play(act)["check"], None
    except DemoError as failed:
        check, error = act.check, str(failed)
        tell(f"   FAILED: {error}")
    ms = round((time.monotonic() - start_s) * 1000)
    _tidy(stage)
    return _Played(scenario, check, ms, error)


def _tidy(stage: Stage) -> None:
    """The next person finds an empty reader and an idle screen."""
    stage.reader.lift()
    stage.reader.lift_during_read = False
    stage.look(None)
    if stage.unit is None or not stage.unit.running:
        stage.start_unit()
    if stage.screen.wait("any view", lambda _: True)["step"] == "done":
        stage.screen.touch("close")
    elif stage.screen.wait("any view", lambda _: True)["step"] != "idle":
        stage.screen.touch("left")
        stage.screen.wait("the end of the check", lambda view: view["step"] == "done")
        stage.screen.touch("close")
    stage.screen.wait("the idle screen", lambda view: view["step"] == "idle")


def _results(stage: Stage, played: list[_Played], *, sound: bool) -> list[Result]:
    rows = {row["check"]: row for row in stage.gateway("list", "--json", "--limit", "-1") if row["kind"] == "check"}
    return [_result(stage, one, rows.get(one.check), sound=sound) for one in played]


def _result(stage: Stage, one: _Played, row: dict[str, Any] | None, *, sound: bool) -> Result:
    name, expected = one.scenario.name, one.scenario.expected
    if row is None:
        return Result(name, expected, None, None, None, delivered=False, verified=False, ms=one.ms, error=one.error)
    verified, reason, error = bool(row["chained"]) and sound, None, one.error
    if one.scenario.attack:
        liveness = stage.gateway("show", UNIT, str(row["seq"]), "--json")[0].get("liveness", {})
        reason = liveness.get("cause")
        if liveness.get("decision") != "attack":
            error = error or f"not seen as an attack: {liveness.get('decision')}"
    return Result(name, expected, row["outcome"], reason, row["seq"], True, verified, one.ms, error)


def _table(results: list[Result]) -> str:
    lines = [f"{'scenario':18} {'expected':12} {'outcome':12} {'seq':>4}  delivered  verified  {'ms':>6}"]
    for one in results:
        mark = "" if one.right else f"   <-- {one.error or 'differs'}"
        lines.append(
            f"{one.scenario:18} {one.expected:12} {one.outcome or '-':12} {one.seq or '-':>4}  "
            f"{'yes' if one.delivered else 'NO':9}  {'yes' if one.verified else 'NO':8}  {one.ms:>6}"
            f"{'   ' + one.reason if one.reason else ''}{mark}"
        )
    return "\n".join(lines)


def _all_delivered(stage: Stage) -> None:
    stage.screen.wait("all receipts", lambda view: view["online"] and view["waiting"] == 0, DELIVERY_S)


def play(*, as_json: bool, only: str | None = None) -> int:
    """Play all scenarios, or only the one named.

    Returns:
        The exit status: 0 if everything was as expected, 1 if something was not, 2 if there is no such scenario, 3 if
        the stage could not be set up, 130 if somebody stopped it (Ctrl-C, SIGTERM, or the terminal was closed).
    """
    chosen = [one for one in SCENARIOS if only in (None, one.name)]
    if not chosen:
        print(f"vernix demo: no scenario {only!r}; known: {', '.join(s.name for s in SCENARIOS)}", file=sys.stderr)
        return 2
    quiet_signals()
    tell = Teller(as_json=as_json)
    try:
        with Stage(tell) as stage:
            return _play_all(stage, chosen, tell, as_json=as_json)
    except DemoError as error:
        print(f"vernix demo: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # it may be the terminal that is gone
            print("vernix demo: stopped", file=sys.stderr)
        return INTERRUPTED


def _play_all(stage: Stage, chosen: list[Scenario], tell: Teller, *, as_json: bool) -> int:
    played = [_play_one(stage, scenario, tell, number) for number, scenario in enumerate(chosen, start=1)]
    try:
        _all_delivered(stage)
    except DemoError as error:
        tell(f"not everything was delivered: {error}")
    verified = stage.verify()
    results = _results(stage, played, sound=verified["sound"])
    tell(f"the unit holds {stage.resident_mb()} MB of memory; {UNIT} has {verified['count']} records, all told")
    if as_json:
        for one in results:
            print(one.to_json(), flush=True)
    else:
        print(f"\nWhat the gateway verified:\n{_table(results)}", flush=True)
    return 0 if all(one.right for one in results) else 1
