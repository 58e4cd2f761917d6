"""Counting checks, each once: by day, checkpoint, outcome, officer and document; what is owed, and what was misused."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.statistics import words
from gateway.statistics.facts import Check
from gateway.statistics.words import Title

BY = ("day", "checkpoint", "outcome", "officer", "document")
"""What checks are counted by. By officer a check counts for each officer who signed it, else for who was on duty."""


@dataclass(slots=True)
class Counts:
    """The sums over checks that were added one by one.

    Attributes:
        tables: for each of :data:`BY`, outcome counts by key; checkpoints are keyed by policy and checkpoint.
        debts, emergencies, cases, channels: how many by their words in :mod:`gateway.statistics.words`.
        alone: decided by the unit, no officer signed.
        manual: outcome ``manual``.
        overruled: passed by an officer's signature although the face did not match.
        unsigned: nobody has signed for the woman, then or later.
        linked: the visit's number came later.
        floor: the unit's clock was not trusted, the day may be too early.
        unbelieved: signed by a key that had been revoked before.
        by_pack: a policy pack says what a special case is.
    """

    by_pack: bool = False
    total: int = 0
    tables: dict[str, dict[tuple[str, ...], Counter[str]]] = field(default_factory=lambda: {by: {} for by in BY})
    outcomes: Counter[str] = field(default_factory=Counter)
    debts: Counter[str] = field(default_factory=Counter)
    emergencies: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    alone: int = 0
    manual: int = 0
    overruled: int = 0
    unsigned: int = 0
    linked: int = 0
    floor: int = 0
    unbelieved: int = 0
    seconds: array[int] = field(default_factory=lambda: array("l"), repr=False)

    def add(self, check: Check) -> None:
        """One more check."""
        self.total += 1
        self.outcomes[check.outcome] += 1
        self._add_tables(check)
        if check.debt:
            self.debts[check.debt] += 1
        if check.emergency:
            self.emergencies[check.emergency] += 1
        if check.case:
            self.cases[check.case] += 1
        self.channels[check.channel] += 1
        self.alone += not check.officers
        self.manual += check.outcome == "manual"
        no_match = check.payload.get("face", {}).get("decision") == "no_match"
        self.overruled += check.outcome == "passed" and bool(check.officers) and no_match
        self.unsigned += "subject_sign" not in check.payload and not check.signed_later
        self.linked += check.later.visit is not None
        self.floor += check.floor
        self.unbelieved += not check.believed
        if check.seconds is not None:
            self.seconds.append(check.seconds)

    def _add_tables(self, check: Check) -> None:
        keys: dict[str, Iterable[tuple[str, ...]]] = {
            "day": [(check.day,)],
            "checkpoint": [(check.policy, check.checkpoint)],
            "outcome": [(check.outcome,)],
            "officer": [(one,) for one in dict.fromkeys(check.accountable)],
            "document": [(check.document,)],
        }
        for by, found in keys.items():
            for key in found:
                self.tables[by].setdefault(key, Counter())[check.outcome] += 1

    def table(self, by: str) -> list[tuple[tuple[str, ...], Counter[str]]]:
        """Keys and outcome counts: days in order, everything else by how many."""
        rows = self.tables[by].items()
        if by == "day":
            return sorted(rows)
        return sorted(rows, key=lambda row: (-row[1].total(), row[0]))

    def time(self, share: float) -> int | None:
        """Seconds within which this share of the checks was recorded; None where no time is known."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def key_title(by: str, key: tuple[str, ...], names: Mapping[str, str]) -> Title:
    """The words for a row of a table.

    Args:
        names: officers' names by id, where they may be shown.
    """
    if by == "checkpoint":
        return words.checkpoint_title(*key)
    if by == "officer" and not key[0]:
        return "（无）", "(nobody)"
    if by == "officer" and key[0] in names:
        return (f"{names[key[0]]}（{key[0]}）", f"{names[key[0]]} ({key[0]})")
    titles = {"outcome": words.OUTCOMES, "document": words.DOCUMENTS}.get(by)
    return words.title(titles, key[0]) if titles else (key[0], key[0])


def figures(counts: Counts) -> list[tuple[str, Title, int | None]]:
    """Every single figure with its key and title, in the order in which people read them."""
    emergencies, debts = counts.emergencies, counts.debts
    elsewhere = sum(count for channel, count in counts.channels.items() if channel != "unit")
    return [
        ("checks", ("核验总数", "checks"), counts.total),
        ("debts", ("须补核", "left a debt"), debts.total()),
        ("debts_settled", ("已补核", "debts settled"), debts["settled"]),
        ("debts_owed", ("待补核", "debts still owed"), debts["owed"]),
        ("emergencies", ("紧急放行", "emergencies"), emergencies.total()),
        ("emergencies_mistaken", ("紧急放行误触", "emergencies touched by mistake"), emergencies["mistaken"]),
        ("emergencies_unexplained", ("紧急放行未说明", "emergencies not explained"), emergencies["unexplained"]),
        ("special_cases", ("专案管理", "special cases"), counts.cases.total() if counts.by_pack else None),
        ("special_cases_open", ("专案未结", "special cases open"), counts.cases["open"] if counts.by_pack else None),
        ("manual", ("人工核验", "manual checks"), counts.manual),
        ("decided_by_officers", ("核验人员决定", "decided by officers"), counts.total - counts.alone),
        ("passed_despite_face", ("人脸不符而通过", "passed although the face did not match"), counts.overruled),
        ("other_channels", ("其它方式核验", "checked in another way"), elsewhere),
        ("unsigned", ("本人（被委托人）未签字", "not signed by her or a delegate"), counts.unsigned),
        ("linked_later", ("就诊号后补", "visit linked later"), counts.linked),
        ("seconds_median", ("核验用时中位数（秒）", "seconds to the record, median"), counts.time(0.5)),
        ("seconds_p95", ("核验用时95%（秒）", "seconds to the record, 95 %"), counts.time(0.95)),
        ("clock_not_trusted", ("时间不可信", "clock not trusted"), counts.floor),
        ("not_believed", ("密钥已吊销", "signed by a revoked key"), counts.unbelieved),
    ]


def to_dict(counts: Counts, names: Mapping[str, str]) -> dict[str, Any]:
    """All of it for a program; titles stand beside ids."""
    tables = {}
    for by in BY:
        tables[by] = [
            {
                "key": "/".join(key),
                "title": key_title(by, key, names)[0],
                "total": found.total(),
                "outcomes": dict(found),
            }
            for key, found in counts.table(by)
        ]
    return {
        **{key: value for key, _, value in figures(counts)},
        "outcomes": dict(counts.outcomes),
        "channels": dict(counts.channels),
        "by": tables,
    }
