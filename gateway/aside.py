"""What is kept apart from the records: the quarantine, and what waits for a unit's key.

A message that cannot be believed goes to quarantine with its bytes and the reason. A record whose key must come with
another record (a unit's birth record, or a key record in a hole) cannot be verified yet: it waits as the message it
came in and takes no record's place, so that a forged one cannot keep the true one out.

Both are bounded, because anybody with a certificate of the site can send rubbish: each known unit has room for
``MAX_MESSAGES`` messages of ``MAX_BYTES`` bytes together, and all units without a birth record share one such room.
What finds no room is dropped and counted. That loses no record: only a receipt ends a unit's sending. The first
messages are kept, not the last, so that rubbish cannot push out the evidence of how it began.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Final

from evidence.encoding import sha256_hex
from evidence.topics import Address, Channel

MAX_MESSAGES: Final = 500
MAX_BYTES: Final = 32 << 20
STRANGERS: Final = ""
"""The room that units without a birth record share; no unit has an empty name."""

SCHEMA: Final = """
CREATE TABLE aside (
    id INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    waits INTEGER NOT NULL,
    site TEXT NOT NULL,
    unit TEXT NOT NULL,
    channel TEXT NOT NULL,
    received TEXT NOT NULL,
    reason TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    message BLOB NOT NULL,
    UNIQUE (unit, sha256)
) STRICT;
CREATE TABLE rooms (
    room TEXT PRIMARY KEY,
    messages INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the broker brought it."""

    address: Address
    channel: Channel
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """One message kept apart, without its bytes; ``waits``: for its key, else it is in quarantine."""

    unit: str
    channel: str
    received: str
    reason: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Room:
    """How much is kept in a room, and how many messages found no place in it."""

    messages: int = 0
    bytes: int = 0
    dropped: int = 0

    def has_place_for(self, message: Message) -> bool:
        """Whether ``message`` may still be kept."""
        return self.messages < MAX_MESSAGES and self.bytes + len(message.payload) <= MAX_BYTES


class Aside:
    """The tables of :data:`SCHEMA` in the store's database. Its owner holds the lock and the transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def room(self, name: str) -> Room:
        """What is in the room of unit ``name``, or of :data:`STRANGERS`."""
        row = self._db.execute("SELECT messages, bytes, dropped FROM rooms WHERE room = ?", (name,)).fetchone()
        return Room(*row) if row else Room()

    def rooms(self) -> dict[str, Room]:
        """All rooms that were ever used."""
        return {row[0]: Room(*row[1:]) for row in self._db.execute("SELECT room, messages, bytes, dropped FROM rooms")}

    def keep(self, room: str, message: Message, reason: str, received: str, *, waits: bool) -> bool:
        """Keep ``message``; False if it is kept already, or if there is no place (it is counted then)."""
        unit, digest = message.address.unit, sha256_hex(message.payload)
        if self._db.execute("SELECT 1 FROM aside WHERE unit = ? AND sha256 = ?", (unit, digest)).fetchone():
            return False
        if not self.room(room).has_place_for(message):
            self.count_dropped(room)
            return False
        self._db.execute(
            "INSERT INTO aside (room, waits, site, unit, channel, received, reason, sha256, message)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (room, waits, message.address.site, unit, message.channel, received, reason, digest, message.payload),
        )
        self._change(room, messages=1, size=len(message.payload))
        return True

    def _change(self, room: str, *, messages: int = 0, size: int = 0, dropped: int = 0) -> None:
        self._db.execute(
            "INSERT INTO rooms VALUES (?1, ?2, ?3, ?4) ON CONFLICT (room) DO UPDATE SET"
            " messages = messages + ?2, bytes = bytes + ?3, dropped = dropped + ?4",
            (room, messages, size, dropped),
        )

    def count_dropped(self, room: str) -> None:
        """A message for ``room`` was not kept."""
        self._change(room, dropped=1)

    def _remove(self, identifier: int, room: str, size: int) -> None:
        self._db.execute("DELETE FROM aside WHERE id = ?", (identifier,))
        self._change(room, messages=-1, size=-size)

    def release(self, message: Message) -> None:
        """``message`` is believed after all: it need not be kept apart any longer."""
        key = (message.address.unit, sha256_hex(message.payload))
        sql = "SELECT id, room, length(message) FROM aside WHERE unit = ? AND sha256 = ?"
        for found in self._db.execute(sql, key).fetchall():
            self._remove(*found)

    def has_waiting(self, unit: str, channel: Channel) -> bool:
        """Whether a message of this channel waits for another key of ``unit``."""
        sql = "SELECT 1 FROM aside WHERE unit = ? AND channel = ? AND waits = 1 LIMIT 1"
        return self._db.execute(sql, (unit, channel)).fetchone() is not None

    def take_waiting(self, unit: str) -> list[Message]:
        """Take out what waited for a key of ``unit``, in the order it came."""
        rows = self._db.execute(
            "SELECT id, room, length(message), site, channel, message FROM aside WHERE unit = ? AND waits = 1"
            " ORDER BY id",
            (unit,),
        ).fetchall()
        for row in rows:
            self._remove(*row[:3])
        return [Message(Address(row[3], unit), Channel(row[4]), bytes(row[5])) for row in rows]

    def kept(self) -> list[Kept]:
        """Everything that is kept apart, oldest first."""
        rows = self._db.execute("SELECT unit, channel, received, reason, waits FROM aside ORDER BY id")
        return [Kept(unit, channel, received, reason, bool(waits)) for unit, channel, received, reason, waits in rows]
