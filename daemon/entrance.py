"""What the co-processor tells: the emergency button becomes an event of the check, everything becomes a record.

The co-processor keeps its events until they are in a committed record, also while the Pi is off: a button that was
pressed or a housing that was opened then is recorded when the unit is back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from daemon.check_id import new_check_id
from daemon.events import Emergency, Event
from daemon.outbox import Outbox
from evidence.record import Kind
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import EventKind

log = logging.getLogger(__name__)

_WAIT_S = 0.2
_ALERTS = frozenset({EventKind.EMERGENCY, EventKind.TAMPER_OPENED, EventKind.RING_FULL})


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


class EntranceTask:
    """Fetches the co-processor's events, records them and confirms them."""

    def __init__(
        self,
        device: Coprocessor,
        outbox: Outbox,
        checkpoint: str,
        *,
        post: Callable[[Event], None],
        stored: Callable[[], None],
    ) -> None:
        self._device, self._outbox, self._checkpoint = device, outbox, checkpoint
        self._post, self._stored = post, stored
        self._closed = threading.Event()

    def run(self) -> None:
        """Serve until :meth:`close`; one thread's whole life."""
        self._device.start()
        try:
            while not self._closed.is_set():
                event = self._device.next_event(_WAIT_S)
                if event is not None:
                    self._take(event)
        finally:
            self._device.close()

    def close(self) -> None:
        """End :meth:`run`; the door opens 3 s after the last heartbeat."""
        self._closed.set()

    def _take(self, event: CoprocessorEvent) -> None:
        if event.kind is EventKind.EMERGENCY:  # first of all: the screen, the alert and the check's own record
            self._post(Emergency(new_check_id(), self._checkpoint))
        self._outbox.append(fields_of(event), alert=event.kind in _ALERTS)
        self._device.confirm(event.counter)
        self._stored()
        log.info("co-processor: event %d, kind %s", event.counter, event.kind)
