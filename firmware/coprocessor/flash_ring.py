"""Events in a small ring of flash, so that they outlive the host's silence, a reset and a brown-out at any instruction.

NOR flash: a sector is erased as a whole (all bits 1), a byte is programmed once after that, and either may be cut short
and leave anything behind. So an entry is one page, written once into a blank page, and whole or void by its CRC-32;
nothing is ever changed in place. Every entry carries the ring's whole state, so the newest whole entry alone tells it,
and erasing an old sector loses none of it:

    "VX" | type 1 | version 1 | order 4 | confirmed 4 | emergency 4 | cleared 4 | missed 2 | EVENT payload 30 | CRC-32 4
    | ... 64: tally 192

``confirmed``: the host has every event up to this counter. ``emergency``, ``cleared``: counter of the newest emergency,
and of the newest one that was cleared; while they differ it is open. ``missed``: events that found no room. When there
is no page for those either, each is counted by one byte of the newest entry's tally, which is still blank: the data
sheets of the flash chips allow to program the blank bytes of a page later (W25Q16JV, "Page Program").

A sector with an event that nobody has confirmed is not erased. A region has ``sectors``, ``pages`` (a sector's),
``read(page, buffer)``, ``program(page, buffer)`` and ``erase(sector)``; :class:`coprocessor.board.FlashRegion` is the
device's.
"""

import struct
from binascii import crc32

from micropython import const

from coprocessor.messages import EVENT, LAYOUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from coprocessor.board import FlashRegion

PAGE = const(256)

EVENT_ENTRY = const(1)
STATE_ENTRY = const(2)
VERSION = const(2)

WRITTEN = const(0)
AGAIN = const(1)  # one flash operation was done, call again
MUST_ERASE = const(2)  # the next sector has to be erased, which this call may not
FULL = const(3)  # the next sector holds events that nobody has confirmed

PERSIST_CONFIRMED = const(8)
MAX_MISSED = const(0xFFFF)

_HEAD = "<2sBBIIIIH"
_HEAD_SIZE = const(22)
_EVENT_SIZE = const(30)
_ENTRY_SIZE = const(56)
_TALLY = const(64)
_USED = const(0)
_BLANK = const(1)
_WORN = const(2)  # does not get blank any more
_BLANK_PAGE = b"\xff" * PAGE


class FlashRing:
    """``pending`` holds (counter, page) of the events nobody has confirmed, oldest first.

    ``ready``: pages that can be written before something has to be erased. ``missed`` and ``cleared`` may be changed
    before a write, which then carries them; who changes them puts them back when it is not WRITTEN.
    """

    def __init__(self, region: FlashRegion) -> None:
        self.counter = 0
        self.boot = 0
        self.confirmed = 0
        self.emergency = 0
        self.cleared = 0
        self.missed = 0
        self.ready = 0
        self.pending: list[tuple[int, int]] = []
        self._region = region
        self._page = bytearray(PAGE)
        self._order = 0
        self._head = 0
        self._newest = -1
        self._tally = 0
        self._persisted = 0
        self._sectors = bytearray(region.sectors)
        self._held = bytearray(region.sectors)  # how many of the pending events each sector holds
        self._erasable = -1
        self._payload = bytes(_EVENT_SIZE)
        self._mount()

    @property
    def pages(self) -> int:
        """Pages of the whole ring."""
        return self._region.sectors * self._region.pages

    @property
    def capacity(self) -> int:
        """Events that fit at least, whatever else happens."""
        return (self._region.sectors - 2) * self._region.pages

    @property
    def erasable(self) -> bool:
        """Whether :meth:`prepare` would find something to do."""
        return self._erasable >= 0

    def append(self, payload: bytes, is_emergency: bool, may_erase: bool) -> int:
        """Write an event whose counter is ``counter + 1``; at most one flash operation. WRITTEN: it is safe now."""
        before = self.emergency
        if is_emergency:
            self.emergency = _counter(payload)
        result = self._write(EVENT_ENTRY, payload, may_erase)
        if result == WRITTEN:
            self.counter = _counter(payload)
            self._payload = payload
            self.pending.append((self.counter, self._newest))
            self._held[self._newest // self._region.pages] += 1
        else:
            self.emergency = before
        return result

    def slots(self) -> int:
        """Pages that can still be written before an event that nobody has confirmed is in the way."""
        sector, used = divmod(self._head, self._region.pages)
        total = self._region.pages - used if used else 0
        for step in range(1 if used else 0, self._region.sectors):
            ahead = (sector + step) % self._region.sectors
            if self._held[ahead]:
                break
            total += self._region.pages if self._sectors[ahead] != _WORN else 0
        return total

    def confirm(self, counter: int) -> None:
        """The host has every event up to ``counter``. Kept in memory; the next entry carries it."""
        counter = min(counter, self.counter)
        if counter > self.confirmed:
            self.confirmed = counter
            while self.pending and self.pending[0][0] <= counter:
                page = self.pending.pop(0)[1]
                self._held[page // self._region.pages] -= 1
            self._look_ahead()

    def wants_persist(self, may_erase: bool) -> bool:
        """Whether the confirmations alone are worth a page. Losing them only repeats events, so with the lock
        energised, when pages are few, they wait for the next entry."""
        behind = self.confirmed - self._persisted
        return behind >= PERSIST_CONFIRMED or (may_erase and behind > 0 and not self.pending)

    def persist(self, may_erase: bool) -> int:
        """Write the state without an event; at most one flash operation."""
        return self._write(STATE_ENTRY, self._payload, may_erase)

    def tally(self) -> bool:
        """Count a missed event without a page: in the blank rest of the newest entry's. False: only in memory."""
        self.missed = min(self.missed + 1, MAX_MISSED)
        if self._newest < 0 or _TALLY + self._tally >= PAGE:
            return False
        self._page[:] = _BLANK_PAGE
        self._page[_TALLY + self._tally] = 0
        self._tally += 1
        self._region.program(self._newest, self._page)
        return True

    def prepare(self) -> bool:
        """Erase one sector that nothing holds, ahead of need; False: none is left to erase."""
        if self._erasable < 0:
            return False
        self._erase(self._erasable)
        return True

    def event(self, index: int) -> bytes:
        """The EVENT payload of ``pending[index]``; empty when its page is no longer whole."""
        head = self._read(self.pending[index][1])
        return bytes(self._body()) if head and head[1] == EVENT_ENTRY else b""

    def _mount(self) -> None:
        """Find the newest whole entry, which has the state, and the events nobody has confirmed."""
        events = []
        for sector in range(self._region.sectors):
            self._sectors[sector] = _BLANK
            first = sector * self._region.pages
            for page in range(first, first + self._region.pages):
                head = self._read(page)
                if self._page != _BLANK_PAGE:
                    self._sectors[sector] = _USED
                if head:
                    if head[1] == EVENT_ENTRY:
                        events.append((_counter(self._body()), page))
                    if self._newest < 0 or head[3] >= self._order:
                        self._take_state(page, head)
        self.pending = sorted(entry for entry in events if entry[0] > self.confirmed)
        for _, page in self.pending:
            self._held[page // self._region.pages] += 1
        self._head = (self._newest + 1) % self.pages
        while self._head % self._region.pages and not self._is_blank(self._head):  # cut short by a brown-out
            self._head = (self._head + 1) % self.pages
        self._look_ahead()

    def _take_state(self, page: int, head: tuple[int, ...]) -> None:
        self._newest = page
        self._order = head[3] + 1
        self.confirmed = self._persisted = head[4]
        self.emergency = head[5]
        self.cleared = head[6]
        self._tally = sum(1 for byte in self._page[_TALLY:] if byte != 0xFF)
        self.missed = min(head[7] + self._tally, MAX_MISSED)
        self._payload = bytes(self._body())
        self.counter, self.boot = struct.unpack_from("<II", self._payload, 0)

    def _read(self, page: int) -> tuple[int, ...] | None:
        """The fields of a whole entry's head; its page is in the buffer then."""
        buffer = self._page
        self._region.read(page, buffer)
        if buffer[:2] != b"VX" or buffer[3] != VERSION:
            return None
        (crc,) = struct.unpack_from("<I", buffer, _ENTRY_SIZE - 4)
        return struct.unpack_from(_HEAD, buffer, 0) if crc32(memoryview(buffer)[: _ENTRY_SIZE - 4]) == crc else None

    def _body(self) -> memoryview:
        return memoryview(self._page)[_HEAD_SIZE : _HEAD_SIZE + _EVENT_SIZE]

    def _is_blank(self, page: int) -> bool:
        self._region.read(page, self._page)
        return self._page == _BLANK_PAGE

    def _look_ahead(self) -> None:
        """How many blank pages lie ahead, and which sector behind them can be erased now."""
        sector, used = divmod(self._head, self._region.pages)
        self.ready = self._region.pages - used if used else 0
        self._erasable = -1
        for step in range(1 if used else 0, self._region.sectors):
            ahead = (sector + step) % self._region.sectors
            if self._held[ahead]:
                return
            if self._sectors[ahead] == _USED:
                if ahead != self._newest // self._region.pages:  # it has the state
                    self._erasable = ahead
                return
            if self._sectors[ahead] == _BLANK:
                self.ready += self._region.pages

    def _erase(self, sector: int) -> None:
        self._region.erase(sector)
        first = sector * self._region.pages
        blank = all(self._is_blank(page) for page in range(first, first + self._region.pages))
        self._sectors[sector] = _BLANK if blank else _WORN
        self._look_ahead()

    def _write(self, kind: int, payload: bytes, may_erase: bool) -> int:
        sector, used = divmod(self._head, self._region.pages)
        if not used:
            if self._held[sector]:
                return FULL
            if self._sectors[sector] == _WORN:
                self._go_to(self._head + self._region.pages)
                return AGAIN if self.slots() else FULL
            if self._sectors[sector] == _USED:
                if not may_erase:
                    return MUST_ERASE
                self._erase(sector)
                return AGAIN
        return self._program(kind, payload)

    def _program(self, kind: int, payload: bytes) -> int:
        buffer = self._page
        buffer[:] = _BLANK_PAGE
        state = (self._order, self.confirmed, self.emergency, self.cleared, self.missed)
        struct.pack_into(_HEAD, buffer, 0, b"VX", kind, VERSION, *state)
        buffer[_HEAD_SIZE : _HEAD_SIZE + _EVENT_SIZE] = payload
        crc = crc32(memoryview(buffer)[: _ENTRY_SIZE - 4])
        struct.pack_into("<I", buffer, _ENTRY_SIZE - 4, crc)
        page = self._head
        self._sectors[page // self._region.pages] = _USED
        self._order += 1
        self._go_to(page + 1)
        self._region.program(page, buffer)
        if not self._read(page) or struct.unpack_from("<I", buffer, _ENTRY_SIZE - 4)[0] != crc:
            return AGAIN  # a bad page: the next one
        self._newest = page
        self._tally = 0
        self._persisted = self.confirmed
        self._look_ahead()
        return WRITTEN

    def _go_to(self, page: int) -> None:
        self._head = page % self.pages
        self._look_ahead()


def _counter(payload: bytes | memoryview) -> int:
    counter = struct.unpack_from("<I", payload, 0)[0]
    return int(counter)


def check_layout() -> None:
    """The message and the entry must agree about an event's size."""
    if struct.calcsize(LAYOUTS[EVENT]) != _EVENT_SIZE:
        raise ValueError("EVENT")


check_layout()
