"""Under 14: consent and signature are a guardian's (PIPL, article 31)."""

from __future__ import annotations

import datetime as dt

from evidence.record import UNDER_14

__all__ = ["UNDER_14", "findings_of_age"]

_YEARS = 14


def findings_of_age(birth: str, today: dt.date) -> tuple[str, ...]:
    """:data:`UNDER_14` for who is not 14 yet; ``birth`` as a document has it, YYYYMMDD.

    A finding, so that officers look too: a pregnant child is somebody's concern beyond this check.
    A date that is no date says nothing about an age; it is a finding of its own.
    """
    latest = f"{today.year - _YEARS:04}{today:%m%d}"
    return (UNDER_14,) if len(birth) == len(latest) and birth.isdigit() and birth > latest else ()
