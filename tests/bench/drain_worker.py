"""A unit's delivery in a process of its own, so that its memory can be looked at while it drains a backlog.

``python -m tests.bench.drain_worker FOLDER NAME``: one line of JSON on standard output for each turn - which records
went out and wait for a receipt, and the process' resident memory - and one receipt on standard input for each.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import psutil

from daemon.backlog import WINDOW
from daemon.delivery import Delivery
from daemon.outbox import Outbox
from evidence.keys import FileSigner, load_public_key
from evidence.topics import Address, Channel
from tests.bench.record import SITE, UNIT


def _no_birth() -> NoReturn:
    raise AssertionError("the outbox is there")


def main(folder: Path, name: str) -> None:
    """Drain the outbox called ``name``."""
    logging.disable(logging.CRITICAL)
    signer, gateway = FileSigner(folder / "record.key"), load_public_key(folder / "signing.pub")
    sent: list[int] = []

    def publish(_channel: Channel, payload: bytes) -> bool:
        sent.append(len(payload))
        return True

    identity = {"unit": UNIT, "site": SITE, "software": {"version": "bench"}}
    with closing(Outbox(folder / name, identity=identity, signer=signer, recipients=(), birth=_no_birth)) as outbox:
        delivery = Delivery(outbox, Address(SITE, UNIT), signer, lambda _: gateway, publish=publish)
        memory = psutil.Process().memory_info
        while outbox.count_waiting():
            sent.clear()
            delivery.pump()
            numbers = [item.seq for item in outbox.waiting(limit=WINDOW)]
            turn = {"numbers": numbers, "bytes": sum(sent), "rss": memory().rss}
            sys.stdout.write(json.dumps(turn) + "\n")
            sys.stdout.flush()
            delivery.receive(Channel.RECEIPT, sys.stdin.readline().strip().encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
