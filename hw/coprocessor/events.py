"""Events of the co-processor and how the host knows that they are its own.

MAC: the first 16 bytes of HMAC-SHA256 (RFC 2104, RFC 4868) under the unit's event key, over ``vernix-event-1`` and the
message's other fields as they travel. The key is 32 random bytes, written once by ``vernix-provision flash``.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw.coprocessor.errors import BadEventKey
from hw.coprocessor.messages import EventMessage, Message
from hw.coprocessor.numbers import MAC_SIZE, EventKind

KEY_SIZE: Final = 32
DOMAIN: Final = b"vernix-event-1"
_COVERED: Final = struct.Struct("<IIIBB")


@dataclass(frozen=True, slots=True)
class CoprocessorEvent:
    """Something that happened at the co-processor.

    Attributes:
        counter: 1, 2, 3... as long as the co-processor's flash lives. Each counter's event comes up until it is
            confirmed, so one that never came was lost; a number told as MISSED never had counters. Another
            co-processor, an erased one, and one without a ring in flash at every start, begin at 1 again.
        boot: which start of the co-processor it happened in; a random number where there is no ring in flash.
        uptime_ms: milliseconds after that start, modulo 2**32.
        kind: :class:`EventKind`, or the number of one this release does not know.
        age_s: how long ago, when it happened in the running boot; else None.
        authentic: the MAC is right. Without a key on either side it never is.
    """

    counter: int
    boot: int
    uptime_ms: int
    kind: EventKind | int
    detail: int
    age_s: float | None
    authentic: bool


def mac(key: bytes, counter: int, boot: int, uptime_ms: int, kind: int, detail: int) -> bytes:
    """The MAC of an event's fields."""
    covered = DOMAIN + _COVERED.pack(counter, boot, uptime_ms, kind, detail)
    return hmac.digest(key, covered, "sha256")[:MAC_SIZE]


def is_authentic(message: Message, key: bytes | None) -> bool:
    """Whether nothing about ``message`` speaks against it: it is no event, or its MAC is right, or there is no key."""
    return not isinstance(message, EventMessage) or key is None or _seal_is_right(message, key)


def _seal_is_right(message: EventMessage, key: bytes) -> bool:
    covered = (message.counter, message.boot, message.uptime_ms, message.kind, message.detail)
    return hmac.compare_digest(mac(key, *covered), message.mac)


def understand(message: EventMessage, key: bytes | None, age_s: float | None) -> CoprocessorEvent:
    """The event of a message, its MAC checked."""
    authentic = key is not None and _seal_is_right(message, key)
    kind = EventKind(message.kind) if message.kind in frozenset(EventKind) else message.kind
    return CoprocessorEvent(message.counter, message.boot, message.uptime_ms, kind, message.detail, age_s, authentic)


def read_event_key(path: Path) -> bytes:
    """The unit's event key: 64 hex digits and a newline.

    Raises:
        BadEventKey: the file is missing or holds something else. The message never holds the content.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise BadEventKey(str(path), f"cannot be read: {error.strerror}") from error
    except ValueError:
        raise BadEventKey(str(path), "is not hexadecimal text") from None
    if len(key) != KEY_SIZE:
        raise BadEventKey(str(path), f"holds {len(key)} bytes instead of {KEY_SIZE}")
    return key
