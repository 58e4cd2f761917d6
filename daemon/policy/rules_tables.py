"""What must hold in every pack beyond its form: what national law and care demand, and that its tables agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from daemon.policy.pack import DECIDABLE, FLOOR_OFFICERS, SUBJECTS, VERIFIED, Policy
from daemon.policy.rule import Findings, reads
from daemon.policy.words import BIOMETRICS, DocumentType, Factor, Hold, Kind, Liveness, Role, SignsWhen, Topic
from evidence.forms.words import FormId
from evidence.record import OWED, Outcome
from evidence.tree import TreeError

TOLD = (Outcome.FAILED, Outcome.REFUSED, Outcome.UNABLE, Outcome.EMERGENCY, Outcome.DEVICE_FAULT)
"""Outcomes that somebody must be told of at every checkpoint."""

SIGNED = (Outcome.PASSED, Outcome.FAILED, Outcome.REFUSED, Outcome.UNABLE, Outcome.MANUAL)
"""Outcomes that are recorded and signed (如实记录、签字确认)."""

HOLDS = {
    Kind.MATERNITY: (Hold.NOTHING, Hold.REGISTRATION, Hold.CERTIFICATE),
    Kind.ART_PATIENT: (Hold.PROCEDURE,),
    Kind.ART_DONOR: (Hold.PROCEDURE,),
}
"""What may wait for a pass. Maternity care never does; without a pass there is no ART procedure."""


def _twice(path: str, names: Iterable[str], key: str) -> Findings:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield TreeError(f"{path}[{place}].{key}", f"{name!r} is there already", "give each its own")
        seen.add(name)


# --- tables that agree ---------------------------------------------------------------------------------------------


@reads("checkpoints[].id", "checkpoints[].title", "checkpoints[].kind")
def _checkpoints_once(policy: Policy) -> Findings:
    yield from _twice("checkpoints", (one.id for one in policy.checkpoints), "id")
    titles = Counter((one.kind, one.title) for one in policy.checkpoints)
    for place, one in enumerate(policy.checkpoints):
        if titles[one.kind, one.title] > 1:
            told = f"{one.title} stands twice among {one.kind}: nobody at the screen could tell them apart"
            yield TreeError(f"checkpoints[{place}].title", told, "give each its own title")
            titles[one.kind, one.title] = 1


@reads("sources[].id", "channels[].id", "systems[].id", "delegates[].relation")
def _names_once(policy: Policy) -> Findings:
    yield from _twice("sources", (one.id for one in policy.sources), "id")
    yield from _twice("channels", (one.id for one in policy.channels), "id")
    yield from _twice("systems", (one.id for one in policy.systems), "id")
    yield from _twice("delegates", (one.relation for one in policy.delegates), "relation")


@reads("checkpoints[].id", "alerting[].checkpoints", "forms[].checkpoints", "certificate.needs")
def _known_checkpoints(policy: Policy) -> Findings:
    known = {one.id for one in policy.checkpoints}
    named = [
        *((f"alerting[{at}].checkpoints", one.checkpoints) for at, one in enumerate(policy.alerting)),
        *((f"forms[{at}].checkpoints", one.checkpoints) for at, one in enumerate(policy.forms)),
        ("certificate.needs", policy.certificate.needs if policy.certificate else ()),
    ]
    for path, names in named:
        for place, name in enumerate(names):
            if name not in known:
                yield _unknown(f"{path}[{place}]", name, known)


@reads("checkpoints[].id", "checkpoints[].kind", "certificate.needs")
def _mothers_are_seen_where_the_certificate_needs_it(policy: Policy) -> Findings:
    kinds = {one.id: one.kind for one in policy.checkpoints}
    for place, name in enumerate(policy.certificate.needs if policy.certificate else ()):
        if kinds.get(name, Kind.MATERNITY) is not Kind.MATERNITY:
            told = f"{name} is a checkpoint of {kinds[name]}: no mother would ever get a certificate"
            yield TreeError(f"certificate.needs[{place}]", told, "take it out")


@reads("checkpoints[].id", "checkpoints[].first_seen_as")
def _known_first_seen(policy: Policy) -> Findings:
    known = {one.id for one in policy.checkpoints}
    for place, one in enumerate(policy.checkpoints):
        if one.first_seen_as is not None and one.first_seen_as not in known:
            yield _unknown(f"checkpoints[{place}].first_seen_as", one.first_seen_as, known)


def _unknown(path: str, name: str, known: Iterable[str]) -> TreeError:
    return TreeError(path, f"there is no checkpoint {name!r}", f"known here: {', '.join(sorted(known))}")


@reads("checkpoints[].weeks")
def _weeks_in_order(policy: Policy) -> Findings:
    for place, one in enumerate(policy.checkpoints):
        if one.weeks is not None and one.weeks.last is not None and one.weeks.last < one.weeks.first:
            told = f"expected {one.weeks.first} or later, found {one.weeks.last}"
            yield TreeError(f"checkpoints[{place}].weeks.last", told, "leave it out: until delivery")


@reads("checkpoints[].subjects", "checkpoints[].kind", "checkpoints[].holds_back")
def _subjects_of_their_care(policy: Policy) -> Findings:
    for place, one in enumerate(policy.checkpoints):
        claimed = (Role.CLAIMANT,) if one.holds_back is Hold.CERTIFICATE else ()
        allowed = (SUBJECTS[one.kind], *claimed)
        for at, role in enumerate(one.subjects or ()):
            if role not in allowed:
                told = f"expected {' or '.join(allowed)} here, found {role}"
                why = "a claimant comes where the certificate is held back" if role is Role.CLAIMANT else one.kind
                yield TreeError(f"checkpoints[{place}].subjects[{at}]", told, f"take it out: {why}")


# --- a pass --------------------------------------------------------------------------------------------------------


@reads("factors", "one_of", "checkpoints[].factors", "checkpoints[].one_of", "checkpoints[].id")
def _pass_has_a_biometric(policy: Policy) -> Findings:
    yield from _enough("", policy.factors, policy.one_of)
    for place, one in enumerate(policy.checkpoints):
        if one.factors is not None or one.one_of is not None:
            factors = policy.factors if one.factors is None else one.factors
            choice = policy.one_of if one.one_of is None else one.one_of
            yield from _enough(f"checkpoints[{place}].", factors, choice)


def _enough(path: str, factors: tuple[Factor, ...], choice: tuple[Factor, ...]) -> Findings:
    if Factor.CARD not in factors:
        yield TreeError(f"{path}factors", "a pass needs the card", f'write {path}factors so that it has "card"')
    if Factor.CARD in choice:
        told = "the card is no biometric: with it a pass would need none"
        yield TreeError(f"{path}one_of", told, 'let one_of hold "face", "finger" or both')
    elif not choice and not any(one in factors for one in BIOMETRICS):
        told = "without a biometric nothing shows that the card is hers"
        yield TreeError(f"{path}factors", told, 'add "face" or "finger", or one_of = ["face", "finger"]')


@reads("liveness", "challenges.allowed", "functions")
def _liveness_can_be_shown(policy: Policy) -> Findings:
    if policy.liveness is Liveness.REQUIRED and not policy.challenges.allowed:
        told = "liveness is required and no challenge is allowed: nobody could pass"
        yield TreeError("challenges.allowed", told, "allow at least one of light, motion, thermal")


# --- people --------------------------------------------------------------------------------------------------------


@reads("officers")
def _enough_officers(policy: Policy) -> Findings:
    for outcome in DECIDABLE:
        least = FLOOR_OFFICERS if outcome in (Outcome.UNABLE, Outcome.MANUAL) else 1
        if policy.officers_for(outcome) < least:
            why = "it rests on no reading of the unit" if least > 1 else "a named officer answers for it"
            told = f"expected at least {least}, found {policy.officers_for(outcome)}: {why}"
            yield TreeError(f"officers.{outcome}", told, f"write {outcome} = {least}")


@reads("documents")
def _enough_officers_for_documents(policy: Policy) -> Findings:
    seen: set[DocumentType] = set()
    for place, rule in enumerate(policy.documents):
        for at, one in enumerate(rule.types):
            if one in seen:
                yield TreeError(f"documents[{place}].types[{at}]", f"{one} has a rule already", "keep one of them")
            seen.add(one)
        others = [one for one in rule.types if one is not DocumentType.RESIDENT_ID_CARD]
        if others and rule.officers < FLOOR_OFFICERS:
            told = f"expected at least {FLOOR_OFFICERS} for {', '.join(others)}, found {rule.officers}"
            yield TreeError(f"documents[{place}].officers", told, f"write officers = {FLOOR_OFFICERS}")


@reads("delegates[].when")
def _somebody_may_sign(policy: Policy) -> Findings:
    for when in (SignsWhen.CANNOT_SIGN, SignsWhen.UNDER_14):
        if not policy.relations_for(when):
            told = f"nobody may sign for a woman when: {when}"
            yield TreeError("delegates", told, f'add a [[delegates]] with when = ["{when}"]')


@reads("signatures[].outcomes")
def _every_outcome_is_signed(policy: Policy) -> Findings:
    rules = Counter(outcome for rule in policy.signatures for outcome in rule.outcomes)
    for outcome in SIGNED:
        if not rules[outcome]:
            yield TreeError("signatures", f"nobody signs {outcome}", f'add "{outcome}" to a [[signatures]] outcomes')
    for outcome in (one for one in Outcome if rules[one] > 1):
        yield TreeError("signatures", f"two rules for {outcome}: only the first would count", "keep one of them")


# --- what follows --------------------------------------------------------------------------------------------------


@reads("checkpoints[].holds_back", "checkpoints[].kind")
def _care_never_waits(policy: Policy) -> Findings:
    for place, one in enumerate(policy.checkpoints):
        allowed = HOLDS[one.kind]
        if one.holds_back not in allowed:
            why = "care never waits" if one.kind is Kind.MATERNITY else "no pass, no procedure"
            told = f"expected {' or '.join(allowed)} for {one.kind} ({why}), found {one.holds_back}"
            yield TreeError(f"checkpoints[{place}].holds_back", told, f'write holds_back = "{allowed[0]}"')


@reads("checkpoints[].id", "alerting[].outcomes", "alerting[].checkpoints", "alerting[].to")
def _somebody_is_told(policy: Policy) -> Findings:
    silent: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in TOLD:
        places = tuple(one.id for one in policy.checkpoints if not policy.alerts_for(one.id, outcome))
        silent.setdefault(places, []).append(outcome)
    silent.pop((), None)
    for places, outcomes in silent.items():
        where = "anywhere" if len(places) == len(policy.checkpoints) else f"at {', '.join(places)}"
        advice = "add them to the outcomes of an [[alerting]] that holds there"
        yield TreeError("alerting", f"nobody is told of {', '.join(outcomes)} {where}", advice)


@reads("alerting[].outcomes", "special_case.outcomes")
def _nothing_follows_a_pass(policy: Policy) -> Findings:
    """Who was verified is reported to nobody; and the way without biometrics is equal."""
    case = policy.special_case
    follows = [(f"alerting[{place}].outcomes", one.outcomes) for place, one in enumerate(policy.alerting)]
    follows += [("special_case.outcomes", case.outcomes)] if case else []
    for path, outcomes in follows:
        for place, outcome in enumerate(outcomes):
            if outcome in VERIFIED:
                told = f"after {outcome} she is verified: nobody is told, and it is no special case"
                yield TreeError(f"{path}[{place}]", told, f'take out "{outcome}"')


@reads("forms[].id", "forms[].due_day")
def _only_the_register_is_by_month(policy: Policy) -> Findings:
    for place, rule in enumerate(policy.forms):
        if rule.id is FormId.DELIVERIES_REGISTER and rule.due_day is None:
            told = "missing; the register is due on a day of the next month"
            yield TreeError(f"forms[{place}].due_day", told, "add due_day = 4")
        elif rule.id is not FormId.DELIVERIES_REGISTER and rule.due_day is not None:
            told = f"{rule.id} is printed at the end of a check, not by month"
            yield TreeError(f"forms[{place}].due_day", told, "take it out")


@reads("debts.outcomes")
def _debts_are_kept(policy: Policy) -> Findings:
    for outcome in (one for one in Outcome if one in OWED and not policy.debt(one)):
        yield TreeError("debts.outcomes", f"after {outcome} the check is still owed", f'add "{outcome}"')
    for place, outcome in enumerate(policy.debts.outcomes):
        if outcome in VERIFIED:
            yield TreeError(f"debts.outcomes[{place}]", f"after {outcome} nothing is owed", f'take out "{outcome}"')


@reads("retention.pictures", "notice.parts[].about")
def _no_picture_is_kept(policy: Policy) -> Findings:
    """What a notice promises and no unit does would be an untruth, told to everybody who is checked."""
    if policy.retention.pictures:
        told = "a rule that nothing would obey: no unit keeps a picture yet"
        yield TreeError("retention.pictures", told, "take it out; where your rules demand a picture, people keep one")
    for place, part in enumerate(policy.notice.parts):
        if part.about is Topic.PICTURE:
            told = "the notice speaks of a picture and none is kept"
            yield TreeError(f"notice.parts[{place}].about", told, 'take out the part about "picture"')


@reads("checkpoints[].kind", "certificate")
def _certificate_has_its_gate(policy: Policy) -> Findings:
    if policy.certificate is None and policy.of_kind(Kind.MATERNITY):
        advice = "add a [certificate] with needs, the checkpoints where she must have been verified"
        yield TreeError("certificate", "missing; nothing would be asked before a birth certificate", advice)
