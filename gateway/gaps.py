"""Records that will never come: an operator says so, and a unit's chain goes on behind the gap.

A store that was lost without a backup can have the last 30 days of a unit again (``resend``), its birth record and its
keys; what lies between was overwritten there. A compromised key may have signed what nobody believes. In both cases
every later record would wait for ever above the hole. Nothing is covered up by going on: the gap stays in the status,
in every export's proof and, as a finding about the chain, in every verification.
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

    def all(self) -> list[Gap]:
        """All of them, by unit and number."""
        return [Gap(*row) for row in self._db.execute("SELECT * FROM gaps ORDER BY unit, first").fetchall()]
