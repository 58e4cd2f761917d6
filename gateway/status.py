"""``vernix-gateway status``: each unit, and what is amiss with it."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from evidence import health, jws, record
from evidence.certificates import key_of, load_certificate
from evidence.instants import read_instant
from evidence.keys import thumbprint
from evidence.record import Kind
from evidence.revocation import Revocations
from gateway import command
from gateway.aside import STRANGERS, Kept, Room
from gateway.config import Config
from gateway.doubles import find_doubles
from gateway.gaps import Gap
from gateway.revocations import stored_list
from gateway.store import Store, UnitRow

OK, FINDING = 0, 1
_AMISS = ("missing", "contradicted", "quarantined", "waiting", "dropped", "silent", "overdue")
"""Not what the unit refused: a receipt that its broker brought twice is among it. Nor what is on its way to it."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What a unit is held against."""

    store: Store
    rooms: Mapping[str, Room]
    on_its_way: Mapping[str, int]
    revocations: Revocations | None
    heard_since: dt.datetime
    gaps: Sequence[Gap]
    overdue: Mapping[str, int]


def status(config: Config, arguments: argparse.Namespace) -> int:
    """Each unit: how far its chain is verified, what it claims, what is in quarantine. Exit 1 if something is amiss."""
    now = dt.datetime.now(dt.UTC)
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        kept, rooms = store.kept_apart(), store.rooms()
        revocations = stored_list(store, load_certificate(config.keys.authority))
        on_its_way = Counter(one.unit for one in command.waiting(store))
        heard_since = now - dt.timedelta(seconds=config.gateway.silent_s)
        with store.transaction():
            gaps = store.gaps.all()
            overdue = Counter(one.unit for one in store.office.alerts() if one.is_overdue(now))
            doubles = find_doubles(store.officers.accounts(), now)
        around = _Around(store, rooms, on_its_way, revocations, heard_since, gaps, overdue)
        entries = {row.unit: _entry(row, around) for row in store.units()}
    for one in kept:
        entry = entries.setdefault(one.unit, _stranger(one.unit))
        entry["waiting" if one.waits else "quarantined"] += 1
    nameless, own_key = rooms.get(STRANGERS, Room()).dropped, _own_key(config, revocations)
    if arguments.json:
        lines = [json.dumps(entry) for entry in entries.values()]
    else:
        lines = [_line(entry) for entry in entries.values()]
        lines += [f"gap  {one.unit}  {one.first} to {one.last}  {one.accepted_by}  {one.reason}" for one in gaps]
        lines += [*_told(kept, entries, nameless, own_key), *(one.told for one in doubles)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    amiss = any(entry[name] for entry in entries.values() for name in _AMISS)
    return FINDING if nameless or own_key or amiss or doubles else OK


def _line(entry: Mapping[str, Any]) -> str:
    """Gaps have lines of their own."""
    return "  ".join(f"{name} {value}" for name, value in entry.items() if name != "gaps")


def _told(kept: Sequence[Kept], entries: Mapping[str, Any], nameless: int, own_key: str) -> Iterator[str]:
    """What is amiss, in words."""
    for one in kept:
        where = "waits     " if one.waits else "quarantine"
        yield f"{where}  {one.unit}  {one.channel}  {one.received}  {one.reason}"
    for unit, entry in entries.items():
        if entry["silent"]:
            yield f"silent  {unit}  last heard {entry['heard'] or 'never'}: is it on, and does it reach the broker?"
        if entry["overdue"]:
            yield f"overdue  {unit}  {entry['overdue']} alerts that nobody has in hand: vernix-gateway alert list"
    if nameless:
        yield f"dropped  {nameless} messages of units without a birth record: there was no more room"
    if own_key:
        yield f"revoked  {own_key}"


def _own_key(config: Config, revocations: Revocations | None) -> str:
    """What is wrong with this gateway's signing key; empty: nothing."""
    kid = thumbprint(key_of(load_certificate(config.keys.signing_certificate)))
    if revocations is None or kid not in revocations.entries:
        return ""
    return "this gateway's signing key: units refuse its receipts and keep their records; see provisioning/README.md"


def _entry(row: UnitRow, around: _Around) -> dict[str, Any]:
    gaps = [gap for gap in around.gaps if gap.unit == row.unit]
    given_up = sum(gap.last - gap.first + 1 for gap in gaps if gap.last < row.head.seq)
    return _stranger(row.unit) | {
        "verified": row.head.seq,
        "claimed": row.claimed.seq,
        "missing": max(0, row.claimed.seq - row.head.seq) + given_up,
        "contradicted": _is_contradicted(around.store, row),
        "dropped": around.rooms.get(row.unit, Room()).dropped,
        "refused": row.refused,
        "on_its_way": around.on_its_way.get(row.unit, 0),
        "silent": is_silent(around.store, row, around.revocations, around.heard_since),
        "overdue": around.overdue[row.unit],
        "heard": row.heard,
        "gaps": [asdict(gap) for gap in gaps],
    }


def _stranger(unit: str) -> dict[str, Any]:
    """What is said of a unit whose birth record is not here."""
    numbers = dict.fromkeys(("verified", "claimed", "missing"), 0)
    counts = dict.fromkeys(("quarantined", "waiting", "dropped", "refused", "on_its_way"), 0)
    last = {"silent": False, "overdue": 0, "heard": "", "gaps": []}
    return {"unit": unit, **numbers, "contradicted": False, **counts, **last}


def _is_contradicted(store: Store, row: UnitRow) -> bool:
    """Whether the record that the unit claimed as its last is another one here: its chain has two ends."""
    return store.digest(row.unit, row.claimed.seq) not in (None, row.claimed.sha256)


def is_silent(store: Store, row: UnitRow, revocations: Revocations | None, heard_since: dt.datetime) -> bool:
    """Whether a unit that should be at work was not ``heard_since``; one out of use has a right to be silent."""
    if row.heard and read_instant(row.heard) >= heard_since:
        return False
    last = store.rows(row.unit, 1)
    token = store.jws(row.unit, row.head.seq)
    if not row.head.seq or token is None:
        return True
    kid = jws.parse(row.claim, health.TYPE).kid if row.claim else jws.parse(token, record.TYPE).kid
    is_revoked = revocations is not None and kid in revocations.entries
    return not (is_revoked or any(one.kind == Kind.RETIRE for one in last))
