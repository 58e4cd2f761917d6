"""Writes tests/vectors/coprocessor.json: ``python -m tests.vectors.build_coprocessor``; a test keeps the two equal.

A second implementation of the link's description, apart from host and firmware: the CRC bit by bit, COBS as its paper
has it, every payload put together from (value, bytes) pairs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("coprocessor.json")
SOURCE: Final = "Written by a bitwise CRC and a textbook COBS, apart from host and firmware; RFC 4231 for HMAC."
VERSION: Final = 2
KEY: Final = bytes(range(1, 33))

Field = tuple[str, int | bytes, int]
"""Name, value and bytes of a field."""

_EVENTS: Final = ((42, 3, 90000, 3, 0), (1, 1, 0, 1, 1), (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 255, 255))
_WIDTHS: Final = (4, 4, 4, 1, 1)

#: RFC 4231, test cases 1 to 4, 6 and 7.
_RFC_4231: Final = (
    (b"\x0b" * 20, b"Hi There"),
    (b"Jefe", b"what do ya want for nothing?"),
    (b"\xaa" * 20, b"\xdd" * 50),
    (bytes(range(1, 26)), b"\xcd" * 50),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
    ),
)


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740, a bit at a time."""
    crc = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            feedback = (crc >> 15) ^ (byte >> bit & 1)
            crc = (crc << 1 & 0xFFFF) ^ (0x1021 if feedback else 0)
    return crc


def cobs(data: bytes) -> bytes:
    """Each zero is replaced by the distance to the next one; the first distance stands before the data."""
    out = bytearray(b"\0" + data + b"\0")
    last = len(out) - 1
    for at in range(len(out) - 2, -1, -1):
        if out[at] == 0:
            out[at] = last - at
            last = at
    return bytes(out[:-1])


def packed(fields: list[Field]) -> bytes:
    """The payload of these fields."""
    return b"".join(v if isinstance(v, bytes) else v.to_bytes(width, "little") for _, v, width in fields)


def framed(kind: int, session: int, sequence: int, payload: bytes) -> bytes:
    """A frame with both delimiters."""
    body = bytes([kind, session]) + sequence.to_bytes(2, "little") + payload
    return b"\0" + cobs(body + crc16(body).to_bytes(2, "little")) + b"\0"


def event_mac(fields: tuple[int, ...]) -> bytes:
    """The seal of an event under :data:`KEY`."""
    covered = b"".join(value.to_bytes(width, "little") for value, width in zip(fields, _WIDTHS, strict=True))
    return hmac.new(KEY, b"vernix-event-1" + covered, hashlib.sha256).digest()[:16]


def _messages() -> dict[str, tuple[int, list[Field]]]:
    nonce, token, boot = ("host_nonce", 0x01020304, 4), ("token", 0xBEEF, 2), ("boot_nonce", 0xA0B0C0D0, 4)
    version = ("version", VERSION, 1)
    names = ("counter", "boot", "uptime_ms", "kind", "detail")
    event: list[Field] = list(zip(names, _EVENTS[0], _WIDTHS, strict=True))
    welcome: list[Field] = [version, nonce, token, ("session", 7, 1), boot, ("boot", 3, 4), ("uptime_ms", 1234, 4)]
    welcome += [("reset_cause", 2, 1), ("features", 3, 1), ("firmware", 0x000200, 4)]
    status: list[Field] = [("flags", 0x51, 1), ("power_cycles", 1, 1), ("pending", 2, 2), ("missed", 0, 2)]
    colours = bytes([1, 2, 7]).ljust(24, b"\0")
    challenge: list[Field] = [("number", 513, 2), ("step_ms", 100, 2), ("count", 3, 1), ("colours", colours, 24)]
    return {
        "HELLO": (0x01, [version, nonce, token]),
        "WELCOME": (0x02, welcome),
        "ACK": (0x03, []),
        "BOOTED": (0x04, [version, boot]),
        "HEARTBEAT": (0x10, [("flags", 3, 1), ("age_ms", 290, 2)]),
        "RELEASE": (0x11, []),
        "CLEAR_EMERGENCY": (0x12, [("counter", 70000, 4)]),
        "RING": (0x13, [("pattern", 4, 1)]),
        "BUZZER": (0x14, [("sound", 2, 1)]),
        "CHALLENGE": (0x15, challenge),
        "CONFIRM": (0x16, [("counter", 255, 4)]),
        "CLOCK": (0x17, [("token", 0x1234, 2)]),
        "GET_STATUS": (0x18, []),
        "EVENT": (0x20, [*event, ("mac", event_mac(_EVENTS[0]), 16)]),
        "STATUS": (0x21, [*status, ("pattern", 4, 1), ("last_emergency", 41, 4)]),
        "CHALLENGE_STEP": (0x22, [("number", 513, 2), ("step", 2, 1), ("at_us", 0x3FFFFFFF, 4)]),
        "CHALLENGE_DONE": (0x23, [("number", 513, 2), ("result", 1, 1), ("at_us", 5, 4)]),
        "CLOCK_IS": (0x24, [("token", 0x1234, 2), ("at_us", 123456, 4)]),
        "REFUSED": (0x25, [("refused", 0x7F, 1), ("reason", 1, 1)]),
    }


def _frame(name: str, kind: int, session: int, sequence: int, payload: bytes) -> dict[str, Any]:
    frame = framed(kind, session, sequence, payload)
    head = {"name": name, "type": kind, "session": session, "sequence": sequence}
    return {**head, "payload": payload.hex(), "hex": frame.hex()}


def _frames() -> Iterator[dict[str, Any]]:
    for at, (name, (kind, fields)) in enumerate(_messages().items()):
        outside = kind < 0x10 and name != "ACK"
        sequence = 0 if outside else at * 0x1111 & 0xFFFF
        yield _frame(name, kind, 0 if outside else 7, sequence, packed(fields))
    yield _frame("longest payload, 64 bytes", 0x7F, 255, 0xFFFF, bytes(range(1, 56)))
    yield _frame("longest payload, all zero", 0x20, 1, 0, bytes(55))


def _streams() -> Iterator[dict[str, Any]]:
    one, two = framed(0x10, 7, 1, b"\x01"), framed(0x11, 7, 2, b"")
    first = {"type": 0x10, "session": 7, "sequence": 1, "payload": "01"}
    second = {"type": 0x11, "session": 7, "sequence": 2, "payload": ""}
    checksum, stuffing = {"damage": "checksum"}, {"damage": "stuffing"}
    short, long = {"damage": "too short"}, {"damage": "too long"}
    flipped = bytes([*one[:3], one[3] ^ 0x20, *one[4:]])
    oversized = b"\0" + bytes([63, *range(1, 63)]) + b"\0"
    for name, data, events in (
        ("wrong CRC", one[:-2] + bytes([one[-2] ^ 8, 0]), [checksum]),
        ("CRC with its bytes exchanged", one[:-3] + one[-3:-1][::-1] + b"\0", [checksum]),
        ("one bit flipped", flipped, [checksum]),
        ("stuffing points past the end", b"\0\x60" + one[2:], [stuffing]),
        ("truncated in the middle, then a whole one", one[:6] + two, [stuffing, second]),
        ("too short to be a frame", b"\0" + cobs(b"\x01\x02") + b"\0", [short]),
        ("one byte over the limit", oversized, [long]),
        ("300 bytes without an end, then a whole one", b"\0" + b"\x55" * 300 + two, [long, second]),
        ("an oversized frame, undamaged, then a whole one", framed(0x10, 7, 1, bytes(56)) + two, [long, second]),
        ("a terminal's chatter before", b"MicroPython v1.29\r\n>>> " + one, [stuffing, first]),
        ("no leading delimiter", one[1:], [first]),
        ("many delimiters", bytes(3) + one + bytes(3) + two, [first, second]),
        ("shared delimiter", one + two[1:], [first, second]),
        ("lost delimiter between two", one[:-1] + two[1:], [checksum]),
        ("the same frame again", one + one, [first, first]),
        ("nothing but delimiters", bytes(70), []),
        ("no end yet", one[:-1], []),
    ):
        yield {"name": name, "hex": data.hex(), "events": events}


def vectors() -> dict[str, Any]:
    """The whole file."""
    messages = [
        {
            "name": name,
            "type": kind,
            "fields": {field: value.hex() if isinstance(value, bytes) else value for field, value, _ in fields},
            "payload": packed(fields).hex(),
        }
        for name, (kind, fields) in _messages().items()
    ]
    return {
        "source": SOURCE,
        "crc16": [{"data": data.hex(), "crc": crc16(data)} for data in (b"123456789", b"", b"\0")],
        "streams": list(_streams()),
        "frames": list(_frames()),
        "messages": messages,
        "macs": [{"key": KEY.hex(), "fields": list(event), "mac": event_mac(event).hex()} for event in _EVENTS],
        "hmac_sha256": [
            {"key": key.hex(), "data": data.hex(), "mac": hmac.new(key, data, hashlib.sha256).hexdigest()}
            for key, data in _RFC_4231
        ],
    }


def text() -> str:
    """The file's text: one vector a line."""
    parts = []
    for name, part in vectors().items():
        if isinstance(part, list):
            lines = ",\n".join(f"    {json.dumps(vector)}" for vector in part)
            parts.append(f'  "{name}": [\n{lines}\n  ]')
        else:
            parts.append(f'  "{name}": {json.dumps(part)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
