"""Times as a form says them. China has one time zone, UTC+8, and so have its forms, wherever they are printed."""

from __future__ import annotations

import datetime as dt

from evidence.instants import CHINA, read_instant


def in_china(instant: str) -> dt.datetime:
    """A record's time as a wall clock in China shows it."""
    return read_instant(instant).astimezone(CHINA)


def spoken_time(instant: str) -> str:
    """``2026年11月22日 10时05分``."""
    at = in_china(instant)
    return f"{spoken_date(instant)} {at.hour:02d}时{at.minute:02d}分"


def spoken_date(instant: str) -> str:
    """``2026年11月22日``."""
    at = in_china(instant)
    return f"{at.year}年{at.month}月{at.day}日"


def spoken_day(text: str) -> str:
    """A card's ``YYYYMMDD`` as ``1994年7月12日``; what is none as it stands."""
    if len(text) != 8 or not text.isdecimal():
        return text
    return f"{text[:4]}年{int(text[4:6])}月{int(text[6:])}日"


def age(birth: str, instant: str) -> str:
    """Full years on the day of the check, from a card's ``YYYYMMDD``; empty where it is no date."""
    if len(birth) != 8 or not birth.isdecimal():
        return ""
    at = in_china(instant)
    years = at.year - int(birth[:4]) - ((at.month, at.day) < (int(birth[4:6]), int(birth[6:])))
    return str(years) if 0 <= years < 130 else ""
