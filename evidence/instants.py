"""Instants as records write them: RFC 3339 in UTC with milliseconds."""

from __future__ import annotations

import datetime as dt

from evidence.errors import MalformedError


def write_instant(moment: dt.datetime) -> str:
    """``moment`` (aware) as ``2026-11-21T19:21:51.123Z``; fractions of a millisecond are cut off."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_instant(text: str) -> dt.datetime:
    """The aware moment of ``text``.

    Raises:
        MalformedError: not an instant of this form, or a date that no calendar has.
    """
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
    except ValueError:
        raise MalformedError("not an instant like 2026-11-21T19:21:51.123Z") from None
