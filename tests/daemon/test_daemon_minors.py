"""Who is under 14, by a document's date of birth."""

from __future__ import annotations

import datetime as dt

import pytest

from daemon.minors import UNDER_14, findings_of_age


@pytest.mark.parametrize(
    ("birth", "today", "child"),
    [
        ("20120302", dt.date(2026, 3, 1), True),
        ("20120301", dt.date(2026, 3, 1), False),
        ("20120229", dt.date(2026, 2, 28), True),
        ("20120229", dt.date(2026, 3, 1), False),
        ("19900307", dt.date(2026, 3, 1), False),
        ("", dt.date(2026, 3, 1), False),
        ("2012", dt.date(2026, 3, 1), False),
        ("2020031 ", dt.date(2026, 3, 1), False),
    ],
)
def test_the_fourteenth_birthday_ends_it(birth: str, today: dt.date, child: bool) -> None:
    assert findings_of_age(birth, today) == ((UNDER_14,) if child else ())
