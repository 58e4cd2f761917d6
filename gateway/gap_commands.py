"""``vernix-gateway accept-gap``: a unit's chain goes on behind records that will never come."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from contextlib import closing
from typing import Any

from evidence.chain import Head
from evidence.errors import RefusedError
from evidence.instants import write_instant
from evidence.topics import check_name
from evidence.verify import read_record
from gateway.config import Config
from gateway.gaps import Gap
from gateway.store import Store

OK = 0


def accept(store: Store, gap: Gap) -> None:
    """Go on behind ``gap``: with the unit's next record the running gateway verifies and receipts what waits there.

    Raises:
        RefusedError: the unit is not known, or this is not exactly the hole that its records wait above.
    """
    with store.transaction():
        head, above = store.head(gap.unit), store.first_above(gap.unit)
        if head is None or above is None or above == head.seq + 1:
            why = "its birth record is not here" if head is None else "nothing of it waits above a hole"
            raise RefusedError(f"{gap.unit}: {why}; vernix-gateway status tells what waits")
        hole = (head.seq + 1, above - 1)
        if (gap.first, gap.last) != hole:
            raise RefusedError(
                f"{gap.unit}: the hole is from seq {hole[0]} to {hole[1]}, not {gap.first} to {gap.last}"
            )
        token = store.jws(gap.unit, above)
        assert token is not None, "first_above found it"
        store.gaps.add(gap)
        store.set_head(gap.unit, Head(gap.last, str(read_record(token).payload["prev"])))


def _accept(config: Config, arguments: argparse.Namespace) -> int:
    unit, now = check_name("unit", arguments.unit), write_instant(dt.datetime.now(dt.UTC))
    gap = Gap(unit, arguments.first, arguments.last, arguments.by, arguments.reason, now)
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        accept(store, gap)
    sys.stdout.write(
        f"{unit}: records {gap.first} to {gap.last} are given up; every verification and export will name them.\n"
        "What waits above is verified and receipted with the unit's next record.\n"
    )
    return OK


def add_commands(commands: Any, seq: Any) -> None:
    """Add ``accept-gap`` to the command line; ``seq`` reads a number."""
    about = "Give up records that no unit and no backup has any more, so that what waits above them goes on."
    parser = commands.add_parser("accept-gap", help=about, description=about)
    parser.add_argument("unit")
    parser.add_argument("first", type=seq)
    parser.add_argument("last", type=seq)
    parser.add_argument("--by", required=True, help="who answers for it")
    parser.add_argument("--reason", required=True, help="why they cannot come; no personal data")
    parser.set_defaults(action=_accept, json=False)
