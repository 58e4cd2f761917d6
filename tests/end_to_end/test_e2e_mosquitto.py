"""The whole way on mosquitto: MQTT 5, TLS, the generated access rules; then everything on it is killed in turn."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest

from daemon.demo.people import ANNA
from daemon.demo.scenarios import FIRST, Act, match
from daemon.demo.screen import DemoError, Screen, View
from daemon.demo.stage import UNIT, Stage
from tests.end_to_end.support import SiteMosquitto, act, all_receipted, check_rows, silent
from tests.support.background import Background
from tests.support.brokers import PATIENCE_S, wait_for
from tests.support.programs import FindProgram

CUTS = 16


@pytest.fixture(scope="module")
def stage(program: FindProgram) -> Iterator[Stage]:
    with Stage(silent, make_broker=SiteMosquitto.maker(program("mosquitto"))) as made:
        yield made


def test_check_passes_and_is_receipted(stage: Stage) -> None:
    view = match(act(stage))
    all_receipted(stage)
    (row,) = check_rows(stage)
    assert (row["check"], row["seq"], row["outcome"]) == (view["check"], view["seq"], "passed")
    result = stage.verify()
    assert (result["sound"], result["count"]) == (True, 5)  # birth, camera, the co-processor's start, shift, check
    log = (stage.folder / "site/broker/log").read_text("utf-8")
    assert f"as {UNIT} (p5, " in log  # MQTT 5, under the name in the certificate
    assert "as gateway (p2, " in log  # its own number of MQTT 3.1.1


def whole(play: Act) -> None:
    """Card and face."""
    play.whole_check(ANNA, play.card(ANNA))
    play.done()


def refusal(play: Act) -> None:
    """She refuses; one officer."""
    play.begin()
    play.touch("decline", wish="refuse")
    play.step("decision")
    play.decide("refused", "refused by the woman herself", FIRST)
    play.done()


def emergency(play: Act) -> None:
    """One touch."""
    play.begin()
    play.touch("emergency")
    play.done()


WAYS: tuple[tuple[Callable[[Act], None], float], ...] = ((whole, 0.9), (refusal, 0.25), (emergency, 0.15))
"""Ways through a check, and within how many seconds the unit is killed on it."""


class Cutter:
    """Plays checks on a stage, kills the unit in the middle, and keeps what the screen had shown."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self.stage, self.random = stage, random
        self.pages: list[Screen] = []
        self.endings: Counter[str] = Counter()

    def cut(self, number: int) -> None:
        """One check, and a power cut at a random moment of it: of every other one not before the screen shows it."""
        way, within_s = WAYS[number % len(WAYS)]
        unit, page, delay_s = self.stage.unit, self.stage.screen, self.random.uniform(0.0, within_s)
        assert unit is not None

        def blow() -> None:
            if number % 2:
                wait_for(lambda: any(view["check"] for view in page.shown), "a check on the screen")
            time.sleep(delay_s)
            unit.kill()

        timer = Background("power cut", blow)
        timer.start()
        try:
            way(act(self.stage, f"V-{number:04}"))
            self.endings["done first"] += 1
        except (DemoError, OSError):
            self.endings["cut"] += 1
        timer.end(PATIENCE_S)
        self.restart(page)

    def cut_while_starting(self) -> None:
        """A power cut at a random moment of the unit's start."""
        page = self.stage.screen
        self.stage.kill_unit()
        timer = threading.Timer(self.random.uniform(0.1, 1.5), lambda: self.stage.kill_unit())
        timer.start()
        try:
            self.stage.start_unit()
            self.endings["started first"] += 1
        except DemoError:
            self.endings["cut while starting"] += 1
        timer.join()
        self.restart(page)

    def restart(self, page: Screen) -> None:
        """The unit comes back."""
        self.pages.append(page)
        self.stage.kill_unit()
        self.stage.reader.lift()
        self.stage.look(None)
        self.stage.start_unit()

    def views(self) -> list[View]:
        """Everything that was shown on any page."""
        return [view for page in [*self.pages, self.stage.screen] for view in page.shown]


@pytest.mark.timeout(300)
def test_everything_is_killed_and_nothing_is_lost(stage: Stage) -> None:
    cutter = Cutter(stage, Random(20261121))
    for number in range(CUTS):
        if number == 3:
            stage.broker.kill()
        if number == 6:
            stage.broker.start()
        if number == 8:
            stage.kill_gateway()
        if number == 11:
            stage.start_gateway()
        cutter.cut(number)
    for _ in range(3):
        cutter.cut_while_starting()
    whole(act(stage, "V-9999"))
    all_receipted(stage)

    rows, views = check_rows(stage), cutter.views()
    by_check = Counter(row["check"] for row in rows)
    begun = {view["check"] for view in views if view["check"]}
    assert len(begun) > CUTS // 2
    assert {check: by_check[check] for check in begun} == dict.fromkeys(begun, 1)
    assert max(by_check.values()) == 1
    stored = {(row["check"], row["seq"], row["outcome"]) for row in rows}
    shown = {(view["check"], view["seq"], view["outcome"]) for view in views if view["seq"] is not None}
    assert shown
    assert shown <= stored
    listed = stage.gateway("list", "--json", "--limit", "-1")
    result = stage.verify()
    assert result["sound"], result
    assert result["count"] >= len(listed)  # the co-processor may tell something in between
    assert stage.gateway("status", "--json")[0]["quarantined"] == 0
    assert cutter.endings["cut"] >= CUTS // 3, cutter.endings
