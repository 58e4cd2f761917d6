"""Instants as records write them: RFC 3339 in UTC with milliseconds."""

from __future__ import annotations

import datetime as dt

from evidence.errors import MalformedError

CHINA = dt.timezone(dt.timedelta(hours=8))
"""The one time zone of China; the day of a check is the day there, whatever zone a machine has."""


def local_text(moment: dt.datetime) -> str:
    """``moment`` in China, to the second: 2026-11-22 03:21:51."""
    return moment.astimezone(CHINA).isoformat(" ", "seconds")[:19]


def local_text_with_offset(moment: dt.datetime) -> str:
    """The same for whoever may not know whose time that is: 2026-11-22 03:21:51 +08:00."""
    return f"{local_text(moment)} +08:00"


def china_day(moment: dt.datetime) -> dt.date:
    """The day in China on which ``moment`` lies: of a check, a document's validity, a chart, a report."""
    return moment.astimezone(CHINA).date()


def day_begins(day: dt.date) -> dt.datetime:
    """The moment at which ``day`` begins in China, in UTC.

    Raises:
        ValueError: the calendar ends there.
    """
    try:
        return dt.datetime.combine(day, dt.time(), CHINA).astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("a day at the end of the calendar") from None


def day_after(day: dt.date) -> dt.date:
    """The next day.

    Raises:
        ValueError: the calendar ends there.
    """
    try:
        return day + dt.timedelta(days=1)
    except OverflowError:
        raise ValueError("a day at the end of the calendar") from None


def write_instant(moment: dt.datetime) -> str:
    """``moment`` as ``2026-11-21T19:21:51.123Z``; fractions of a millisecond are cut off.

    Raises:
        ValueError: ``moment`` is naive: nobody can say when that was.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_instant(text: str) -> dt.datetime:
    """The aware moment of ``text``.

    Raises:
        MalformedError: not exactly this form (RFC 3339 has others), or a date that no calendar has.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is not None and write_instant(moment) == text:
            return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedError("not an instant like 2026-11-21T19:21:51.123Z")
