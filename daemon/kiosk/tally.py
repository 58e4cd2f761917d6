"""How long checks took to be decided, and what went wrong: counted in memory since the process started, no person.

The unit's rows of its checks (``daemon/outbox/checks.py``) tell neither; both are gone with a restart, and the page
says so.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from daemon.state import State, Step
from evidence.record import Outcome

BUCKETS_S = (15, 30, 60, 120, 300)
"""Upper ends of the groups of times; the last group is open."""
_MOST_CAUSES = 64
_FINE = (Outcome.PASSED, Outcome.MANUAL)


class Tally:
    """Is shown every state of the check on the screen; counts each check once, drills apart."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """``now_s`` is a clock that never goes back."""
        self._now_s = now_s
        self._lock = threading.Lock()
        self._check: str | None = None
        self._begun_s = 0.0
        self._cause: str | None = None
        self._counted: str | None = None
        self._times = [0] * (len(BUCKETS_S) + 1)
        self._causes: Counter[str] = Counter()

    def see(self, state: State) -> None:
        """The check on the screen is now ``state``."""
        if state.begin is None or state.begin.drill:
            return
        with self._lock:
            if state.check != self._check:
                self._check, self._begun_s, self._cause = state.check, self._now_s(), None
            if state.trouble and state.step in (Step.CARD, Step.FACE, Step.FINGER, Step.DECISION):
                self._cause = state.trouble.split(":")[0]
            if state.step in (Step.SIGN, Step.SEALING) and self._counted != state.check:
                self._count(state)

    def _count(self, state: State) -> None:
        self._counted = state.check
        seconds = self._now_s() - self._begun_s
        self._times[sum(seconds > end_s for end_s in BUCKETS_S)] += 1
        if state.outcome in _FINE or state.outcome is None:
            return
        cause = self._cause or state.outcome.value
        if cause in self._causes or len(self._causes) < _MOST_CAUSES:
            self._causes[cause] += 1

    def to_dict(self) -> dict[str, Any]:
        """``times``: upper end in s (or None) and count of each; ``causes``: cause and count, usual ones first."""
        with self._lock:
            return {
                "times": [list(pair) for pair in zip((*BUCKETS_S, None), self._times, strict=True)],
                "causes": [list(pair) for pair in self._causes.most_common()],
            }
