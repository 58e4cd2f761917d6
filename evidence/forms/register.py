"""住院分娩实名登记表: the month's real-name register of deliveries. The clinical part is the hospital's to fill in."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence.forms.moment import age, in_china, spoken_time
from evidence.forms.sheet import Sheet
from evidence.forms.words import OUTCOMES, VERIFIED, registered_at
from evidence.instants import day_begins, read_instant, write_instant
from evidence.record import of_claimant

ONE_BIRTH = dt.timedelta(days=60)
"""Checks at the delivery of one woman that lie no further apart are of one birth; the next is half a year away."""
MALE = "1"
_Key = tuple[str, str]


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
        try:
            _ = month.around, month.reach
        except OverflowError:
            raise ValueError("a month at the end of the calendar") from None
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

    def due(self, day: int | None) -> str:
        """Until when the register is due: the policy pack's day of the next month; None: nobody here knows it."""
        if day is None:
            return ""
        year, month = self._next
        return f"（次月{day}日前上报：{year}年{month}月{day}日前）"

    @property
    def reach(self) -> tuple[str, str]:
        """Between which instants a check can say something of this month's deliveries: one that began before, and all
        that was verified since.
        """
        begins, _ = self.around
        return write_instant(read_instant(begins) - ONE_BIRTH), "9999-12-31T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the register goes by of one check of the mother.

    Attributes:
        at: when it was recorded.
        here: done at the checkpoint of deliveries; elsewhere only what verified her counts.
        visit: the visit's reference, None while it is provisional.
        mistaken: an emergency that an officer accounted for as a touch by mistake.
        claimant: of who came for the certificate, who need not be she.
    """

    check: str
    unit: str
    at: str
    here: bool
    outcome: str
    visit: str | None = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    mistaken: bool = False
    claimant: bool = False

    @classmethod
    def of(
        cls,
        record: Mapping[str, Any],
        linked: str | None = None,
        *,
        mistaken: bool = False,
        places: Collection[str] = (),
    ) -> Seen:
        """Of a check's record.

        Args:
            linked: the visit that an addendum named.
            places: checkpoints of deliveries by the record's own pack; none: those that shipped packs have.
        """
        visit = record["visit"]
        return cls(
            check=record["check"],
            unit=record["unit"],
            at=record["time"]["earliest"],
            here=record["checkpoint"] in (places or (registered_at(record["policy"]["id"]),)),
            outcome=record["outcome"],
            visit=linked or (None if visit["source"] == "provisional" else visit["ref"]),
            document=record.get("document", {}),
            mistaken=mistaken,
            claimant=of_claimant(record),
        )

    @property
    def person(self) -> _Key | None:
        """Whom the document names."""
        number = self.document.get("number")
        return ("document", f"{self.document['type']} {number}") if number else None

    @property
    def verified(self) -> _Key | None:
        """Who she is, where the unit or two officers stand for it. Who claims the certificate is not she.

        Records of before do not tell a claimant; a man among them was one.
        """
        another = self.claimant or self.document.get("sex") == MALE
        return self.person if self.outcome in VERIFIED and not another else None


def register(month: Month, checks: Iterable[Seen], *, institution: str = "", due_day: int | None = None) -> Sheet:
    """The sheet of ``month``: one row a woman, in the month in which she was first seen at her delivery.

    What no visit and no document tells the owner of is no woman: it stands apart, to be completed.

    Args:
        month: which month.
        checks: what :attr:`Month.reach` holds, in any order; no drills.
        institution: the hospital's name.
        due_day: day of the next month on which it is due, by the policy pack; None: the sheet does not tell.
    """
    births, nobodys = _births(sorted(checks, key=_time))
    rows = [_row(number, one) for number, one in enumerate((one for one in births if month.has(one.first.at)), start=1)]
    apart = [_apart(number, one) for number, one in enumerate((one for one in nobodys if month.has(one.at)), start=1)]
    due = month.due(due_day)
    return Sheet(
        "register", {"institution": institution, "month": str(month), "due": due, "rows": rows, "apart": apart}
    )


@dataclass(slots=True)
class _Birth:
    """The checks of one woman at one delivery, in order of time, and the first that verified her elsewhere since."""

    checks: list[Seen]
    since: Seen | None = None

    @property
    def first(self) -> Seen:
        return self.checks[0]

    @property
    def best(self) -> Seen:
        """The check that says most of who she is."""
        known = [one for one in self.checks if one.verified]
        named = [one for one in self.checks if one.person]
        return known[-1] if known else self.since or (named or self.checks)[-1]


def _time(one: Seen) -> str:
    return one.at


def _births(checks: list[Seen]) -> tuple[list[_Birth], list[Seen]]:
    """The births in order of time, and what cannot be said to be anybody's."""
    seen: dict[str, str] = {}
    whose: dict[str, _Key] = {}
    for one in checks:
        if one.visit and one.here:
            seen.setdefault(one.visit, one.at)
        if one.visit in seen and one.visit and one.verified:
            whose[one.visit] = one.verified
    known = {*whose.values(), *(one.verified for one in checks if one.here)}
    births: dict[_Key, list[_Birth]] = {}
    nobodys = []
    for one in (one for one in checks if not one.mistaken):
        key = _key(one, whose, known)
        if key is None:
            nobodys += [one] if one.here else []
        elif one.here:
            _add(births.setdefault(key, []), one)
        elif key in births and one.verified:
            last = births[key][-1]
            last.since = last.since or one
    # A touch by mistake is no delivery. Of a woman who has no row by it, one officer's word does not take the trace.
    touched = (one for one in checks if one.mistaken and one.here and (one.visit or one.person))
    nobodys += [one for one in touched if _key(one, whose, known) not in {None, *births}]
    return sorted(itertools.chain(*births.values()), key=lambda one: one.first.at), sorted(nobodys, key=_time)


def _key(one: Seen, whose: Mapping[str, _Key], known: Container[_Key | None]) -> _Key | None:
    """Which woman's check it is: whom the visit's verified check names, else the visit; None: nobody can say.

    A check without visit that verified nobody, on the document of a woman who has her row, may be of her or of another.
    """
    if one.visit is not None:
        return whose.get(one.visit, ("visit", one.visit))
    return one.verified or (None if one.person in known else one.person)


def _add(births: list[_Birth], one: Seen) -> None:
    if births and read_instant(one.at) - read_instant(births[-1].checks[-1].at) <= ONE_BIRTH:
        births[-1].checks.append(one)
    else:
        births.append(_Birth([one]))


def _row(number: int, birth: _Birth) -> list[str]:
    first, best = birth.first, birth.best
    document = best.document
    return [
        str(number),
        document.get("name", ""),
        age(document.get("birth", ""), first.at),
        document.get("nation", "") or document.get("nationality", ""),
        document.get("number", ""),
        "",  # 现居住地 is not on the card
        document.get("address", ""),
        "",  # 配偶姓名 neither
        best.visit or next((one.visit for one in birth.checks if one.visit), ""),
        _how(first, best),
    ]


def _how(first: Seen, best: Seen) -> str:
    """When and how she was checked; on two lines what came of a delivery of another day."""
    if _day(first) == _day(best):
        return f"{_day(best)}\n{OUTCOMES[best.outcome]}"
    later = OUTCOMES[best.outcome] if best.here else f"补核{OUTCOMES[best.outcome]}"
    return f"{_day(first)}{OUTCOMES[first.outcome]}\n{_day(best)}{later}"


def _day(one: Seen) -> str:
    when = in_china(one.at)
    return f"{when.month}月{when.day}日"


def _apart(number: int, one: Seen) -> list[str]:
    outcome = OUTCOMES[one.outcome] + ("（误触）" if one.mistaken else "")
    who = "　".join(filter(None, (one.visit, one.document.get("name"))))
    return [str(number), spoken_time(one.at), outcome, who, one.unit, one.check]
