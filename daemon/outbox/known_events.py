"""Which events of the entrance are dealt with: an event has its own record, an emergency's press has its check too.

Each is noted in the transaction of the record that it is about. What is told again after a cut is known by that.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from daemon.outbox import numbers

SLOTS = 1024
"""How many of the co-processor's newest events are known again; it keeps fewer than that."""
EventId = tuple[int, int]
"""Counter and fingerprint. A counter that began anew is another event."""
_SCREEN_SLOTS = 64
"""How many of the newest presses on screens are known again; a page tells one only until it has an answer."""


def of_screen(number: int) -> EventId:
    """The press that a page has named by a random ``number``; its counter is below zero, where no device counts."""
    return -1 - number % _SCREEN_SLOTS, number


class Known(StrEnum):
    """What there is of an event."""

    RECORD = "coprocessor/event"
    CHECK = "coprocessor/emergency"


def _slot(what: Known, counter: int) -> str:
    return f"{what}/{counter % SLOTS if counter >= 0 else counter}"


def note(db: sqlite3.Connection, what: Known, event: EventId | None) -> None:
    """Remember ``event``, in the transaction that is open."""
    if event is not None:
        db.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (_slot(what, event[0]), event[1]))


def has(db: sqlite3.Connection, what: Known, event: EventId) -> bool:
    """Whether ``event`` was noted."""
    return numbers.read(db, _slot(what, event[0])) == event[1]


def has_counter(db: sqlite3.Connection, counter: int) -> bool:
    """Whether an event with this counter was noted, of whatever start of the co-processor."""
    return any(numbers.read(db, _slot(what, counter)) for what in Known)
