"""What happens becomes an event: numbered, sealed with the unit's key, kept until the host confirms it.

``note`` only takes a slot of a bounded queue and never waits; ``work``, called once in a while by the loop, does one
step: one flash operation at most. Emergencies, tampering and power cycles may fill the ring up to its last page, which
then says that it is full; doors, starts and silences may take half of it. What does not fit is counted.
"""

import struct

from micropython import const

from coprocessor.flash_ring import AGAIN, FULL, MUST_ERASE, WRITTEN
from coprocessor.messages import (
    EVENT,
    EVENT_EMERGENCY,
    EVENT_POWER_CYCLED,
    EVENT_RING_FULL,
    EVENT_TAMPER_CLOSED,
    EVENT_TAMPER_OPENED,
    LAYOUTS,
    MAC_SIZE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from coprocessor.flash_ring import FlashRing
    from coprocessor.hmac_sha256 import HmacSha256
    from coprocessor.memory_ring import MemoryRing

MAX_WAITING = const(16)
DOMAIN = b"vernix-event-1"
SERIOUS = (EVENT_EMERGENCY, EVENT_TAMPER_OPENED, EVENT_TAMPER_CLOSED, EVENT_POWER_CYCLED)
_COVERED = "<IIIBB"
_RESERVE = const(4)  # pages a serious event finds where a light one no longer does


class Journal:
    """``store`` is a FlashRing or a MemoryRing; ``seal`` an HmacSha256, or None for a unit without a key."""

    def __init__(self, store: FlashRing | MemoryRing, seal: HmacSha256 | None) -> None:
        self.store = store
        self.boot = store.boot + 1
        self.missed = 0
        self.last_emergency = 0
        self._seal = seal
        self._waiting: list[tuple[int, int, int]] = []
        self._marked_full = False
        self.open_emergency = self._find_emergency()

    @property
    def idle(self) -> bool:
        """Nothing waits to be written."""
        return not self._waiting and not self.store.wants_persist()

    def room(self) -> bool:
        """Whether :meth:`note` would take an event now."""
        return len(self._waiting) < MAX_WAITING

    def note(self, kind: int, detail: int, uptime_ms: int) -> bool:
        """Something happened. False: the queue is full; ask again, or it is lost."""
        if not self.room():
            return False
        self._waiting.append((kind, detail, uptime_ms))
        return True

    def confirm(self, counter: int) -> None:
        """The host has every event up to ``counter`` in a record."""
        self.store.confirm(counter)
        if not self.store.pending:
            self.missed = 0
            self._marked_full = False

    def work(self, may_erase: bool) -> bool:
        """Write the oldest waiting event, or what the host has confirmed, or erase ahead; whether anything was done."""
        if self._waiting:
            return self._write_first(may_erase)
        if self.store.wants_persist() and self.store.persist(may_erase) in (WRITTEN, AGAIN):
            return True
        return may_erase and self.store.prepare()

    def _find_emergency(self) -> bool:
        """An emergency that the host has not confirmed holds the door open across a reset."""
        for index in range(len(self.store.pending)):
            payload = self.store.event(index)
            if payload and struct.unpack(LAYOUTS[EVENT], payload)[3] == EVENT_EMERGENCY:
                self.last_emergency = self.store.pending[index][0]
        return self.last_emergency > 0

    def _write_first(self, may_erase: bool) -> bool:
        kind, detail, uptime_ms = self._waiting[0]
        if not self._fits(kind):
            self._waiting.pop(0)
            self.missed = min(self.missed + 1, 0xFFFF)
            return True
        if self.store.slots() == 1:
            if not self._marked_full:
                self._marked_full = self._append(EVENT_RING_FULL, 0, uptime_ms, may_erase) == WRITTEN
            return True
        result = self._append(kind, detail, uptime_ms, may_erase)
        if result == WRITTEN:
            self._waiting.pop(0)
            if kind == EVENT_EMERGENCY:
                self.last_emergency = self.store.counter
        return result not in (MUST_ERASE, FULL)

    def _fits(self, kind: int) -> bool:
        slots = self.store.slots()
        if kind in SERIOUS:
            return slots > 1 or (slots == 1 and not self._marked_full)
        return slots > _RESERVE and len(self.store.pending) < self.store.capacity // 2

    def _append(self, kind: int, detail: int, uptime_ms: int, may_erase: bool) -> int:
        fields = (self.store.counter + 1, self.boot, uptime_ms, kind, detail)
        mac = bytes(MAC_SIZE)
        if self._seal:
            mac = self._seal.digest(DOMAIN + struct.pack(_COVERED, *fields))[:MAC_SIZE]
        return self.store.append(struct.pack(LAYOUTS[EVENT], *fields, mac), may_erase)
