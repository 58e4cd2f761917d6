"""The outbox's numbers by name: boots, the highest counters that were accepted, and the like."""

from __future__ import annotations

import sqlite3


def read(db: sqlite3.Connection, name: str) -> int:
    """The number, 0 if there is none yet."""
    row = db.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def count(db: sqlite3.Connection, name: str) -> int:
    """One more, in the transaction that is open; the new number."""
    sql = "INSERT INTO numbers VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    return int(db.execute(sql, (name,)).fetchone()[0])


def lift(db: sqlite3.Connection, name: str, value: int) -> None:
    """Set the number to ``value`` unless it is higher already, in the transaction that is open."""
    sql = "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
    db.execute(sql, (name, value))
