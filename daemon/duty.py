"""Who is on duty at this unit: from a login to a logout, a relief, too long a time idle or a shift's end.

Being on duty decides nothing: each decision is confirmed by itself. It names who answers for what the unit does by
itself while nobody decides - a pass above all - by the unit's own word (``on_duty`` in the record: who, since when, and
how they proved who they are), and spares typing an id with gloves on. Each beginning and end is a record of its own.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable

from daemon.events import Event, Noted, OnDuty, ShiftChanged
from daemon.officers import Officer, Roster
from evidence.instants import write_instant

log = logging.getLogger(__name__)


SHIFT_S = 13 * 3600.0
"""The longest shift, with its handover: whoever is there longer proves anew who they are."""


class Duty:
    """At most one officer is on duty. Any thread may ask."""

    def __init__(
        self,
        roster: Roster,
        now: Callable[[], dt.datetime],
        idle_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
        tell: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        """Nobody is there.

        Args:
            roster, now, monotonic_s: who is an officer, and the time.
            idle_s: how long without proving to be there (PIN or key) somebody stays on duty.
            tell: hears of ends that nobody has asked for.
        """
        self._roster, self._now, self._idle_s, self._monotonic_s = roster, now, idle_s, monotonic_s
        self._tell = tell
        self._lock = threading.Lock()
        self._current: OnDuty | None = None
        self._seen_s = self._begun_s = 0.0
        self._shift, self._last, self._changes = 0, "", 0

    def log_in(self, officer: Officer, login: str = "pin") -> ShiftChanged:
        """``officer``, who may decide and has proved it by ``login``, takes over from whoever was there."""
        relieved = self.current
        one = OnDuty(officer.id, officer.role, write_instant(self._now()), login, officer.regular)
        with self._lock:
            self._current, self._seen_s = one, self._monotonic_s()
            self._begun_s = self._seen_s
            self._shift += one.officer != self._last
            self._last = one.officer
            self._changes = number = self._changes + 1
        log.info("on duty: %s%s", one.officer, f", relieves {relieved.officer}" if relieved else "")
        facts = {"officer": one.officer, "role": one.role, "login": login}
        relieves = {"relieves": relieved.officer} if relieved else {}
        return ShiftChanged(one, Noted("duty.begun", facts | relieves), number)

    def log_out(self) -> ShiftChanged | None:
        """Nobody is on duty any more, by a touch that may be anybody's, as the record says; None if nobody was."""
        with self._lock:
            one, self._current, self._last = self._current, None, ""
            self._shift += 1
            self._changes = number = self._changes + 1
        return _ended(one, number, "logged_out", by="touch") if one else None

    @property
    def shift(self) -> int:
        """Which shift this is: another one from each takeover by somebody else and each log-out on.

        Nobody's hands for a while end no shift: the same officer logs in again.
        """
        with self._lock:
            return self._shift

    def acted(self, officer: str) -> None:
        """``officer`` has proved to be here: whose duty it is, their idle time begins anew."""
        with self._lock:
            if self._current is None or self._current.officer != officer:
                return
            self._seen_s = self._monotonic_s()

    @property
    def current(self) -> OnDuty | None:
        """Who is on duty now."""
        with self._lock:
            one, cause = self._current, self._over()
            if one is None or not cause:
                return one
            self._current = None
            self._changes = number = self._changes + 1
        log.info("on duty: nobody; %s: %s", one.officer, cause)
        self._tell(_ended(one, number, cause))
        return None

    def _over(self) -> str:
        """Why nobody is on duty any more; empty as long as somebody is."""
        now_s = self._monotonic_s()
        if now_s - self._seen_s >= self._idle_s:
            return "idle"
        if now_s - self._begun_s >= SHIFT_S:
            return "shift_over"
        valid = self._current is None or self._roster.may_decide(self._current.officer)
        return "" if valid else "struck_off"


def _ended(one: OnDuty, number: int, cause: str, **more: str) -> ShiftChanged:
    return ShiftChanged(None, Noted("duty.ended", {"officer": one.officer, "cause": cause, **more}), number)
