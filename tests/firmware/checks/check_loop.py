"""The loop on a board in memory: inputs, refusals, the journal under it, nothing allocated in an interrupt."""

import gc
import struct
import time

import micropython

from coprocessor import messages as m
from coprocessor.controller import Controller
from coprocessor.frames import FRAME, Parser, new_frame, write_frame
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.inputs import Contact
from coprocessor.journal import MAX_WAITING, Journal
from coprocessor.link import Identity, Link
from coprocessor.memory_ring import MemoryRing
from coprocessor.safety import Limits, Safety


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

    def lock(self, on):
        self.locked = on

    def power(self, on):
        self.powered = on

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


def build(limits=None, store=None):
    journal = Journal(store or MemoryRing(), HmacSha256(bytes(32)))
    link = Link(Identity(1, 1, 1, 3, 256), 0)
    controller = Controller(MemoryBoard(), Safety(limits or Limits()), link, journal)
    host = Host(controller)
    return controller, host


def greeted(limits=None):
    controller, host = build(limits)
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
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
        assert controller.board.locked
        for _ in range(before):
            controller.turn()
        for number in range(20):  # a flood behind it: valid, repeated and damaged frames
            host.put(m.HEARTBEAT, host.session, host.number + number, b"\x01")
            host.uart.incoming += b"\x00\x05garbage\x00"
        controller.board.emergency.drive(1)
        controller.board.emergency.drive(0)  # shorter than a turn
        controller.turn()
        assert not controller.board.locked
        host.turns(200)
        assert not controller.board.locked
        assert [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY) == 1


def check_emergency_is_cleared_by_its_counter_only():
    controller, host = greeted()
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(32)
    (counter,) = [event[0] for event in host.of(m.EVENT) if event[3] == m.EVENT_EMERGENCY]
    host.say(m.CLEAR_EMERGENCY, counter + 1)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
    assert not controller.board.locked
    host.say(m.CLEAR_EMERGENCY, counter)
    assert not controller.board.locked, "an old wish does not count"
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
    assert controller.board.locked


def check_broken_button_wire_stays_open():
    controller, host = greeted()
    controller.board.emergency.drive(1)
    for _ in range(3):
        host.turns(32)
        host.say(m.CLEAR_EMERGENCY, controller.journal.last_emergency)
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
        assert not controller.board.locked


def check_an_unconfirmed_emergency_outlives_a_reset():
    store = MemoryRing()
    controller, host = build(store=store)
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(32)
    again, _ = build(store=store)
    assert again.safety.emergency and again.journal.last_emergency == controller.journal.last_emergency
    again.journal.confirm(store.counter)
    after, _ = build(store=store)
    assert not after.safety.emergency


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
    controller.journal.work = lambda may_erase: False
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
    host.say(m.HEARTBEAT, 0)
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
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
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
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK)
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
