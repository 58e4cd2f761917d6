"""The flash ring when room is short: what it keeps, what it counts, what it leaves out."""

from coprocessor.flash_ring import FULL, FlashRing
from coprocessor.journal import Journal
from coprocessor.memory_ring import MemoryRing
from coprocessor.messages import EVENT_DOOR_OPENED, EVENT_EMERGENCY, EVENT_MISSED, EVENT_RING_FULL, EVENT_TAMPER_OPENED
from flash_unit import PAGES, SEAL, SECTORS, Unit, confirm_all, kinds_and_details, life, payload, work
from measure_flash import PlainFlash
from nor_flash import WAYS, NorFlash, PowerCut


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


def check_a_full_tally_counts_no_further():
    """What one page can count, and no more, outlives a reset; in memory the count goes on."""
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


def serious_until_missed(journal, may_erase, confirming):
    """How many of the unit's serious events are kept before the first one is only counted."""
    kept = -1  # RING_FULL counts the first that is missed
    while not journal.missed:
        journal.note(EVENT_TAMPER_OPENED, 0, 0)
        work(journal, may_erase)
        if confirming:
            journal.confirm(journal.store.counter)
        kept += 1
    return kept


def after_laps(events):
    """The device's ring, used and confirmed; a host that has not been told all of it is not needed here."""
    journal = Journal(FlashRing(PlainFlash()), SEAL)
    for _ in range(events):
        journal.note(EVENT_TAMPER_OPENED, 0, 0)
        work(journal, steps=3)
        journal.confirm(journal.store.counter)
    return journal


def check_the_numbers_of_the_readme():
    """firmware/README.md, "pages run out because", wherever in a sector the ring stands."""
    least = [1000, 1000, 1000]
    for events in range(600, 617, 3):
        journal = after_laps(events)
        least[0] = min(least[0], serious_until_missed(journal, True, False))
        journal = after_laps(events)
        while not journal.may_lock(False):
            assert journal.work(True, 0)
        least[1] = min(least[1], serious_until_missed(journal, False, True))
        journal = after_laps(events)
        while journal.work(True, 0):  # a minute unlocked
            pass
        least[2] = min(least[2], serious_until_missed(journal, False, True))
    assert least[0] >= 224 and least[1] >= 112 and least[2] >= 224, least
    print(least)


def check_the_number_of_events_in_memory():
    """A stock build: 48, emergencies being the last of them."""
    journal = Journal(MemoryRing(), SEAL)
    for number in range(60):
        journal.note(EVENT_TAMPER_OPENED, number, 0)
        work(journal)
    while journal.store.ready:
        journal.note(EVENT_EMERGENCY, 0, 0)
        work(journal)
    kinds = [kind for kind, _ in kinds_and_details(journal.store)]
    assert len(kinds) == 48 and kinds[-1] == EVENT_EMERGENCY
    assert kinds.count(EVENT_TAMPER_OPENED) + journal.missed == 60
