"""``python -m tests.faults powercut``: cut the power at every point of a record's way, and look what is left."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.daemon.support import Home, build
from tests.faults import whole
from tests.faults.gateway_way import GatewayWay
from tests.faults.powercut import Campaign
from tests.faults.tally import Tally
from tests.faults.tracing import TracingFailed
from tests.faults.unit_way import UnitWay

OK, FINDING, ENVIRONMENT = 0, 1, 3
READY_S = 20.0
GATEWAY_SHARE = 0.25
"""Of the random cuts."""


def _progress(done: int, way: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{way:8} {done:6} cuts {'.' * (done // 100 % 40):40}")
        sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    command = parser.add_subparsers(dest="command", required=True).add_parser("powercut", help=__doc__)
    command.add_argument("--cuts", type=int, default=2000, help="random cuts beside the enumerated ones (default 2000)")
    command.add_argument("--seed", type=int, default=1, help="the same seed draws the same cuts (default 1)")
    command.add_argument("--share", type=float, default=1.0, help="of the enumerated points (default 1: all)")
    command.add_argument(
        "--whole", type=int, default=0, help="kills of the whole daemon that strike (default 0; about 6 s each)"
    )
    command.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def powercut(options: argparse.Namespace) -> list[Tally]:
    """Unit and gateway in turn.

    Raises:
        TracingFailed: strace may not trace here.
    """
    with tempfile.TemporaryDirectory(prefix="vernix-faults-") as name:
        folder = Path(name).resolve()
        (folder / "hospital").mkdir()
        build(folder)
        gateway_cuts = int(options.cuts * GATEWAY_SHARE)
        tallies = [
            Campaign(UnitWay(Home(folder)), options.seed, _progress).run(options.cuts - gateway_cuts, options.share),
            Campaign(GatewayWay(folder / "hospital"), options.seed, _progress).run(gateway_cuts, options.share),
        ]
    if options.whole:
        tallies.append(whole.cut(options.whole, options.seed, _progress))
    return tallies


def main() -> int:
    """Exit status 0: nothing was lost, doubled or broken; 1: something was; 3: cannot be done here."""
    options = _parser().parse_args()
    logging.disable(logging.CRITICAL)
    if shutil.which("strace") is None:
        print("faults: strace is missing: apt-get install strace", file=sys.stderr)
        return ENVIRONMENT
    began_s = time.monotonic()
    try:
        tallies = powercut(options)
    except TracingFailed as error:
        print(f"faults: {error}", file=sys.stderr)
        return ENVIRONMENT
    seconds = time.monotonic() - began_s
    if options.json:
        print(json.dumps({"seed": options.seed, "seconds": round(seconds), "ways": [one.to_dict() for one in tallies]}))
    else:
        for one in tallies:
            print("\n  ".join([str(one), *one.faults[:20]]))
        print(f"{seconds:.0f} s")
    slow = any(one.slowest_start_s > READY_S for one in tallies)
    return FINDING if slow or any(one.faults for one in tallies) else OK
