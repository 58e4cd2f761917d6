"""``vernix-gateway accept-gap``: a unit's chain goes on behind records that will never come."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from contextlib import closing
from typing import Any

from evidence.certificates import load_certificate
from evidence.errors import RefusedError
from evidence.instants import write_instant
from evidence.keys import load_private_key
from evidence.topics import check_name
from gateway.config import Config
from gateway.gaps import Gap
from gateway.intake import Intake
from gateway.store import Store

OK = 0


def accept(store: Store, gap: Gap, intake: Intake) -> None:
    """Note ``gap``, and go on behind it with what waits there; where nothing does yet, as soon as it comes.

    Raises:
        RefusedError: the unit is not known, or this is not exactly the hole behind its chain.
    """
    with store.transaction():
        head = store.head(gap.unit)
        if head is None:
            raise RefusedError(f"{gap.unit}: its birth record is not here; vernix-gateway status tells what waits")
        first = store.gaps.given_up_to(gap.unit, head.seq + 1) + 1
        above = store.first_above(gap.unit, head.seq)
        last = gap.last if above is None else above - 1
        if (gap.first, gap.last) != (first, last) or last < first:
            to = "" if above is None else f" to {last}"
            wrong = f"{gap.unit}: the hole is from seq {first}{to}, not {gap.first} to {gap.last}"
            again = f"vernix-gateway resend {gap.unit} {gap.first} {gap.last}"
            raise RefusedError(
                wrong if gap.last > head.seq else f"{wrong}; what is damaged here comes again by {again}"
            )
        store.gaps.add(gap)
        intake.go_on(gap.unit)


def _accept(config: Config, arguments: argparse.Namespace) -> int:
    unit, now = check_name("unit", arguments.unit), write_instant(dt.datetime.now(dt.UTC))
    gap = Gap(unit, arguments.first, arguments.last, arguments.by, arguments.reason, now)
    authority, key = load_certificate(config.keys.authority), load_private_key(config.keys.encryption)
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        accept(store, gap, Intake(store, config.gateway.site, authority, key))
        head = store.head(unit)
    verified = 0 if head is None else head.seq
    sys.stdout.write(
        f"{unit}: records {gap.first} to {gap.last} are given up; every verification and export will name them.\n"
    )
    if verified > gap.last:
        sys.stdout.write(f"The chain is verified up to seq {verified}.\n")
    else:
        sys.stdout.write(f"Nothing after them is here yet; the chain goes on when seq {gap.last + 1} comes.\n")
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
