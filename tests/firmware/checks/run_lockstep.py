"""The loop on a board in memory, a step at a time: commands on standard input, one line of answer to each.

flash SECTORS PAGES     a new board with blank flash
start WATCHDOG          power on (0) or the watchdog's reset (1): its boot number
run US TURNS HEX        bytes of the host, then turns of US each: LOCKED POWERED HEX, or "dead" after a power cut
pin NAME LEVEL          a contact opens (1) or closes
cut OPERATION WAY       the power fails at that flash operation from now on, and leaves that behind
state                   what the journal has: OPEN_EMERGENCY MISSED COUNTER IDLE ERASURES
"""

import gc
import sys
import time
from binascii import hexlify, unhexlify

from coprocessor.controller import Controller
from coprocessor.flash_ring import FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
from coprocessor.link import Identity, Link
from coprocessor.safety import Limits, Safety
from memory_board import MemoryBoard
from nor_flash import WAYS, NorFlash, PowerCut

KEY = bytes(range(1, 33))


class Bench:
    def __init__(self):
        self.flash = None
        self.board = MemoryBoard()
        self.levels = {}
        self.controller = None
        self.starts = 0
        self.kept = 0

    def do_flash(self, sectors, pages):
        time.begin_anew()
        self.__init__()
        gc.collect()
        self.flash = NorFlash(int(sectors), int(pages))
        return "ok"

    def do_start(self, watchdog):
        self.starts += 1
        self.flash.cut_at = 0
        self.kept = self.board.kept if watchdog == "1" else 0
        self.board = MemoryBoard()
        for name, level in self.levels.items():
            getattr(self.board, name).level = level
        journal = Journal(FlashRing(self.flash), HmacSha256(KEY))
        link = Link(Identity(self.starts, journal.boot, 2 if watchdog == "1" else 1, 3, 0x200), self.starts)
        self.controller = Controller(self.board, Safety(Limits(), self.kept), link, journal)
        return journal.boot

    def do_run(self, us, turns, data=""):
        board = self.board
        board.uart.incoming = (board.uart.incoming + unhexlify(data))[-1024:]
        try:
            for _ in range(int(turns)):
                time.pass_us(int(us))
                self.controller.turn()
        except PowerCut:
            self.flash.cut_at = 0
            return "dead"
        out = hexlify(board.uart.outgoing).decode()
        board.uart.outgoing = b""
        board.ring.shown.clear()
        return f"{int(board.locked)} {int(board.powered)} {out}"

    def do_pin(self, name, level):
        self.levels[name] = int(level)
        getattr(self.board, name).drive(int(level))
        return "ok"

    def do_cut(self, operation, way):
        self.flash.cut_at = self.flash.operations + int(operation)
        self.flash.how = WAYS[int(way)]
        return "ok"

    def do_state(self):
        journal = self.controller.journal
        idle = journal.idle and not self.controller.emergency_owed
        found = (journal.open_emergency, journal.missed, journal.store.counter, idle, sum(self.flash.erasures))
        return " ".join(str(int(value)) for value in found)


def main():
    bench = Bench()
    while True:
        words = sys.stdin.readline().split()
        if not words:
            return
        print(getattr(bench, "do_" + words[0])(*words[1:]))


main()
