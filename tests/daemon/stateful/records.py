"""What must hold of the records of a day, whatever happened on it and whichever policy pack the unit ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from daemon.policy import load_policy
from daemon.policy.words import Factor
from evidence.record import Outcome

Payload = Mapping[str, Any]
_DECIDED: Final = (Outcome.MANUAL, Outcome.REFUSED, Outcome.FAILED, Outcome.UNABLE)


def was_emergency(record: Payload) -> bool:
    """Whether somebody asked for care first, also where a power cut ended its check."""
    return Outcome.EMERGENCY in (record["outcome"], record.get("step_reached"))


def shown(record: Payload) -> set[Factor]:
    """What she has shown of herself, each matched."""
    document, face, finger = (record.get(name, {}) for name in ("document", "face", "finger"))
    return {
        *((Factor.CARD,) if document.get("method") == "chip" else ()),
        *((Factor.FACE,) if face.get("decision") == "match" else ()),
        *((Factor.FINGER,) if finger.get("decision") == "match" else ()),
    }


def _passed_without(record: Payload) -> bool:
    policy = load_policy(record["policy"]["id"])
    return record["outcome"] == "passed" and bool(policy.lacking(record["checkpoint"], shown(record)))


def _signed_for_herself(record: Payload) -> bool:
    return bool(record["outcome"] == "unable" and record.get("subject_sign", {}).get("by") == "subject")


def _too_few_officers(record: Payload) -> bool:
    if record["outcome"] not in _DECIDED:
        return False
    policy, outcome = load_policy(record["policy"]["id"]), Outcome(record["outcome"])
    who = {one["id"] for one in record["officers"]}
    return len(who) < policy.officers_for(outcome, record.get("document", {}).get("type"))


def _an_officer_twice(record: Payload) -> bool:
    who = [one["id"] for one in record["officers"]]
    return len(set(who)) < len(who)


def _finger_without_consent(record: Payload) -> bool:
    finger = record.get("finger", {})
    return finger.get("decision", "not_performed") != "not_performed" and "consent" not in finger


WRONG: Final[Mapping[str, Callable[[Payload], bool]]] = {
    "emergencies taken for drills": lambda one: was_emergency(one) and one["drill"],
    "signed by who could not be verified": _signed_for_herself,
    "passed without what the policy wants": _passed_without,
    "decided by too few officers": _too_few_officers,
    "an officer counted twice": _an_officer_twice,
    "a finger compared without consent": _finger_without_consent,
}
"""What no check's record may be."""


def faults_of(checks: Sequence[Payload], begun: Iterable[str], said: Iterable[tuple[str, int, str]]) -> list[str]:
    """What is wrong with the records of all checks.

    Args:
        checks: their payloads.
        begun: ids of checks that were seen on the screen.
        said: what the screen called recorded, as check, number and outcome.
    """
    each = Counter(one["check"] for one in checks)
    stored = {(one["check"], one["seq"], one["outcome"]) for one in checks}
    found: dict[str, Sequence[object]] = {
        "records of one check": [check for check, count in each.items() if count != 1],
        "checks without a record": sorted(set(begun) - each.keys()),
        "shown as recorded and not there": sorted(set(said) - stored),
        **{what: [one["check"] for one in checks if is_wrong(one)] for what, is_wrong in WRONG.items()},
    }
    return [f"{what}: {wrong}" for what, wrong in found.items() if wrong]
