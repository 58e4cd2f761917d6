"""The store as it is at one moment, read record by record: the gateway goes on receiving meanwhile."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from evidence.encoding import sha256_hex
from evidence.record import Kind
from gateway.store import Store, UnitRow, read_units


@dataclass(frozen=True, slots=True)
class Held:
    """One record of the snapshot; ``intact``: its bytes have the hash that it was stored under."""

    unit: str
    seq: int
    sha256: str
    kind: Kind
    received: str
    jws: str = field(repr=False)

    @property
    def intact(self) -> bool:
        """Whether nobody changed it since it was stored."""
        return sha256_hex(self.jws.encode("ascii", "replace")) == self.sha256


class Snapshot:
    """Reads see the store as it was when the first of them began."""

    def __init__(self, db: sqlite3.Connection, units: list[UnitRow]) -> None:
        self._db = db
        self.units = units

    def count(self) -> int:
        """How many verified records there are."""
        return int(self._db.execute("SELECT count(*) FROM records WHERE chained = 1").fetchone()[0])

    def records(self, unit: str, kind: Kind | None = None) -> Iterator[Held]:
        """The verified records of ``unit``, or those of one kind, ascending."""
        sql = """SELECT unit, seq, sha256, kind, received, jws FROM records
            WHERE unit = ?1 AND chained = 1 AND kind = coalesce(?2, kind) ORDER BY seq"""
        for row in self._db.execute(sql, (unit, kind)):
            yield Held(row[0], row[1], row[2], Kind(row[3]), row[4], row[5])

    def closed_cases(self) -> set[str]:
        """The checks whose special case (专案管理) the office has closed."""
        return {check for (check,) in self._db.execute("SELECT check_id FROM closed_cases")}

    def waiting(self, unit: str) -> list[int]:
        """Numbers that are here and not verified: above a hole, or late in a gap."""
        sql = "SELECT seq FROM records WHERE unit = ? AND chained = 0 ORDER BY seq"
        return [seq for (seq,) in self._db.execute(sql, (unit,))]


@contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """The store at this moment, through a connection of its own that cannot write.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    uri = f"file:{urllib.parse.quote(str(store.path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        db.execute("BEGIN")
        yield Snapshot(db, read_units(db))
    finally:
        db.close()
