"""Records that will never come: an operator says so, and a unit's chain goes on behind the gap.

A store that was lost without a backup can have the last 30 days of a unit again (``resend``), its birth record and its
keys; what lies between was overwritten there. A compromised key may have signed what nobody believes. In both cases
every later record would wait for ever above the hole. Nothing is covered up by going on: the gap stays in the status,
in every export's proof and, as a finding about the chain, in every verification - until its records come all the same.
"""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Records ``first`` to ``last`` of ``unit`` are given up, by whom, why and when."""

    unit: str
    first: int
    last: int
    accepted_by: str
    reason: str
    at: str


class Gaps:
    """The book of gaps, in the store's database and inside its transactions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Read and write ``db``."""
        self._db = db

    def add(self, gap: Gap) -> None:
        """Note that the records of ``gap`` are given up."""
        self._db.execute("INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?)", astuple(gap))

    def given_up_to(self, unit: str, first: int) -> int:
        """The last number of those that are given up from ``first`` on without a break; below ``first``: it is not."""
        last = first - 1
        while (gap := self.holding(unit, last + 1)) is not None:
            last = gap.last
        return last

    def holding(self, unit: str, seq: int) -> Gap | None:
        """The gap that ``seq`` lies in."""
        sql = "SELECT * FROM gaps WHERE unit = ?1 AND first <= ?2 AND last >= ?2"
        row = self._db.execute(sql, (unit, seq)).fetchone()
        return None if row is None else Gap(*row)

    def end_at(self, unit: str, last: int) -> None:
        """The chain goes on behind ``last``: nothing beyond is given up."""
        self._db.execute("DELETE FROM gaps WHERE unit = ? AND first > ?", (unit, last))
        self._db.execute("UPDATE gaps SET last = ?2 WHERE unit = ?1 AND last > ?2", (unit, last))

    def begin_after(self, gap: Gap, first: int) -> None:
        """``first``, the first number of ``gap``, has come."""
        key = (gap.unit, gap.first)
        if gap.last == first:
            self._db.execute("DELETE FROM gaps WHERE unit = ? AND first = ?", key)
        else:
            self._db.execute("UPDATE gaps SET first = ? WHERE unit = ? AND first = ?", (first + 1, *key))

    def shrink(self, gap: Gap, last: int) -> None:
        """What was beyond ``last`` has come late; a gap of which nothing is left is closed."""
        key = (gap.unit, gap.first)
        if last < gap.first:
            self._db.execute("DELETE FROM gaps WHERE unit = ? AND first = ?", key)
        else:
            self._db.execute("UPDATE gaps SET last = ? WHERE unit = ? AND first = ?", (last, *key))

    def all(self) -> list[Gap]:
        """All of them, by unit and number."""
        return [Gap(*row) for row in self._db.execute("SELECT * FROM gaps ORDER BY unit, first").fetchall()]
