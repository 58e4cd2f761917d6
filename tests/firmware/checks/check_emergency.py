"""The emergency: what opens the door, and the one thing that lets it be locked again."""

from coprocessor import messages as m
from coprocessor.controller import AGAIN_MS
from coprocessor.flash_ring import FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
from memory_board import build, greeted, press, rest
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


def pressed_while_cleared(moment):
    """How many emergencies there are when the button is pressed in that moment of the first one's clearing."""
    controller, host = greeted()
    press(controller, host)
    rest(host)
    journal = controller.journal
    work = journal.work

    def work_and_press(may_erase, uptime_ms):
        clears = journal.to_clear
        if moment == "before" and clears:
            controller.board.emergency.drive(1)
            controller.board.emergency.drive(0)
            return False
        done = work(may_erase, uptime_ms)
        if moment == "while" and clears:
            controller.board.emergency.drive(1)
            controller.board.emergency.drive(0)
        return done

    journal.work = work_and_press
    host.say(m.CLEAR_EMERGENCY, journal.last_emergency)
    if moment == "after":
        host.turns(16)
        press(controller, host)
    for _ in range(20):
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert not controller.board.locked, moment
    return [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY)


def check_a_press_while_the_clearing_is_written():
    """Before its page, in the turn in which it is programmed, and after it."""
    assert pressed_while_cleared("before") == 1
    assert pressed_while_cleared("while") == 2
    assert pressed_while_cleared("after") == 2


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
    controller.journal.may_lock = lambda is_locked: False
    host.turns(32)
    assert not controller.board.locked and host.of(m.STATUS)[-1][0] & m.FLAG_NO_ROOM
