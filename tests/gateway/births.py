"""Checks of one birth, as the answer about its certificate sees them; and what the shipped packs' rules answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from daemon.policy import pack_path
from evidence.policy import Rules, load_rules
from gateway.certificate import Answer, Hole, answer
from gateway.statistics.facts import NOTHING, Check, Later, check_of
from tests.gateway.ward import BEGIN, check_id, document_of

MIN = dt.timedelta(minutes=1)
RULES = {name: load_rules(pack_path(name)) for name in ("jiangxi", "hainan", "chongqing_yubei", "neutral")}
"""Of the shipped packs."""


def check(at: int, outcome: str, checkpoint: str, *, by: int = 1, later: Later = NOTHING, **more: Any) -> Check:
    """A check ``at`` minutes, of the woman whose document has number ``by``; keywords are fields of its record."""
    moment = (BEGIN + at * MIN).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    unit, believed, case = more.pop("unit", "u1"), more.pop("believed", True), more.pop("case", "")
    said = {
        "unit": unit,
        "seq": at + 2,
        "check": check_id(BEGIN + at * MIN),
        "time": {"earliest": moment, "latest": moment, "source": "network"},
        "policy": {"id": "jiangxi", "version": "2024-2"},
        "checkpoint": checkpoint,
        "outcome": outcome,
        "subject": {"role": "mother"},
        "visit": {"ref": "V-1", "source": "typed"},
        "channel": "unit",
        "officers": [],
        **({"document": document_of(by)} if outcome in ("passed", "manual", "failed") else {}),
        **more,
    }
    return check_of(said, "0" * 64, later, settled_elsewhere=False, believed=believed, case=case)


def claimed(at: int, outcome: str, **more: Any) -> Check:
    return check(at, outcome, "certificate", subject={"role": "claimant"}, **{"by": 9, **more})


def asked(rules: str | Rules, *checks: Check, missing: tuple[Hole, ...] = ()) -> Answer:
    return answer(RULES[rules] if isinstance(rules, str) else rules, ["V-1"], checks, missing, ())


def codes(rules: str | Rules, *checks: Check) -> list[str]:
    return [one.code for one in asked(rules, *checks).reasons]
