"""Figures of the unit's own checks for the charts of its screen: no person, no drills, the same after a restart."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence.instants import CHINA, write_instant
from evidence.record import Outcome

_ENDINGS = ("left", "timeout", "restart", "second_officer_pending")
"""First words of an ``interrupted`` record's reason; any other reason is somebody's own text, and stays out of here."""
_EAST = f"{CHINA.utcoffset(None).total_seconds():+.0f} seconds"
"""SQLite's word for China's clock (date and time functions, section 3)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the checks of some days.

    Attributes:
        counts: day in China, checkpoint, outcome, channel and how many, by day.
        durations_s: from the beginning of each check that somebody ended to its record, in seconds.
        causes: what went wrong and how often, the usual first.
    """

    counts: tuple[tuple[str, str, str, str, int], ...]
    durations_s: tuple[float, ...]
    causes: tuple[tuple[str, int], ...]


def cause_of(payload: Mapping[str, Any]) -> str:
    """The short name of what kept the check of this record from passing; empty if it passed."""
    outcome = Outcome(payload["outcome"])
    if outcome in (Outcome.PASSED, Outcome.MANUAL):
        return ""
    if outcome is Outcome.INTERRUPTED:
        first = str(payload.get("reason", "")).split(":")[0]
        return first if first in _ENDINGS else outcome.value
    if outcome in (Outcome.REFUSED, Outcome.EMERGENCY, Outcome.DEVICE_FAULT):
        return outcome.value
    return _biometric(payload) or _document(payload) or outcome.value


def _biometric(payload: Mapping[str, Any]) -> str | None:
    face, liveness, finger = (payload.get(name, {}) for name in ("face", "liveness", "finger"))
    if liveness.get("decision") in ("attack", "unsure"):
        return "liveness"
    if face.get("decision", "match") != "match":
        return str(face.get("cause") or "face_no_match")
    if finger.get("decision", "match") != "match":
        return str(finger.get("cause") or "finger_no_match")
    return None


def _document(payload: Mapping[str, Any]) -> str | None:
    return "document_findings" if payload.get("document", {}).get("findings") else None


def since(db: sqlite3.Connection, start: dt.datetime) -> Figures:
    """The figures of all checks from ``start`` on."""
    at = (write_instant(start),)
    where = "FROM checks WHERE drill = 0 AND at >= ?"
    group = f"date(at, '{_EAST}'), checkpoint, outcome, channel"
    counts = f"SELECT {group}, count(*) {where} GROUP BY {group} ORDER BY {group}"
    causes = f"SELECT cause, count(*) {where} AND cause <> '' GROUP BY 1 ORDER BY 2 DESC, 1"
    ended = f"SELECT took_s {where} AND outcome <> 'interrupted' AND channel = 'unit' AND took_s IS NOT NULL"
    return Figures(
        tuple(db.execute(counts, at)),
        tuple(seconds for (seconds,) in db.execute(ended, at)),
        tuple(db.execute(causes, at)),
    )
