"""Stand-in of an RP2040's ``machine`` on MicroPython's Unix port: pins by text on standard input, UART on a terminal.

Commands, one a line: ``pin NUMBER LEVEL``, ``stop`` (leave, telling what of the
heap is in use). Every level that an output takes is
told on standard output as ``out NUMBER LEVEL MICROSECONDS``, every ``pin`` command that was obeyed as ``obeyed pin
NUMBER LEVEL``. Interrupt handlers run under ``heap_lock``: one that
allocates ends the program.
"""

import gc
import os
import select
import sys
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms, ticks_us

import micropython

PWRON_RESET = 1
WDT_RESET = 3

CALM_TURNS = 64
CALM_MS = 70

_pins = {}
_input = select.poll()
_input.register(sys.stdin, select.POLLIN)


def reset_cause():
    return int(os.getenv("STAND_IN_RESET") or PWRON_RESET)


def tell(*words):
    print(*words)


class Scratch:
    """``mem32``: the watchdog's first scratch register and nothing else, in a file that a reset of it leaves."""

    address = 0x4005800C

    def __init__(self, path):
        self._path = path

    def __getitem__(self, address):
        assert address == self.address
        try:
            with open(self._path) as file:
                return int(file.read())
        except OSError:
            return 0

    def __setitem__(self, address, word):
        assert address == self.address and 0 <= word < 1 << 32
        with open(self._path, "w") as file:
            file.write(str(word))


mem32 = Scratch(os.getenv("STAND_IN_SCRATCH") or "")


class Pin:
    IN = 0
    OUT = 1
    ALT = 3
    ALT_UART = 2
    PULL_UP = 1
    IRQ_RISING = 8

    def __new__(cls, number, *arguments, **named):
        if number not in _pins:
            _pins[number] = object.__new__(cls)
        return _pins[number]

    def __init__(self, number, mode=-1, pull=-1, value=None):
        if not hasattr(self, "number"):
            self.number = number
            self.level = 0  # contacts at rest are closed to ground
            self.handler = None
        if number == 9 and not os.getenv("STAND_IN_SERVICE"):
            self.level = 1
        if value is not None:
            self.value(value)

    def init(self, mode=-1, pull=-1, value=None, alt=-1):
        if value is not None:
            self.value(value)
        else:
            tell("mode", self.number, "in" if mode == self.IN else "alt", ticks_us())

    def value(self, level=None):
        if level is None:
            return self.level
        if level != self.level:
            self.level = level
            tell("out", self.number, level, ticks_us())
        return None

    def irq(self, handler, trigger, hard=False):
        self.handler = handler

    def drive(self, level):
        """From outside: the level changes; a rising edge interrupts."""
        rising = level > self.level
        self.level = level
        if rising and self.handler:
            handler = self.handler
            micropython.heap_lock()
            try:
                handler(self)
            finally:
                micropython.heap_unlock()


class PWM:
    def __init__(self, pin, freq, duty_u16):
        tell("tone", freq)

    def deinit(self):
        tell("tone", 0)


class UART:
    """A terminal, set raw with VMIN 0 by whoever started this: a read brings what is there."""

    def __init__(self, number, baudrate, tx, rx, timeout, rxbuf, txbuf):
        self._file = open(os.getenv("STAND_IN_UART"), "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._limit = rxbuf

    def any(self):
        return self._limit if self._poll.poll(0) else 0

    def readinto(self, buffer, length):
        data = self._file.read(length)
        if not data:
            return 0
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):
        return self._file.write(data)


class WDT:
    def __init__(self, timeout):
        tell("watchdog", timeout)
        self._turns = CALM_TURNS
        self._last = ticks_add(ticks_ms(), -CALM_MS)

    def feed(self):
        """End of a turn: hear what the world outside does, and leave the processor to others for a moment.

        The world does one thing at a time, in the firmware's time, so that a busy machine misses no contact.
        """
        self._turns += 1
        calm = self._turns >= CALM_TURNS and ticks_diff(ticks_ms(), self._last) >= CALM_MS
        if calm and _input.poll(0):
            line = sys.stdin.readline()
            if not line:
                sys.exit(0)
            obey(line.split())
            self._turns = 0
            self._last = ticks_ms()
        sleep_ms(1)


def obey(words):
    if words[0] == "pin":
        _pins[int(words[1])].drive(int(words[2]))
        tell("obeyed", *words)
    elif words[0] == "stop":
        gc.collect()
        tell("heap", gc.mem_alloc())
        sys.exit(0)
