"""`python -m tests.bench [NAME ...] [--json FILE]`: the project's figures, measured on this machine."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import platform
import sys
from pathlib import Path

from tests.bench.table import Bench, print_rows

BENCHES = {
    "check": "tests.bench.check",
    "record": "tests.bench.record",
    "faces": "tests.bench.faces",
    "liveness": "tests.bench.liveness",
    "motion": "tests.bench.liveness_motion",
    "outbox": "tests.bench.outbox",
    "kiosk": "tests.bench.kiosk",
    "mirror": "tests.bench.mirror",
    "forms": "tests.bench.forms",
    "export": "tests.bench.export",
    "firmware": "tests.bench.firmware",
}
"""Name on the command line, and the module whose `run()` measures and returns rows."""


def load(name: str) -> Bench:
    """The bench's function."""
    bench: Bench = importlib.import_module(BENCHES[name]).run
    return bench


def main() -> int:
    """Run the benches asked for, all by default; 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args()
    results = {}
    for name in options.names or BENCHES:
        results[name] = load(name)()
        print_rows(name, results[name])
    if options.json:
        figures = {name: [dataclasses.asdict(row) for row in rows] for name, rows in results.items()}
        document = {"machine": platform.machine(), "python": platform.python_version(), "benches": figures}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return int(any(row.met is False for rows in results.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
