"""Contacts on pins. An interrupt only counts; what it means is decided in the loop.

All three contacts close to ground and open when something happens (emergency pressed, housing open, door open) or when
their wire breaks; the pull-up then reads 1.
"""

from micropython import const

from coprocessor.ticks import ticks_diff, ticks_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin

COUNT_MASK = const(0xFFFF)


class Contact:
    """One contact. ``edges`` is written in the interrupt; a small integer, so nothing is allocated."""

    def __init__(self, pin: Pin, debounce_ms: int) -> None:
        self.edges = 0
        self.open = False
        self._pin = pin
        self._debounce_ms = debounce_ms
        self._seen = 0
        self._read = self._level()
        self._read_at = ticks_ms()
        pin.irq(self.on_edge, pin.IRQ_RISING, hard=True)

    def on_edge(self, _pin: Pin) -> None:
        """The interrupt: the contact has opened."""
        self.edges = (self.edges + 1) & COUNT_MASK

    def _level(self) -> bool:
        return self._pin.value() == 1

    def struck(self) -> bool:
        """Open now, or opened since the last question however shortly. For the emergency: no debouncing."""
        edges = self.edges
        struck = edges != self._seen or self._level()
        self._seen = edges
        return struck

    def poll(self, now: int) -> int:
        """1: has opened, -1: has closed, 0: no change. An opening too short to last is still told, then the closing."""
        level = self._level()
        edges = self.edges
        if level != self._read:
            self._read = level
            self._read_at = now
        settled = ticks_diff(now, self._read_at) >= self._debounce_ms
        if not self.open and (edges != self._seen or (level and settled)):
            self._seen = edges
            self.open = True
            self._read_at = now
            return 1
        if self.open and not level and settled:
            self._seen = edges
            self.open = False
            return -1
        return 0
