"""The door and the ring of light beside it. The lock is energised to lock: opening means to stop holding it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from daemon.state import State, Step
from evidence.record import Outcome
from hw.coprocessor.dialogue import Status
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.errors import LinkBusy
from hw.coprocessor.numbers import RingPattern, Sound, StatusFlag

log = logging.getLogger(__name__)

REST_S = 1.0
"""How long an orderly stop waits for the co-processor to have heard that the power is to be kept."""
_AGAIN_S = 1.0
_SAY_S = 0.25
_GLANCE_S = 0.02

_PATTERNS = {
    Step.IDLE: RingPattern.IDLE,
    Step.NOTICE: RingPattern.NOTICE,
    Step.CARD: RingPattern.CARD,
    Step.FACE: RingPattern.FACE,
    Step.FINGER: RingPattern.FINGER,
    Step.DECISION: RingPattern.OFFICER,
    Step.CONFIRM: RingPattern.OFFICER,
    Step.SIGN: RingPattern.NOTICE,
    Step.SEALING: RingPattern.WORKING,
    Step.NOTING: RingPattern.WORKING,
}
_RESULTS = {
    Outcome.PASSED: RingPattern.PASSED,
    Outcome.MANUAL: RingPattern.PASSED,
    Outcome.DEVICE_FAULT: RingPattern.FAULT,
}
_SOUNDS = {
    RingPattern.FACE: Sound.TOUCH,  # the card was read
    RingPattern.OFFICER: Sound.ATTENTION,
    RingPattern.FAULT: Sound.ATTENTION,
    RingPattern.PASSED: Sound.DONE,
    RingPattern.NOT_PASSED: Sound.DONE,
    RingPattern.CARE_FIRST: Sound.ALARM,
}
"""What is heard when the ring begins to show a pattern; all others come silently."""


def pattern_of(state: State) -> RingPattern:
    """What the ring shows at ``state``: the step, and after it the result. An emergency shows from the touch on."""
    if state.outcome is Outcome.EMERGENCY:
        return RingPattern.CARE_FIRST
    if state.step is Step.DONE and state.outcome is not None:
        return _RESULTS.get(state.outcome, RingPattern.NOT_PASSED)
    if state.trouble is not None and state.trouble.startswith("device_lost:"):
        return RingPattern.FAULT
    return _PATTERNS.get(state.step, RingPattern.NOT_PASSED)


def sound_of(state: State) -> Sound:
    """What is heard once when ``state`` begins."""
    return _SOUNDS.get(pattern_of(state), Sound.NONE)


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
        """Show ``state`` on the ring, and let it be heard."""

    def rest(self) -> None:
        """The unit stops on purpose: open, for good, and nobody is to take this silence for a crash.

        The one call that waits, at most :data:`REST_S`; from any thread.
        """


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

    def rest(self) -> None:
        """Nobody watches."""


class CoprocessorDoor:
    """The lock and the ring of the RP2040, which opens the door by itself when it hears no heartbeat."""

    def __init__(
        self, device: Coprocessor, recorded: Callable[[int], bool], night: Callable[[], bool] = lambda: False
    ) -> None:
        """Prepare; ``recorded`` tells whether the event of a counter is: what nobody has seen, nobody accounts for.

        ``night``: whether the buzzer is to be silent for all but an emergency, see :mod:`daemon.room`.
        """
        self._device, self._recorded, self._night = device, recorded, night
        self._pressed = 0
        self._to_clear = 0
        self._all_accounted = False
        self._next_try_s = 0.0
        self._played: tuple[str | None, Sound] = (None, Sound.NONE)
        self._wishes = threading.Lock()
        self._resting = False

    def pressed(self, counter: int) -> None:
        """The button's event of that counter was heard; it may come before the device's status says so."""
        self._pressed, self._all_accounted = max(self._pressed, counter), False

    def release(self) -> None:
        """Open; overtakes everything that waits on the line."""
        self._all_accounted = False  # it may be the next emergency's
        self._device.release()
        log.info("door released")

    def lock(self) -> None:
        """Want the lock held; an emergency that nobody accounted for keeps it open all the same."""
        with self._wishes:
            if not self._resting:
                self._device.lock()

    def clear_emergency(self) -> None:
        """Clear what the co-processor still holds open, up to the newest press that is recorded."""
        status = self._device.status
        self._all_accounted = status is None  # right after a start: what it holds open is not known yet
        heard, self._pressed = self._pressed, 0
        if heard and not self._recorded(heard):
            heard, self._pressed = 0, heard  # of an emergency that is still on its way
        self._to_clear = max(heard, self._told(status))
        self._clear()

    def _told(self, status: Status | None) -> int:
        """The counter of the recorded press that, by ``status``, holds the door open; 0: none."""
        told = status.last_emergency if status is not None and status.emergency else 0
        return told if self._recorded(told) else 0

    def heartbeat(self) -> None:
        """Passed on; the co-processor is told by the driver's thread."""
        with self._wishes:
            self._device.heartbeat(keep_power=self._resting)
        if time.monotonic() >= self._next_try_s:
            self._clear()

    def _clear(self) -> None:
        """Ask until it is done: a button that is still held down, or a full line, refuses. A later press stays open."""
        status = self._device.status
        if self._all_accounted and status is not None:
            self._to_clear, self._all_accounted = max(self._to_clear, self._told(status)), False
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
        """The pattern of ``state``, and its sound if that is not what was heard last in this check."""
        self._device.ring(pattern_of(state))
        play = (state.check, sound_of(state))
        if play != self._played and self._is_heard(play[1]):
            self._buzz(play[1])
        self._played = play

    def _is_heard(self, sound: Sound) -> bool:
        """By night nothing but the alarm: ring and screen say the rest."""
        return sound is Sound.ALARM or (sound is not Sound.NONE and not self._night())

    def _buzz(self, sound: Sound) -> None:
        if not self._device.ready:
            return  # heard later, it would tell of what is over
        try:
            self._device.buzz(sound)
        except LinkBusy as error:
            log.info("not heard: %s", error)

    def rest(self) -> None:
        """Open, and say until it is heard that the power is to be kept: the co-processor then watches the Pi no more.

        Its own status is the proof. Every heartbeat from now on, the loop's too, says the same.
        """
        with self._wishes:
            self._resting = True
        self._device.release()
        before, until_s, say_s = self._device.status, time.monotonic() + REST_S, 0.0
        while (now_s := time.monotonic()) < until_s:
            if now_s >= say_s:
                say_s = now_s + _SAY_S
                self._say_rest()
            status = self._device.status
            if status is not None and status is not before and _keeps_power(status):
                log.info("the co-processor leaves the power on")
                return
            time.sleep(_GLANCE_S)
        log.warning("the co-processor did not hear that this stop is meant; it may power-cycle the Pi")

    def _say_rest(self) -> None:
        self.heartbeat()
        time.sleep(_GLANCE_S)  # the driver's thread has taken the heartbeat: the question comes after it
        try:
            self._device.ask_status()
        except LinkBusy as error:
            log.info("status not asked: %s", error)


def _keeps_power(status: Status) -> bool:
    """Whether it has had a heartbeat, and the last one said so. Before the first one it watches nobody either."""
    heard = StatusFlag.CARE_FIRST not in status.flags or status.emergency
    return heard and StatusFlag.WATCHING not in status.flags
