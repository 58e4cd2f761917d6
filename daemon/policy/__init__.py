"""Policy packs: what a province or hospital demands of a check, as data.

A pack is a TOML file; :class:`Policy` is its form. The packs of this folder are found by name, any other by path.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evidence.encoding import sha256_hex
from evidence.record import Outcome
from evidence.tree import TreeError, load_tree

_FACTORS = ("card", "face", "finger")
_LIVENESS = ("required", "when_fitted")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place in the care where a check is due (关键节点)."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A text shown to the woman, in both languages."""

    id: str
    zh: str
    en: str

    @property
    def sha256(self) -> str:
        """Hash of the exact words, as the record names it."""
        return sha256_hex(f"{self.zh}\0{self.en}".encode())


@dataclass(frozen=True, slots=True)
class OfficerCounts:
    """How many officers confirm each outcome that a person decides."""

    passed: int
    failed: int
    refused: int
    unable: int
    manual: int
    device_fault: int


@dataclass(frozen=True, slots=True)
class Policy:
    """One pack.

    Attributes:
        retries: how often the face is tried again before a person decides.
        factors: what a pass needs, of card, face and finger.
        liveness: ``required``, or ``when_fitted`` where units without the check are allowed.
        alerts: outcomes that are told at once.
    """

    id: str
    version: str
    title: str
    retries: int
    factors: tuple[str, ...]
    liveness: str
    alerts: tuple[str, ...]
    checkpoints: tuple[Checkpoint, ...]
    officers: OfficerCounts
    notice: Wording
    consent: Wording

    def officers_for(self, outcome: Outcome) -> int:
        """How many officers must confirm ``outcome``."""
        return int(getattr(self.officers, outcome.value))


DECIDABLE = tuple(Outcome(name) for name in OfficerCounts.__dataclass_fields__)
"""Outcomes that officers decide."""


def _check(policy: Policy) -> None:
    for path, values, allowed in (
        ("factors", policy.factors, _FACTORS),
        ("alerts", policy.alerts, tuple(Outcome)),
        ("liveness", (policy.liveness,), _LIVENESS),
    ):
        for value in values:
            if value not in allowed:
                raise TreeError(path, f"{value!r} is unknown; known: {', '.join(allowed)}")
    if not 0 <= policy.retries <= 2:
        raise TreeError("retries", "expected 0, 1 or 2: after that a person decides")
    if "card" not in policy.factors or len(policy.factors) < 2:
        raise TreeError("factors", "a pass needs the card and at least one biometric")
    for path, text in (("id", policy.id), ("version", policy.version)):
        if not text:
            raise TreeError(path, "expected at least one character")
    _check_checkpoints(policy.checkpoints)
    for outcome in DECIDABLE:
        least = 2 if outcome in (Outcome.UNABLE, Outcome.MANUAL) else 1
        if policy.officers_for(outcome) < least:
            raise TreeError(f"officers.{outcome}", f"expected at least {least}")


def _check_checkpoints(checkpoints: tuple[Checkpoint, ...]) -> None:
    if not checkpoints:
        raise TreeError("checkpoints", "expected at least one")
    for place, one in enumerate(checkpoints):
        if not 0 < len(one.id) <= 64:  # else no record could name it
            raise TreeError(f"checkpoints[{place}].id", "expected 1 to 64 characters")
        if one.id in {before.id for before in checkpoints[:place]}:
            raise TreeError(f"checkpoints[{place}].id", f"{one.id!r} is there already")


def load_policy(name: str) -> Policy:
    """The pack called ``name``, or at the path ``name`` (ending in ``.toml``).

    Raises:
        TreeError: no such pack, or it breaks its form.
    """
    if not name.endswith(".toml") and Path(name).name != name:
        raise TreeError(name or "policy", "expected a pack's name, or the path of one, ending in .toml")
    path = Path(name) if name.endswith(".toml") else Path(__file__).with_name(f"{name}.toml")
    policy = load_tree(Policy, path)
    _check(policy)
    return policy
