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

_AGAIN_S = 1.0

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
        """It may be locked, as far as no emergency holds it open."""

    def clear_emergency(self) -> None:
        """An officer has accounted for the emergency."""

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

    def clear_emergency(self) -> None:
        """Nothing held it."""

    def heartbeat(self) -> None:
        """Nobody listens."""

    def show(self, state: State) -> None:
        """There is no ring."""


class CoprocessorDoor:
    """The lock and the ring of the RP2040, which opens the door by itself when it hears no heartbeat."""

    def __init__(self, device: Coprocessor) -> None:
        self._device = device
        self._pressed = 0
        self._to_clear = 0
        self._next_try_s = 0.0

    def pressed(self, counter: int) -> None:
        """The button's event of that counter was heard; it may come before the device's status says so."""
        self._pressed = max(self._pressed, counter)

    def release(self) -> None:
        """Open; overtakes everything that waits on the line."""
        self._device.release()
        log.info("door released")

    def lock(self) -> None:
        """Want the lock held; an emergency that nobody accounted for keeps it open all the same."""
        self._device.lock()

    def clear_emergency(self) -> None:
        """Clear what the co-processor still holds open, up to the newest press that was heard."""
        status = self._device.status
        told = status.last_emergency if status is not None and status.emergency else 0
        self._to_clear, self._pressed = max(self._pressed, told), 0
        self._clear()

    def heartbeat(self) -> None:
        """Passed on; the co-processor is told by the driver's thread."""
        self._device.heartbeat()
        if time.monotonic() >= self._next_try_s:
            self._clear()

    def _clear(self) -> None:
        """Ask until it is done: a button that is still held down, or a full line, refuses. A later press stays open."""
        status = self._device.status
        if status is not None and status.last_emergency >= self._to_clear and not status.emergency:
            self._to_clear = 0
        if not self._to_clear:
            return
        self._next_try_s = time.monotonic() + _AGAIN_S
        try:
            self._device.clear_emergency(self._to_clear)
            self._device.ask_status()
        except LinkBusy as error:
            log.warning("the emergency is not cleared yet: %s", error)

    def show(self, state: State) -> None:
        """The pattern of ``state``."""
        self._device.ring(pattern_of(state))
