"""Frames of the ID-card reader (SAM_V / SAM_A serial interface, GA/T 467). Pure: bytes in, events out.

Request: ``AA AA AA 96 69 | LenH LenL | CMD PARA [DATA] | CHK``; reply: the same with ``SW1 SW2 SW3 [DATA]``. Len counts
everything after itself, CHK is the XOR of everything from LenH on, so the XOR over LenH..CHK is zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum, IntEnum, unique
from functools import reduce
from operator import xor
from typing import Final, Generic, TypeVar

PREAMBLE: Final = bytes.fromhex("AAAAAA9669")
_CORE: Final = PREAMBLE[1:]
"""What a frame is recognised by: some USB-serial bridges lose the very first AA."""

MAX_LENGTH: Final = 0x090A
"""Len of the longest reply, text + photo + fingerprint. A greater Len is line noise."""

MAX_BUFFER: Final = 4 * (len(PREAMBLE) + 2 + MAX_LENGTH)
TEXT_SIZE: Final = 256
ADDRESS_SIZE: Final = 70
CARD_NUMBER_SIZE: Final = 28


@unique
class Command(IntEnum):
    """CMD and PARA of a request as one big-endian word."""

    RESET_SAM = 0x10FF
    SAM_STATUS = 0x11FF
    SAM_ID = 0x12FF
    FIND_CARD = 0x2001
    SELECT_CARD = 0x2002
    READ_TEXT_PHOTO = 0x3001
    READ_ALL_ADDRESSES = 0x3002
    READ_NEWEST_ADDRESS = 0x3003
    READ_CARD_NUMBER = 0x3005
    READ_TEXT_PHOTO_FINGERPRINT = 0x3010
    SET_BAUD_115200 = 0x6000
    SET_BAUD_57600 = 0x6001
    SET_BAUD_38400 = 0x6002
    SET_BAUD_19200 = 0x6003
    SET_BAUD_9600 = 0x6004
    SET_MAX_RF_FRAME = 0x61FF


READ_COMMANDS: Final = frozenset(c for c in Command if c >> 8 == 0x30)
"""Commands that make the card work, and take their time."""

CARD_COMMANDS: Final = READ_COMMANDS | {Command.FIND_CARD, Command.SELECT_CARD}
BAUD_COMMANDS: Final = {
    115200: Command.SET_BAUD_115200,
    57600: Command.SET_BAUD_57600,
    38400: Command.SET_BAUD_38400,
    19200: Command.SET_BAUD_19200,
    9600: Command.SET_BAUD_9600,
}


@unique
class Status(IntEnum):
    """SW3 of a reply. SW1 and SW2 are normally zero and carry the card's own status for 31, 41, 47 and 81."""

    SAM_GOT_BAD_CHECKSUM = 0x10
    SAM_GOT_BAD_LENGTH = 0x11
    BAD_COMMAND = 0x21
    NOT_PERMITTED = 0x23
    UNRECOGNISED_ERROR = 0x24
    CARD_FAILED_TO_AUTHENTICATE_SAM = 0x31
    SAM_FAILED_TO_AUTHENTICATE_CARD = 0x32
    INFORMATION_VERIFICATION_FAILED = 0x33
    NOT_FOUND_OR_SELECTED_YET = 0x34
    FINGERPRINT_VERIFICATION_ERROR = 0x37
    LENGTH_ERROR = 0x3F
    UNKNOWN_CARD_TYPE = 0x40
    READ_FAILED = 0x41
    GET_RANDOM_FAILED = 0x47
    WRITE_FAILED = 0x50
    SAM_SELF_TEST_FAILED = 0x60
    LOGIN_FAILED = 0x61
    SAM_UNAUTHORISED = 0x66
    FIND_FAILED = 0x80
    SELECT_FAILED = 0x81
    OK = 0x90
    NO_SUCH_ITEM = 0x91
    FIND_OK = 0x9F


def success_of(command: Command) -> Status:
    """The SW3 that says ``command`` went well: 9F for finding a card, 90 for everything else."""
    return Status.FIND_OK if command is Command.FIND_CARD else Status.OK


@dataclass(frozen=True, slots=True)
class Request:
    """What the host asks; ``code`` is CMD and PARA, also where it is no :class:`Command`."""

    code: int
    data: bytes = b""

    def to_bytes(self) -> bytes:
        """The whole frame."""
        return frame(self.code.to_bytes(2, "big") + self.data)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the reader answers. ``data`` may be a person's, so it is not in the ``repr``."""

    sw3: int
    data: bytes = field(default=b"", repr=False)
    sw1: int = 0
    sw2: int = 0

    def to_bytes(self) -> bytes:
        """The whole frame."""
        return frame(bytes((self.sw1, self.sw2, self.sw3)) + self.data)


@unique
class Damage(Enum):
    """Why bytes that began like a frame were none."""

    CHECKSUM = "the check byte is wrong"
    LENGTH = "the length is impossible"


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Something began like a frame and was none; reading goes on behind its first byte."""

    damage: Damage


@unique
class NeedData(Enum):
    """``next_event`` has nothing yet: feed more bytes."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA


def frame(content: bytes) -> bytes:
    """Preamble, length, ``content``, check byte."""
    body = (len(content) + 1).to_bytes(2, "big") + content
    return PREAMBLE + body + bytes((reduce(xor, body),))


FrameT = TypeVar("FrameT", Request, Reply)


class _FrameDecoder(ABC, Generic[FrameT]):
    """Finds frames in a stream of bytes, by length, and finds back into step after noise."""

    min_length = 0

    def __init__(self) -> None:
        self._buffer = bytearray()

    @abstractmethod
    def _parse(self, content: bytes) -> FrameT: ...

    def receive_data(self, data: bytes) -> None:
        """Take bytes off the line. At most ``MAX_BUFFER`` are kept, the newest."""
        self._buffer += data
        del self._buffer[: max(0, len(self._buffer) - MAX_BUFFER)]

    def next_event(self) -> FrameT | BadFrame | NeedData:
        """The next frame, the next damage, or ``NEED_DATA``."""
        self._skip_noise()
        head = len(_CORE) + 2
        if len(self._buffer) < head:
            return NEED_DATA
        length = int.from_bytes(self._buffer[len(_CORE) : head], "big")
        if not self.min_length <= length <= MAX_LENGTH:
            return self._damaged(Damage.LENGTH)
        if len(self._buffer) < head + length:
            return NEED_DATA
        body = bytes(self._buffer[len(_CORE) : head + length])
        if reduce(xor, body):
            return self._damaged(Damage.CHECKSUM)
        del self._buffer[: head + length]
        return self._parse(body[2:-1])

    def _skip_noise(self) -> None:
        start = self._buffer.find(_CORE)
        if start < 0:  # its first bytes may be the last ones here
            start = max(0, len(self._buffer) - len(_CORE) + 1)
        del self._buffer[:start]

    def _damaged(self, damage: Damage) -> BadFrame:
        # One byte only: a whole frame may hide in what the damaged one claimed to be.
        del self._buffer[:1]
        return BadFrame(damage)


class ReplyDecoder(_FrameDecoder[Reply]):
    """The host's ear."""

    min_length = 4

    def _parse(self, content: bytes) -> Reply:
        return Reply(sw1=content[0], sw2=content[1], sw3=content[2], data=content[3:])


class RequestDecoder(_FrameDecoder[Request]):
    """The reader's ear."""

    min_length = 3

    def _parse(self, content: bytes) -> Request:
        return Request(int.from_bytes(content[:2], "big"), content[2:])
