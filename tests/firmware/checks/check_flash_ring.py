"""The flash ring: cut between any two flash operations and in the middle of each, nothing kept is lost or doubled."""

import struct

from coprocessor import flash_ring
from coprocessor.flash_ring import MUST_ERASE, WRITTEN, FlashRing
from coprocessor.journal import Journal
from coprocessor.messages import EVENT, EVENT_EMERGENCY, EVENT_TAMPER_OPENED, LAYOUTS
from flash_unit import PAGES, SEAL, SECTORS, Unit, life, payload, work, work_through
from nor_flash import WAYS, NorFlash, PowerCut


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
