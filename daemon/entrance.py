"""What the co-processor tells: the emergency button becomes an event of the check, everything becomes a record.

The co-processor keeps its events until they are in a committed record, also while the Pi is off: a button that was
pressed or a housing that was opened then is recorded when the unit is back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from daemon.check_id import new_check_id
from daemon.events import Emergency, Event
from daemon.outbox.known_events import EventId
from evidence.record import Kind
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import EventKind

log = logging.getLogger(__name__)

_WAIT_S = 0.2
_LOOK_S = 0.01
_MOST_UNPROVEN = 1000
"""Events without proof that one start of the unit records: who sends more wants to fill the disk."""
_ALERTS = frozenset({EventKind.EMERGENCY, EventKind.TAMPER_OPENED, EventKind.RING_FULL, EventKind.MISSED})


def fields_of(event: CoprocessorEvent) -> dict[str, Any]:
    """The record of ``event``."""
    kind = event.kind.name.lower() if isinstance(event.kind, EventKind) else f"unknown_{event.kind}"
    facts: dict[str, Any] = {
        "type": f"coprocessor.{kind}",
        "counter": event.counter,
        "boot": event.boot,
        "uptime_ms": event.uptime_ms,
        "detail": event.detail,
        "authentic": event.authentic,
    }
    if event.age_s is not None:
        facts["age_ms"] = round(event.age_s * 1000)
    return {"kind": Kind.EVENT.value, "event": facts}


class Book(Protocol):
    """Where events are written down: the unit's outbox, with what it does when the disk is full."""

    def has_event(self, event: EventId) -> bool:
        """Whether this event is recorded already."""

    def has_press(self, press: EventId) -> bool:
        """Whether this press of the button belongs to a check that is recorded already."""

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        """Commit a record and, with it, which event it is of."""


def identity(event: CoprocessorEvent) -> EventId:
    """Counter and fingerprint: a co-processor that was replaced or erased counts from 1 again."""
    return event.counter, (event.boot & 0x1FFFFF) << 32 | event.uptime_ms & 0xFFFFFFFF


class EntranceTask:
    """Fetches the co-processor's events, records each once, and confirms it.

    What the co-processor is not told to forget comes again, after a restart of either side. It may forget the button's
    press once the emergency's check is recorded, and the press with it in one commit, so that whatever dies, and
    whenever, a press that comes again is the emergency that it was.

    An event that cannot be proven to be its own is recorded, confirmed never, and believed only as far as opening the
    door.
    """

    def __init__(
        self,
        device: Coprocessor,
        book: Book,
        checkpoint: str,
        *,
        post: Callable[[Event], None],
        pressed: Callable[[int], None],
    ) -> None:
        """Prepare; ``pressed`` is told the counter of the button's event just before its event is posted."""
        self._device, self._book, self._checkpoint = device, book, checkpoint
        self._post, self._pressed = post, pressed
        self._unproven: set[tuple[int, int]] = set()
        self.heard_unproven = False
        """Whether an event came that the unit's key does not prove."""
        self._closed = threading.Event()

    def run(self) -> None:
        """Serve until :meth:`close`; one thread's whole life."""
        self._device.start()
        try:
            while not self._closed.is_set():
                event = self._device.next_event(_WAIT_S)
                if event is not None:
                    self.take(event)
        finally:
            self._device.close()

    def close(self) -> None:
        """End :meth:`run`; the door opens 3 s after the last heartbeat."""
        self._closed.set()

    def take(self, event: CoprocessorEvent) -> None:
        """Record one event, if it is new, and confirm it, if it is proven."""
        if self._is_new(event):
            proven = identity(event) if event.authentic else None
            if event.kind is EventKind.EMERGENCY and not self._has_check(proven):
                return  # it will be told again
            fields = fields_of(event)
            self._book.record_event(fields, alert=event.kind in _ALERTS, event=proven)
            log.info("event %d: %s", event.counter, fields["event"]["type"])
        if event.authentic:
            self._device.confirm(event.counter)

    def _has_check(self, press: EventId | None) -> bool:
        """Make the button's press an emergency, unless it is one; False when the task ends before it is recorded."""
        if press is None:
            self._post(Emergency(new_check_id(), self._checkpoint))
            return True
        if not self._book.has_press(press):
            self._pressed(press[0])  # never a forged counter: an officer's word clears what it names
            self._post(Emergency(new_check_id(), self._checkpoint, press=press))
        while not self._book.has_press(press):
            if self._closed.wait(_LOOK_S):
                return False
        return True

    def _is_new(self, event: CoprocessorEvent) -> bool:
        self.heard_unproven = self.heard_unproven or not event.authentic
        if event.authentic:
            return not self._book.has_event(identity(event))
        key = (event.boot, event.counter)
        if key in self._unproven or len(self._unproven) >= _MOST_UNPROVEN:
            return False
        self._unproven.add(key)
        return True
