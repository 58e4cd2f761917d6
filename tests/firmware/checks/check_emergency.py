"""The emergency: what opens the door, and the one thing that lets it be locked again."""

import struct

from coprocessor import messages as m
from coprocessor.controller import AGAIN_MS, REST_MS
from coprocessor.flash_ring import WRITTEN, FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
from memory_board import HeldTime, build, greeted, press, rest
from nor_flash import NorFlash


def check_emergency_is_cleared_by_its_counter_only():
    controller, host = greeted()
    press(controller, host)
    (counter,) = [event[0] for event in host.of(m.EVENT) if event[3] == m.EVENT_EMERGENCY]
    rest(host)
    host.say(m.CLEAR_EMERGENCY, counter + 1)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert not controller.board.locked
    host.say(m.CLEAR_EMERGENCY, counter)
    assert not controller.board.locked, "an old wish does not count"
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked
    before = controller.journal.store.ready
    for _ in range(5):  # said again it costs nothing
        host.say(m.CLEAR_EMERGENCY, counter)
    assert controller.board.locked and controller.journal.store.ready == before


def check_broken_button_wire_stays_open():
    """Whatever the host clears, and without an event for each time."""
    controller, host = greeted()
    controller.board.emergency.drive(1)
    for _ in range(3):
        rest(host)
        host.say(m.CLEAR_EMERGENCY, controller.journal.last_emergency)
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert not controller.board.locked
    assert [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY) == 1
    controller.board.emergency.drive(0)
    rest(host)
    host.say(m.CLEAR_EMERGENCY, controller.journal.last_emergency)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked


def check_a_press_that_crosses_with_the_clearing():
    """Long after the emergency that is open, the button is pressed again: clearing the old one does not clear this."""
    controller, host = greeted()
    press(controller, host)
    first = controller.journal.last_emergency
    rest(host)
    controller._since_press_ms = AGAIN_MS
    press(controller, host)
    assert controller.journal.last_emergency == first + 1
    rest(host)
    host.say(m.CLEAR_EMERGENCY, first)
    host.turns(32)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    second = controller.journal.last_emergency
    assert not controller.board.locked and second == first + 1
    host.say(m.CLEAR_EMERGENCY, first)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert not controller.board.locked
    host.say(m.CLEAR_EMERGENCY, second)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked


def check_no_clearing_right_after_a_press():
    """Asked for within 0.1 s of the button's rest it is not obeyed, however often, and nothing of it is left behind."""
    with HeldTime() as held:
        controller, host = greeted()
        host.turns(32)
        for resting_ms in (0, REST_MS - 1, REST_MS):
            held.pass_ms(AGAIN_MS)
            press(controller, host)
            held.pass_ms(resting_ms)
            host.turns(1)
            host.say(m.CLEAR_EMERGENCY, controller.journal.last_emergency)
            host.turns(32)
            is_cleared = not controller.journal.open_emergency
            assert is_cleared == (resting_ms >= REST_MS), resting_ms
            host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
            assert controller.board.locked == is_cleared


def lock_all_the_same(controller, host):
    """Whether the door lets itself be locked; the emergencies that were told."""
    for _ in range(20):
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert not controller.board.locked
    return [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY)


def check_a_press_calls_off_a_clearing_that_waits():
    """The clearing has arrived and its page is not written yet: it never is, and the emergency can be cleared later."""
    controller, host = greeted()
    press(controller, host)
    rest(host)
    journal = controller.journal
    first = journal.last_emergency
    host.put(m.CLEAR_EMERGENCY, host.session, host.number, first.to_bytes(4, "little"))
    host.number += 1
    while not journal.to_clear:
        host.turns(1)
    assert journal.open_emergency
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(1)
    assert not journal.to_clear
    assert lock_all_the_same(controller, host) == 1
    assert journal.store.cleared < first == journal.last_emergency
    rest(host)
    host.say(m.CLEAR_EMERGENCY, first)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked


def check_a_press_while_the_clearing_is_written():
    """In the turn in which its page is programmed."""
    controller, host = greeted()
    press(controller, host)
    rest(host)
    journal = controller.journal
    work = journal.work

    def work_and_press(may_erase, uptime_ms):
        clears = journal.to_clear
        done = work(may_erase, uptime_ms)
        if clears:
            controller.board.emergency.drive(1)
            controller.board.emergency.drive(0)
        return done

    journal.work = work_and_press
    host.say(m.CLEAR_EMERGENCY, journal.last_emergency)
    assert lock_all_the_same(controller, host) == 2


def check_a_press_after_the_clearing_is_written():
    controller, host = greeted()
    press(controller, host)
    rest(host)
    host.say(m.CLEAR_EMERGENCY, controller.journal.last_emergency)
    host.turns(16)
    assert not controller.safety.emergency
    press(controller, host)
    assert lock_all_the_same(controller, host) == 2


def check_an_emergency_outlives_everything_until_it_is_cleared():
    """Confirmed by the host, then the power fails: the next start's first heartbeats lock nothing."""
    flash = NorFlash(8, 4)
    controller, host = build(store=FlashRing(flash))
    press(controller, host)
    controller.journal.confirm(controller.journal.store.counter)
    host.turns(200)
    counter = controller.journal.last_emergency
    for _ in range(3):
        again, host = greeted(store=FlashRing(flash))
        assert again.safety.emergency and again.journal.last_emergency == counter <= again.journal.store.confirmed
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert not again.board.locked
        again.journal.confirm(again.journal.store.counter)
    rest(host)
    host.say(m.CLEAR_EMERGENCY, counter)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert again.board.locked
    after, host = greeted(store=FlashRing(flash))
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert after.board.locked


def check_locked_only_with_pages_for_an_emergency():
    """A ring without a blank page: half of it is made blank first. One that may not be: the door stays open, told."""
    flash = NorFlash(8, 4)
    store = FlashRing(flash)
    journal = Journal(store, HmacSha256(bytes(32)))
    for _ in range(100):
        journal.note(m.EVENT_TAMPER_OPENED, 0, 0)
        journal.work(True, 0)
        journal.confirm(store.counter)
    assert FlashRing(flash).ready < 4
    controller, host = greeted(store=FlashRing(flash))
    erasures = sum(flash.erasures)
    controller.journal.confirm(controller.journal.store.counter)
    host.put(m.HEARTBEAT, host.session, host.number, b"\x01\x00\x00")
    host.number += 1
    for _ in range(100):
        host.turns(1)
        assert not controller.board.locked or controller.journal.store.ready >= 16
    assert controller.board.locked and sum(flash.erasures) > erasures


def all_but(pages, flash):
    """A ring of which so many pages are left and nothing is confirmed; the power failed while an emergency was written
    into one of its last pages, so none is open."""
    ring = FlashRing(flash)
    while ring.slots() > pages:
        counter = ring.counter + 1
        event = struct.pack(m.LAYOUTS[m.EVENT], counter, 1, 0, m.EVENT_TAMPER_OPENED, 0, bytes(16))
        assert ring.append(event, False, True) == WRITTEN
    return FlashRing(flash)


def check_no_lock_without_pages_for_the_next_emergency():
    """Two pages; with fewer the door stays open or opens, the host is told, and confirming makes room."""
    for pages in (3, 2, 1, 0):
        flash = NorFlash(8, 4)
        store = all_but(pages, flash)
        journal = Journal(store, HmacSha256(bytes(32)))
        assert journal.may_lock(True) == journal.may_lock(False) == (pages >= 2), pages
        controller, host = greeted(store=store)
        assert not controller.safety.emergency
        for _ in range(3):
            host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
            assert controller.board.locked == (pages >= 2), pages
        assert bool(host.of(m.STATUS)[-1][0] & m.FLAG_NO_ROOM) == (pages < 2)
        if pages == 2:  # used up while it is locked
            all_but(1, flash)
            controller.journal.store = FlashRing(flash)
            host.turns(1)
            assert not controller.board.locked
        host.say(m.CONFIRM, controller.journal.store.counter)
        host.turns(200)
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert controller.board.locked and not host.of(m.STATUS)[-1][0] & m.FLAG_NO_ROOM, pages


def check_nothing_is_erased_while_locked():
    """Laps of events, each confirmed at once, so that there is always a sector to erase: only with the door open."""
    flash = NorFlash(8, 4)
    controller, host = greeted(store=FlashRing(flash))
    journal = controller.journal
    for locks in (True, False, True):
        erasures = sum(flash.erasures)
        may_be_erased = 0
        for number in range(2 * 8 * 4):
            host.say(m.HEARTBEAT, m.WISH_WANT_LOCK if locks else 0, 0)
            assert controller.board.locked == locks
            journal.note(m.EVENT_TAMPER_OPENED, number, 0)
            host.turns(16)
            host.say(m.CONFIRM, journal.store.counter)
            may_be_erased += journal.store.erasable
        assert not locks or may_be_erased > 20, "there was something to erase"
        assert (sum(flash.erasures) > erasures) != locks
        host.say(m.RELEASE)
        host.turns(200)
