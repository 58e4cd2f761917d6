"""Night and day, and whether somebody is at the glass."""

from __future__ import annotations

import datetime as dt

import pytest

from daemon.room import Room
from evidence.instants import CHINA


class Times:
    """A room and its clocks."""

    def __init__(self, hour: int) -> None:
        self.now = dt.datetime(2026, 3, 2, hour, 30, tzinfo=CHINA).astimezone(dt.UTC)
        self.s, self.heard = 1e6, 0
        self.room = Room(lambda: self.now, 120.0, told=self._told, monotonic_s=lambda: self.s)

    def _told(self) -> None:
        self.heard += 1


@pytest.mark.parametrize(("hour", "night"), [(0, True), (6, True), (7, False), (12, False), (20, False), (21, True)])
def test_night_by_the_hour_in_china(hour: int, night: bool) -> None:
    assert Times(hour).room.night is night


def test_a_touch_decides_until_the_hour_does() -> None:
    times = Times(20)
    times.room.touched(night=True)
    assert times.room.night
    times.now += dt.timedelta(hours=1)
    assert times.room.night
    times.room.touched(night=False)
    times.now += dt.timedelta(hours=3)
    assert not times.room.night, "wanted by day, in this night"
    times.now += dt.timedelta(hours=8)
    assert not times.room.night
    times.now += dt.timedelta(hours=13)
    assert times.room.night, "the next night is one again"


def test_somebody_is_there_until_nobody_has_touched_for_a_while() -> None:
    times = Times(12)
    assert not times.room.attended
    times.room.touched()
    times.s += 119.9
    assert times.room.attended
    times.room.touched()
    times.s += 119.9
    assert times.room.attended
    times.s += 0.1
    assert not times.room.attended
    assert times.heard == 2
