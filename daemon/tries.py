"""How often somebody may guess: too many wrong PINs or security keys lock an id out for a while."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

TRIES = 5
LOCKED_FOR = dt.timedelta(minutes=5)
_REMEMBERED = 1000


class Tries:
    """Counts by officer's id, known or not: the lock must not tell who is in the roster. One thread at a time."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        """Nobody has tried anything."""
        self._now = now
        self._wrong: dict[str, list[dt.datetime]] = {}

    def _recent(self, officer: str) -> list[dt.datetime]:
        now = self._now()
        return [moment for moment in self._wrong.get(officer, []) if now - moment < LOCKED_FOR]

    def locked(self, officer: str) -> bool:
        """Whether ``officer`` must wait."""
        return len(self._recent(officer)) >= TRIES

    def failed(self, officer: str) -> bool:
        """Count one; whether it was the one that locks."""
        recent = [*self._recent(officer), self._now()]
        # What anybody can type must not be remembered without end.
        if officer not in self._wrong and len(self._wrong) >= _REMEMBERED:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong[officer] = recent
        return len(recent) >= TRIES

    def succeeded(self, officer: str) -> None:
        """Somebody has proved to be ``officer``: earlier mistakes are forgiven."""
        self._wrong.pop(officer, None)
