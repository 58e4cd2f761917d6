"""Start of the firmware: door open, watchdog on, then the loop for ever."""

import os

import micropython

from coprocessor.board import Board, event_key, flash_region, in_service, kept_cycles, reset_cause
from coprocessor.controller import Controller
from coprocessor.flash_ring import FlashRing
from coprocessor.hmac_sha256 import HmacSha256
from coprocessor.journal import Journal
from coprocessor.link import Identity, Link
from coprocessor.memory_ring import MemoryRing
from coprocessor.messages import FEATURE_EVENT_KEY, FEATURE_FLASH_RING
from coprocessor.safety import Limits, Safety

#: Major, minor, patch, a byte each.
FIRMWARE = 0x000200


def build(board: Board, limits: Limits) -> Controller:
    """Put the parts together; reads the flash ring, about 0.1 s."""
    region = flash_region()
    key = event_key()
    store = FlashRing(region) if region else MemoryRing()
    journal = Journal(store, HmacSha256(key) if key else None)
    features = (FEATURE_FLASH_RING if region else 0) | (FEATURE_EVENT_KEY if key else 0)
    boot_nonce = int.from_bytes(os.urandom(4), "little")
    identity = Identity(boot_nonce, journal.boot, reset_cause(), features, FIRMWARE)
    return Controller(board, Safety(limits, kept_cycles()), Link(identity, os.urandom(1)[0]), journal)


def main(limits: Limits | None = None) -> None:
    """Run until the power fails. Whatever ends the loop opens the door; the watchdog then starts it anew."""
    if in_service():
        return
    micropython.kbd_intr(-1)  # nobody stops it from the USB console; the service pin does
    board = Board()
    try:
        controller = build(board, limits or Limits())
        while True:
            controller.turn()
    finally:
        board.lock(False)
        board.power(True)


if __name__ == "__main__":
    main()
