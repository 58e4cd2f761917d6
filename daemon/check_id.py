"""Check ids: UUID version 7 (RFC 9562 section 5.7), in order of time."""

from __future__ import annotations

import datetime as dt
import secrets
import time
import uuid

from evidence.instants import write_instant


def new_check_id() -> str:
    """48 bits of Unix time in milliseconds, then 74 random bits."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return str(uuid.UUID(int=value))


def begun_at(check: str) -> str:
    """When a check got its id, as RFC 3339, by the clock of the machine.

    Raises:
        ValueError: no id of a check.
    """
    moment = dt.datetime.fromtimestamp((uuid.UUID(check).int >> 80) / 1e3, dt.UTC)
    return write_instant(moment)
