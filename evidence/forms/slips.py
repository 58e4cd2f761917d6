"""The slips: what to do after a check that did not pass, for her, for her family, and the one that carries a finger.

Their words stand in ``slips.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_WORDS = tomllib.loads(Path(__file__).with_name("slips.toml").read_text("utf-8"))


MOST_FINDINGS = 4
"""Of a document, on a slip: what she can do something about stands first in ``slips.toml``."""
_MORE = {"zh": "等（另见核验记录）", "en": " and more, see the record"}


def findings_said(findings: Iterable[str], most: int, language: str = "zh") -> str:
    """What is wrong with a document, as a form says it, the most important first and no more than ``most``."""
    known = _WORDS["findings"]
    found = set(findings)
    ordered = [one for one in known if one in found] + sorted(found - known.keys())
    said = [known[one][language] if one in known else one for one in ordered]
    joined = ("、" if language == "zh" else "; ").join(said[:most])
    return joined + (_MORE[language] if len(said) > most else "")


def not_passed(record: Mapping[str, Any]) -> dict[str, Any]:
    """For her: why, and what now."""
    refused = record["outcome"] == "refused"
    reasons = ["refused"] if refused else _reasons(record)
    return _slip("refused" if refused else "not_passed", record, reasons)


def family(record: Mapping[str, Any]) -> dict[str, Any]:
    """For her family: she could not be checked, or care came first."""
    return _slip("family", record, ["urgent" if record["outcome"] == "emergency" else "unable"])


def finger(record: Mapping[str, Any]) -> dict[str, Any]:
    """For her: the slip with which she carries her own encrypted fingerprint template."""
    return _slip("finger", record, [])


def _reasons(record: Mapping[str, Any]) -> list[str]:
    speaks = {
        "face": record.get("face", {}).get("decision") in ("no_match", "not_comparable"),
        "liveness": record.get("liveness", {}).get("decision") in ("attack", "unsure"),
        "finger": record.get("finger", {}).get("decision") == "no_match",
        "document": bool(record.get("document", {}).get("findings")),
    }
    return [name for name, does in speaks.items() if does] or ["officer"]


def _slip(name: str, record: Mapping[str, Any], told: list[str]) -> dict[str, Any]:
    slip = _WORDS["slips"][name]
    parts = [{**part, "lines": _lines(part["lines"], told, record)} for part in slip["parts"]]
    return {"title": slip["title"], "title_en": slip["title_en"], "parts": parts}


def _lines(names: Iterable[str], told: list[str], record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    chosen = [one for name in names for one in (told if name in ("reasons", "why") else [name])]
    found = record.get("document", {}).get("findings", ())
    said = {language: findings_said(found, MOST_FINDINGS, language) for language in ("zh", "en")}
    lines = [_WORDS["lines"][one] for one in chosen]
    return [tuple(line[one].replace("{findings}", said[one]) for one in ("zh", "en")) for line in lines]
