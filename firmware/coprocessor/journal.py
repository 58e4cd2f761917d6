"""What happens becomes an event: numbered, sealed with the unit's key, kept until the host confirms it.

``note`` only takes a slot of a bounded queue and never waits; ``work``, called once in a while by the loop, does one
step: one flash operation at most. Who may take which pages, while the lock is energised only those that need no
erasing:

    light events (doors, starts, silences)  half of the ring, and never its last quarter
    serious events (tampering, power)       all but the reserve
    RING_FULL, once                         the first page of the reserve
    emergencies and their clearing          the rest; the last two only an emergency

So an emergency always finds a page: it is cleared only, and the lock energised only, while there are pages for the
next one. An event that finds none is counted, in flash too, and once there is room again its number becomes an event
itself (MISSED).
"""

import struct

from micropython import const

from coprocessor.flash_ring import AGAIN, FULL, WRITTEN
from coprocessor.messages import (
    EVENT,
    EVENT_EMERGENCY,
    EVENT_MISSED,
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
SERIOUS = (EVENT_TAMPER_OPENED, EVENT_TAMPER_CLOSED, EVENT_POWER_CYCLED)
EMERGENCY_PAGES = const(2)
_COVERED = "<IIIBB"
_MAX_DETAIL = const(255)


class Journal:
    """``store`` is a FlashRing or a MemoryRing; ``seal`` an HmacSha256, or None for a unit without a key.

    ``to_clear``: the emergency whose clearing waits to be written; 0 calls it off.
    """

    def __init__(self, store: FlashRing | MemoryRing, seal: HmacSha256 | None) -> None:
        self.store = store
        self.boot = store.boot + 1
        self._seal = seal
        self._waiting: list[tuple[int, int, int]] = []
        self.to_clear = 0
        self._reserve = max(3 * EMERGENCY_PAGES, store.pages // 16)
        self._marked_full = self._finds_mark()

    @property
    def idle(self) -> bool:
        """Nothing waits to be written."""
        return not self._waiting and not self.to_clear and not self.store.wants_persist(True)

    @property
    def last_emergency(self) -> int:
        """Counter of the newest emergency; 0: there was none."""
        return self.store.emergency

    @property
    def missed(self) -> int:
        """Events that found no room and are in no event yet."""
        return self.store.missed

    @property
    def open_emergency(self) -> bool:
        """Whether there is an emergency that was not cleared, or one that waits to be written."""
        return self.store.emergency != self.store.cleared or self._emergency_waits()

    def may_lock(self, is_locked: bool) -> bool:
        """Whether the lock may be energised: what happens then has to find pages without an erasure.

        Before that, half of the ring is made blank, as far as its events are confirmed; that takes a second or so.
        """
        if self.store.ready < EMERGENCY_PAGES:
            return False
        return is_locked or self.store.ready >= self.store.pages // 2 or not self.store.erasable

    def room(self) -> bool:
        """Whether :meth:`note` would take an event now."""
        return len(self._waiting) < MAX_WAITING

    def note(self, kind: int, detail: int, uptime_ms: int) -> bool:
        """Something happened. False: the queue is full; ask again, or it is lost. An emergency overtakes the rest."""
        if not self.room():
            return False
        if kind == EVENT_EMERGENCY:
            self.to_clear = 0
            self._waiting.insert(0, (kind, detail, uptime_ms))
        else:
            self._waiting.append((kind, detail, uptime_ms))
        return True

    def confirm(self, counter: int) -> None:
        """The host has every event up to ``counter`` in a record."""
        self.store.confirm(counter)

    def clear(self, counter: int) -> bool:
        """The emergency of that counter was dealt with. It stays open until that is in flash; False: not this one."""
        if counter != self.store.emergency or counter == self.store.cleared or self._emergency_waits():
            return False
        self.to_clear = counter
        return True

    def work(self, may_erase: bool, uptime_ms: int) -> bool:
        """One step, the most urgent there is; whether anything was done."""
        if self.to_clear:
            return self._write_clearing(may_erase)
        if self._waiting:
            return self._write_first(may_erase)
        if self.store.missed and self._fits(EVENT_MISSED, may_erase):
            return self._write_missed(uptime_ms, may_erase)
        if self.store.wants_persist(may_erase) and self._room(may_erase) > self._reserve:
            return self.store.persist(may_erase) in (WRITTEN, AGAIN)
        return may_erase and self.store.prepare()

    def _emergency_waits(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] == EVENT_EMERGENCY

    def _finds_mark(self) -> bool:
        """Whether the ring was full already before this start."""
        for index in range(len(self.store.pending) - 1, -1, -1):
            payload = self.store.event(index)
            if payload and struct.unpack(LAYOUTS[EVENT], payload)[3] == EVENT_RING_FULL:
                return self.store.missed > 0
        return False

    def _write_clearing(self, may_erase: bool) -> bool:
        counter = self.to_clear
        if self.store.slots() <= EMERGENCY_PAGES:  # it stays open; the host asks again, and has to confirm events
            self.to_clear = 0
            return False
        before = self.store.cleared
        self.store.cleared = counter
        if self.store.persist(may_erase) == WRITTEN:
            self.to_clear = 0
        else:
            self.store.cleared = before
        return True

    def _write_first(self, may_erase: bool) -> bool:
        kind, detail, uptime_ms = self._waiting[0]
        if self._fits(kind, may_erase):
            result = self._append(kind, detail, uptime_ms, may_erase)
            if result == WRITTEN:
                self._waiting.pop(0)
            if result != FULL or self.store.emergency == self.store.cleared:
                return result in (WRITTEN, AGAIN)
            # One more emergency and no page left at all, but the door is open already.
        elif kind in SERIOUS and not self._marked_full and self._room(may_erase) > self._reserve - 1:
            return self._mark_full(uptime_ms, may_erase)
        self._waiting.pop(0)
        self.store.tally()
        return True

    def _mark_full(self, uptime_ms: int, may_erase: bool) -> bool:
        """Instead of the event that waits: its page says that from here on is only counted, and counts it."""
        self.store.missed += 1
        result = self._append(EVENT_RING_FULL, 0, uptime_ms, may_erase)
        if result == WRITTEN:
            self._marked_full = True
            self._waiting.pop(0)
        else:
            self.store.missed -= 1
        return result in (WRITTEN, AGAIN)

    def _write_missed(self, uptime_ms: int, may_erase: bool) -> bool:
        """The number that was missed becomes an event, in one page with what is left of it."""
        before = self.store.missed
        told = min(before, _MAX_DETAIL)
        self.store.missed = before - told
        result = self._append(EVENT_MISSED, told, uptime_ms, may_erase)
        if result == WRITTEN:
            self._marked_full = False
        else:
            self.store.missed = before
        return result in (WRITTEN, AGAIN)

    def _room(self, may_erase: bool) -> int:
        return self.store.slots() if may_erase else self.store.ready

    def _fits(self, kind: int, may_erase: bool) -> bool:
        room = self._room(may_erase)
        if kind == EVENT_EMERGENCY:
            return True
        if kind in SERIOUS:
            return room > self._reserve
        return room > self._reserve + self.store.pages // 4 and len(self.store.pending) < self.store.capacity // 2

    def _append(self, kind: int, detail: int, uptime_ms: int, may_erase: bool) -> int:
        fields = (self.store.counter + 1, self.boot, uptime_ms, kind, detail)
        mac = bytes(MAC_SIZE)
        if self._seal:
            mac = self._seal.digest(DOMAIN + struct.pack(_COVERED, *fields))[:MAC_SIZE]
        return self.store.append(struct.pack(LAYOUTS[EVENT], *fields, mac), kind == EVENT_EMERGENCY, may_erase)
