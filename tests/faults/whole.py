"""The whole daemon, killed at random moments: card, camera, kiosk, broker and gateway as in the demo."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random

from daemon.demo.screen import DemoError, Screen
from daemon.demo.stage import Stage
from tests.end_to_end.support import act, all_receipted, check_rows, silent
from tests.end_to_end.test_e2e_mosquitto import Cutter, whole
from tests.faults.tally import Tally

START_EVERY = 5
"""Each fifth cut comes while the unit starts."""


class Timed(Cutter):
    """Knows how long the slowest start took, from the process to the first view on a page."""

    slowest_s = 0.0

    @property
    def struck(self) -> int:
        """Cuts that came before the check was over."""
        return self.endings["cut"] + self.endings["cut while starting"]

    def restart(self, page: Screen) -> None:
        """The unit comes back."""
        began_s = time.monotonic()
        super().restart(page)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)


def cut(cuts: int, seed: int, progress: Callable[[int, str], None]) -> Tally:
    """Play checks with a power cut until ``cuts`` have struck; hold what was shown against what the gateway has.

    A cut that comes after the check is over struck nothing: it is counted as too late, and another one is made.
    """
    tally = Tally("daemon")
    with Stage(silent) as stage:
        cutter = Timed(stage, Random(seed))
        try:
            tally.not_reached = _play(stage, cutter, cuts, lambda done: progress(done, tally.way)) - cuts
            _judge(tally, stage, cutter)
        except DemoError as error:
            tally.broken = 1
            tally.faults.append(f"the daemon does not come back: {error}")
    tally.killed = cutter.struck
    tally.slowest_start_s = round(cutter.slowest_s, 2)
    return tally


def _play(stage: Stage, cutter: Timed, cuts: int, progress: Callable[[int], None]) -> int:
    """How many checks it took."""
    number = 0
    while cutter.struck < cuts:
        if number % START_EVERY == START_EVERY - 1:
            cutter.cut_while_starting()
        else:
            cutter.cut(number)
        number += 1
        progress(cutter.struck)
    whole(act(stage, "V-9999"))
    all_receipted(stage)
    return number


def _judge(tally: Tally, stage: Stage, cutter: Cutter) -> None:
    rows, views = check_rows(stage), cutter.views()
    by_check = Counter(row["check"] for row in rows)
    stored = {(row["check"], row["seq"], row["outcome"]) for row in rows}
    shown = {(view["check"], view["seq"], view["outcome"]) for view in views if view["seq"] is not None}
    begun = {view["check"] for view in views if view["check"]}
    tally.records = len(rows)
    tally.lost = len(shown - stored) + sum(not by_check[check] for check in begun)
    tally.doubled = sum(count > 1 for count in by_check.values())
    result, count = stage.verify(), len(stage.gateway("list", "--json", "--limit", "-1"))
    tally.broken = int(not result["sound"]) + int(result["count"] != count)
    tally.faults = [f"{name}: {value}" for name, value in tally.counts().items() if value]
