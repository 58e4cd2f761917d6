"""A unit with a flash that can be cut off, and what a journal does in it."""

import struct

from coprocessor.flash_ring import AGAIN, FULL, WRITTEN, FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.messages import EVENT, EVENT_DOOR_OPENED, EVENT_EMERGENCY, EVENT_STARTED, EVENT_TAMPER_OPENED, LAYOUTS

SEAL = HmacSha256(bytes(range(32)))
SECTORS, PAGES = 4, 4


def payload(counter, boot, detail):
    return struct.pack(LAYOUTS[EVENT], counter, boot, 0, EVENT_TAMPER_OPENED, detail, bytes(16))


class Unit:
    """A co-processor's memory and what the outside may rely on: events whose append returned, and confirmations."""

    def __init__(self, flash):
        self.flash = flash
        self.kept = {}
        self.under_way = None
        self.confirmed = 0

    def event(self, ring, detail):
        """Write an event to the end, as the journal does."""
        for _ in range(100):
            content = payload(ring.counter + 1, ring.boot + 1, detail)
            self.under_way = (ring.counter + 1, content)
            result = ring.append(content, False, True)
            if result == WRITTEN:
                self.kept[ring.counter] = content
                self.under_way = None
                return
            if result == FULL:
                self.under_way = None
                return
            assert result == AGAIN
        raise AssertionError("an event could not be written")

    def confirm(self, ring, counter):
        self.confirmed = max(self.confirmed, min(counter, ring.counter))
        ring.confirm(counter)
        for _ in range(100):
            if not ring.wants_persist(True) or ring.persist(True) not in (AGAIN,):
                return

    def check(self):
        """After a restart: everything kept and not confirmed is there, once, unchanged; nothing else but a last one."""
        ring = FlashRing(self.flash)
        there = {}
        for index, (counter, _) in enumerate(ring.pending):
            assert counter not in there, "doubled"
            there[counter] = ring.event(index)
        for counter, content in self.kept.items():
            if counter > self.confirmed:
                assert there.get(counter) == content, ("lost", counter, sorted(there))
            assert ring.counter >= counter, "a counter would be used twice"
        for counter, content in there.items():
            if counter in self.kept:
                assert content == self.kept[counter], "changed"
            else:
                assert (counter, content) == self.under_way, ("from nowhere", counter)
        if self.under_way and self.under_way[0] in there:
            self.kept[self.under_way[0]] = self.under_way[1]
        self.under_way = None
        return ring


def work_through(journal, written=None):
    for kind in (EVENT_STARTED, EVENT_TAMPER_OPENED, EVENT_EMERGENCY, EVENT_DOOR_OPENED, EVENT_TAMPER_OPENED):
        before = len(journal.store.pending)
        assert journal.note(kind, 0, 5)
        for _ in range(20):
            journal.work(True, 9)
            if len(journal.store.pending) > before:
                break
        if written is not None and len(journal.store.pending) > before:
            written.append(kind)


def work(journal, may_erase=True, steps=6):
    for _ in range(steps):
        journal.work(may_erase, 0)


def kinds_and_details(ring):
    events = [struct.unpack(LAYOUTS[EVENT], ring.event(i)) for i in range(len(ring.pending))]
    return [(event[3], event[4]) for event in events]


def confirm_all(journal):
    """What a host does: every event told is confirmed. (kind, detail) of all of them."""
    told = []
    for _ in range(40):
        told += kinds_and_details(journal.store)
        journal.confirm(journal.store.counter)
        work(journal)
    return told


def life(unit, ring, events=30):
    """Events and confirmations, more than a lap of the ring, with erasures ahead."""
    for detail in range(events):
        unit.event(ring, detail)
        if detail % 3 == 2:
            unit.confirm(ring, ring.counter - (detail % 2))
        if detail % 5 == 4:
            ring.prepare()
