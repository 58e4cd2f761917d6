"""The statistics page (核验结果统计): one file with charts, for a browser or a printer."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evidence.instants import local_text
from gateway.statistics import html
from gateway.statistics.counts import Counts, figures, key_title
from gateway.statistics.survey import UnitSurvey
from gateway.statistics.words import CHANNELS, OUTCOMES, Title, title

_DAILY = 62
"""So many days are drawn day by day; more of them month by month."""
_SHOWN = 12
"""Bars of a chart; the table below has all."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page is about; ``first`` and ``last`` are days in China, both included."""

    site: str
    first: dt.date
    last: dt.date
    made: dt.datetime
    counts: Counts
    units: Sequence[UnitSurvey]

    @property
    def drills(self) -> int:
        """How many; they count nowhere else."""
        return sum(one.drills for one in self.units)


def about(facts: Facts) -> list[Title]:
    """What stands below the headline."""
    made = local_text(facts.made)
    return [
        (
            f"{facts.site} · {facts.first} 至 {facts.last} · 制表 {made}（北京时间）",
            f"{facts.site} · {facts.first} to {facts.last} · made {made} (China time)",
        ),
        (
            "每次核验计一次；后补信息已计入；演练不计入。",
            "Each check counts once, with what came later. Drills never count.",
        ),
    ]


def statistics_page(facts: Facts) -> str:
    """The whole page."""
    return html.page(("核验结果统计", "Identity checks: statistics"), about(facts), _parts(facts))


def _parts(facts: Facts) -> Iterator[str]:
    yield summary(facts)
    yield from tables(facts)
    yield completeness(facts)


def summary(facts: Facts) -> str:
    """All single figures; drills apart."""
    shown = [(titles, value) for _, titles, value in figures(facts.counts)]
    drills = (f"演练（不计入）：{facts.drills}", f"Drills (not counted): {facts.drills}")
    return html.section(("概况", "Summary"), html.figures(shown), html.paragraph(drills))


_NAMES: tuple[tuple[str, Title, Title], ...] = (
    ("checkpoint", ("按关键节点", "By checkpoint"), ("关键节点", "checkpoint")),
    ("outcome", ("按核验结果", "By outcome"), ("核验结果", "outcome")),
    ("officer", ("按核验人员", "By officer"), ("核验人员", "officer")),
    ("document", ("按证件类型", "By document"), ("证件类型", "document")),
)


def tables(facts: Facts) -> Iterator[str]:
    """A chart and a table for each way of counting."""
    counts = facts.counts
    yield html.section(
        ("按日期", "By day"), html.columns("chart-day", _day_title(facts), _days(facts)), _table(facts, "day")
    )
    for by, name, _ in _NAMES:
        rows = counts.table(by)
        drawn = [(key_title(by, key, {}), found.total()) for key, found in rows[:_SHOWN]]
        note = ""
        if by == "officer":
            text = (
                "由签字的核验人员计；无人签字的计值班人员；两人签字的各计一次。",
                "Counted for each officer who signed; where none signed, for who was on duty.",
            )
            note = html.paragraph(text, "soft")
        chart = html.bars(f"chart-{by}", ("核验数", "checks"), drawn)
        yield html.section(name, note, chart, "" if by == "outcome" else _table(facts, by))
    elsewhere = [(title(CHANNELS, channel), count) for channel, count in counts.channels.most_common()]
    yield html.section(
        ("按核验渠道", "By way of checking"), html.bars("chart-channel", ("核验数", "checks"), elsewhere)
    )


def _table(facts: Facts, by: str) -> str:
    shown = [outcome for outcome in OUTCOMES if facts.counts.outcomes[outcome]]
    first = next((word for key, _, word in _NAMES if key == by), ("日期", "day"))
    titles = [first, ("合计", "total"), *(OUTCOMES[outcome] for outcome in shown)]
    rows: list[list[html.Cell]] = [
        [key_title(by, key, {}), found.total(), *(found[outcome] for outcome in shown)]
        for key, found in facts.counts.table(by)
    ]
    return html.table(first, titles, rows)


def _day_title(facts: Facts) -> Title:
    daily = (facts.last - facts.first).days < _DAILY
    return ("每日核验数", "checks a day") if daily else ("每月核验数", "checks a month")


def _days(facts: Facts) -> list[tuple[str, int]]:
    found = Counter({key[0]: outcomes.total() for key, outcomes in facts.counts.table("day")})
    days = [facts.first + dt.timedelta(days=past) for past in range((facts.last - facts.first).days + 1)]
    if len(days) <= _DAILY:
        return [(f"{day:%m-%d}", found[day.isoformat()]) for day in days]
    months: dict[str, int] = {}
    for day in days:
        months[f"{day:%Y-%m}"] = months.get(f"{day:%Y-%m}", 0) + found[day.isoformat()]
    return list(months.items())


def completeness(facts: Facts) -> str:
    """Each unit: how far its records are here, against the head that it signed."""
    titles: list[Title] = [
        ("人证核验设备", "unit"),
        ("核验数", "checks"),
        ("演练数", "drills"),
        ("记录至序号", "records to seq"),
        ("设备签名序号", "signed head"),
        ("设备签名时刻 (UTC)", "signed at (UTC)"),
        ("缺失序号", "missing"),
    ]
    rows: list[list[html.Cell]] = [
        [
            one.row.unit,
            one.rows,
            one.drills,
            one.head.seq,
            one.row.claimed.seq,
            one.row.claimed_at or "–",
            ", ".join(f"{first}–{last}" for first, last in one.missing) or "–",
        ]
        for one in facts.units
    ]
    whole = not any(one.missing for one in facts.units)
    said = (
        ("各设备记录序号连续，无缺失。", "The records of every unit are without a gap.")
        if whole
        else ("有记录缺失，统计不完整。", "Records are missing: these statistics are not complete.")
    )
    return html.section(
        ("完整性", "Completeness"),
        html.paragraph(said, "" if whole else "bad"),
        html.table(("完整性", "completeness"), titles, rows),
    )
