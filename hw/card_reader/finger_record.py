"""The fingerprint block of a card: one or two records of 512 bytes (GA/T 1012). Pure.

Only the header can be read; the minutiae are in a designated algorithm's own form, which no open matcher takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from hw.card_reader.replies import FINGERPRINT_SIZE

MARKER: Final = 0x43


@unique
class Registration(IntEnum):
    """Byte 4."""

    REGISTERED = 0x01
    FAILED = 0x02
    NOT_REGISTERED = 0x03
    UNKNOWN = 0x09


_FINGERS: Final = ("thumb", "index", "middle", "ring", "little")


@dataclass(frozen=True, slots=True)
class FingerRecord:
    """A record's header; ``quality`` 1..100, 0 unknown. ``registration`` and ``finger`` are kept raw."""

    registration: int
    finger: int
    quality: int

    @property
    def is_usable(self) -> bool:
        """Was a print registered?"""
        return self.registration == Registration.REGISTERED

    @property
    def finger_name(self) -> str:
        """``right thumb`` .. ``left little``, ``right unknown``, ``left unknown``, ``other``."""
        if 11 <= self.finger <= 20:
            hand, place = divmod(self.finger - 11, 5)
            return f"{('right', 'left')[hand]} {_FINGERS[place]}"
        return {97: "right unknown", 98: "left unknown"}.get(self.finger, "other")


def parse_fingers(block: bytes) -> tuple[FingerRecord, ...]:
    """The records in a card's fingerprint block; a slot without the marker 'C' holds none."""
    slots = (block[i : i + FINGERPRINT_SIZE] for i in range(0, len(block), FINGERPRINT_SIZE))
    whole = (slot for slot in slots if len(slot) == FINGERPRINT_SIZE and slot[0] == MARKER)
    return tuple(FingerRecord(slot[4], slot[5], slot[6]) for slot in whole)
