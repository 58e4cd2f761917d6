"""A board in memory, a host that speaks to it, and a controller between them."""

import struct
import time

import micropython

from coprocessor import controller as controller_module
from coprocessor import messages as m
from coprocessor.controller import REST_MS, Controller
from coprocessor.frames import FRAME, Parser, new_frame, write_frame
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
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


class HeldTime:
    """The loop's milliseconds pass only when a check says so; ``with HeldTime() as held: held.pass_ms(99)``."""

    def __init__(self):
        self.now = controller_module.ticks_ms()

    def __enter__(self):
        self.ticks_ms, controller_module.ticks_ms = controller_module.ticks_ms, lambda: self.now
        return self

    def __exit__(self, *exc):
        controller_module.ticks_ms = self.ticks_ms

    def pass_ms(self, ms):
        self.now = time.ticks_add(self.now, ms)


def press(controller, host):
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(32)


def rest(host):
    """The button is left alone for as long as it takes to be pressed anew."""
    time.sleep_ms(REST_MS + 20)
    host.turns(16)
