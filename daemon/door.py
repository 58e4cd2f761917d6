"""The door and the ring of light beside it. The lock is energised to lock: opening means to stop holding it."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from daemon.session import State, Step
from evidence.record import Outcome
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.errors import LinkBusy
from hw.coprocessor.numbers import RingPattern

log = logging.getLogger(__name__)

_PATTERNS = {
    Step.IDLE: RingPattern.IDLE,
    Step.NOTICE: RingPattern.NOTICE,
    Step.CARD: RingPattern.CARD,
    Step.FACE: RingPattern.FACE,
    Step.DECISION: RingPattern.OFFICER,
    Step.CONFIRM: RingPattern.OFFICER,
    Step.SEALING: RingPattern.WORKING,
    Step.NOTING: RingPattern.WORKING,
}


def pattern_of(state: State) -> RingPattern:
    """What the ring shows at ``state``: the step, and after it the result."""
    if state.step is not Step.DONE:
        return _PATTERNS[state.step]
    if state.outcome in (Outcome.PASSED, Outcome.MANUAL):
        return RingPattern.PASSED
    return RingPattern.CARE_FIRST if state.outcome is Outcome.EMERGENCY else RingPattern.NOT_PASSED


class Door(Protocol):
    """What the unit's loop can do to the entrance. Nothing here may block, and nothing may fail silently."""

    def release(self) -> None:
        """Open it, now, and keep it open."""

    def lock(self) -> None:
        """It may be locked again; an emergency that held it open is dealt with."""

    def heartbeat(self) -> None:
        """The loop is alive. Whoever does not hear this for 3 s opens the door."""

    def show(self, state: State) -> None:
        """Show ``state`` on the ring."""


class NoDoor:
    """A unit without a lock: it remembers when it would have opened it.

    Attributes:
        released_at_s: ``time.monotonic`` of the last release; None while it would be locked.
    """

    def __init__(self) -> None:
        self.released_at_s: float | None = None

    def release(self) -> None:
        """Nothing holds the door."""
        self.released_at_s = time.monotonic()
        log.info("door released (no lock fitted)")

    def lock(self) -> None:
        """Nothing could."""
        self.released_at_s = None

    def heartbeat(self) -> None:
        """Nobody listens."""

    def show(self, state: State) -> None:
        """There is no ring."""


class CoprocessorDoor:
    """The lock and the ring of the RP2040, which opens the door by itself when it hears no heartbeat."""

    def __init__(self, device: Coprocessor) -> None:
        self._device = device

    def release(self) -> None:
        """Open; overtakes everything that waits on the line."""
        self._device.release()
        log.info("door released")

    def lock(self) -> None:
        """Clear an emergency that the co-processor still holds, then want the lock held."""
        status = self._device.status
        if status is not None and status.emergency:
            try:
                self._device.clear_emergency(status.last_emergency)
            except LinkBusy as error:  # the door stays open, which is safe; the next check's end asks again
                log.warning("the emergency is not cleared: %s", error)
        self._device.lock()

    def heartbeat(self) -> None:
        """Passed on; the co-processor is told by the driver's thread."""
        self._device.heartbeat()

    def show(self, state: State) -> None:
        """The pattern of ``state``."""
        self._device.ring(pattern_of(state))
