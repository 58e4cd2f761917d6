"""The unit's time, and the ids of checks that are made of it."""

from __future__ import annotations

import datetime as dt
import time
import uuid

import pytest

from daemon.check_id import new_check_id
from daemon.clock import LEAP, KernelClock, UnitClock, read_kernel
from evidence.instants import read_instant

NOON = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


class Times:
    """The three sources of time, to be set by a test."""

    def __init__(self, now: dt.datetime = NOON, *, synchronised: bool = True) -> None:
        self.now = now
        self.monotonic_s = 100.0
        self.kernel = KernelClock(synchronised, SECOND / 2)

    def clock(self, floor: dt.datetime | None) -> UnitClock:
        return UnitClock(floor, now=lambda: self.now, monotonic_s=lambda: self.monotonic_s, kernel=lambda: self.kernel)


def span(clock: UnitClock) -> tuple[dt.datetime, dt.datetime, str]:
    interval = clock.interval()
    return read_instant(interval.earliest), read_instant(interval.latest), interval.source


@pytest.mark.parametrize(("synchronised", "source"), [(True, "network"), (False, "clock")])
def test_interval_is_as_wide_as_the_kernel_says(synchronised: bool, source: str) -> None:
    clock = Times(synchronised=synchronised).clock(None)
    assert span(clock) == (NOON - SECOND / 2, NOON + SECOND / 2, source)
    assert (clock.moment(), clock.trusted) == (NOON, True)


def test_interval_does_not_reach_before_the_last_record() -> None:
    clock = Times().clock(NOON - SECOND / 4)
    assert span(clock) == (NOON - SECOND / 4, NOON + SECOND / 2, "network")


def test_clock_behind_the_last_record_is_not_believed() -> None:
    times = Times(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    clock = times.clock(NOON)
    assert span(clock) == (NOON, NOON, "floor")
    times.monotonic_s += 5
    assert span(clock) == (NOON, NOON + 5 * SECOND, "floor")
    assert (clock.moment(), clock.trusted) == (NOON + 5 * SECOND, False)


def test_clock_that_is_set_right_is_believed_again() -> None:
    times = Times(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
    clock = times.clock(NOON)
    times.now = NOON + SECOND
    assert (span(clock)[2], clock.trusted) == ("network", True)


def test_floor_only_rises() -> None:
    times = Times(NOON - 10 * SECOND)
    clock = times.clock(NOON)
    clock.raise_floor(NOON - 5 * SECOND)
    assert span(clock)[0] == NOON
    times.monotonic_s += 3
    clock.raise_floor(NOON + 2 * SECOND)
    assert clock.moment() == NOON + 3 * SECOND, "the floor's own time has passed this moment already"
    clock.raise_floor(NOON + 9 * SECOND)
    assert clock.moment() == NOON + 9 * SECOND


def test_kernel_answers_on_this_machine() -> None:
    kernel = read_kernel()
    assert dt.timedelta() <= kernel.error <= dt.timedelta(seconds=16)
    start, end, _ = span(UnitClock(None))
    assert start <= dt.datetime.now(dt.UTC) + SECOND
    assert end >= start


def test_check_id_is_uuid_version_7() -> None:
    """RFC 9562 section 5.7: milliseconds, version, variant; the rest differs."""
    before_ms = time.time_ns() // 1_000_000
    made = [uuid.UUID(new_check_id()) for _ in range(2000)]
    after_ms = time.time_ns() // 1_000_000
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid.RFC_4122}
    assert all(before_ms <= one.int >> 80 <= after_ms for one in made)
    assert len(set(made)) == len(made)
    fixed = {bit for bit in range(80) if len({one.int >> bit & 1 for one in made}) == 1}
    assert fixed == {62, 63, 76, 77, 78, 79}, "all other bits are random"


def test_check_ids_are_in_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for moment_ms in (1, 1_000, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1):
        monkeypatch.setattr("daemon.check_id.time.time_ns", lambda moment_ms=moment_ms: moment_ms * 1_000_000)
        made.append(new_check_id())
    monkeypatch.undo()
    assert made == sorted(made)
    assert [uuid.UUID(one).int >> 80 for one in made][:2] == [1, 1000]


def test_clock_beyond_the_certificate_is_not_believed() -> None:
    times = Times(NOON + 5000 * DAY)
    clock = UnitClock(
        NOON,
        ceiling=NOON + 3653 * DAY,
        now=lambda: times.now,
        monotonic_s=lambda: times.monotonic_s,
        kernel=lambda: times.kernel,
    )
    assert (span(clock), clock.trusted, clock.moment()) == ((NOON, NOON, "floor"), False, NOON)
    times.now = NOON + SECOND
    assert (span(clock)[2], clock.trusted) == ("network", True)


def test_clock_that_leaps_ahead_is_believed_when_the_network_or_the_gateway_say_so() -> None:
    times = Times(NOON + LEAP + DAY, synchronised=False)
    clock = times.clock(NOON)
    assert (span(clock), clock.trusted, clock.moment()) == ((NOON, NOON, "floor"), False, NOON)
    times.now = NOON + LEAP
    assert (span(clock)[2], clock.trusted) == ("clock", True)
    times.now = NOON + 300 * DAY
    clock.vouch(NOON + 290 * DAY)
    clock.vouch(NOON)
    assert (span(clock)[2], clock.trusted) == ("clock", True)
    times.now = NOON + 400 * DAY
    assert not clock.trusted
    times.kernel = KernelClock(synchronised=True, error=SECOND)
    assert (span(clock)[2], clock.trusted) == ("network", True)


def test_one_wrong_year_is_over_when_the_clock_is_right_again() -> None:
    times = Times(NOON + 4 * 365 * DAY, synchronised=False)
    clock = times.clock(NOON)
    clock.raise_floor(read_instant(clock.interval().earliest))  # a record is made
    times.now, times.kernel = NOON + SECOND, KernelClock(synchronised=True, error=SECOND)
    assert (span(clock)[2], clock.trusted) == ("network", True)
