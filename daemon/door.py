"""The door. The lock is energised to lock: opening means to stop holding it."""

from __future__ import annotations

import logging
import time
from typing import Protocol

log = logging.getLogger(__name__)


class Door(Protocol):
    """What the unit can do to a door."""

    def release(self) -> None:
        """Open it, now. Must not block and must not fail silently."""


class NoDoor:
    """A unit without a lock: it remembers when it would have opened it, for the screen.

    Attributes:
        released_at_s: ``time.monotonic`` of the last release.
    """

    def __init__(self) -> None:
        self.released_at_s: float | None = None

    def release(self) -> None:
        """Nothing holds the door."""
        self.released_at_s = time.monotonic()
        log.info("door released (no lock fitted)")
