"""What a liveness check answers, and the form in which the record keeps it: numbers and names, never a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Any, TypeAlias

Evidence: TypeAlias = float | int | str | list[int] | list[list[int]] | list[str]


@unique
class Decision(StrEnum):
    """As in the record's ``liveness.decision``."""

    LIVE = "live"
    ATTACK = "attack"
    UNSURE = "unsure"
    NOT_PERFORMED = "not_performed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``reasons`` are short names, the first decides.

    ``evidence``: finite numbers, and names of what was asked or seen, for the record.
    """

    name: str
    decision: Decision
    reasons: tuple[str, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=lambda: MappingProxyType({}))

    def to_dict(self) -> dict[str, Any]:
        """An element of the record's ``liveness.checks``."""
        return {
            "name": self.name,
            "decision": str(self.decision),
            "reasons": [str(reason) for reason in self.reasons],
            "evidence": dict(self.evidence),
        }


def not_performed(name: str, reason: str) -> CheckResult:
    """A check that the policy forbids, an officer skipped or a device could not do."""
    return CheckResult(name, Decision.NOT_PERFORMED, (reason,))
