"""EF01 packets as bytes and as events; pure, without I/O, clock or logging.

A packet is ``EF 01 | address 4 | identifier 1 | length 2 | content | sum 2``, all big-endian. The length counts content
and sum; the sum adds identifier, both length bytes and the content, modulo 65536 (ZFM-20 manual, chapter 4).

Feed a :class:`Parser` with :meth:`Parser.receive_data` and draw events with :meth:`Parser.next_event` until it says
:data:`NEED_DATA`. The events are the same however the bytes were cut into pieces.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Self

from hw.fingerprint.codes import (
    ARGUMENTS,
    REPLIES,
    Confirmation,
    Instruction,
    LedColour,
    LedMode,
    PacketId,
    describe_confirmation,
    describe_instruction,
)

__all__ = [
    "ARGUMENTS",
    "BROADCAST",
    "NEED_DATA",
    "REPLIES",
    "Acknowledge",
    "Command",
    "Confirmation",
    "Damage",
    "Damaged",
    "Data",
    "Event",
    "Instruction",
    "LedColour",
    "LedMode",
    "NeedData",
    "PacketId",
    "Parameters",
    "Parser",
    "data_packets",
    "describe_confirmation",
    "describe_instruction",
]

BROADCAST: Final = 0xFFFFFFFF
"""Address of a module as it leaves the factory."""

MAX_CONTENT: Final = 256
"""Longest content of one packet, in bytes: the largest packet size a module can be set to."""

MAX_BUFFER: Final = 64 * 1024
"""Bytes a parser holds for a caller that feeds and does not draw."""

_START: Final = b"\xef\x01"
_HEAD: Final = struct.Struct(">2sIBH")
_SUM_LENGTH: Final = 2
_IDENTIFIERS: Final = frozenset(PacketId)


def checksum(packet: bytes) -> int:
    """The sum of ``packet`` (with or without its own two sum bytes cut off: pass it without)."""
    return sum(packet[6:]) & 0xFFFF


def _encode(address: int, packet_id: PacketId, content: bytes) -> bytes:
    if len(content) > MAX_CONTENT:
        raise ValueError(f"content of {len(content)} bytes; a packet takes at most {MAX_CONTENT}")
    packet = _HEAD.pack(_START, address, packet_id, len(content) + _SUM_LENGTH) + content
    return packet + checksum(packet).to_bytes(_SUM_LENGTH, "big")


@dataclass(frozen=True, slots=True)
class Command:
    """Host to module. ``arguments`` may hold the password and is kept out of the repr."""

    instruction: int
    arguments: bytes = field(default=b"", repr=False)
    address: int = BROADCAST

    @classmethod
    def build(cls, instruction: Instruction, *fields: int, address: int = BROADCAST) -> Self:
        """Pack ``fields`` as :data:`ARGUMENTS` lays them out.

        Raises:
            ValueError: the fields are too many, too few or out of range.
        """
        layout = ARGUMENTS.get(instruction, struct.Struct(""))
        try:
            return cls(instruction, layout.pack(*fields), address)
        except struct.error as error:
            raise ValueError(f"{instruction.name}: {error}") from None

    def fields(self) -> tuple[int, ...]:
        """The arguments as :data:`ARGUMENTS` lays them out.

        Raises:
            ValueError: the length is not that of the instruction.
        """
        layout = ARGUMENTS.get(Instruction(self.instruction), struct.Struct(""))
        if len(self.arguments) != layout.size:
            raise ValueError(f"{describe_instruction(self.instruction)}: {len(self.arguments)} bytes of arguments")
        return layout.unpack(self.arguments)

    def to_bytes(self) -> bytes:
        """The packet."""
        return _encode(self.address, PacketId.Command, bytes([self.instruction]) + self.arguments)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Module to host: a confirmation code (see :class:`Confirmation`; others exist) and what follows it."""

    code: int
    extra: bytes = b""
    address: int = BROADCAST

    def to_bytes(self) -> bytes:
        """The packet."""
        return _encode(self.address, PacketId.Ack, bytes([self.code]) + self.extra)


@dataclass(frozen=True, slots=True)
class Data:
    """One piece of a template or image, either way. ``content`` is biometric data: never shown, never logged."""

    content: bytes = field(repr=False)
    last: bool = False
    address: int = BROADCAST

    def to_bytes(self) -> bytes:
        """The packet."""
        return _encode(self.address, PacketId.EndOfData if self.last else PacketId.Data, self.content)


@unique
class Damage(Enum):
    """What was wrong with bytes that are no packet."""

    NOISE = "bytes between packets"
    IDENTIFIER = "unknown packet identifier"
    LENGTH = "impossible length"
    CHECKSUM = "wrong checksum"
    OVERFLOW = "more bytes than the buffer holds"


@dataclass(frozen=True, slots=True)
class Damaged:
    """``skipped`` bytes were given up; the search for the next ``EF 01`` goes on behind them."""

    damage: Damage
    skipped: int


@unique
class NeedData(Enum):
    """The type of :data:`NEED_DATA`."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA
"""Nothing to draw before more bytes have come."""

Event = Command | Acknowledge | Data | Damaged


def _event(address: int, packet_id: PacketId, content: bytes) -> Event:
    match packet_id:
        case PacketId.Command:
            return Command(content[0], content[1:], address)
        case PacketId.Ack:
            return Acknowledge(content[0], content[1:], address)
        case PacketId.Data | PacketId.EndOfData:
            return Data(content, packet_id is PacketId.EndOfData, address)


def _shortest(packet_id: int) -> int:
    """Least value of the length field: a command or an answer has a code, a data packet may be empty."""
    return _SUM_LENGTH + (packet_id in (PacketId.Command, PacketId.Ack))


class Parser:
    """Bytes in, events out.

    After damage only the two start bytes are given up, so that a whole packet inside the damaged length is still found.
    Bytes between packets come as *one* :attr:`Damage.NOISE`, before the packet that ends them.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._noise = 0
        self._lost = 0

    def receive_data(self, data: bytes) -> None:
        """Take ``data``. What exceeds :data:`MAX_BUFFER` pushes the oldest bytes out, told by the next event."""
        self._buffer += data
        excess = len(self._buffer) - MAX_BUFFER
        if excess > 0:
            del self._buffer[:excess]
            self._lost += excess

    @property
    def pending(self) -> int:
        """Bytes that belong to no event yet."""
        return len(self._buffer) + self._noise

    def reset(self) -> None:
        """Forget everything received."""
        self._buffer.clear()
        self._noise = self._lost = 0

    def next_event(self) -> Event | NeedData:
        """The next event, or :data:`NEED_DATA`."""
        if self._lost:
            lost, self._lost = self._lost, 0
            return Damaged(Damage.OVERFLOW, lost)
        self._seek_start()
        if self._noise and self._buffer.startswith(_START):
            noise, self._noise = self._noise, 0
            return Damaged(Damage.NOISE, noise)
        return self._packet()

    def _seek_start(self) -> None:
        at = self._buffer.find(_START)
        if at < 0:  # a lone EF at the end may be half of a start
            at = len(self._buffer) - self._buffer.endswith(_START[:1])
        self._noise += at
        del self._buffer[:at]

    def _packet(self) -> Event | NeedData:
        if len(self._buffer) < _HEAD.size:
            return NEED_DATA
        _, address, packet_id, length = _HEAD.unpack_from(self._buffer)
        if packet_id not in _IDENTIFIERS:
            return self._give_up(Damage.IDENTIFIER)
        if not _shortest(packet_id) <= length <= MAX_CONTENT + _SUM_LENGTH:
            return self._give_up(Damage.LENGTH)
        end = _HEAD.size + length
        if len(self._buffer) < end:
            return NEED_DATA
        packet = bytes(self._buffer[:end])
        if checksum(packet[:-_SUM_LENGTH]) != int.from_bytes(packet[-_SUM_LENGTH:], "big"):
            return self._give_up(Damage.CHECKSUM)
        del self._buffer[:end]
        return _event(address, PacketId(packet_id), packet[_HEAD.size : -_SUM_LENGTH])

    def _give_up(self, damage: Damage) -> Damaged:
        del self._buffer[: len(_START)]
        return Damaged(damage, len(_START))


def data_packets(content: bytes, packet_size: int, address: int = BROADCAST) -> Iterator[bytes]:
    """``content`` as data packets of ``packet_size`` bytes, the last one (1..packet_size bytes) marked as the end.

    Raises:
        ValueError: there is no content, or the packet size is none a module can have.
    """
    if not content or not 0 < packet_size <= MAX_CONTENT:
        raise ValueError(f"{len(content)} bytes cannot be sent in packets of {packet_size}")
    for at in range(0, len(content), packet_size):
        yield Data(content[at : at + packet_size], at + packet_size >= len(content), address).to_bytes()


@dataclass(frozen=True, slots=True)
class Parameters:
    """Answer to ReadSysPara: 16 bytes (ZFM-20 manual 5.1, "Read system Parameter").

    ``security`` is 1 (most matches) to 5 (fewest false matches); ``capacity`` counts template slots;
    ``packet_code`` 0..3 stands for data packets of 32, 64, 128, 256 bytes; ``baud`` is in bits a second.
    ``assumed`` is never on the wire: it marks factory settings that stand in for an unusable answer.
    """

    status: int
    system_id: int
    capacity: int
    security: int
    address: int
    packet_code: int
    baud: int
    assumed: bool = False

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse what follows the confirmation code.

        Raises:
            ValueError: the length is not 16, or a value is one no module can have (seen on an R308).
        """
        layout = REPLIES[Instruction.ReadSysPara]
        if len(data) != layout.size:
            raise ValueError(f"{len(data)} bytes of parameters instead of {layout.size}")
        status, system_id, capacity, security, address, packet_code, baud_code = layout.unpack(data)
        if packet_code > 3 or not 1 <= baud_code <= 12:
            raise ValueError(f"packet code {packet_code}, baud code {baud_code}: no module has these")
        return cls(status, system_id, capacity, security, address, packet_code, baud_code * 9600)

    def to_bytes(self) -> bytes:
        """What follows the confirmation code."""
        return REPLIES[Instruction.ReadSysPara].pack(
            self.status,
            self.system_id,
            self.capacity,
            self.security,
            self.address,
            self.packet_code,
            self.baud // 9600,
        )

    @property
    def packet_size(self) -> int:
        """Content of one data packet, in bytes."""
        return 32 << self.packet_code
