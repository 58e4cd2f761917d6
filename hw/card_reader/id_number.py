"""Numbers of the four identity documents: check characters and what the digits say. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_MOD_11_2_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MOD_11_2_CHARACTERS: Final = "10X98765432"
_EIGHTEEN: Final = re.compile(r"[0-9]{17}[0-9X]")
_FOREIGNER_2017: Final = re.compile(r"[A-Z]{3}[0-9]{12}")
_BODY_731: Final = re.compile(r"[A-Z]{3}[0-9]{11}")


def mod_11_2(body: str) -> str:
    """The check character of 17 digits (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _MOD_11_2_WEIGHTS, strict=True))
    return _MOD_11_2_CHARACTERS[total % 11]


def mod_10_731(body: str) -> str:
    """The check digit of 14 letters and digits, weights 7-3-1 (A=10 .. Z=35), as on the 2017 foreigner's card."""
    if not _BODY_731.fullmatch(body):
        raise ValueError("three capital letters and eleven digits are needed")
    return str(sum(int(character, 36) * (7, 3, 1)[i % 3] for i, character in enumerate(body)) % 10)


def is_eighteen(number: str) -> bool:
    """Has ``number`` the form of a citizen's, 'J' or 'Y' number (17 digits and a digit or X)?"""
    return _EIGHTEEN.fullmatch(number) is not None


def is_foreigner_2017(number: str) -> bool:
    """Has ``number`` the form of the 2017 foreigner's card (three letters, twelve digits)?"""
    return _FOREIGNER_2017.fullmatch(number) is not None


def has_right_check(number: str) -> bool:
    """Is the last character right? False also for a number of no known form."""
    if is_eighteen(number):
        return mod_11_2(number[:-1]) == number[-1]
    return is_foreigner_2017(number) and mod_10_731(number[:-1]) == number[-1]


def read_date(text: str) -> date | None:
    """``YYYYMMDD`` as a date; None where it is none."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
