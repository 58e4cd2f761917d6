"""Who is on duty at this unit: logged in by PIN, until logged out, relieved, idle too long, or no officer any more.

Being on duty decides nothing: each decision is confirmed by itself. It names who stood at the unit while a check ran,
by the unit's own word (``on_duty`` in the record), and spares typing an id with gloves on.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.officers import Officer, Roster
from evidence.instants import write_instant

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OnDuty:
    """One officer's time at the unit; ``since`` is RFC 3339."""

    officer: str
    role: str
    since: str

    def to_dict(self) -> dict[str, str]:
        """As the record and the screen name it; the unit attests it, nobody has signed it."""
        return {"id": self.officer, "role": self.role, "since": self.since, "attested_by": "unit"}


class Duty:
    """At most one officer is on duty. Any thread may ask."""

    def __init__(
        self,
        roster: Roster,
        now: Callable[[], dt.datetime],
        idle_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody is there; ``idle_s``: how long without an officer's action somebody stays on duty."""
        self._roster, self._now, self._idle_s, self._monotonic_s = roster, now, idle_s, monotonic_s
        self._lock = threading.Lock()
        self._current: OnDuty | None = None
        self._seen_s = 0.0
        self._shift, self._last = 0, ""

    def log_in(self, officer: Officer) -> OnDuty:
        """``officer``, who has proved to be one, takes over from whoever was there."""
        one = OnDuty(officer.id, officer.role, write_instant(self._now()))
        with self._lock:
            relieved, self._current, self._seen_s = self._current, one, self._monotonic_s()
            self._shift += one.officer != self._last
            self._last = one.officer
        log.info("on duty: %s%s", one.officer, f", relieves {relieved.officer}" if relieved else "")
        return one

    def log_out(self) -> None:
        """Nobody is on duty any more."""
        with self._lock:
            self._current, self._last = None, ""
            self._shift += 1

    @property
    def shift(self) -> int:
        """Which shift this is: another one from each takeover by somebody else and each log-out on.

        Nobody's hands for a while end no shift: the same officer logs in again.
        """
        with self._lock:
            return self._shift

    def acted(self) -> None:
        """An officer has done something: the idle time begins anew."""
        with self._lock:
            self._seen_s = self._monotonic_s()

    @property
    def current(self) -> OnDuty | None:
        """Who is on duty now."""
        with self._lock:
            one = self._current
            over = self._monotonic_s() - self._seen_s >= self._idle_s
            if one is not None and (over or not self._roster.is_valid(one.officer)):
                log.info("on duty: nobody; %s was %s", one.officer, "idle" if over else "struck off")
                self._current = None
            return self._current
