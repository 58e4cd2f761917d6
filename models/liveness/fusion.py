"""From the single checks to one decision, by a table; and which check to do next.

Each check is evidence of its own and stays in the record as it was. Light and motion can each show an attack by
themselves. Two of passive, light and motion have to say live, or light alone where there is no passive network. A
passive network, which doubts 5 to 13 % of living faces' frames (`models/cards/passive.md`), neither suffices alone nor
refuses anybody alone: where it says attack, both challenges have to say live, else a person looks. Warmth decides
nothing and is not in the table: where it is missing on a face that all else calls live, the motion challenge is asked
for. Frames that repeat show an attack; other odd ones, and another face than the one that was compared, raise a doubt;
neither ever shows life.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from models.liveness.result import CheckResult, Decision, not_performed


@unique
class Check(StrEnum):
    """The checks by the names that their results have."""

    PASSIVE = "passive"
    LIGHT = "light"
    MOTION = "motion"
    THERMAL = "thermal"
    FRAMES = "frames"
    SAME_FACE = "same_face"


DECIDING: Final = (Check.PASSIVE, Check.LIGHT, Check.MOTION)
"""What the table is about."""
BESIDE: Final = (Check.FRAMES, Check.SAME_FACE)
"""What holds for every way of looking: no policy forbids it, and it only ever speaks against somebody."""


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """What a policy pack allows and this unit has. ``light``: may be shown at all."""

    passive: bool = True
    light: bool = True
    motion: bool = True
    thermal: bool = False

    def allows(self, check: Check) -> bool:
        """Whether ``check`` may be done."""
        return check in BESIDE or bool(getattr(self, check.value))


@dataclass(frozen=True, slots=True)
class LivenessFinding:
    """What all checks together say; ``reasons`` as "light:flat_response"."""

    decision: Decision
    reasons: tuple[str, ...]
    checks: tuple[CheckResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """The record's ``liveness``."""
        return {
            "decision": str(self.decision),
            "reasons": list(self.reasons),
            "checks": [check.to_dict() for check in self.checks],
        }


LIVE, ATTACK, UNSURE, NOT = Decision.LIVE, Decision.ATTACK, Decision.UNSURE, Decision.NOT_PERFORMED
ANY: Final = frozenset(Decision)
OPEN: Final = frozenset({UNSURE, NOT})


@dataclass(frozen=True, slots=True)
class Row:
    """``decision`` when passive, light and motion are among these; the first row that fits counts.

    ``because`` names the checks whose reasons are told.
    """

    passive: frozenset[Decision]
    light: frozenset[Decision]
    motion: frozenset[Decision]
    decision: Decision
    because: tuple[Check, ...]


def one(decision: Decision) -> frozenset[Decision]:
    """Only this."""
    return frozenset({decision})


TABLE: Final = (
    Row(ANY, one(ATTACK), ANY, ATTACK, (Check.LIGHT,)),
    Row(ANY, ANY, one(ATTACK), ATTACK, (Check.MOTION,)),
    # A body answered the light and the instruction: two of three, whatever the network says.
    Row(ANY, one(LIVE), one(LIVE), LIVE, ()),
    # The network alone refuses nobody: a person looks.
    Row(one(ATTACK), ANY, ANY, UNSURE, DECIDING),
    Row(one(LIVE), ANY, one(LIVE), LIVE, ()),
    Row(frozenset({LIVE, NOT}), one(LIVE), OPEN, LIVE, ()),
    Row(one(NOT), one(NOT), one(NOT), NOT, DECIDING),
    Row(ANY, ANY, ANY, UNSURE, DECIDING),
)


def fuse(policy: LivenessPolicy, results: Iterable[CheckResult]) -> LivenessFinding:
    """Decide. The last result of each check counts; all stay in the finding.

    A check that the policy forbids counts as not performed whatever its result, and one that is missing likewise.

    Raises:
        ValueError: a result has the name of no check.
    """
    done = tuple(results)
    last = {Check(result.name): result for result in done}
    counted = {check: counting(check, last.get(check), policy) for check in Check}
    silent = (Check.THERMAL, *BESIDE)
    missing = tuple(result for check, result in counted.items() if check not in last and check not in silent)
    row = next(row for row in TABLE if fits(row, counted))
    against = tuple(check for check in BESIDE if counted[check].decision in (ATTACK, UNSURE))
    decision = worse(row.decision, [counted[check].decision for check in against])
    because = (*row.because, *against) if decision is row.decision else against
    reasons = tuple(f"{check}:{reason}" for check in because for reason in counted[check].reasons)
    return LivenessFinding(decision, reasons, (*done, *missing))


def worse(decision: Decision, others: Iterable[Decision]) -> Decision:
    """``decision``, unless an attack, or against life a doubt, is among ``others``."""
    beside = set(others)
    if ATTACK in beside:
        return ATTACK
    return UNSURE if UNSURE in beside and decision is LIVE else decision


def counting(check: Check, result: CheckResult | None, policy: LivenessPolicy) -> CheckResult:
    """The result that counts."""
    if not policy.allows(check):
        return not_performed(check, "forbidden_by_policy")
    return not_performed(check, "not_asked") if result is None else result


def fits(row: Row, counted: Mapping[Check, CheckResult]) -> bool:
    """Whether ``row`` speaks of these results."""
    return all(counted[check].decision in getattr(row, check.value) for check in DECIDING)


ORDER: Final = (Check.PASSIVE, Check.THERMAL, Check.LIGHT, Check.MOTION)
"""What costs her nothing comes first."""


def next_check(policy: LivenessPolicy, results: Sequence[CheckResult], tries: int = 2) -> Check | None:
    """What to do next, or None when the decision stands or nothing more can be done.

    Motion is for when the others leave it open and an answer could close it, tell whether a passive network is right
    that says attack, or stand beside a warmth that is missing; it may be tried ``tries`` times.
    """
    names = [result.name for result in results]
    for check in ORDER[:-1]:
        if policy.allows(check) and check.value not in names:
            return check
    open_still = fuse(policy, results).decision in OPEN or cold(policy, results)
    hoped = [CheckResult(Check.MOTION, LIVE), *([CheckResult(Check.PASSIVE, LIVE)] if suspected(results) else [])]
    answered = fuse(policy, [*results, *hoped]).decision is LIVE
    again = open_still and answered and names.count(Check.MOTION) < tries and not settled(results)
    return Check.MOTION if policy.motion and again else None


def settled(results: Iterable[CheckResult]) -> bool:
    """Whether a motion challenge has been passed, skipped or failed: one more would add nothing."""
    return any(result.name == Check.MOTION and result.decision is not UNSURE for result in results)


def suspected(results: Iterable[CheckResult]) -> bool:
    """Whether a passive network says attack."""
    return any(result.name == Check.PASSIVE and result.decision is ATTACK for result in results)


def cold(policy: LivenessPolicy, results: Iterable[CheckResult]) -> bool:
    """Whether warmth was looked for and is missing."""
    return policy.thermal and any(result.name == Check.THERMAL and result.decision is UNSURE for result in results)
