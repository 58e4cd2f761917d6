"""Numbers of people in a free text: an officer's reason is read by many, and must not say who she is. Pure.

Names cannot be recognised: any two characters may be one. What is looked for are numbers in the forms in which they
are printed, by their check digit where they have one. Digits may be in groups, and of full width.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum, unique
from typing import Final

from hw.card_reader import id_number

_GROUPED = r"[ .·-]?"
_BETWEEN = r"[ .·_/()-]{0,2}"
"""Between the groups in which a number is usually written; elsewhere a slash stands in dates and blood pressures."""
_EIGHTEEN: Final = re.compile(
    rf"(?<![0-9A-Z])[1-9](?:(?:{_GROUPED}[0-9]){{16}}{_GROUPED}|"
    rf"[0-9]{{5}}{_BETWEEN}[0-9]{{4}}{_BETWEEN}[0-9]{{2}}{_BETWEEN}[0-9]{{2}}{_BETWEEN}[0-9]{{3}})[0-9X](?![0-9A-Z])"
)
_FOREIGNER: Final = re.compile(rf"(?<![A-Z])[A-Z]{{3}}(?:{_GROUPED}[0-9]){{12}}(?![0-9])")
_MOBILE: Final = re.compile(
    rf"(?<![0-9])(?:(?:00)?86{_BETWEEN})?1[3-9]"
    rf"(?:(?:{_GROUPED}[0-9]){{9}}|[0-9]{_BETWEEN}[0-9]{{4}}{_BETWEEN}[0-9]{{4}})(?![0-9])"
)
_DOCUMENT: Final = re.compile(
    r"(?<![A-Z0-9])(?:[A-Z][0-9]{7,8}|[A-Z]{2}[0-9]{7}|E[A-Z]?[ .·_/-][0-9]{7,8}|[HM][ .·_/-]?[0-9]{8}(?:[0-9]{2})?)"
    r"(?![A-Z0-9])"
)
"""Passports and travel permits: E12345678, EA1234567, H1234567800."""
_OF_A_THING: Final = re.compile(
    r"(?:就诊|病案|病历|住院|门诊|床位|工单|设备|单元|(?<![A-Z])(?:VISIT|FILE|CHART|ADMISSION|UNIT|DEVICE)(?![A-Z]))"
    r"(?:号码|号|编号)?[^0-9A-Z]{0,4}(?:(?:NO|NUMBER)[^0-9A-Z]{1,4})?[A-Z]{0,4}-?[0-9][0-9A-Z-]*"
)
"""What stands behind a word for a visit, a file or a unit is no telephone or passport of hers, whatever its form."""
_CALLED: Final = re.compile(
    r"(?:护照|通行证|台胞证|回乡证|居留证|居留许可|居住证|证件|PASSPORT|PERMIT)(?:号码|号)?"
    r"[^0-9A-Z]{0,4}(?:NO|NUMBER)?[^0-9A-Z]{0,4}(?=[A-Z]*[0-9]{5})[A-Z0-9]{6,13}(?![A-Z0-9])"
)
"""Whatever stands behind the word for it: of forms that have nothing of their own, such as eight digits."""


@unique
class Mention(StrEnum):
    """Whose number it looks like."""

    ID_NUMBER = "id_number"
    DOCUMENT_NUMBER = "document_number"
    MOBILE_NUMBER = "mobile_number"


def mention(text: str) -> Mention | None:
    """The first kind of number that ``text`` seems to hold, or None.

    18 digits are an ID number if their check digit is right, or if a date of birth stands in them: mistyped they still
    tell who she is.
    """
    plain = unicodedata.normalize("NFKC", text).upper()
    eighteen = map(_digits, _EIGHTEEN.finditer(plain))
    if any(id_number.has_right_check(one) or id_number.read_date(one[6:14]) is not None for one in eighteen):
        return Mention.ID_NUMBER
    if any(id_number.has_right_check(one) for one in map(_digits, _FOREIGNER.finditer(plain))):
        return Mention.ID_NUMBER
    hers = _OF_A_THING.sub(" | ", plain)
    if _MOBILE.search(hers):
        return Mention.MOBILE_NUMBER
    return Mention.DOCUMENT_NUMBER if _DOCUMENT.search(hers) or _CALLED.search(hers) else None


def _digits(found: re.Match[str]) -> str:
    return re.sub("[^0-9A-Z]", "", found[0])
