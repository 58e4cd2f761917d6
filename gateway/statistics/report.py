"""The quarterly self-inspection (每季度自查): what a hospital must look into, with the figures it rests on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from evidence.instants import day_begins, local_text, read_instant, write_instant
from gateway.officers import Account, Entry
from gateway.statistics import html
from gateway.statistics.facts import Check
from gateway.statistics.page import Facts, about, completeness, summary, tables
from gateway.statistics.words import OUTCOMES, Title, checkpoint_title

SILENT = dt.timedelta(days=1)
"""A unit that has not been heard for so long at the end of the quarter is a finding."""
MOST_LISTED = 500
"""Lines of a list on paper; the figures are of all."""


@dataclass(frozen=True, slots=True)
class Case:
    """A check that somebody must see to; no person."""

    unit: str
    seq: int
    check: str
    at: dt.datetime
    checkpoint: Title
    outcome: str

    @classmethod
    def of(cls, check: Check) -> Case:
        """The line of ``check``."""
        place = checkpoint_title(check.policy, check.checkpoint)
        return cls(check.unit, check.seq, check.check, check.at, place, check.outcome)


@dataclass(slots=True)
class OpenCases:
    """What is not settled at the time of the report."""

    owed: list[Case] = field(default_factory=list)
    unexplained: list[Case] = field(default_factory=list)
    special: list[Case] = field(default_factory=list)

    def add(self, check: Check) -> None:
        """Keep it if somebody must see to it."""
        if check.debt == "owed":
            self.owed.append(Case.of(check))
        if check.emergency == "unexplained":
            self.unexplained.append(Case.of(check))
        if check.case == "open":
            self.special.append(Case.of(check))


@dataclass(frozen=True, slots=True)
class OfficerLine:
    """One account: its state at the end of the quarter, and how many checks it signed or was on duty for."""

    id: str
    role: str
    department: str
    regular: bool
    state: str
    checks: int
    changes: int
    """Steps in the audit during the quarter."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that the report says; ``kept_apart``: messages in quarantine or waiting now."""

    facts: Facts
    cases: OpenCases
    officers: Sequence[OfficerLine]
    kept_apart: int


def roster_of(accounts: Sequence[Account], audit: Sequence[Entry], facts: Facts) -> list[OfficerLine]:
    """The accounts that there were by the end of the quarter, and ids in records that no account has."""
    begin, end = (day_begins(facts.first), day_begins(facts.last + dt.timedelta(days=1)))
    checks = {key[0]: found.total() for key, found in facts.counts.table("officer") if key[0]}
    changes = [one.officer for one in audit if write_instant(begin) <= one.at < write_instant(end)]
    lines = [
        OfficerLine(
            one.id,
            one.role,
            one.code,
            one.regular,
            _state(one, min(end, facts.made)),
            checks.pop(one.id, 0),
            changes.count(one.id),
        )
        for one in accounts
        if one.applied < write_instant(end)
    ]
    return lines + [OfficerLine(one, "", "", False, "unknown", count, 0) for one, count in sorted(checks.items())]


def _state(account: Account, at: dt.datetime) -> str:
    later = account.revoked is not None and account.revoked >= write_instant(at)
    return (replace(account, revoked=None) if later else account).state(at)


def findings(report: Report) -> list[Title]:
    """What the inspection found, the gravest first; empty: nothing."""
    return [one for one in _findings(report) if one]


def _findings(report: Report) -> Iterator[Title]:
    facts, counts = report.facts, report.facts.counts
    for unit in facts.units:
        yield from _of_unit(unit.row.unit, unit.missing, sorted(unit.broken))
        yield from _of_health(unit.row.unit, unit.row.claimed_at, facts)
    yield from _of_cases(report.cases)
    emergencies, mistaken = counts.emergencies.total(), counts.emergencies["mistaken"]
    if mistaken * 2 > emergencies:
        yield (
            f"紧急放行多为误触：{mistaken}/{emergencies}",
            f"most emergencies were mistaken: {mistaken} of {emergencies}",
        )
    if counts.overruled:
        yield (
            f"人脸不符而通过：{counts.overruled} 次",
            f"{counts.overruled} checks passed although the face did not match",
        )
    if counts.unbelieved:
        yield f"已吊销密钥的记录：{counts.unbelieved} 条", f"{counts.unbelieved} records by keys revoked before"
    unknown = [one.id for one in report.officers if one.state == "unknown"]
    if unknown:
        ids = ", ".join(unknown)
        yield f"记录中有无账户的核验人员：{ids}", f"officers in records who have no account here: {ids}"
    idle = [one.id for one in report.officers if one.state == "approved" and not one.checks]
    if idle:
        yield f"本季度无核验的有效账户：{', '.join(idle)}", f"valid accounts without a check: {', '.join(idle)}"
    if report.kept_apart:
        yield f"隔离或等待的消息：{report.kept_apart} 条", f"{report.kept_apart} messages in quarantine or waiting"


def _of_cases(cases: OpenCases) -> Iterator[Title]:
    if number := len(cases.unexplained):
        yield f"紧急放行未说明：{number} 次", f"{number} emergencies without an explanation"
    if number := len(cases.owed):
        yield f"待补核：{number} 次", f"{number} checks are still owed"
    if number := len(cases.special):
        yield f"专案未结：{number} 件", f"{number} special cases are open"


def _of_unit(unit: str, missing: list[tuple[int, int]], broken: list[int]) -> Iterator[Title]:
    for first, last in missing:
        yield f"{unit}：记录缺失，序号 {first} 至 {last}", f"{unit}: records {first} to {last} are missing"
    for seq in broken:
        yield f"{unit}：序号 {seq} 的记录已损坏或被改动", f"{unit}: record {seq} is damaged or was changed"


def _of_health(unit: str, claimed_at: str, facts: Facts) -> Iterator[Title]:
    if not claimed_at:
        yield f"{unit}：无设备签名的末尾序号", f"{unit}: no head signed by the unit"
        return
    until = min(day_begins(facts.last + dt.timedelta(days=1)), facts.made)
    if until - read_instant(claimed_at) > SILENT:
        yield f"{unit}：自 {claimed_at} 起无设备签名", f"{unit}: nothing signed by the unit since {claimed_at}"


def report_page(report: Report) -> str:
    """The report as a page to read, print and sign."""
    facts = report.facts
    quarter = f"{facts.first.year}Q{(facts.first.month + 2) // 3}"
    headline = (f"身份核验季度自查报告 {quarter}", f"Quarterly self-inspection {quarter}")
    return html.page(headline, about(facts), _parts(report))


def _parts(report: Report) -> Iterator[str]:
    found = findings(report)
    items = "".join(f"<li>{html.both(one)}</li>" for one in found)
    nothing = html.paragraph(("未发现问题。", "Nothing was found."))
    yield html.section(("自查发现", "Findings"), f'<ul class="findings">{items}</ul>' if found else nothing)
    yield summary(report.facts)
    yield completeness(report.facts)
    yield _cases(("待补核", "Checks still owed"), report.cases.owed)
    yield _cases(("紧急放行未说明", "Emergencies without explanation"), report.cases.unexplained)
    if report.facts.counts.by_pack:
        yield _cases(("专案未结", "Special cases still open"), report.cases.special)
    yield _officers(report.officers)
    yield from tables(report.facts)
    names: tuple[Title, ...] = (("自查人", "inspected by"), ("科室负责人", "head of department"), ("日期", "date"))
    yield f'<div class="sign">{"".join(html.paragraph(one) for one in names)}</div>'


def _cases(name: Title, cases: Sequence[Case]) -> str:
    if not cases:
        return html.section(name, html.paragraph(("无", "none")))
    titles: list[Title] = [
        ("人证核验设备", "unit"),
        ("记录序号", "seq"),
        ("核验编号", "check"),
        ("核验时间", "time"),
        ("关键节点", "checkpoint"),
        ("核验结果", "outcome"),
    ]
    rows: list[list[html.Cell]] = [
        [
            one.unit,
            one.seq,
            one.check,
            local_text(one.at),
            one.checkpoint,
            OUTCOMES.get(one.outcome, (one.outcome, one.outcome)),
        ]
        for one in cases[:MOST_LISTED]
    ]
    left = len(cases) - len(rows)
    more = html.paragraph((f"另有 {left} 条，见导出", f"and {left} more, see the export")) if left else ""
    return html.section(name, html.table(name, titles, rows), more)


_STATES: dict[str, Title] = {
    "approved": ("有效", "valid"),
    "applied": ("待批准", "not approved yet"),
    "revoked": ("已停用", "revoked"),
    "ended": ("已到期", "ended"),
    "unknown": ("无账户", "no account"),
}


def _officers(lines: Sequence[OfficerLine]) -> str:
    name = ("核验人员", "Officers")
    titles: list[Title] = [
        ("编号", "id"),
        ("角色", "role"),
        ("科室", "department"),
        ("正式人员", "regular staff"),
        ("状态", "state"),
        ("核验数", "checks"),
        ("账户变更", "account changes"),
    ]
    yes_no: tuple[Title, Title] = (("否", "no"), ("是", "yes"))
    rows: list[list[html.Cell]] = [
        [one.id, one.role, one.department, yes_no[one.regular], _STATES[one.state], one.checks, one.changes]
        for one in lines
    ]
    return html.section(name, html.table(name, titles, rows) if rows else html.paragraph(("无", "none")))
