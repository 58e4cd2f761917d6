"""Who stands in the month's register, and the process in which a unit has its forms set."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from evidence.errors import MalformedError
from evidence.forms.moment import age, spoken_day
from evidence.forms.register import Month, Seen, register
from evidence.forms.render import FormUnusable, render
from evidence.forms.sheet import Sheet
from tests.evidence.forms import samples

NOVEMBER = Month(2026, 11)


def made(*checks: Seen, month: Month = NOVEMBER) -> Sheet:
    return register(month, checks)


def rows(*checks: Seen, month: Month = NOVEMBER) -> list[list[str]]:
    found: list[list[str]] = made(*checks, month=month).content["rows"]
    return found


def apart(*checks: Seen) -> list[list[str]]:
    found: list[list[str]] = made(*checks).content["apart"]
    return found


def at(day: str, outcome: str = "passed", visit: str = "ZY1", linked: str | None = None, **changes: Any) -> Seen:
    """A check at a delivery on ``2026-<day>``; the visit ``P-...`` is provisional. Only who was verified has papers."""
    source = "provisional" if visit.startswith("P-") else "typed"
    papers = samples.PLAIN if outcome in ("passed", "manual") else {}
    said = {"outcome": outcome, "visit": {"ref": visit, "source": source}, "document": papers, **changes}
    return Seen.of(samples.record(time={"earliest": f"2026-{day}T01:00:00.000Z"}, **said), linked)


def of(number: int, **changes: Any) -> dict[str, Any]:
    return samples.PLAIN | {"number": samples.id_of(number), **changes}


def test_month_is_chinas_month() -> None:
    before, first, last = "2026-10-31T15:59:59.999Z", "2026-10-31T16:00:00.000Z", "2026-11-30T15:59:59.999Z"
    assert [NOVEMBER.has(one) for one in (before, first, last)] == [False, True, True]
    assert NOVEMBER.around == ("2026-10-31T16:00:00.000Z", "2026-11-30T16:00:00.000Z")
    assert Month(2026, 12).due(7) == "（次月7日前上报：2027年1月7日前）"
    assert Month(2026, 12).due(None) == ""
    with pytest.raises(ValueError, match="remains"):
        Month.parse("2026-13-01")
    for end in ("0001-01", "0001-02", "9999-12"):
        with pytest.raises(ValueError, match=r"calendar|year 10000"):
            Month.parse(end)


def test_one_row_a_visit_by_the_check_that_says_most() -> None:
    checks = at("11-02", "unable"), at("11-03"), at("11-04", "device_fault")
    for several in (checks, checks[::-1]):
        (row,) = rows(*several)
        assert row[1:5] == ["示例甲", "32", "汉", "990000199407120241"]
        assert row[9] == "11月2日无法核验\n11月3日通过"
        assert row[5] == row[7] == ""  # neither where she lives now nor her husband is on a card
    assert rows(at("11-03", "interrupted"), at("11-03"))[0][9] == "11月3日\n通过"


def test_attempts_without_visit_or_papers_are_nobody_and_are_not_lost() -> None:
    """A mistaken touch, an interruption and a fault beside one woman made four of her."""
    attempts = [at("11-02", one, f"P-{one}") for one in ("emergency", "interrupted", "device_fault")]
    assert len(rows(at("11-02"), *attempts)) == 1
    found = apart(at("11-02"), *attempts)
    assert [row[2] for row in found] == ["紧急放行", "中断", "设备故障"]
    assert found[0] == ["1", "2026年11月2日 09时00分", "紧急放行", "", "door-1", samples.CHECK]
    linked = [at("11-02", "emergency", "P-1", linked="ZY9"), at("11-05", visit="ZY9", document=of(9))]
    assert (len(rows(*linked)), apart(*linked)) == (1, [])
    assert len(rows(at("11-02", "emergency", "ZY9"))) == 1  # a visit is a woman, whoever she is


def test_touch_by_mistake_is_no_woman_and_hides_none() -> None:
    def touched(visit: str, papers: dict[str, Any]) -> Seen:
        return replace(at("11-02", "emergency", visit, document=papers), mistaken=True)

    nothing = touched("P-1", {})
    assert (rows(nothing), apart(nothing)) == ([], [])
    hers = touched("ZY1", {})
    assert [row[9] for row in rows(hers, at("11-03"))] == ["11月3日\n通过"]
    assert apart(hers, at("11-03")) == apart(touched("P-2", samples.PLAIN), at("11-03")) == []
    assert rows(hers) == []
    assert [row[2:4] for row in apart(hers)] == [["紧急放行（误触）", "ZY1"]]  # else one word takes her trace away
    assert [row[3] for row in apart(touched("P-2", of(3)))] == ["示例甲"]


def test_row_is_filled_from_what_verified_her_later_elsewhere() -> None:
    emergency = at("11-02", "emergency")
    certificate = at("12-12", checkpoint="certificate")
    (row,) = rows(emergency, certificate)
    assert row[1:5] == ["示例甲", "32", "汉", "990000199407120241"]
    assert (row[8], row[9]) == ("ZY1", "11月2日紧急放行\n12月12日补核通过")
    before = at("10-12", checkpoint="admission")
    other, failed = at("12-12", visit="ZY2", checkpoint="certificate"), at("12-12", "failed", checkpoint="certificate")
    father = at("12-12", checkpoint="certificate", document=of(2, sex="1"))
    for one in (before, other, failed, father):
        assert rows(emergency, one)[0][1] == ""
    assert rows(certificate) == []  # no delivery


def test_woman_stands_once_in_the_month_of_her_delivery() -> None:
    border = at("10-31", "emergency"), at("11-01")
    assert rows(*border) == []
    (row,) = rows(*border, month=Month(2026, 10))
    assert (row[1], row[9]) == ("示例甲", "10月31日紧急放行\n11月1日通过")
    again = at("11-02", visit="ZY-mistyped"), at("11-02", visit="ZY1"), at("11-03", visit="P-2")
    assert len(rows(*again)) == 1
    next_year = Seen.of(samples.record(time={"earliest": "2027-11-02T01:00:00.000Z"}))
    assert len(rows(at("11-02", visit="ZY20261122001"), next_year)) == 1
    assert len(rows(at("11-02", visit="ZY20261122001"), next_year, month=Month(2027, 11))) == 1
    begins, _ = NOVEMBER.reach
    assert begins < "2026-10-31" < NOVEMBER.around[0]


def test_somebody_elses_card_does_not_hide_a_woman() -> None:
    passed = at("11-02", document=of(1))
    with_visit = at("11-03", "failed", "ZY2", document=of(1))
    assert [row[9] for row in rows(passed, with_visit)] == ["11月2日\n通过", "11月3日\n未通过"]
    without = at("11-03", "failed", "P-2", document=of(1))
    assert len(rows(passed, without)) == 1
    assert [row[2:4] for row in apart(passed, without)] == [["未通过", "示例甲"]]
    stranger = [at(f"11-0{day}", "failed", f"P-{day}", document=of(7)) for day in (3, 4)]
    assert len(rows(passed, *stranger)) == 2  # nobody else has these papers: a woman, until it is known better


def test_other_months_never_count() -> None:
    assert rows(at("12-02")) == []
    assert apart(at("12-02", "emergency", "P-1")) == []


def test_provisional_visits_are_left_for_the_pen() -> None:
    assert rows(at("11-02", visit="P-1"))[0][8] == ""


@pytest.mark.parametrize(
    ("birth", "years"), [("19941122", "32"), ("19941123", "31"), ("20301122", ""), ("unknown", "")]
)
def test_age_is_full_years_on_the_day(birth: str, years: str) -> None:
    assert age(birth, "2026-11-22T02:05:00.000Z") == years


def test_day_that_is_none_stands_as_it_is() -> None:
    assert (spoken_day("19940712"), spoken_day("1994071")) == ("1994年7月12日", "1994071")


def process(data: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "evidence.forms"]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


def test_process_sets_a_sheet() -> None:
    sheet = samples.sheets()["slip_family"]
    done = process(sheet.to_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == render(sheet).pdf  # and the same every time: no date, no random id


def test_process_says_nothing_of_a_sheet_that_it_cannot_set() -> None:
    sheet = samples.sheets()["jiangxi"]
    sheet.pictures["portrait"] = b"no picture"
    done = process(sheet.to_bytes())
    assert done.returncode == 3
    assert b"jiangxi.typ" in done.stderr
    assert "示例甲".encode() not in done.stderr
    assert process(b'{"page": 1}').returncode == 2


def test_unknown_sheet_and_malformed_bytes_are_refused() -> None:
    with pytest.raises(FormUnusable, match="no sheet"):
        render(Sheet("nothing", {}))
    for data in (b"", b"[]", b'{"page": "slip", "content": {}, "pictures": {"a": "!"}}'):
        with pytest.raises(MalformedError):
            Sheet.from_bytes(data)
