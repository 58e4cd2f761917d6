"""The front of a card as lines of label and value, for the area of the form where a copy is stuck otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence.forms.moment import spoken_day
from evidence.forms.words import CHIP_DOCUMENTS, SEXES

_FOREIGN = ("foreigner_permanent_residence_2017", "foreigner_permanent_residence_2023")


def card_lines(document: Mapping[str, Any]) -> list[list[str]]:
    """Label and value, in the card's order; empty for a document that was not read from a chip."""
    kind = document.get("type")
    if kind not in CHIP_DOCUMENTS or document.get("method", "chip") != "chip":
        return []
    sex = SEXES.get(document.get("sex", ""), "")
    birth = spoken_day(document.get("birth", ""))
    if kind in _FOREIGN:
        return [
            ["姓名", document["name"]],
            ["性别", sex],
            ["出生日期", birth],
            ["国籍", document.get("nationality", "")],
            ["有效期限", _valid(document)],
            ["证件号码", document["number"]],
        ]
    nation = document.get("nation", "")
    return [
        ["姓名", document["name"]],
        ["性别", f"{sex}　民族 {nation}" if nation else sex],
        ["出生", birth],
        ["住址", document.get("address", "")],
        ["有效期限", _valid(document)],
        ["公民身份号码", document["number"]],
    ]


def _valid(document: Mapping[str, Any]) -> str:
    first, last = (_dotted(str(document.get(name, ""))) for name in ("valid_from", "valid_to"))
    return f"{first}-{last}" if first or last else ""


def _dotted(text: str) -> str:
    return f"{text[:4]}.{text[4:6]}.{text[6:]}" if len(text) == 8 and text.isdecimal() else text
