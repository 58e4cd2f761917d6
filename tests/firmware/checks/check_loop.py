"""The loop on a board in memory: inputs, refusals, the journal under it, nothing allocated in an interrupt."""

import gc
import struct
import time

import micropython

from coprocessor import messages as m
from coprocessor.controller import AGAIN_MS, REST_MS, Controller
from coprocessor.flash_ring import FlashRing
from coprocessor.frames import FRAME, Parser, new_frame, write_frame
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.inputs import Contact
from coprocessor.journal import MAX_WAITING, Journal
from coprocessor.link import Identity, Link
from coprocessor.memory_ring import MemoryRing
from coprocessor.safety import Limits, Safety
from nor_flash import NorFlash


class MemoryPin:
    """A pin whose interrupts run as on the device: nothing can be allocated in them."""

    IRQ_RISING = 8

    def __init__(self):
        self.level = 0
        self.handler = None

    def value(self):
        return self.level

    def irq(self, handler, trigger, hard):
        assert trigger == self.IRQ_RISING and hard
        self.handler = handler

    def drive(self, level):
        rising = level > self.level
        self.level = level
        if rising:
            self.interrupt()

    def interrupt(self):
        micropython.heap_lock()
        try:
            self.handler(self)
        finally:
            micropython.heap_unlock()


class MemoryUart:
    def __init__(self):
        self.incoming = b""
        self.outgoing = b""

    def any(self):
        return len(self.incoming)

    def readinto(self, buffer, length):
        data = self.incoming[:length]
        self.incoming = self.incoming[length:]
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        self.outgoing += data
        return len(data)


class MemoryLights:
    n = 16

    def __init__(self):
        self.shown = []
        self.colour = None

    def fill(self, colour):
        self.colour = colour

    def __setitem__(self, index, colour):
        self.colour = colour

    def write(self):
        self.shown.append(self.colour)


class MemoryBoard:
    def __init__(self):
        self.emergency, self.tamper, self.door = MemoryPin(), MemoryPin(), MemoryPin()
        self.uart, self.ring = MemoryUart(), MemoryLights()
        self.locked = None
        self.powered = None
        self.tones = []
        self.fed = 0
        self.kept = 0

    def lock(self, on):
        self.locked = on

    def power(self, on):
        self.powered = on

    def keep(self, cycles):
        self.kept = cycles

    def tone(self, hertz):
        self.tones.append(hertz)

    def feed(self):
        self.fed += 1


class Host:
    """Speaks frames by hand."""

    def __init__(self, controller):
        self.controller = controller
        self.uart = controller.board.uart
        self.number = 0
        self.session = 0
        self.messages = []
        self.frame = new_frame()
        self.acknowledging = True

    def put(self, kind, session, number, payload):
        length = write_frame(self.frame, kind, session, number, payload)
        self.uart.incoming += bytes(memoryview(self.frame)[:length])

    def say(self, kind, *fields):
        self.put(kind, self.session, self.number, struct.pack(m.LAYOUTS[kind], *fields))
        self.number += 1
        self.turns(16)

    def turns(self, count=16):
        for _ in range(count):
            self.controller.turn()
            self.hear()

    def hear(self):
        data, self.uart.outgoing = self.uart.outgoing, b""
        parser = Parser()
        at = 0
        while at < len(data):
            at = parser.take(data, at, len(data))
            assert parser.found in (0, FRAME)
            if parser.found == FRAME:
                self.take(parser)

    def take(self, parser):
        if parser.kind == m.WELCOME:
            self.session = struct.unpack(m.LAYOUTS[m.WELCOME], parser.payload)[3]
        elif parser.kind >= m.FIRST_SEQUENCED and self.acknowledging:
            self.messages.append((parser.kind, struct.unpack(m.LAYOUTS[parser.kind], parser.payload)))
            self.put(m.ACK, parser.session, parser.number, b"")

    def of(self, kind):
        return [fields for one, fields in self.messages if one == kind]


def build(limits=None, store=None, cycles=0):
    journal = Journal(store or MemoryRing(), HmacSha256(bytes(32)))
    link = Link(Identity(1, 1, 1, 3, 256), 0)
    controller = Controller(MemoryBoard(), Safety(limits or Limits(), cycles), link, journal)
    host = Host(controller)
    return controller, host


def greeted(limits=None, store=None, cycles=0):
    controller, host = build(limits, store, cycles)
    host.put(m.HELLO, 0, 0, struct.pack(m.LAYOUTS[m.HELLO], m.PROTOCOL_VERSION, 5, 9))
    host.turns()
    assert host.session
    return controller, host


def check_interrupts_allocate_nothing():
    pin = MemoryPin()
    contact = Contact(pin, 20)
    for _ in range(70000):  # past the end of its count
        pin.interrupt()
    assert contact.edges == 70000 & 0xFFFF
    assert contact.struck() and not contact.struck()


def check_an_allocating_interrupt_is_noticed():
    """The proof that the check above can fail."""

    class Careless(Contact):
        def on_edge(self, pin):
            self.edges = [time.ticks_us()]

    pin = MemoryPin()
    Careless(pin, 20)
    try:
        pin.interrupt()
    except MemoryError:
        return
    raise AssertionError("an allocation in an interrupt went unnoticed")


def check_button_to_relay_in_two_turns():
    """Wherever in the loop the button is pressed, and whatever the link brings, the lock is let go in the next turn."""
    for before in range(8):
        controller, host = greeted()
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert controller.board.locked
        for _ in range(before):
            controller.turn()
        for number in range(20):  # a flood behind it: valid, repeated and damaged frames
            host.put(m.HEARTBEAT, host.session, host.number + number, b"\x01\x00\x00")
            host.uart.incoming += b"\x00\x05garbage\x00"
        controller.board.emergency.drive(1)
        controller.board.emergency.drive(0)  # shorter than a turn
        controller.turn()
        assert not controller.board.locked
        host.turns(200)
        assert not controller.board.locked
        assert [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY) == 1


def press(controller, host):
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(32)


def rest(host):
    """The button is left alone for as long as it takes to be pressed anew."""
    time.sleep_ms(REST_MS + 20)
    host.turns(16)


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


def check_an_old_heartbeat_holds_nothing():
    controller, host = greeted()
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 3000)
    assert not controller.board.locked
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 2900)
    assert controller.board.locked
    time.sleep_ms(110)
    host.turns(1)
    assert not controller.board.locked


def check_power_cycles_are_kept():
    """Three are three also when the watchdog resets in between."""
    limits = Limits(silent_ms=5, hung_ms=10, grace_ms=10, off_ms=5)
    cuts = kept = 0
    for _ in range(6):
        controller, host = greeted(limits, cycles=kept)
        host.say(m.HEARTBEAT, 0, 0)
        was_powered = True
        for _ in range(150):
            time.sleep_ms(1)
            host.turns(1)
            cuts += was_powered and not controller.board.powered
            was_powered = controller.board.powered
            if cuts > kept:
                break
        kept = max(kept, controller.board.kept)
    assert cuts == kept == 3, (cuts, kept)


def check_events_with_gaps_are_all_told():
    """The power failed while a sector of confirmed events was erased: some of them are there again, some are not."""
    store = MemoryRing()
    controller, host = greeted(store=store)
    host.turns(32)
    counters = [5, 7, 8, 9, 10, 11, 30, 31]
    store.pending.clear()
    for counter in counters:
        event = struct.pack(m.LAYOUTS[m.EVENT], counter, 1, 0, m.EVENT_TAMPER_OPENED, 0, bytes(16))
        store.pending.append((counter, event))
    controller._told = 0
    host.messages.clear()
    host.turns(200)
    assert [event[0] for event in host.of(m.EVENT)] == counters


def check_tamper_shorter_than_a_turn():
    controller, host = greeted()
    host.turns()
    controller.board.tamper.drive(1)
    controller.board.tamper.drive(0)
    host.turns(16)
    time.sleep_ms(30)
    host.turns(32)
    kinds = [event[3] for event in host.of(m.EVENT)]
    assert kinds == [m.EVENT_STARTED, m.EVENT_TAMPER_OPENED, m.EVENT_TAMPER_CLOSED], kinds


def check_tampering_waits_for_room():
    """With the journal's queue full nothing of the contacts is forgotten."""
    controller, host = greeted()
    host.turns()
    controller.journal.work = lambda may_erase, uptime_ms: False
    while controller.journal.room():
        controller.journal.note(m.EVENT_DOOR_OPENED, 0, 0)
    controller.board.tamper.drive(1)
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(64)
    assert controller.emergency_owed and not controller.tamper.open
    del controller.journal.work
    host.turns(MAX_WAITING * 16 + 200)
    kinds = [event[3] for event in host.of(m.EVENT)]
    assert m.EVENT_EMERGENCY in kinds and m.EVENT_TAMPER_OPENED in kinds, kinds


def check_refusals():
    controller, host = greeted()
    host.put(0x7F, host.session, host.number, b"what")
    host.number += 1
    host.turns()
    host.put(m.RING, host.session, host.number, b"\x01\x02")
    host.number += 1
    host.turns()
    host.say(m.RING, 200)
    host.say(m.BUZZER, 99)
    host.say(m.CHALLENGE, 1, 100, 0, bytes(24))
    host.say(m.CHALLENGE, 1, 0, 3, bytes(24))
    host.say(m.CHALLENGE, 1, 100, 25, bytes(24))
    host.say(m.CHALLENGE, 1, 100, 3, bytes((1, 2, 8)) + bytes(21))
    assert (
        host.of(m.REFUSED)
        == [
            (0x7F, m.REFUSE_UNKNOWN_TYPE),
            (m.RING, m.REFUSE_BAD_PAYLOAD),
            (m.RING, m.REFUSE_BAD_VALUE),
            (m.BUZZER, m.REFUSE_BAD_VALUE),
        ]
        + [(m.CHALLENGE, m.REFUSE_BAD_VALUE)] * 4
    )
    assert controller.board.fed == controller.turns


def check_every_pattern_and_sound():
    controller, host = greeted()
    host.say(m.HEARTBEAT, 0, 0)
    looks = set()
    for pattern in range(m.PATTERN_OFF, m.PATTERN_CARE_FIRST + 1):
        host.say(m.RING, pattern)
        assert controller.lights.pattern == pattern
        controller.board.ring.shown.clear()
        controller.lights.stop()
        start = time.ticks_add(time.ticks_ms(), 10000 * (pattern + 1))
        for frame in range(40):  # 40 frames of 100 ms
            controller.lights.draw(time.ticks_add(start, frame * 100), 100, False)
        looks.add((pattern, tuple(controller.board.ring.shown)))
    assert len(looks) == 12 and len({look for _, look in looks}) == 12, "no two patterns look the same"
    for sound in range(m.SOUND_NONE, m.SOUND_ALARM + 1):
        controller.board.tones.clear()
        controller.buzzer.play(sound, 0)
        for now in range(0, 3000, 10):
            controller.buzzer.poll(now)
        assert not controller.board.tones or controller.board.tones[-1] == 0, "silence at the end"
        assert bool(controller.board.tones) == (sound != m.SOUND_NONE)


def check_silence_shows_care_first():
    controller, host = greeted(Limits(silent_ms=30))
    host.say(m.RING, m.PATTERN_PASSED)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked and not controller.safety.care_first
    time.sleep_ms(40)
    host.turns(32)
    assert not controller.board.locked and controller.safety.care_first
    red, green, blue = controller.board.ring.shown[-1]
    assert green > red == blue > 0
    assert m.EVENT_HOST_SILENT in [event[3] for event in host.of(m.EVENT)]


def check_no_garbage_piles_up():
    """100 000 turns under load in a heap of 128 KB; what lives at the end is what lived at the beginning."""
    controller, host = greeted()
    host.turns(400)
    host.messages.clear()
    gc.collect()
    before = gc.mem_alloc()
    for lap in range(1000):
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        host.say(m.CLOCK, lap)
        host.number &= 0xFFFF
        controller.board.tamper.drive(lap & 1)
        host.turns(64)
        if lap % 8 == 0:
            host.say(m.CONFIRM, controller.journal.store.counter)
        host.messages.clear()
        controller.board.ring.shown.clear()
        controller.board.tones.clear()
    gc.collect()
    grown = gc.mem_alloc() - before
    assert grown < 4096, grown
    print("heap in use", gc.mem_alloc(), "grown", grown)
