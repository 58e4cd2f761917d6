"""What a turn of the real loop costs on this machine, in the firmware's heap; prints one JSON object.

``worst_us``: each piece of the loop with the most work it can get in one turn, median of many. ``load``: turns while
the link is never idle, with the pressed button's way to the relay counted in turns. ``loop_us``: one round of the
interpreter's smallest loop in the same run, by which the figures can be carried over to another processor.
"""

import gc
import json
import struct
from array import array
from time import ticks_diff, ticks_us

from coprocessor import messages as m
from coprocessor.controller import CHUNK
from coprocessor.flash_ring import FlashRing
from coprocessor.frames import new_frame, write_frame
from measure_flash import PlainFlash
from memory_board import build

ROUNDS = 100000
REPEATS = 101
LOAD_TURNS = 8000
PRESSES = 100


def smallest_loop():
    i = 0
    while i < ROUNDS:
        i += 1


def timed(function, *arguments):
    start = ticks_us()
    function(*arguments)
    return ticks_diff(ticks_us(), start)


def median_of(prepare, piece):
    samples = array("I", (0 for _ in range(REPEATS)))
    for i in range(REPEATS):
        prepare()
        samples[i] = timed(piece, ticks_us() // 1000)
    return sorted(samples)[REPEATS // 2]


def longest_frame(session, number):
    frame = new_frame()
    colours = bytes(range(1, 8)) * 3 + bytes(3)
    payload = struct.pack(m.LAYOUTS[m.CHALLENGE], number & 0xFF, 2000, 24, colours)
    return bytes(frame[: write_frame(frame, m.CHALLENGE, session, number, payload)])


class Worst:
    """Each piece at its most expensive."""

    def __init__(self, controller, host):
        self.controller = controller
        self.host = host
        self.rest = longest_frame(0, 0)

    def receive(self):
        """A full chunk whose last byte completes the longest message, which is new and is obeyed."""
        controller = self.controller
        data = longest_frame(controller.link.session, controller.link._take_number)
        controller._at = controller._end = 0
        controller.board.uart.incoming = b""
        controller._parser.take(data, 0, len(data) - CHUNK)
        controller.board.uart.incoming = data[-CHUNK:]
        controller.lights.stop()
        controller.link._ack = -1
        controller.link._queue.clear()

    def transmit(self):
        """An event is read from flash, a status is made, and a frame of the queue is written."""
        controller = self.controller
        controller.link._queue.clear()
        controller.link._flying = False
        controller.link._ack = -1
        controller._told = 0
        controller._status_due = True

    def record(self):
        """An event is sealed, programmed and read back."""
        journal = self.controller.journal
        if journal.store.slots() < 8:
            journal.confirm(journal.store.counter)
            while journal.work(True, 0):
                pass
        journal.note(m.EVENT_TAMPER_OPENED, 0, 0)

    def show(self):
        """A frame of the most changing pattern is painted."""
        lights = self.controller.lights
        lights.pattern = m.PATTERN_CARD
        lights.stop()
        lights._draw_at = ticks_us() // 1000
        self.controller.safety.heartbeat(0)

    def keep_house(self):
        """The heap is full of garbage."""
        gc.collect()
        waste = [bytearray(64) for _ in range(gc.mem_free() // 400)]
        del waste

    def keep_safe(self):
        """An emergency and the end of a heartbeat's time."""
        self.controller.emergency.edges += 1
        self.controller.safety.heartbeat(m.WISH_WANT_LOCK)


def worst(controller, host):
    makers = Worst(controller, host)
    names = ("keep_safe", "receive", "transmit", "record", "show", "keep_house")
    return {name: median_of(getattr(makers, name), getattr(controller, name)) for name in names}


def load(controller):
    """Never an idle moment on the link, damaged frames in between; the button pressed a hundred times."""
    frame = new_frame()
    uart = controller.board.uart
    turns_to_relay = presses = 0
    controller.safety.clear_emergency()
    pressed_at = -1
    number = controller.link._take_number
    longest = 0
    for turn in range(LOAD_TURNS):
        if len(uart.incoming) < CHUNK:
            length = write_frame(frame, m.HEARTBEAT, controller.link.session, number & 0xFFFF, b"\x01\0\0")
            uart.incoming += bytes(memoryview(frame)[:length]) + b"\x00\x07noise\x00"
            number += 1
            if number % 4 == 0:
                uart.incoming += longest_frame(controller.link.session, number & 0xFFFF)
                number += 1
        if controller.board.locked and turn % (LOAD_TURNS // PRESSES) > 20 and pressed_at < 0:
            controller.board.emergency.drive(1)
            controller.board.emergency.drive(0)
            pressed_at = turn
            presses += 1
        cost = timed(controller.turn)
        longest = max(longest, cost)
        if pressed_at >= 0 and not controller.board.locked:
            turns_to_relay = max(turns_to_relay, turn + 1 - pressed_at)
            pressed_at = -1
            controller.safety.clear_emergency()
        uart.outgoing = b""
        controller.board.ring.shown.clear()
        controller.journal.confirm(controller.journal.store.counter)
        controller.link._flying = False
        controller.link._queue.clear()
    return {
        "turns": LOAD_TURNS,
        "presses": presses,
        "turns_to_relay": turns_to_relay,
        "messages": number,
        "slowest_us": longest,
    }


def main():
    controller, host = build(store=FlashRing(PlainFlash()))
    host.put(m.HELLO, 0, 0, struct.pack(m.LAYOUTS[m.HELLO], m.PROTOCOL_VERSION, 5, 9))
    host.turns()
    loop = min(timed(smallest_loop) for _ in range(9)) / ROUNDS
    result = {"loop_us": loop, "worst_us": worst(controller, host), "load": load(controller)}
    gc.collect()
    result["heap_bytes"] = gc.mem_alloc()
    print(json.dumps(result))


main()
