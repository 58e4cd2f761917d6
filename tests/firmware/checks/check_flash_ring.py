"""The flash ring: cut between any two flash operations and in the middle of each, nothing kept is lost or doubled."""

import struct

from coprocessor import flash_ring
from coprocessor.flash_ring import AGAIN, FULL, MUST_ERASE, WRITTEN, FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
from coprocessor.messages import (
    EVENT,
    EVENT_DOOR_OPENED,
    EVENT_EMERGENCY,
    EVENT_RING_FULL,
    EVENT_STARTED,
    EVENT_TAMPER_OPENED,
    LAYOUTS,
)
from nor_flash import WAYS, NorFlash, PowerCut

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
            result = ring.append(content, True)
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
            if not ring.wants_persist() or ring.persist(True) not in (AGAIN,):
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


def life(unit, ring, events=30):
    """Events and confirmations, more than a lap of the ring, with erasures ahead."""
    for detail in range(events):
        unit.event(ring, detail)
        if detail % 3 == 2:
            unit.confirm(ring, ring.counter - (detail % 2))
        if detail % 5 == 4:
            ring.prepare()


def operations_of_a_life():
    flash = NorFlash(SECTORS, PAGES)
    life(Unit(flash), FlashRing(flash))
    return flash.operations


def check_a_cut_at_every_operation():
    """One brown-out at each flash operation of a life, in each way, then the life goes on."""
    operations = operations_of_a_life()
    runs = 0
    for cut_at in range(1, operations + 1):
        for how in WAYS:
            unit = Unit(NorFlash(SECTORS, PAGES))
            unit.flash.cut_at, unit.flash.how = cut_at, how
            try:
                life(unit, FlashRing(unit.flash))
            except PowerCut:
                runs += 1
            ring = unit.check()
            life(unit, ring, 12)
            unit.check()
    assert runs == operations * len(WAYS), (runs, operations)
    print(operations, "operations,", runs, "cuts")


def check_two_cuts():
    """A second brown-out in what follows the first, at each of its next 14 operations."""
    operations = operations_of_a_life()
    runs = 0
    for cut_at in range(1, operations + 1, 2):
        for how in WAYS[1:6]:
            for second in range(1, 15):
                unit = Unit(NorFlash(SECTORS, PAGES))
                unit.flash.cut_at, unit.flash.how = cut_at, how
                try:
                    life(unit, FlashRing(unit.flash))
                except PowerCut:
                    pass
                ring = unit.check()
                unit.flash.cut_at = unit.flash.operations + second
                unit.flash.how = WAYS[(second + cut_at) % len(WAYS)]
                try:
                    life(unit, ring, 9)
                except PowerCut:
                    runs += 1
                unit.check()
    assert runs > 1000, runs
    print(runs, "pairs of cuts")


def check_a_cut_in_the_journal():
    """The same through the journal: sealed events, a start at each boot, an emergency that must never be forgotten."""
    flash = NorFlash(SECTORS, PAGES)
    journal = Journal(FlashRing(flash), SEAL)
    work_through(journal)
    operations = flash.operations
    for cut_at in range(1, operations + 1):
        for how in WAYS:
            flash = NorFlash(SECTORS, PAGES)
            flash.cut_at, flash.how = cut_at, how
            written = []
            try:
                work_through(Journal(FlashRing(flash), SEAL), written)
            except PowerCut:
                pass
            ring = FlashRing(flash)
            events = [struct.unpack(LAYOUTS[EVENT], ring.event(i)) for i in range(len(ring.pending))]
            assert [event[3] for event in events][: len(written)] == written, (cut_at, how)
            for event in events:
                sealed = struct.pack("<IIIBB", *event[:5])
                assert SEAL.digest(b"vernix-event-1" + sealed)[:16] == event[5], "seal"
            assert Journal(ring, SEAL).open_emergency == (EVENT_EMERGENCY in [event[3] for event in events])


def work_through(journal, written=None):
    for kind in (EVENT_STARTED, EVENT_TAMPER_OPENED, EVENT_EMERGENCY, EVENT_DOOR_OPENED, EVENT_TAMPER_OPENED):
        before = len(journal.store.pending)
        assert journal.note(kind, 0, 5)
        for _ in range(20):
            journal.work(True)
            if len(journal.store.pending) > before:
                break
        if written is not None and len(journal.store.pending) > before:
            written.append(kind)


def check_only_erased_ahead():
    """With the door locked nothing is erased; what was erased ahead holds a day's events."""
    flash = NorFlash(16, 16)
    ring = FlashRing(flash)
    for lap in range(3):
        erasures = list(flash.erasures)
        while ring.prepare():
            pass
        if lap:
            assert flash.erasures != erasures
        erasures = list(flash.erasures)
        for detail in range(200):
            assert ring.append(payload(ring.counter + 1, 1, detail & 0xFF), False) == WRITTEN, (lap, detail)
        assert flash.erasures == erasures
        ring.confirm(ring.counter)
    while ring.append(payload(ring.counter + 1, 1, 0), False) == WRITTEN:
        ring.confirm(ring.counter)
    assert ring.append(payload(ring.counter + 1, 1, 0), False) == MUST_ERASE


def check_full_ring_keeps_the_oldest():
    """A host that stays away: the oldest events stay, the last page says there was no room, the rest is counted."""
    flash = NorFlash(SECTORS, PAGES)
    journal = Journal(FlashRing(flash), SEAL)
    for number in range(40):
        journal.note(EVENT_TAMPER_OPENED, number, 0)
        for _ in range(4):
            journal.work(True)
    ring = FlashRing(flash)
    events = [struct.unpack(LAYOUTS[EVENT], ring.event(i)) for i in range(len(ring.pending))]
    assert [event[4] for event in events[:-1]] == list(range(len(events) - 1))
    assert events[-1][3] == EVENT_RING_FULL
    assert len(events) == SECTORS * PAGES
    assert journal.missed == 40 - (len(events) - 1)
    # The host comes back: there is room again, and nothing is counted any more.
    journal.confirm(journal.store.counter)
    assert not journal.missed
    journal.note(EVENT_EMERGENCY, 7, 0)
    for _ in range(6):
        journal.work(True)
    assert FlashRing(flash).pending[-1][0] == journal.last_emergency == SECTORS * PAGES + 1


def check_a_full_ring_refuses():
    """By itself, without the journal before it, the ring overwrites nothing either."""
    flash = NorFlash(SECTORS, PAGES)
    unit = Unit(flash)
    ring = FlashRing(flash)
    for detail in range(SECTORS * PAGES):
        unit.event(ring, detail)
    assert ring.slots() == 0
    erasures = list(flash.erasures)
    for _ in range(3):
        assert ring.append(payload(ring.counter + 1, 1, 99), True) == FULL
    assert flash.erasures == erasures
    unit.check()
    ring.confirm(PAGES)
    unit.confirmed = PAGES
    unit.event(ring, 100)
    assert unit.check().pending[-1][0] == SECTORS * PAGES + 1


def check_what_was_confirmed_does_not_come_back():
    """Also after laps, when the newest entry is not the last page."""
    for events in range(1, 3 * SECTORS * PAGES):
        flash = NorFlash(SECTORS, PAGES)
        unit = Unit(flash)
        ring = FlashRing(flash)
        for detail in range(events):
            unit.event(ring, detail)
            unit.confirm(ring, ring.counter)
        again = FlashRing(flash)
        assert not again.pending, (events, again.pending)
        assert again.counter == again.confirmed == events


def check_bad_pages_are_left_out():
    for bad in range(SECTORS * PAGES):
        flash = NorFlash(SECTORS, PAGES)
        flash.bad = {bad, (bad + 1) % (SECTORS * PAGES)}
        unit = Unit(flash)
        life(unit, FlashRing(flash))
        unit.check()


def check_doors_leave_room_for_tampering():
    flash = NorFlash(SECTORS, PAGES)
    journal = Journal(FlashRing(flash), SEAL)
    for number in range(40):
        journal.note(EVENT_DOOR_OPENED, number, 0)
        for _ in range(4):
            journal.work(True)
    doors = len(journal.store.pending)
    assert doors == journal.store.capacity // 2
    assert journal.missed == 40 - doors
    journal.note(EVENT_TAMPER_OPENED, 1, 0)
    for _ in range(4):
        journal.work(True)
    assert len(journal.store.pending) == doors + 1


def check_garbage_in_flash():
    """A flash full of anything is a ring without events."""
    flash = NorFlash(SECTORS, PAGES)
    state = 7
    for page in flash.data:
        for i in range(len(page)):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            page[i] = state >> 16 & 0xFF
    unit = Unit(flash)
    ring = unit.check()
    assert ring.counter == 0 and not ring.pending
    life(unit, ring)
    unit.check()


def check_layout():
    assert flash_ring.PAGE == 256
