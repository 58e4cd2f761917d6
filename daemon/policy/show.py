"""A pack in words, for a person to read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from daemon.policy.form import Checkpoint
from daemon.policy.pack import DECIDABLE, Policy
from daemon.policy.words import DOCUMENTS, RECIPIENTS, DocumentType, Hold, Kind, Often
from evidence.record import Outcome


def overview(policy: Policy) -> str:
    """The whole pack as plain text."""
    return "\n".join(
        [
            f"{policy.id} version {policy.version}: {policy.title} / {policy.title_en}",
            *(f"  {one.id:8} {one.title} {one.number} {one.issued_by} {one.date}" for one in policy.sources),
            *_checkpoints(policy),
            *_officers(policy),
            *_outcomes(policy),
            *_texts(policy),
        ]
    )


def _checkpoints(policy: Policy) -> Iterator[str]:
    for kind in Kind:
        for place, one in enumerate(policy.of_kind(kind)):
            if place == 0:
                yield f"\ncheckpoints, {kind}:"
            yield f"  {one.id:28} {one.title} / {one.title_en}: {'; '.join(_demands(policy, one))}"


def _demands(policy: Policy, one: Checkpoint) -> Iterator[str]:
    choice = policy.one_of_for(one.id)
    yield " + ".join(policy.factors_for(one.id)) + (f" + one of {', '.join(choice)}" if choice else "")
    if len(policy.subjects_for(one.id)) > 1:
        yield f"of {' or '.join(policy.subjects_for(one.id))}"
    if one.often is Often.ONCE:
        yield "once"
    if one.weeks is not None:
        yield f"week {one.weeks.first} to {one.weeks.last or 'delivery'}"
    if one.own_phone:
        yield "her own phone number"
    if one.first_seen_as:
        yield f"first seen in labour: as {one.first_seen_as}"
    if one.holds_back is not Hold.NOTHING:
        yield f"without a pass no {one.holds_back}"


def _officers(policy: Policy) -> Iterator[str]:
    counts = ", ".join(f"{outcome} {policy.officers_for(outcome)}" for outcome in DECIDABLE)
    yield f"\nofficers: {counts}; staff: {policy.staff.who}"
    for one, (zh, en) in DOCUMENTS.items():
        alone = "the unit" if policy.passes_alone(one) else f"{policy.officers_for(Outcome.MANUAL, one)} officers"
        yield f"  {zh} ({en}): {alone}"
    yield "who may sign for her: " + ", ".join(f"{one.title} ({', '.join(one.when)})" for one in policy.delegates)


def _outcomes(policy: Policy) -> Iterator[str]:
    for outcome in Outcome:
        told = [_told(policy, one, outcome) for one in policy.checkpoints]
        yield f"\n{outcome}:" + (" the check stays owed" if policy.debt(outcome) else "")
        for text in dict.fromkeys(one for one in told if one):
            where = [one.id for one, said in zip(policy.checkpoints, told, strict=True) if said == text]
            yield f"  tells {text}" + ("" if len(where) == len(told) else f" at {', '.join(where)}")
        ways = itertools.product(policy.checkpoints, (None, *DocumentType))
        printed = {form for one, kind in ways for form in policy.forms_for(one.id, outcome, kind)}
        if printed:
            yield f"  prints {', '.join(sorted(printed))}"
        if any(policy.is_special_case(one.id, outcome) for one in policy.checkpoints) and policy.special_case:
            yield f"  {policy.special_case.title}"


def _told(policy: Policy, one: Checkpoint, outcome: Outcome) -> str:
    return ", ".join(
        f"{RECIPIENTS[to.recipient][0]} {'at once' if to.within_s == 0 else f'within {to.within_s} s'}"
        for to in policy.alerts_for(one.id, outcome)
    )


def _texts(policy: Policy) -> Iterator[str]:
    for name, text in (("notice", policy.notice), ("consent", policy.consent)):
        yield f"\n{name} {text.id}, sha256 {text.sha256}\n{text.zh}\n{text.en}"
