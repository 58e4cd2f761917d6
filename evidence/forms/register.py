"""住院分娩实名登记表: the month's real-name register of deliveries. The clinical part is the hospital's to fill in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evidence.forms.moment import age, in_china
from evidence.forms.sheet import Sheet
from evidence.forms.words import OUTCOMES, VERIFIED
from evidence.instants import day_begins, write_instant


@dataclass(frozen=True, slots=True)
class Month:
    """One month by the wall clock in China."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """``2026-11``.

        Raises:
            ValueError: it is none, or the calendar ends there.
        """
        at = dt.datetime.strptime(text, "%Y-%m")
        month = cls(at.year, at.month)
        _ = month.around
        return month

    def has(self, instant: str) -> bool:
        """Whether a record's time lies in this month."""
        at = in_china(instant)
        return (at.year, at.month) == (self.year, self.month)

    @property
    def around(self) -> tuple[str, str]:
        """The instants, as records write them, between which the month lies: from the first to before the second."""
        first, after = dt.date(self.year, self.month, 1), dt.date(*self._next, 1)
        return write_instant(day_begins(first)), write_instant(day_begins(after))

    @property
    def _next(self) -> tuple[int, int]:
        return (self.year + 1, 1) if self.month == 12 else (self.year, self.month + 1)

    def __str__(self) -> str:
        return f"{self.year}年{self.month}月"

    @property
    def due(self) -> str:
        """The register is due on the 4th of the next month."""
        year, month = self._next
        return f"{year}年{month}月4日"


def register(month: Month, checks: Iterable[Mapping[str, Any]], *, institution: str = "") -> Sheet:
    """The sheet of ``month``: one row a visit, by the check that says most of who she is. Drills never count.

    Args:
        month: which month.
        checks: payloads of check records at the checkpoint of deliveries, in order of time.
        institution: the hospital's name.
    """
    rows = [_row(number, one) for number, one in enumerate(_by_visit(month, checks), start=1)]
    content = {"institution": institution, "month": str(month), "due": month.due, "rows": rows}
    return Sheet("register", content)


def _by_visit(month: Month, checks: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    kept: dict[str, Mapping[str, Any]] = {}
    for one in checks:
        if one.get("drill") or not month.has(one["time"]["earliest"]):
            continue
        before = kept.get(one["visit"]["ref"])
        if before is None or one["outcome"] in VERIFIED or before["outcome"] not in VERIFIED:
            kept[one["visit"]["ref"]] = one
    return sorted(kept.values(), key=lambda one: str(one["time"]["earliest"]))


def _row(number: int, one: Mapping[str, Any]) -> list[str]:
    document, at = one.get("document", {}), one["time"]["earliest"]
    when = in_china(at)
    visit = one["visit"]
    return [
        str(number),
        document.get("name", ""),
        age(document.get("birth", ""), at),
        document.get("nation", "") or document.get("nationality", ""),
        document.get("number", ""),
        "",  # 现居住地 is not on the card
        document.get("address", ""),
        "",  # 配偶姓名 neither
        "" if visit["source"] == "provisional" else visit["ref"],
        f"{when.month}月{when.day}日\n{OUTCOMES[one['outcome']]}",
    ]
