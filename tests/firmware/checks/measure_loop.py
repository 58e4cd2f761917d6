"""What a turn of the real loop costs on this machine, in the firmware's heap; prints one JSON object.

``turn_rounds``: whole turns, by the piece that is done in them, with the most work that safety, light challenge and
piece can get at once; median and 95th percentile of many, in rounds of the interpreter's smallest loop, by which they
can be carried over to another processor. That loop is timed before each of these turns. Their work is always the same,
so what the percentile has above the median is this machine's: other programs, caches.
``load``: turns while the link is never idle, with the pressed button's way to the relay counted in turns.
"""

import gc
import json
import struct
from array import array
from time import ticks_diff, ticks_us

from coprocessor import messages as m
from coprocessor.controller import AGAIN_MS, CHUNK
from coprocessor.flash_ring import FlashRing
from coprocessor.frames import new_frame, write_frame
from measure_flash import PlainFlash
from memory_board import build

ROUNDS = 1000
REPEATS = 200
LOAD_TURNS = 8000
#: Place in the loop and name of each piece that may cost something.
STAGES = ((0, "receive"), (1, "transmit"), (3, "record"), (6, "show"), (7, "keep_house"))
PRESSES = 100


def smallest_loop():
    i = 0
    while i < ROUNDS:
        i += 1


def timed(function, *arguments):
    start = ticks_us()
    function(*arguments)
    return ticks_diff(ticks_us(), start)


def in_order(samples):
    """Sorted where they are, so that no room is needed for it."""
    for i in range(1, len(samples)):
        sample = samples[i]
        while i and samples[i - 1] > sample:
            samples[i] = samples[i - 1]
            i -= 1
        samples[i] = sample
    return samples


def turn_rounds(controller, prepare, also, stage):
    """Median and 95th percentile of turns that do this piece, in rounds of the smallest loop."""
    turns = array("I", (0 for _ in range(REPEATS)))
    loops = array("I", (0 for _ in range(REPEATS)))
    for i in range(REPEATS):
        prepare()
        also()
        loops[i] = timed(smallest_loop)
        controller._stage = stage
        turns[i] = timed(controller.turn)
    rounds_per_us = ROUNDS / in_order(loops)[REPEATS // 2]
    return [in_order(turns)[REPEATS * share // 100] * rounds_per_us for share in (50, 95)]


def longest_frame(session, number):
    frame = new_frame()
    colours = bytes(range(1, 8)) * 3 + bytes(3)
    payload = struct.pack(m.LAYOUTS[m.CHALLENGE], number & 0xFF, 2000, 24, colours)
    return bytes(frame[: write_frame(frame, m.CHALLENGE, session, number, payload)])


class Worst:
    """Each piece at its most expensive."""

    def __init__(self, controller):
        self.controller = controller

    def receive(self):
        """A full chunk whose last byte completes the longest message, which is new and is obeyed."""
        controller = self.controller
        data = longest_frame(controller.link.session, controller.link._take_number)
        controller._at = controller._end = 0
        controller.board.uart.incoming = b""
        controller._parser.take(data, 0, len(data) - CHUNK)
        controller.board.uart.incoming = data[-CHUNK:]
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
        journal._waiting.clear()
        journal.note(m.EVENT_TAMPER_OPENED, 0, 0)

    def show(self):
        """A frame of the most changing pattern is painted; that is only when no challenge is under way."""
        lights = self.controller.lights
        lights.pattern = m.PATTERN_CARD
        lights.stop()
        lights._draw_at = ticks_us() // 1000
        lights._drawn = (-1, -1)

    def keep_house(self):
        """The heap is full of garbage."""
        gc.collect()
        for _ in range(gc.mem_free() // 400):
            bytearray(64)

    def press(self):
        """In the same turn the button is pressed, and a challenge that is under way ends because of it."""
        self._calm()
        self.controller.lights.start(1, 1000, bytes(24))
        self.controller.emergency.edges += 1

    def play(self):
        """In the same turn a step of a challenge is due."""
        self._calm()
        self.controller.lights.start(1, 1000, bytes((m.COLOUR_WHITE,)))

    def neither(self):
        """The ring paints patterns only when there is no challenge."""
        self._calm()

    def _calm(self):
        controller = self.controller
        controller.journal.to_clear = 0
        controller.board.ring.shown.clear()
        controller.board.uart.outgoing = b""
        controller.emergency_owed = False
        controller._since_press_ms = AGAIN_MS
        controller.safety.clear_emergency()
        controller.safety.heartbeat(m.WISH_WANT_LOCK)
        controller.lights.stop()


def worst(controller):
    """``turn_rounds`` of each piece together with each of what safety may have to do in the same turn."""
    makers = Worst(controller)
    found = {}
    for stage, piece in STAGES:
        for extra in ("neither",) if piece == "show" else ("press", "play"):
            prepare, also = getattr(makers, piece), getattr(makers, extra)
            found[piece + ", " + extra] = turn_rounds(controller, prepare, also, stage)
    return found


def load(controller):
    """Never an idle moment on the link, damaged frames in between; the button pressed a hundred times."""
    frame = new_frame()
    uart = controller.board.uart
    turns_to_relay = presses = 0
    controller.safety.clear_emergency()
    pressed_at = -1
    number = controller.link._take_number
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
        controller.turn()
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
    }


def main():
    controller, host = build(store=FlashRing(PlainFlash()))
    host.put(m.HELLO, 0, 0, struct.pack(m.LAYOUTS[m.HELLO], m.PROTOCOL_VERSION, 5, 9))
    host.turns()
    result = {"turn_rounds": worst(controller), "load": load(controller)}
    gc.collect()
    result["heap_bytes"] = gc.mem_alloc()
    print(json.dumps(result))


main()
