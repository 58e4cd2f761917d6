"""Numbers of documents without a chip, by their printed form; what the 18 digits of an ID number say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daemon.policy.words import DocumentType
from hw.card_reader import id_number
from hw.card_reader.document import Finding

ENTERED: Final = (
    DocumentType.PASSPORT,
    DocumentType.HK_MO_TW_TRAVEL_PERMIT,
    DocumentType.FOREIGNER_RESIDENCE_PERMIT,
    DocumentType.TEMPORARY_ID_CARD,
    DocumentType.RESIDENT_ID_CARD,
)
"""What may be entered by hand; of a resident ID card, when its chip is dead, what is printed on it."""
WITH_ID_NUMBER: Final = frozenset({DocumentType.TEMPORARY_ID_CARD, DocumentType.RESIDENT_ID_CARD})
"""Documents of citizens; they have no machine-readable zone."""

_FORMS: Final[Mapping[DocumentType, re.Pattern[str]]] = MappingProxyType(
    {
        DocumentType.PASSPORT: re.compile("[A-Z0-9]{5,12}"),
        # 港澳居民来往内地通行证: H or M and 8 digits, 2 more on cards before 2013.
        # 台湾居民来往大陆通行证: 8 digits; on the books before 2015 10, and perhaps a letter.
        DocumentType.HK_MO_TW_TRAVEL_PERMIT: re.compile("[HM][0-9]{8}(?:[0-9]{2})?|[0-9]{8}(?:[0-9]{2}[A-Z]?)?"),
        DocumentType.FOREIGNER_RESIDENCE_PERMIT: re.compile("[A-Z0-9]{6,13}"),
        DocumentType.TEMPORARY_ID_CARD: re.compile("[0-9]{17}[0-9X]"),
        DocumentType.RESIDENT_ID_CARD: re.compile("[0-9]{17}[0-9X]"),
    }
)


def findings(kind: DocumentType, number: str, birth: str, sex: str) -> tuple[Finding, ...]:
    """What is wrong with ``number`` on a document of this ``kind``.

    Args:
        kind: one of :data:`ENTERED`.
        number: without blanks, capital letters.
        birth: ``YYYYMMDD``.
        sex: GB/T 2261.1.
    """
    if not _FORMS[kind].fullmatch(number):
        return (Finding.NUMBER_MALFORMED,)
    if kind not in WITH_ID_NUMBER:
        return ()
    candidates = (
        (Finding.CHECK_DIGIT_WRONG, not id_number.has_right_check(number)),
        (Finding.BIRTH_DIFFERS_FROM_NUMBER, number[6:14] != birth),
        (Finding.SEX_DIFFERS_FROM_NUMBER, sex in ("1", "2") and int(number[16]) % 2 != int(sex) % 2),
    )
    return tuple(finding for finding, applies in candidates if applies)
