"""What stands in for the flash ring on a MicroPython whose file system takes all of the flash."""

import os

from coprocessor.flash_ring import FULL, MAX_MISSED, WRITTEN


class MemoryRing:
    """Keeps events until the next reset, and numbers them from 1 after it. The host is told (no FEATURE_FLASH_RING).

    Nothing counts the starts either: ``boot`` is drawn anew at each, so that the host does not take an event for one of
    an earlier start with the same counter and time.
    """

    erasable = False

    def __init__(self, capacity: int = 48) -> None:
        self.pages = self.capacity = capacity
        self.counter = 0
        self.boot = int.from_bytes(os.urandom(4), "little") >> 1
        self.confirmed = 0
        self.emergency = 0
        self.cleared = 0
        self.missed = 0
        self.pending: list[tuple[int, bytes]] = []

    @property
    def ready(self) -> int:
        """Events that still fit."""
        return self.capacity - len(self.pending)

    def append(self, payload: bytes, is_emergency: bool, _may_erase: bool) -> int:
        """Keep an event."""
        if not self.ready:
            return FULL
        self.counter += 1
        self.pending.append((self.counter, payload))
        if is_emergency:
            self.emergency = self.counter
        return WRITTEN

    def slots(self) -> int:
        """Events that still fit."""
        return self.ready

    def confirm(self, counter: int) -> None:
        """Forget events up to ``counter``."""
        self.confirmed = max(self.confirmed, min(counter, self.counter))
        while self.pending and self.pending[0][0] <= counter:
            self.pending.pop(0)

    def wants_persist(self, _may_erase: bool) -> bool:
        """There is nothing to persist."""
        return False

    def persist(self, _may_erase: bool) -> int:
        """Nothing to write."""
        return WRITTEN

    def tally(self) -> bool:
        """Count a missed event, until the next reset."""
        self.missed = min(self.missed + 1, MAX_MISSED)
        return False

    def prepare(self) -> bool:
        """Nothing to erase."""
        return False

    def event(self, index: int) -> bytes:
        """The EVENT payload of ``pending[index]``."""
        return self.pending[index][1]
