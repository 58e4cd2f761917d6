"""Who stands in the month's register, and the process in which a unit has its forms set."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from evidence.errors import MalformedError
from evidence.forms.moment import age, spoken_day
from evidence.forms.register import Month, register
from evidence.forms.render import FormUnusable, render
from evidence.forms.sheet import Sheet
from tests.evidence.forms import samples

NOVEMBER = Month(2026, 11)


def rows(*checks: dict[str, Any]) -> list[list[str]]:
    found: list[list[str]] = register(NOVEMBER, checks).content["rows"]
    return found


def at(instant: str, **changes: Any) -> dict[str, Any]:
    return samples.record(time={"earliest": instant}, **changes)


def test_month_is_chinas_month() -> None:
    before, first, last = "2026-10-31T15:59:59.999Z", "2026-10-31T16:00:00.000Z", "2026-11-30T15:59:59.999Z"
    assert [NOVEMBER.has(one) for one in (before, first, last)] == [False, True, True]
    assert NOVEMBER.around == ("2026-10-31T16:00:00.000Z", "2026-11-30T16:00:00.000Z")
    assert Month(2026, 12).due == "2027年1月4日"
    with pytest.raises(ValueError, match="remains"):
        Month.parse("2026-13-01")


def test_one_row_a_visit_by_the_check_that_says_most() -> None:
    unable = at("2026-11-02T01:00:00.000Z", outcome="unable", document={})
    passed = at("2026-11-03T01:00:00.000Z")
    fault = at("2026-11-04T01:00:00.000Z", outcome="device_fault", document={})
    (row,) = rows(unable, passed, fault)
    assert row[1:5] == ["示例甲", "32", "汉", "990000199407120241"]
    assert row[9] == "11月3日\n通过"
    assert row[5] == row[7] == ""  # neither where she lives now nor her husband is on a card


def test_drills_and_other_months_never_count() -> None:
    assert rows(at("2026-11-02T01:00:00.000Z", drill=True), at("2026-12-02T01:00:00.000Z")) == []


def test_provisional_visits_are_left_for_the_pen() -> None:
    one = at("2026-11-02T01:00:00.000Z", visit={"ref": "P-1", "source": "provisional"})
    assert rows(one)[0][8] == ""


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
