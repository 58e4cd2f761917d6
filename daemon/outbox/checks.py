"""What the unit still knows of its checks: no person, only which check ended how, for which visit, and what is owed.

The records are ciphertext here. Officers refer to a check hours later, a debt must be shown until it is settled, and
charts count; that needs these rows. They are written with the record they come from, in one transaction. A visit's
reference rests here only while a check of it is owed or unaccounted for; otherwise there is a keyed hash, so that a
later check of the visit is known as one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from daemon.outbox.figures import cause_of
from evidence.instants import write_instant
from evidence.record import MISTAKEN, Kind, Outcome, Record, is_child, may_be_nobody, of_claimant, says_nobody, took_s

KEPT = dt.timedelta(days=400)
"""A settled check's row stays for a year's statistics and a month; a debt's for as long as it is one."""

SHOWN = 50
"""Debts that are told at once; older ones are asked for. Emergencies that nobody has accounted for are all told."""

_TO_COME = dt.timedelta(days=7)
_FIELDS = (
    "check_id, seq, sha256, checkpoint, visit, outcome, drill, at, owed, unaccounted, provisional, nobody, claimant,"
    " under_14"
)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check that has its record; ``at`` is the record's earliest time, ``owed`` whether it is still a debt.

    ``unaccounted``: it was an emergency, and no officer has accounted for it yet; until then no door is locked.
    ``provisional``: its visit is not known yet. ``nobody``: see :func:`evidence.record.may_be_nobody`. ``claimant``:
    who came for the certificate was checked, not the woman of the visit. ``under_14``: see
    :func:`evidence.record.is_child`.
    """

    check: str
    seq: int
    sha256: str
    checkpoint: str
    visit: str
    outcome: Outcome
    drill: bool
    at: str
    owed: bool
    unaccounted: bool
    provisional: bool = False
    nobody: bool = False
    claimant: bool = False
    under_14: bool | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A debt, and the later check of the same visit that settles it."""

    debt: CheckRow
    by: CheckRow


def note(db: sqlite3.Connection, item: Record, debts: Collection[Outcome]) -> None:
    """Keep what ``item``, a record that is being committed, says of a check."""
    if item.kind is Kind.CHECK:
        _note_check(db, item.seq, item.sha256, item.payload, debts)
    elif item.kind is Kind.ADDENDUM:
        _note_addendum(db, item.payload)


def _note_check(
    db: sqlite3.Connection, seq: int, sha256: str, payload: Mapping[str, Any], debts: Collection[Outcome]
) -> None:
    owed = Outcome(payload["outcome"]) in debts and not payload["drill"]
    unaccounted, visit = _was_emergency(payload), payload["visit"]["ref"]
    values = (
        *(payload["check"], seq, sha256, payload["checkpoint"], visit if owed or unaccounted else ""),
        *(payload["outcome"], int(payload["drill"]), payload["time"]["earliest"], int(owed), int(unaccounted)),
        *(int(payload["visit"]["source"] == "provisional"), int(may_be_nobody(payload)), int(of_claimant(payload))),
        is_child(payload),
        *(_mac(db, visit), payload["channel"], cause_of(payload), took_s(payload)),
    )
    fields = f"{_FIELDS}, visit_mac, channel, cause, took_s"
    db.execute(f"INSERT INTO checks ({fields}) VALUES ({', '.join('?' * len(values))})", values)


def _mac(db: sqlite3.Connection, visit: str) -> bytes:
    (key,) = db.execute("SELECT value FROM secrets WHERE name = 'visits'").fetchone()
    return hmac.digest(key, visit.encode(), hashlib.sha256)


def _was_emergency(payload: Mapping[str, Any]) -> bool:
    """A power cut may have ended the emergency's own check: it is recorded as interrupted then."""
    return Outcome.EMERGENCY in (payload["outcome"], payload.get("step_reached"))


def _note_addendum(db: sqlite3.Connection, payload: Mapping[str, Any]) -> None:
    check = payload["check"]
    if "settled_by" in payload:
        db.execute("UPDATE checks SET owed = 0 WHERE check_id = ?", (check,))
    if payload.get("accounts"):
        db.execute("UPDATE checks SET unaccounted = 0 WHERE check_id = ?", (check,))
    if payload.get("amends") == MISTAKEN:
        db.execute("UPDATE checks SET cause = ? WHERE check_id = ?", (MISTAKEN, check))
    if says_nobody(payload):
        db.execute("UPDATE checks SET owed = 0 WHERE check_id = ? AND nobody = 1", (check,))
    if "visit" in payload:
        visit = payload["visit"]["ref"]
        linked = "visit = ?, visit_mac = ?, provisional = 0, nobody = 0"
        db.execute(f"UPDATE checks SET {linked} WHERE check_id = ?", (visit, _mac(db, visit), check))
    db.execute("UPDATE checks SET visit = '' WHERE check_id = ? AND owed = 0 AND unaccounted = 0", (check,))


def find(db: sqlite3.Connection, check: str) -> CheckRow | None:
    """The check of that id, if this unit still knows it."""
    row = db.execute(f"SELECT {_FIELDS} FROM checks WHERE check_id = ?", (check,)).fetchone()
    return _row(row) if row else None


def debts(db: sqlite3.Connection, *, before: int | None = None, limit: int = SHOWN) -> tuple[CheckRow, ...]:
    """Debts from before record number ``before``, the newest first; no emergency that waits for its account."""
    sql = f"""SELECT {_FIELDS} FROM checks WHERE owed = 1 AND unaccounted = 0 AND seq < coalesce(?, seq + 1)
        ORDER BY seq DESC LIMIT ?"""
    return tuple(_row(row) for row in db.execute(sql, (before, limit)))


def recent(db: sqlite3.Connection, limit: int, visit: str | None = None) -> list[CheckRow]:
    """The last checks, drills apart, the newest first; with ``visit`` those of that visit, which its hash finds."""
    sql = f"""SELECT {_FIELDS} FROM checks WHERE drill = 0 AND (?1 IS NULL OR visit_mac = ?1)
        ORDER BY seq DESC LIMIT ?2"""
    return [_row(row) for row in db.execute(sql, (_mac(db, visit) if visit else None, limit))]


def unaccounted(db: sqlite3.Connection) -> tuple[CheckRow, ...]:
    """Emergencies that no officer has accounted for, all of them, drills of older software too; the newest first."""
    sql = f"SELECT {_FIELDS} FROM checks WHERE unaccounted = 1 ORDER BY seq DESC"
    return tuple(_row(row) for row in db.execute(sql))


def settled(db: sqlite3.Connection, debts: Collection[Outcome]) -> list[Settlement]:
    """Debts for whose visit a check has ended since that leaves none; each with the first such check.

    Who comes for the certificate settles nothing of the mother's, nor she of theirs.
    """
    found: dict[str, Settlement] = {}
    names = ", ".join(f"{table}.{name.strip()}" for table in ("debt", "later") for name in _FIELDS.split(","))
    sql = f"""SELECT {names} FROM checks AS debt JOIN checks AS later
        ON later.visit_mac = debt.visit_mac AND later.seq > debt.seq AND later.drill = 0
        AND later.claimant = debt.claimant
        WHERE debt.owed = 1 ORDER BY debt.seq, later.seq"""
    half = len(CheckRow.__dataclass_fields__)
    for row in db.execute(sql):
        one = Settlement(_row(row[:half]), _row(row[half:]))
        if one.by.outcome not in debts:
            found.setdefault(one.debt.check, one)
    return list(found.values())


def give_way(db: sqlite3.Connection, now: dt.datetime, most: int) -> int:
    """Drop the oldest rows that are only counted any more, where room is short; how many.

    Those of the last days stay: her signature, the visit's number or a form may still be to come.
    """
    sql = "SELECT check_id FROM checks WHERE owed = 0 AND unaccounted = 0 AND at < ? ORDER BY seq LIMIT ?"
    before = write_instant(now - _TO_COME)
    return db.execute(f"DELETE FROM checks WHERE check_id IN ({sql})", (before, most)).rowcount


def forget_old(db: sqlite3.Connection, now: dt.datetime) -> int:
    """Drop rows that nobody needs any more; how many."""
    return db.execute(
        "DELETE FROM checks WHERE owed = 0 AND unaccounted = 0 AND at < ?", (write_instant(now - KEPT),)
    ).rowcount


def _row(values: tuple[Any, ...]) -> CheckRow:
    check, seq, sha256, checkpoint, visit, outcome, drill, at, *flags, child = values
    row = CheckRow(check, seq, sha256, checkpoint, visit, Outcome(outcome), bool(drill), at, *map(bool, flags))
    return row if child is None else replace(row, under_14=bool(child))
