"""One form of an instant, and no other."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import MalformedError
from evidence.instants import china_day, day_after, day_begins, read_instant, write_instant

ZONES = st.just(dt.UTC) | st.integers(-14 * 60, 14 * 60).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))
MOMENTS = st.datetimes(dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29), timezones=ZONES)


@given(MOMENTS)
def test_a_moment_comes_back_but_for_fractions_of_a_millisecond(moment: dt.datetime) -> None:
    back = read_instant(write_instant(moment))
    assert dt.timedelta(0) <= moment - back < dt.timedelta(milliseconds=1)
    assert back.tzinfo is dt.UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T08:00:00Z",
        "2026-11-21T08:00:00.0Z",
        "2026-11-21T08:00:00.000000Z",
        "2026-11-21T08:00:00.000",
        "2026-11-21T08:00:00.000+00:00",
        "2026-11-21T16:00:00.000+08:00",
        "2026-11-21 08:00:00.000Z",
        "2026-11-21t08:00:00.000z",
        "2026-02-30T08:00:00.000Z",
        "2026-13-01T08:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "2026-11-21T24:00:00.000Z",
        "2026-11-21T23:59:60.000Z",
        "2026-1-1T1:1:1.000Z",
        " 2026-11-21T08:00:00.000Z",
        "2026-11-21T08:00:00.000Z\n",
        "20261121T080000.000Z",
        "2026-W47-6T08:00:00.000Z",
        "٢٠٢٦-11-21T08:00:00.000Z",
        "2026-11-21T08:00:00,000Z",
        "9999-12-31T23:59:59.999-14:00",
        "0001-01-01T00:00:00.000+14:00",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_instant(text)


@given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fullmatch=True))
def test_only_what_is_written_the_same_is_read(text: str) -> None:
    try:
        moment = read_instant(text)
    except MalformedError:
        return
    assert write_instant(moment) == text


def test_a_naive_moment_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_instant(dt.datetime(2026, 11, 21))


def test_a_day_is_the_day_in_china() -> None:
    begin = dt.datetime(2026, 11, 21, 16, tzinfo=dt.UTC)
    assert day_begins(dt.date(2026, 11, 22)) == begin
    assert china_day(begin) == dt.date(2026, 11, 22)
    assert china_day(begin - dt.timedelta(milliseconds=1)) == dt.date(2026, 11, 21)


def test_the_calendar_has_ends() -> None:
    with pytest.raises(ValueError, match="end of the calendar"):
        day_begins(dt.date.min)
    with pytest.raises(ValueError, match="end of the calendar"):
        day_after(dt.date.max)
