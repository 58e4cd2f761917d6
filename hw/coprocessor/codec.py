"""Frames of the co-processor's link: bytes in, events out. No I/O, no clock, no memory beyond one bounded buffer.

    00 | COBS( type 1 | session 1 | sequence 2 | payload 0..55 | CRC 2 ) | 00        little-endian, at most 64 bytes

COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999) keeps 00 out of a frame, so that after any damage
the next 00 is a clean start. The check is CRC-16/IBM-3740 (also "CCITT-FALSE"): polynomial 0x1021, initial value
0xFFFF, not reflected, no final XOR; check value of ``123456789``: 0x29B1.
"""

from __future__ import annotations

import binascii
import struct
from collections import deque
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

MAX_FRAME: Final = 64
MAX_BODY: Final = MAX_FRAME - 3
MIN_BODY: Final = 6
MAX_PAYLOAD: Final = MAX_BODY - MIN_BODY
MAX_BUFFER: Final = 4096
"""Bytes the parser keeps until they are asked for; more is a caller that does not ask."""

DELIMITER: Final = 0
_HEADER: Final = struct.Struct("<BBH")


@unique
class Damage(Enum):
    """What is wrong with a frame that cannot be used."""

    CHECKSUM = "checksum"
    STUFFING = "stuffing"
    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Frame:
    """One undamaged frame."""

    type: int
    session: int = 0
    sequence: int = 0
    payload: bytes = b""

    def to_bytes(self) -> bytes:
        """The frame as it travels, delimiters included.

        Raises:
            ValueError: the payload does not fit.
        """
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"payload of {len(self.payload)} bytes; at most {MAX_PAYLOAD}")
        body = _HEADER.pack(self.type, self.session, self.sequence) + self.payload
        return b"\0" + stuff(body + crc16(body).to_bytes(2, "little")) + b"\0"


@dataclass(frozen=True, slots=True)
class Damaged:
    """Bytes between two delimiters that are no frame."""

    damage: Damage


Event = Frame | Damaged


class NeedData:
    """Type of :data:`NEED_DATA`."""


NEED_DATA: Final = NeedData()
"""No whole frame is there: give more bytes."""


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740 of ``data``."""
    return binascii.crc_hqx(data, 0xFFFF)


def stuff(data: bytes) -> bytes:
    """COBS of fewer than 254 bytes, without a delimiter."""
    return b"".join(bytes([len(run) + 1]) + run for run in data.split(b"\0"))


def unstuff(data: bytes) -> bytes:
    """The bytes that were stuffed.

    Raises:
        ValueError: ``data`` is not COBS.
    """
    runs = []
    at = 0
    while at < len(data):
        end = at + data[at]
        if data[at] == DELIMITER or end > len(data):
            raise ValueError("not COBS")
        runs.append(data[at + 1 : end])
        at = end
    return b"\0".join(runs)


class Parser:
    """Finds frames in a stream of bytes."""

    def __init__(self) -> None:
        self._events: deque[Damaged] = deque()
        self._buffer = bytearray()
        self._skipping = False

    def receive_data(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer += data
        if len(self._buffer) > MAX_BUFFER:
            del self._buffer[:-MAX_BUFFER]
            self._skipping = True
            self._events.append(Damaged(Damage.FLOOD))

    def next_event(self) -> Event | NeedData:
        """The next frame or damage, or :data:`NEED_DATA`."""
        if self._events:
            return self._events.popleft()
        while (end := self._buffer.find(DELIMITER)) >= 0:
            chunk = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._skipping:
                self._skipping = False
            elif chunk:
                return _frame(chunk)
        return self._overlong()

    def _overlong(self) -> Event | NeedData:
        """Forget bytes that can no longer become a frame; tell it once."""
        if len(self._buffer) <= MAX_BODY + 1:
            return NEED_DATA
        self._buffer.clear()
        if self._skipping:
            return NEED_DATA
        self._skipping = True
        return Damaged(Damage.TOO_LONG)


def _frame(chunk: bytes) -> Event:
    """What stands between two delimiters."""
    if len(chunk) > MAX_BODY + 1:
        return Damaged(Damage.TOO_LONG)
    try:
        body = unstuff(chunk)
    except ValueError:
        return Damaged(Damage.STUFFING)
    if len(body) < MIN_BODY:
        return Damaged(Damage.TOO_SHORT)
    if crc16(body[:-2]) != int.from_bytes(body[-2:], "little"):
        return Damaged(Damage.CHECKSUM)
    number, session, sequence = _HEADER.unpack(body[: _HEADER.size])
    return Frame(number, session, sequence, body[_HEADER.size : -2])
