"""Events in a small ring of flash, so that they outlive the host's silence, a reset and a brown-out at any instruction.

NOR flash: a sector is erased as a whole (all bits 1), a page is programmed once after that, and either may be cut short
and leave anything behind. So an entry is one page, written once into a blank page, and whole or void by its CRC-32;
nothing is ever changed in place. Every entry carries the counter of the newest event and up to which one the host has
confirmed, so the newest whole entry alone tells the ring's state, and erasing an old sector loses none of it.

    "VX" | type 1 | version 1 | order 4 | confirmed 4 | EVENT payload 30 | CRC-32 4

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
CONFIRM_ENTRY = const(2)
VERSION = const(1)

WRITTEN = const(0)
AGAIN = const(1)  # one flash operation was done, call again
MUST_ERASE = const(2)  # the next sector has to be erased, which this call may not
FULL = const(3)  # the next sector holds events that nobody has confirmed

PERSIST_CONFIRMED = const(8)

_HEAD = "<2sBBII"
_HEAD_SIZE = const(12)
_EVENT_SIZE = const(30)
_ENTRY_SIZE = const(46)
_UNKNOWN = const(0)
_BLANK = const(1)
_USED = const(2)
_BLANK_PAGE = b"\xff" * PAGE


class FlashRing:
    """``pending`` holds (counter, page) of the events nobody has confirmed, oldest first."""

    def __init__(self, region: FlashRegion) -> None:
        self.counter = 0
        self.boot = 0
        self.confirmed = 0
        self.pending: list[tuple[int, int]] = []
        self._region = region
        self._page = bytearray(PAGE)
        self._order = 0
        self._head = 0
        self._persisted = 0
        self._last_page = 0
        self._sectors = bytearray(region.sectors)
        self._held = bytearray(region.sectors)  # how many of the pending events each sector holds
        self._payload = bytes(_EVENT_SIZE)
        self._mount()

    @property
    def capacity(self) -> int:
        """Events that fit at least, whatever else happens."""
        return (self._region.sectors - 2) * self._region.pages

    def append(self, payload: bytes, may_erase: bool) -> int:
        """Write an event whose counter is ``counter + 1``; at most one flash operation. WRITTEN: it is safe now."""
        result = self._write(EVENT_ENTRY, payload, may_erase)
        if result == WRITTEN:
            self.counter = _counter(payload)
            self._payload = payload
            self.pending.append((self.counter, self._last_page))
            self._held[self._last_page // self._region.pages] += 1
        return result

    def slots(self) -> int:
        """Pages that can still be written before an event that nobody has confirmed is in the way."""
        pages = self._region.pages
        sector, used = divmod(self._head, pages)
        total = pages - used if used or not self._holds_pending(sector) else 0
        if not total:
            return 0
        for step in range(1, self._region.sectors):
            if self._holds_pending((sector + step) % self._region.sectors):
                break
            total += pages
        return total

    def confirm(self, counter: int) -> None:
        """The host has every event up to ``counter``. Kept in memory; :meth:`persist` writes it."""
        counter = min(counter, self.counter)
        if counter > self.confirmed:
            self.confirmed = counter
            while self.pending and self.pending[0][0] <= counter:
                page = self.pending.pop(0)[1]
                self._held[page // self._region.pages] -= 1

    def wants_persist(self) -> bool:
        """Whether :meth:`persist` has something worth a page."""
        behind = self.confirmed - self._persisted
        return behind >= PERSIST_CONFIRMED or (behind > 0 and not self.pending)

    def persist(self, may_erase: bool) -> int:
        """Write up to where the host has confirmed; at most one flash operation. Losing it only repeats events."""
        return self._write(CONFIRM_ENTRY, self._payload, may_erase)

    def prepare(self) -> bool:
        """Erase one sector that nothing holds, ahead of need; False: none is left to erase."""
        region = self._region
        here = self._head // region.pages
        for step in range(0 if self._head % region.pages == 0 else 1, region.sectors):
            sector = (here + step) % region.sectors
            if step and sector == self._newest_sector():
                return False
            if self._holds_pending(sector):
                return False
            if not self._is_blank_sector(sector):
                self._erase(sector)
                return True
        return False

    def event(self, index: int) -> bytes:
        """The EVENT payload of ``pending[index]``; empty when its page is no longer whole."""
        found = self._read(self.pending[index][1])
        return bytes(found[3]) if found and found[0] == EVENT_ENTRY else b""

    def _newest_sector(self) -> int:
        pages = self._region.pages
        return ((self._head - 1) % (self._region.sectors * pages)) // pages

    def _mount(self) -> None:
        """Find the newest whole entry and the events nobody has confirmed."""
        newest = -1
        events = []
        for page in range(self._region.sectors * self._region.pages):
            found = self._read(page)
            if not found:
                continue
            kind, order, confirmed, payload = found
            if kind == EVENT_ENTRY:
                events.append((_counter(payload), page))
            self.confirmed = max(self.confirmed, confirmed)
            if order > newest:
                newest = order
                self._head = page + 1
                self._payload = bytes(payload)
        if newest >= 0:
            self._order = newest + 1
            self.counter, self.boot = struct.unpack_from("<II", self._payload, 0)
        self._head %= self._region.sectors * self._region.pages
        self._persisted = self.confirmed
        self.pending = sorted(entry for entry in events if entry[0] > self.confirmed)
        for _, page in self.pending:
            self._held[page // self._region.pages] += 1

    def _read(self, page: int) -> tuple[int, int, int, memoryview] | None:
        """(type, order, confirmed, payload) of a whole entry."""
        buffer = self._page
        self._region.read(page, buffer)
        magic, kind, version, order, confirmed = struct.unpack_from(_HEAD, buffer, 0)
        view = memoryview(buffer)
        (crc,) = struct.unpack_from("<I", buffer, _ENTRY_SIZE - 4)
        if magic != b"VX" or version != VERSION or crc32(view[: _ENTRY_SIZE - 4]) != crc:
            return None
        return kind, order, confirmed, view[_HEAD_SIZE : _HEAD_SIZE + _EVENT_SIZE]

    def _holds_pending(self, sector: int) -> bool:
        return self._held[sector] > 0

    def _is_blank(self, page: int) -> bool:
        self._region.read(page, self._page)
        return self._page == _BLANK_PAGE

    def _is_blank_sector(self, sector: int) -> bool:
        if self._sectors[sector] == _UNKNOWN:
            first = sector * self._region.pages
            blank = all(self._is_blank(page) for page in range(first, first + self._region.pages))
            self._sectors[sector] = _BLANK if blank else _USED
        return self._sectors[sector] == _BLANK

    def _erase(self, sector: int) -> None:
        self._sectors[sector] = _UNKNOWN
        self._region.erase(sector)

    def _write(self, kind: int, payload: bytes | memoryview, may_erase: bool) -> int:
        region = self._region
        sector = self._head // region.pages
        if self._head % region.pages == 0:
            if self._holds_pending(sector):
                return FULL
            if not self._is_blank_sector(sector):
                if not may_erase:
                    return MUST_ERASE
                self._erase(sector)
                return AGAIN
        elif not self._is_blank(self._head):  # a write that a brown-out cut short
            self._advance()
            return AGAIN
        return self._program(kind, payload)

    def _program(self, kind: int, payload: bytes | memoryview) -> int:
        buffer = self._page
        buffer[:] = _BLANK_PAGE
        struct.pack_into(_HEAD, buffer, 0, b"VX", kind, VERSION, self._order, self.confirmed)
        buffer[_HEAD_SIZE : _HEAD_SIZE + _EVENT_SIZE] = payload
        view = memoryview(buffer)
        struct.pack_into("<I", buffer, _ENTRY_SIZE - 4, crc32(view[: _ENTRY_SIZE - 4]))
        order = self._order
        page = self._head
        self._sectors[page // self._region.pages] = _USED
        self._advance()
        self._region.program(page, buffer)
        found = self._read(page)
        if not found or found[1] != order or bytes(found[3]) != bytes(payload):
            return AGAIN  # a bad page: the next one
        self._last_page = page
        self._order = order + 1
        self._persisted = self.confirmed
        return WRITTEN

    def _advance(self) -> None:
        self._head = (self._head + 1) % (self._region.sectors * self._region.pages)


def _counter(payload: bytes | memoryview) -> int:
    counter = struct.unpack_from("<I", payload, 0)[0]
    return int(counter)


def check_layout() -> None:
    """The message and the entry must agree about an event's size."""
    if struct.calcsize(LAYOUTS[EVENT]) != _EVENT_SIZE:
        raise ValueError("EVENT")


check_layout()
