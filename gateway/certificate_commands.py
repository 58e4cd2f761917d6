"""``vernix-gateway certificate``: whether a birth certificate may be issued, why or why not, and on what evidence."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from evidence.certificates import load_certificate
from gateway.certificate import Answer, Hole, Need, Reason, answer, is_of, mothers_numbers, number_of, plain_visit
from gateway.config import Config
from gateway.gaps import Gap
from gateway.revocations import stored_list
from gateway.statistics.commands import looked_at
from gateway.statistics.facts import Check
from gateway.statistics.survey import EVER
from gateway.statistics.words import CASES, DEBTS, OUTCOMES, Title, checkpoint_title, title
from gateway.status import is_silent
from gateway.store import Store

OK, FINDING = 0, 1


def certificate(config: Config, arguments: argparse.Namespace) -> int:
    """May the birth certificate be issued? By the policy pack, from all visits of pregnancy and birth. Exit 1: no."""
    rules, visits = config.needed_rules(), tuple(dict.fromkeys(map(plain_visit, arguments.visit)))
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store, looked_at(config, store) as survey:
        checks = [check for check in survey.checks(EVER) if is_of(check, visits)]
        if numbers := mothers_numbers(checks):
            others = (check for check in survey.checks(EVER) if not is_of(check, visits))
            checks += [check for check in others if number_of(check) in numbers]
        with store.transaction():
            gaps = store.gaps.all()
        silent = tuple(_silent(config, store))
        holes = [(Hole(unit.row.unit, *pair), gaps) for unit in survey.units.values() for pair in unit.missing]
    parts = [part for hole, known in holes for part in _parts(hole, known)]
    missing, given_up = ([hole for hole, is_up in parts if is_up is wanted] for wanted in (False, True))
    found = replace(answer(rules, visits, checks, missing, given_up), silent=silent)
    lines = [json.dumps(_as_json(found), ensure_ascii=False)] if arguments.json else _lines(found)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return OK if found.may_be_issued else FINDING


def _silent(config: Config, store: Store) -> Iterator[tuple[str, str]]:
    """The units that were not heard for ``gateway.silent_s``, and when they were last; empty: never."""
    revocations = stored_list(store, load_certificate(config.keys.authority))
    heard_since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=config.gateway.silent_s)
    silent = (row for row in store.units() if is_silent(store, row, revocations, heard_since))
    return ((row.unit, row.heard) for row in silent)


def _parts(hole: Hole, gaps: Sequence[Gap]) -> Iterator[tuple[Hole, bool]]:
    """The parts of ``hole``, and whether each was given up for good."""
    at = hole.first
    for gap in (one for one in gaps if one.unit == hole.unit and one.last >= hole.first and one.first <= hole.last):
        if gap.first > at:
            yield Hole(hole.unit, at, gap.first - 1), False
        yield Hole(hole.unit, max(at, gap.first), min(gap.last, hole.last)), True
        at = gap.last + 1
    if at <= hole.last:
        yield Hole(hole.unit, at, hole.last), False


# --- as it is told ---


def _lines(found: Answer) -> Iterator[str]:
    head = ("可以签发", "may be issued") if found.may_be_issued else ("不予签发", "not to be issued")
    yield f"出生医学证明：{head[0]}  birth certificate: {head[1]}  ({found.rules.id} {found.rules.version})"
    for reason in found.reasons:
        zh, en = reason.words
        yield f"  - {zh}  {en}" + (f"  [{_place(reason.check)}]" if reason.check else "")
    for need in found.needs:
        zh, en = need.place
        yield f"  {zh}  {en}: " + (f"已核验 verified [{_place(need.by)}]" if need.by else "未核验 not verified")
    if found.name_in:
        yield f"  产妇姓名以此记录为准  the mother's name is that of [{_place(found.name_in)}]"
    if found.rules.certificate and found.rules.certificate.mother_fixed:
        yield "  签发后不得变更新生儿母亲身份信息  the mother's data may not be changed afterwards"
    for hole in found.given_up:
        yield f"  已放弃的记录，内容不明  given up, nobody knows what it said: {hole}"
    for unit, heard in found.silent:
        yield f"  设备 {unit} 上次联系 {heard or '无'}，此后的记录可能尚未到达"
        yield f"  unit {unit} last heard {heard or 'never'}: its records since may be missing"
    for one in found.checks:
        yield "  " + "  ".join(filter(None, _words(one)))


def _place(check: Check) -> str:
    return f"{check.unit} {check.seq}"


def _words(one: Check) -> Iterator[str]:
    yield f"{one.local}  {_place(one)}"
    yield from (_both(checkpoint_title(one.policy, one.checkpoint)), _both(title(OUTCOMES, one.outcome)))
    yield str(one.payload["subject"].get("role", ""))
    yield from (_both(title(DEBTS, one.debt)), ", ".join(_findings(one)))
    if one.case:
        yield f"专案{CASES[one.case][0]} special case {CASES[one.case][1]}"
    yield "签名已验证 signature verified" if one.believed else "密钥已吊销，不计 key revoked, not counted"


def _both(words: Title) -> str:
    return " ".join(dict.fromkeys(words)).strip()


def _findings(check: Check) -> list[str]:
    return [str(one) for one in check.payload.get("document", {}).get("findings", ())]


def _as_json(found: Answer) -> dict[str, Any]:
    gate = found.rules.certificate
    return {
        "may_be_issued": found.may_be_issued,
        "policy": {"id": found.rules.id, "version": found.rules.version},
        "reasons": [_reason(one) for one in found.reasons],
        "needs": [_need(one) for one in found.needs],
        "name_in": found.name_in and _record(found.name_in),
        "mother_fixed": gate is not None and gate.mother_fixed,
        "given_up": [str(one) for one in found.given_up],
        "silent": [{"unit": unit, "heard": heard} for unit, heard in found.silent],
        "evidence": [_evidence(one) for one in found.checks],
    }


def _record(check: Check) -> dict[str, Any]:
    return {"unit": check.unit, "seq": check.seq}


def _reason(one: Reason) -> dict[str, Any]:
    code, _, checkpoint = one.code.partition(":")
    said: dict[str, Any] = {"code": code, "zh": one.words[0], "en": one.words[1]}
    said |= {"checkpoint": checkpoint} if checkpoint else {}
    return said | (_record(one.check) if one.check else {})


def _need(one: Need) -> dict[str, Any]:
    zh, en = one.place
    return {"checkpoint": one.checkpoint, "zh": zh, "en": en, "by": one.by and _record(one.by)}


def _evidence(one: Check) -> dict[str, Any]:
    return _record(one) | {
        "check": one.check,
        "sha256": one.sha256,
        "at": one.local,
        "checkpoint": one.checkpoint,
        "outcome": one.outcome,
        "subject": one.payload["subject"].get("role", ""),
        "policy": one.payload["policy"],
        "channel": one.channel,
        "findings": _findings(one),
        "debt": one.debt,
        "special_case": one.case,
        "signature": "verified" if one.believed else "revoked",
    }


def add_commands(commands: Any) -> None:
    """Add ``certificate`` to the command line."""
    parser = commands.add_parser("certificate", help=certificate.__doc__, description=certificate.__doc__)
    parser.add_argument("visit", nargs="+", help="the references of all visits of this pregnancy and birth")
    parser.add_argument("--json", action="store_true", help="a line of JSON")
    parser.set_defaults(action=certificate)
