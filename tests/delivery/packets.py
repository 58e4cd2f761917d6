"""MQTT packets as a proxy needs them: cut out of a stream, PUBLISH read and made. 3.1.1 and 5.0 by protocol level."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

MQTT_5: Final = 5
_MAX_BYTES: Final = 1 << 22


@unique
class Kind(IntEnum):
    """The upper half of a packet's first byte (MQTT 5.0, table 2-1); only those that are looked at here."""

    CONNECT = 1
    PUBLISH = 3
    PUBACK = 4


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: first byte, and what follows the remaining length."""

    first: int
    body: bytes

    @property
    def kind(self) -> int:
        """One of :class:`Kind`, or another packet's number."""
        return self.first >> 4

    def to_bytes(self) -> bytes:
        """As on the wire."""
        return bytes([self.first]) + _length(len(self.body)) + self.body


@dataclass(frozen=True, slots=True)
class Publish:
    """A PUBLISH, without its properties; ``mid`` is 0 with QoS 0."""

    topic: str
    payload: bytes
    mid: int
    qos: int


class Reader:
    """Bytes in, packets out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def receive_data(self, data: bytes) -> list[Packet]:
        """The packets that are whole now.

        Raises:
            ValueError: a packet that is larger than any of ours.
        """
        self._data += data
        found = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    def _next(self) -> Packet | None:
        at, shift, length = 1, 0, 0
        while True:
            if at >= len(self._data):
                return None
            length |= (self._data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not self._data[at - 1] & 0x80:
                break
        if length > _MAX_BYTES:
            raise ValueError(f"a packet of {length} bytes")
        if len(self._data) < at + length:
            return None
        packet = Packet(self._data[0], bytes(self._data[at : at + length]))
        del self._data[: at + length]
        return packet


def level_of(connect: Packet) -> int:
    """The protocol level in a CONNECT (section 3.1.2.2)."""
    return connect.body[6]


def read_publish(packet: Packet, level: int) -> Publish:
    """What a PUBLISH says (section 3.3)."""
    qos, at = packet.first >> 1 & 3, 2 + int.from_bytes(packet.body[:2], "big")
    topic, mid = packet.body[2:at].decode(), 0
    if qos:
        mid, at = int.from_bytes(packet.body[at : at + 2], "big"), at + 2
    if level == MQTT_5:
        length, shift = 0, 0
        while True:
            byte, at = packet.body[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        at += length
    return Publish(topic, packet.body[at:], mid, qos)


def publish(topic: str, payload: bytes, level: int) -> bytes:
    """A PUBLISH with QoS 0."""
    name = topic.encode()
    properties = b"\0" if level == MQTT_5 else b""
    return Packet(Kind.PUBLISH << 4, len(name).to_bytes(2, "big") + name + properties + payload).to_bytes()


def puback(mid: int) -> bytes:
    """PUBACK with success; the short form is good in both versions (section 3.4.2.1)."""
    return bytes([0x40, 2]) + mid.to_bytes(2, "big")


def _length(value: int) -> bytes:
    digits = bytearray()
    while True:
        value, digit = divmod(value, 128)
        digits.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(digits)
