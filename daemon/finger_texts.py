"""What she is told before her finger is captured, and agrees to: apart from the consent to her face (PIPL article 29).

The same under every policy pack, so no pack holds it; a record names text and hash as it does of a pack's words. Who
changes a word gives the text a new id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """One consent in both languages."""

    id: str
    zh: str
    en: str

    @property
    def digest(self) -> str:
        """SHA-256 of the exact words, Chinese first, as of a pack's."""
        return hashlib.sha256(f"{self.zh}\0{self.en}".encode()).hexdigest()


FINGER_TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "compare": Text(
            "vernix-finger-1",
            "我单独同意：仅为本次核验，在本机采集我的指纹，与我带来的指纹凭条或身份证内的指纹比对。"
            "比对结束立即删除，指纹不会传出本机。我可以不同意，改由两名工作人员查验证件，效力相同。",
            "I separately consent to my fingerprint being captured on this unit, for this check only, and "
            "compared with the slip I have brought or with the print on my ID card. It is deleted as soon as "
            "it has been compared and never leaves this unit. I may say no: two members of staff then check my "
            "document, which counts the same.",
        ),
        "enrol": Text(
            "vernix-finger-slip-1",
            "我单独同意：在本机采集我的指纹，加密后印在凭条上，由我自己保管，300天内供本院核验时使用。"
            "本机和医院都不留存我的指纹；撕毁凭条即为撤回同意。我可以不登记，以后的核验不受影响。",
            "I separately consent to my fingerprint being captured on this unit and printed, encrypted, on a "
            "slip that I keep myself, for checks at this hospital within 300 days. Neither unit nor hospital "
            "keeps my fingerprint; to withdraw I tear up the slip. I need not enrol: later checks are not "
            "affected.",
        ),
    }
)
