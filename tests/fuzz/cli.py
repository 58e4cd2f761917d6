"""`python -m tests.fuzz [--budget SECONDS] [--only WORD] [--json FILE]`: every decoder for its share of the budget."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.fuzz.target import Target
from tests.fuzz.targets import all_targets

BATCH = 50
"""Inputs between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one target."""

    target: str
    examples: int
    refused: int
    seconds: float
    grown_mib: float
    findings: tuple[str, ...]


def fuzz(target: Target, budget_s: float, number: int) -> Result:
    """Go on until the budget is used, or something is found."""
    until_s = time.monotonic() + budget_s
    before = psutil.Process().memory_info().rss
    while time.monotonic() < until_s and not target.findings:
        try:
            target.fuzz(BATCH, number + target.examples)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            target.findings.append(_told(error))
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    return Result(target.name, target.examples, target.refused, target.seconds, grown, tuple(target.findings))


def _told(error: Exception) -> str:
    """Where it came from, and the smallest input that brings it about."""
    frames = "".join(traceback.format_tb(error.__traceback__, limit=-4))
    notes = "\n".join(getattr(error, "__notes__", ()))
    return f"{frames}{type(error).__name__}: {str(error)[:300]}\n{notes[:2000]}"


def main() -> int:
    """1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--budget", type=float, default=300.0, metavar="SECONDS", help="for all together; default 300")
    parser.add_argument("--only", default="", metavar="WORD", help="targets whose name has this word")
    parser.add_argument("--seed", type=int, help="repeat a run; default: another one every time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    number = options.seed if options.seed is not None else secrets.randbelow(1 << 30)
    chosen = [one for one in all_targets() if options.only in one.name]
    print(f"seed {number}, {len(chosen)} targets, {options.budget:g} s in all")
    print(f"{'target':44}{'examples':>9}{'refused':>9}{'seconds':>9}{'MiB':>7}{'findings':>10}", flush=True)
    results = []
    for target in chosen:
        results.append(fuzz(target, options.budget / max(1, len(chosen)), number))
        one = results[-1]
        print(
            f"{one.target:44}{one.examples:9}{one.refused:9}{one.seconds:9.1f}{one.grown_mib:7.1f}{len(one.findings):10}",
            flush=True,
        )
    total = sum(one.examples for one in results)
    found = [text for one in results for text in one.findings]
    print(f"{'all':44}{total:9}{'':9}{sum(one.seconds for one in results):9.1f}{'':7}{len(found):10}")
    for text in found:
        print(f"\n{text}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n", encoding="utf-8")
    return int(bool(found) or not results)
