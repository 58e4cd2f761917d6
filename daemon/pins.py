"""The entrance of a unit without co-processor: lock, button and lamp on the Pi's own pins.

The same rules as with a co-processor, as far as pins can hold them; what they cannot: ``hw/gpio/README.md``.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from daemon.check_id import new_check_id
from daemon.door import pattern_of
from daemon.entrance import Book
from daemon.events import Accounted, Emergency, Event, Press
from daemon.state import State
from evidence.files import sync_folder, write_atomic
from evidence.record import Kind
from hw.coprocessor.numbers import RingPattern
from hw.errors import HardwareError
from hw.gpio.codec import LightPattern
from hw.gpio.driver import PinDoor
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

TYPE = "gpio.emergency"
_BITS = 52
_PRESS = re.compile(r"\d{1,16}")
_TURN_S = 0.05
_AGAIN_S = 2.0

_LAMP = {
    RingPattern.OFF: LightPattern.OFF,
    RingPattern.IDLE: LightPattern.IDLE,
    RingPattern.NOTICE: LightPattern.WAITING,
    RingPattern.CARD: LightPattern.WAITING,
    RingPattern.FACE: LightPattern.WAITING,
    RingPattern.FINGER: LightPattern.WAITING,
    RingPattern.WORKING: LightPattern.BUSY,
    RingPattern.OFFICER: LightPattern.ATTENTION,
    RingPattern.PASSED: LightPattern.PASSED,
    RingPattern.NOT_PASSED: LightPattern.ATTENTION,
    RingPattern.FAULT: LightPattern.ATTENTION,
    RingPattern.CARE_FIRST: LightPattern.CARE_FIRST,
}
"""What the ring of a co-processor would show, on one lamp."""


class PinEntrance:
    """The door. What the pins refuse is kept in :attr:`problem`, never raised.

    The lock is held by edges that only :meth:`heartbeat` makes: where pins do not answer, none come.
    """

    def __init__(self, pins: PinDoor, marker: Path) -> None:
        """``marker`` is there while an emergency holds the door, also over a restart; see :func:`open_entrance`."""
        self.pins = pins
        self._marker = marker
        self.problem: HardwareError | None = None
        self.held = False
        """Whether the button was pressed, or its wire broken, at the last look."""
        self._wishes = threading.Lock()
        self._want_lock = self._resting = False
        self._to_clear: int | None = None

    def release(self) -> None:
        """Open, at once."""
        with self._wishes:
            self._want_lock = False
            self._do(self.pins.release)
        log.info("door released")

    def lock(self) -> None:
        """Want the lock held; an emergency that nobody accounted for keeps it open all the same."""
        with self._wishes:
            self._want_lock = not self._resting
            if self._want_lock:
                self.pins.lock()

    def clear_emergency(self) -> None:
        """Clear what holds the door open, up to the newest press; tried again while the button is still held."""
        with self._wishes:
            self._to_clear = self.pins.pressed
            self._do(self._clear)

    def heartbeat(self) -> None:
        """The next edge."""
        with self._wishes:
            self._do(self._clear)
            self._do(self.pins.heartbeat)

    def show(self, state: State) -> None:
        """The lamp's rhythm for ``state``; the entrance's thread draws it."""
        self.pins.show(_LAMP[pattern_of(state)])

    def rest(self) -> None:
        """Open, for good. Nobody watches the Pi."""
        with self._wishes:
            self._resting, self._want_lock = True, False
            self._do(self.pins.release)

    def serve(self) -> bool:
        """Take the pins where they are not ours, and bring the lamp up to date; whether they do what they are told.

        Pins that have refused something are given back, to be taken anew.
        """
        try:
            if self.problem is not None:
                self.pins.close()
            self._take()
            self.pins.draw()
            self.held = self.pins.held
        except HardwareError as error:
            self._note(error)
            return False
        return True

    def _take(self) -> None:
        if self.pins.taken:
            return
        self.pins.open()
        with self._wishes:
            self.problem = None
            if self._want_lock:
                self.pins.lock()
        log.info("door: the pins are ours")

    def _clear(self) -> None:
        if self._to_clear is None:
            return
        self.pins.clear_emergency(self._to_clear)
        if self.pins.emergency and self.pins.pressed == self._to_clear:
            return  # the button is still held
        self._to_clear = None
        if not self.pins.emergency:
            self._mark(None)
        if self._want_lock:
            self.pins.lock()

    def remember(self, press: Press) -> None:
        """An emergency is open: it holds the door over a restart too, until an officer has accounted for it."""
        self._mark(press)

    @property
    def remembered(self) -> Press | None:
        """The press that holds the door open since before this start; None: none, or one that older software noted."""
        try:
            text = self._marker.read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s: %s", self._marker.name, error.strerror)
            return None
        return (0, int(text)) if _PRESS.fullmatch(text) else None

    def _mark(self, press: Press | None) -> None:
        try:
            if press is not None:
                write_atomic(self._marker, str(press[1]).encode(), mode=0o600)
            else:
                self._marker.unlink(missing_ok=True)
                sync_folder(self._marker.parent)
        except OSError as error:  # the door is as it must be all the same; only a restart would not know
            log.warning("%s: %s", self._marker.name, error.strerror)

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except HardwareError as error:
            self._note(error)

    def _note(self, error: HardwareError) -> None:
        if str(error) != str(self.problem):
            log.error("door: %s; %s", error, error.advice)
        self.problem = error


def open_entrance(uri: DeviceUri, data: Path) -> PinEntrance:
    """The entrance of ``devices.door``, with what the data folder remembers; no pin is taken yet."""
    marker = data / "emergency"
    return PinEntrance(PinDoor(uri, emergency=marker.exists()), marker)


class PinEntranceTask:
    """Takes the pins, draws the lamp, and makes of a pressed button an event of the check and a record."""

    def __init__(self, door: PinEntrance, book: Book, checkpoint: str, *, post: Callable[[Event], None]) -> None:
        self._door, self._book, self._checkpoint, self._post = door, book, checkpoint, post
        self._closed = threading.Event()

    def run(self) -> None:
        """Serve until :meth:`close`; one thread's whole life."""
        try:
            self.resume()
            while not self._closed.is_set():
                in_order = self._door.serve()
                self.look()
                self._closed.wait(_TURN_S if in_order else _AGAIN_S)
        finally:
            self._door.pins.close()

    def close(self) -> None:
        """End :meth:`run`; the pins are let go, which opens the door."""
        self._closed.set()

    def look(self) -> None:
        """What the button has done since the last look. The pin has opened the door already."""
        for _ in range(self._door.pins.presses()):
            press = 0, secrets.randbits(_BITS)
            self._door.remember(press)
            self._take(press)

    def resume(self) -> None:
        """Do what a cut left undone of a press that is remembered."""
        press = self._door.remembered
        if press is not None:
            self._take(press)
            self._post(Accounted())  # an officer's word may have been the last thing before the cut

    def _take(self, press: Press) -> None:
        if not self._book.has_press(press):
            self._post(Emergency(new_check_id(), self._checkpoint, press=press))
        if not self._book.has_event(press):
            fields = {"kind": Kind.EVENT.value, "event": {"type": TYPE}}
            self._book.record_event(fields, alert=True, event=press)
