"""What the unit knows about the time: an interval, and where it comes from.

The kernel says whether the clock is synchronised and how far it may be off (adjtimex(2)). A clock behind the last
record is not believed: time then goes on from that record, source ``floor``.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from evidence.instants import write_instant
from evidence.record import TimeInterval

_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
_WIDEST = dt.timedelta(seconds=16)


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex`` (linux/timex.h); the rest is padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


LEAP = dt.timedelta(days=31)
"""How long a unit may have been off, its clock running on a battery, and be believed before the network confirms it."""


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The kernel's own judgement of its clock."""

    synchronised: bool
    error: dt.timedelta


def read_kernel() -> KernelClock:
    """Ask adjtimex(2), reading only.

    Raises:
        OSError: the call is not allowed here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return KernelClock(state != _TIME_ERROR, min(dt.timedelta(microseconds=timex.maxerror), _WIDEST))


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class UnitClock:
    """The unit's time. ``floor`` only rises: it is the time of the last record.

    Beyond ``ceiling``, the end of the unit's certificate, the clock is as little believed as before the floor: a record
    of such a time would be refused by every verifier, and would lift the floor there for good. For the same reason a
    clock that the network has not set is not believed when it is more than ``LEAP`` ahead of the last record and of
    what the gateway last said (:meth:`vouch`).
    """

    def __init__(
        self,
        floor: dt.datetime | None,
        *,
        ceiling: dt.datetime | None = None,
        now: Callable[[], dt.datetime] = _utc_now,
        monotonic_s: Callable[[], float] = time.monotonic,
        kernel: Callable[[], KernelClock] = read_kernel,
    ) -> None:
        self._now, self._monotonic_s, self._kernel = now, monotonic_s, kernel
        self._floor: dt.datetime | None = None
        self._floor_at_s = 0.0
        self._ceiling = ceiling
        self._vouched: dt.datetime | None = None
        if floor is not None:
            self.raise_floor(floor)

    def raise_floor(self, moment: dt.datetime) -> None:
        """Never again tell an earlier time than ``moment``."""
        if self._floor is None or moment > self._current_floor(self._floor):
            self._floor, self._floor_at_s = moment, self._monotonic_s()

    def vouch(self, moment: dt.datetime) -> None:
        """It was ``moment`` by a clock that others answer for: the gateway's, in a message that it signed."""
        if self._vouched is None or moment > self._vouched:
            self._vouched = moment

    def _current_floor(self, floor: dt.datetime) -> dt.datetime:
        return floor + dt.timedelta(seconds=self._monotonic_s() - self._floor_at_s)

    @property
    def trusted(self) -> bool:
        """Whether the clock is neither behind the last record nor beyond the unit's certificate."""
        return self._believes(self._now(), self._kernel())

    def _believes(self, now: dt.datetime, kernel: KernelClock) -> bool:
        if self._floor is None:
            return True
        known = max(self._current_floor(self._floor), self._vouched or self._floor)
        leaps = not kernel.synchronised and now > known + LEAP
        return self._floor <= now and not leaps and (self._ceiling is None or now < self._ceiling)

    def interval(self) -> TimeInterval:
        """Now, as a record writes it."""
        now, kernel = self._now(), self._kernel()
        if self._floor is not None and not self._believes(now, kernel):
            moment = self._current_floor(self._floor)
            return TimeInterval(write_instant(self._floor), write_instant(moment), "floor")
        source = "network" if kernel.synchronised else "clock"
        earliest = now - kernel.error
        if self._floor is not None:
            earliest = max(earliest, self._floor)
        return TimeInterval(write_instant(earliest), write_instant(now + kernel.error), source)

    def moment(self) -> dt.datetime:
        """The best single guess of now."""
        now = self._now()
        if self._floor is not None and not self._believes(now, self._kernel()):
            return self._current_floor(self._floor)
        return now
