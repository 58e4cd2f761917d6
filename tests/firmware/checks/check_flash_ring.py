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
    EVENT_MISSED,
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
            assert not Journal(ring, SEAL).missed


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
            assert ring.append(payload(ring.counter + 1, 1, detail & 0xFF), False, False) == WRITTEN, (lap, detail)
        assert flash.erasures == erasures
        ring.confirm(ring.counter)
    while ring.append(payload(ring.counter + 1, 1, 0), False, False) == WRITTEN:
        ring.confirm(ring.counter)
    assert ring.append(payload(ring.counter + 1, 1, 0), False, False) == MUST_ERASE


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


def check_full_ring_keeps_the_oldest():
    """A host that stays away: the oldest stay, then it is said that there was no room, the rest is counted, also over
    resets; the number itself becomes an event once there is room."""
    flash = NorFlash(SECTORS, PAGES)
    journal = Journal(FlashRing(flash), SEAL)
    for number in range(40):
        journal.note(EVENT_TAMPER_OPENED, number, 0)
        work(journal)
        if number % 3 == 0:
            before = journal.missed
            journal = Journal(FlashRing(flash), SEAL)
            assert journal.missed == before, "a reset forgets nothing"
    events = kinds_and_details(journal.store)
    kept = len(events) - 1
    assert events == [(EVENT_TAMPER_OPENED, number) for number in range(kept)] + [(EVENT_RING_FULL, 0)]
    assert journal.missed == 40 - kept > 20
    told = confirm_all(journal)
    assert told[:-1] == events and told[-1] == (EVENT_MISSED, 40 - kept), told
    assert not journal.missed and not Journal(FlashRing(flash), SEAL).missed
    journal.note(EVENT_EMERGENCY, 7, 0)
    work(journal)
    assert FlashRing(flash).pending[-1][0] == journal.last_emergency == kept + 3


def check_locked_for_long_counts_what_it_cannot_keep():
    """Nothing may be erased, and the host confirms at once: nearly half of what a whole ring holds is kept at the
    least, then everything is counted, and no event is in neither; the pages of the next emergency stay free."""
    for erased_before in (True, False):
        flash = NorFlash(8, PAGES)
        journal = Journal(FlashRing(flash), SEAL)
        for number in range(3 * 8 * PAGES):
            journal.note(EVENT_TAMPER_OPENED, number & 0xFF, 0)
            work(journal)
            journal.confirm(journal.store.counter)
        while not journal.may_lock(False) or (erased_before and journal.store.erasable):
            assert journal.work(True, 0)
        erasures = list(flash.erasures)
        told = []
        for number in range(60):
            journal.note(EVENT_TAMPER_OPENED, number, 0)
            work(journal, False)
            told += kinds_and_details(journal.store)
            journal.confirm(journal.store.counter)
            assert journal.may_lock(True)
            if number % 7 == 0:
                journal = Journal(FlashRing(flash), SEAL)
                journal.confirm(journal.store.counter)
        assert flash.erasures == erasures
        kept = [detail for kind, detail in told if kind == EVENT_TAMPER_OPENED]
        assert sorted(set(kept)) == list(range(len(set(kept)))), kept
        assert len(set(kept)) >= (20 if erased_before else 8), (erased_before, len(set(kept)))
        assert len(set(kept)) + journal.missed == 60
        journal.note(EVENT_EMERGENCY, 0, 0)
        work(journal, False)
        assert journal.open_emergency and FlashRing(flash).emergency == journal.store.counter
        assert (EVENT_MISSED, 60 - len(set(kept))) in confirm_all(journal)
        print(len(set(kept)), "kept")


def check_one_page_an_event_while_locked():
    """Confirmations cost no page of their own then: 240 pages are 240 events, less what is reserved."""
    flash = NorFlash(16, 16)
    journal = Journal(FlashRing(flash), SEAL)
    while journal.store.prepare():
        pass
    kept = 0
    while not journal.missed:
        journal.note(EVENT_TAMPER_OPENED, 0, 0)
        work(journal, False)
        journal.confirm(journal.store.counter)
        kept += 1
    assert kept >= 239, kept
    assert journal.store.ready >= 15
    print(kept - 2, "serious events in a fresh ring without an erasure")


def missed_of(cut_at, how):
    """A full ring, then eight events more, then a host; the power fails at one operation. (noted, kept + counted)"""
    flash = NorFlash(SECTORS, PAGES)
    flash.cut_at, flash.how = cut_at, how
    noted = 0
    under_way = 0
    told = []
    try:
        journal = Journal(FlashRing(flash), SEAL)
        for number in range(SECTORS * PAGES + 4):
            under_way = 1
            journal.note(EVENT_TAMPER_OPENED, number, 0)
            work(journal, steps=3)
            assert journal.idle
            noted, under_way = noted + 1, 0
        told = kinds_and_details(journal.store)
        journal.confirm(journal.store.counter)
        work(journal, steps=8)
    except PowerCut:
        pass
    operations = flash.operations
    flash.cut_at = 0
    journal = Journal(FlashRing(flash), SEAL)
    found = dict.fromkeys(told + confirm_all(journal))  # what was told twice has the same detail
    kept = sum(1 for kind, _ in found if kind == EVENT_TAMPER_OPENED)
    counted = sum(detail for kind, detail in found if kind == EVENT_MISSED)
    assert not journal.missed
    return noted, under_way, kept + counted, operations


def check_a_cut_while_it_counts():
    """At every operation of a ring that gets full, counts and tells: each event is kept or counted, none twice."""
    noted, _, found, operations = missed_of(0, None)
    assert noted == found == SECTORS * PAGES + 4
    for cut_at in range(1, operations + 1):
        for how in WAYS:
            noted, under_way, found, _ = missed_of(cut_at, how)
            assert noted <= found <= noted + under_way, (cut_at, how, noted, under_way, found)
    print(operations, "operations")


class Emergencies:
    """Emergencies, confirmed and only later cleared, over laps of other events; what a restart has to find."""

    def __init__(self, flash):
        self.flash = flash
        self.open = False
        self.asked = False  # whether its clearing was asked for and not answered
        self.under_way = False  # whether its event waits to be written

    def live(self, journal, rounds=3):
        for _ in range(rounds):
            self.under_way = True
            journal.note(EVENT_EMERGENCY, 0, 0)
            work(journal, steps=4)
            self.open, self.under_way = True, False
            for number in range(SECTORS * PAGES):
                journal.note(EVENT_TAMPER_OPENED, number, 0)
                work(journal, steps=3)
                journal.confirm(journal.store.counter)
                assert journal.open_emergency
            assert not journal.clear(journal.last_emergency + 1) and not journal.clear(journal.last_emergency - 1)
            self.asked = True
            assert journal.clear(journal.last_emergency)
            while journal.open_emergency:
                assert journal.work(True, 0)
            self.open = self.asked = False
            for number in range(3):
                journal.note(EVENT_TAMPER_OPENED, number, 0)
                work(journal, steps=3)
                journal.confirm(journal.store.counter)

    def check(self):
        journal = Journal(FlashRing(self.flash), SEAL)
        if self.open and not self.asked:
            assert journal.open_emergency, "forgotten before it was cleared"
        if not self.open and not self.under_way:
            assert not journal.open_emergency, "came back although its clearing was answered"
        self.open = journal.open_emergency
        self.asked = self.under_way = False
        return journal


def check_an_emergency_is_open_until_it_is_cleared():
    """Confirmed, its page long erased, and the power cut at every operation, in each way: open until cleared."""
    flash = NorFlash(SECTORS, PAGES)
    Emergencies(flash).live(Journal(FlashRing(flash), SEAL))
    operations = flash.operations
    runs = 0
    for cut_at in range(1, operations + 1):
        for how in WAYS:
            unit = Emergencies(NorFlash(SECTORS, PAGES))
            unit.flash.cut_at, unit.flash.how = cut_at, how
            try:
                unit.live(Journal(FlashRing(unit.flash), SEAL))
            except PowerCut:
                runs += 1
            journal = unit.check()
            if unit.open:
                assert journal.clear(journal.last_emergency)
                work(journal)
                assert not journal.open_emergency and not Journal(FlashRing(unit.flash), SEAL).open_emergency
    assert runs == operations * len(WAYS)
    print(operations, "operations,", runs, "cuts")


def check_an_emergency_finds_a_page_or_the_door_stays_open():
    """Pressed and cleared again and again while the host confirms nothing: it is cleared only while there are pages
    for the next one, so none is ever lost; confirming makes room."""
    flash = NorFlash(SECTORS, PAGES)
    journal = Journal(FlashRing(flash), SEAL)
    for number in range(40):
        journal.note(EVENT_TAMPER_OPENED, number, 0)
        work(journal)
    pressed = 0
    for _ in range(20):
        if journal.open_emergency:
            break
        assert journal.may_lock(False) and journal.may_lock(True)
        journal.note(EVENT_EMERGENCY, 0, 0)
        work(journal, False)
        pressed += 1
        assert FlashRing(flash).emergency == journal.last_emergency == journal.store.counter
        journal.clear(journal.last_emergency)
        work(journal)
    assert journal.open_emergency and 2 <= pressed < 20
    assert Journal(FlashRing(flash), SEAL).open_emergency
    journal.confirm(journal.store.counter)
    journal.clear(journal.last_emergency)
    work(journal)
    assert not journal.open_emergency and journal.may_lock(False)


def check_a_full_tally_counts_no_further():
    """What one page can count, and no more, outlives a reset; in memory the count goes on."""
    from measure_flash import PlainFlash

    ring = FlashRing(PlainFlash(256))
    assert not ring.tally() and ring.missed == 1, "no entry yet, so there is room anyway"
    ring.append(payload(1, 1, 0), False, True)
    for _ in range(300):
        ring.tally()
    assert ring.missed == 301
    assert FlashRing(ring._region).missed == 193
    ring.append(payload(2, 1, 0), False, True)
    assert FlashRing(ring._region).missed == 301, "the next entry has all of it"


def check_worn_sectors_are_left_out():
    for worn in range(SECTORS):
        unit = Unit(NorFlash(SECTORS, PAGES))
        unit.flash.worn = {worn}
        ring = FlashRing(unit.flash)
        life(unit, ring)
        life(unit, unit.check())
        unit.check()


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
        assert ring.append(payload(ring.counter + 1, 1, 99), False, True) == FULL
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
            journal.work(True, 0)
    doors = len(journal.store.pending)
    assert doors == journal.store.capacity // 2
    assert journal.missed == 40 - doors
    journal.note(EVENT_TAMPER_OPENED, 1, 0)
    for _ in range(4):
        journal.work(True, 0)
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
