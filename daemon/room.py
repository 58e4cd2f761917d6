"""The room around the screen: is it night there, and is somebody at the glass? One place, so that all go by the same.

Night is dim and silent: the screen's light, its voice and the buzzer. It lasts from 21 to 7, China's time by the unit's
clock; a touch decides otherwise until the hour next does. An emergency is heard at night too.

Somebody is at the glass until nobody has touched it for a while. Then the screen goes back to what a stranger may see.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

from evidence.instants import CHINA

NIGHT_FROM = 21
NIGHT_TO = 7


class Room:
    """Any thread may tell it and ask it."""

    def __init__(
        self,
        now: Callable[[], dt.datetime],
        inside_s: float,
        *,
        told: Callable[[], None] = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """By day or night as ``now`` says, and nobody is there.

        Args:
            now, monotonic_s: the time.
            inside_s: how long without a touch somebody is still believed to be at the glass.
            told: called after every touch that :meth:`touched` was told of.
        """
        self._now, self._inside_s, self._monotonic_s, self._told = now, inside_s, monotonic_s, told
        self._lock = threading.Lock()
        self._usual = self._by_hour()
        self._wanted: bool | None = None
        self._touched_s = -inside_s

    def _by_hour(self) -> bool:
        hour = self._now().astimezone(CHINA).hour
        return hour >= NIGHT_FROM or hour < NIGHT_TO

    @property
    def night(self) -> bool:
        """Whether it is night: by the hour, or as somebody wanted it since the hour last decided."""
        with self._lock:
            usual = self._by_hour()
            if usual != self._usual:
                self._usual, self._wanted = usual, None
            return usual if self._wanted is None else self._wanted

    @property
    def attended(self) -> bool:
        """Whether somebody is at the glass."""
        with self._lock:
            return self._monotonic_s() - self._touched_s < self._inside_s

    def touched(self, night: bool | None = None) -> None:
        """Somebody has touched the glass, and with ``night`` the button for that light."""
        with self._lock:
            self._touched_s = self._monotonic_s()
            if night is not None:
                self._wanted = night
        self._told()
