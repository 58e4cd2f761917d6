"""The slips: what to do after a check that did not pass, for her, for her family, and the one that carries a finger.

Their words stand in ``slips.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_WORDS = tomllib.loads(Path(__file__).with_name("slips.toml").read_text("utf-8"))


def findings_said(findings: Iterable[str]) -> str:
    """What is wrong with a document, as a form says it; a name that nobody knows stands as it is."""
    return "、".join(_WORDS["findings"].get(one, one) for one in findings)


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


def _lines(names: Iterable[str], told: list[str], record: Mapping[str, Any]) -> list[tuple[str, str]]:
    chosen = [one for name in names for one in (told if name in ("reasons", "why") else [name])]
    said = findings_said(record.get("document", {}).get("findings", ()))
    lines = [_WORDS["lines"][one] for one in chosen]
    return [(line["zh"].replace("{findings}", said), line["en"]) for line in lines]
