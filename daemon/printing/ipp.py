"""IPP messages (RFC 8010, encoding; RFC 8011, model). Pure: attributes in, bytes out, and back.

Only what printing a PDF needs. An answer that is none is a :class:`MalformedAnswer`, never a hang or a crash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique

CONTENT_TYPE = "application/ipp"
VERSION = (1, 1)
"""Every printer must take it (RFC 8011, 4.1.8); 2.0 adds no operation that is needed here."""


class MalformedAnswer(Exception):
    """What came back is no IPP answer."""


@unique
class Operation(IntEnum):
    """RFC 8011, 5.4.15."""

    PRINT_JOB = 0x0002
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


@unique
class Group(IntEnum):
    """Delimiter tags, RFC 8010, 3.5.1."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04


@unique
class Tag(IntEnum):
    """Value tags, RFC 8010, 3.5.2; others are passed over."""

    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    TEXT = 0x41
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME = 0x49


_FIRST_VALUE_TAG = 0x10
_NUMBERS = (Tag.INTEGER, Tag.ENUM)
_TEXTS = range(0x41, 0x4A)

Value = str | int | bool


@unique
class JobState(IntEnum):
    """RFC 8011, 5.3.7."""

    PENDING = 3
    PENDING_HELD = 4
    PROCESSING = 5
    PROCESSING_STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


@unique
class PrinterState(IntEnum):
    """RFC 8011, 5.4.11."""

    IDLE = 3
    PROCESSING = 4
    STOPPED = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status (RFC 8011, 5.4.15.3: below 0x0400 it is a success), and all attributes by name."""

    status: int
    attributes: Mapping[str, tuple[Value, ...]]

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 0x0400

    def one(self, name: str) -> Value | None:
        """The first value of an attribute."""
        values = self.attributes.get(name, ())
        return values[0] if values else None


def request(operation: Operation, number: int, printer: str, attributes: Iterable[tuple[Tag, str, Value]]) -> bytes:
    """A request; a document's bytes follow it as they are."""
    head = struct.pack(">BBHIB", *VERSION, operation, number, Group.OPERATION)
    first = ((Tag.CHARSET, "attributes-charset", "utf-8"), (Tag.LANGUAGE, "attributes-natural-language", "en"))
    body = b"".join(_attribute(*one) for one in (*first, (Tag.URI, "printer-uri", printer), *attributes))
    return head + body + bytes([Group.END])


def _attribute(tag: Tag, name: str, value: Value) -> bytes:
    if tag in _NUMBERS:
        data = struct.pack(">i", value)
    elif tag is Tag.BOOLEAN:
        data = bytes([bool(value)])
    else:
        data = str(value).encode("utf-8")
    text = name.encode("ascii")
    return struct.pack(">BH", tag, len(text)) + text + struct.pack(">H", len(data)) + data


def answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        MalformedAnswer: it is cut off, or none.
    """
    try:
        major, _minor, status, _number = struct.unpack_from(">BBHI", data)
        if major not in (1, 2):
            raise MalformedAnswer("not an IPP version that is known")
        return Answer(status, _attributes(data, 8))
    except struct.error:
        raise MalformedAnswer("the answer is cut off") from None


def _attributes(data: bytes, at: int) -> dict[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    name = ""
    while True:
        (tag,) = struct.unpack_from(">B", data, at)
        at += 1
        if tag == Group.END:
            return found
        if tag < _FIRST_VALUE_TAG:  # another group begins
            continue
        own, at = _piece(data, at)
        raw, at = _piece(data, at)
        name = own.decode("ascii", "replace") or name  # a further value of the attribute before has no name
        value = _value(tag, raw)
        if value is not None:
            found[name] = (*found.get(name, ()), value)


def _piece(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(">H", data, at)
    end = at + 2 + length
    if end > len(data):
        raise MalformedAnswer("the answer is cut off")
    return data[at + 2 : end], end


def _value(tag: int, raw: bytes) -> Value | None:
    if tag in _NUMBERS:
        number: int = struct.unpack(">i", raw)[0]
        return number
    if tag == Tag.BOOLEAN:
        return raw == b"\x01"
    return raw.decode("utf-8", "replace") if tag in _TEXTS else None
