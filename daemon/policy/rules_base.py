"""A hospital's own pack may be stricter than the rules it stands on (``base``), never weaker, and has its own name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from daemon.policy.form import Checkpoint
from daemon.policy.pack import Policy, Told
from daemon.policy.packs import shipped, shipped_names
from daemon.policy.rule import Findings, reads
from daemon.policy.words import DocumentType, Hold, Liveness, Often, Remote, Staff
from evidence.forms.words import FormId
from evidence.policy import Paper
from evidence.record import Outcome
from evidence.tree import TreeError


@reads("base")
def _base_is_there(policy: Policy) -> Findings:
    if policy.base is not None and policy.base not in shipped_names():
        yield TreeError("base", f"there is no pack {policy.base!r}", f"known: {', '.join(shipped_names())}")


@reads("id", "version")
def _name_is_its_own(policy: Policy) -> Findings:
    if policy.id in shipped_names() and policy != shipped(policy.id):
        told = f"{policy.id!r} is a shipped pack and this one differs from it: records would name the wrong rules"
        yield TreeError("id", told, f'give it an id of its own, and write base = "{policy.id}"')


def _base(policy: Policy) -> Policy | None:
    return shipped(policy.base) if policy.base in shipped_names() else None


def _shared(policy: Policy, base: Policy) -> Iterator[tuple[int, Checkpoint, Checkpoint]]:
    wanted = {one.id: one for one in base.checkpoints}
    for place, one in enumerate(policy.checkpoints):
        if one.id in wanted:
            yield place, one, wanted[one.id]


@reads("base", "checkpoints[].id", "checkpoints[].kind")
def _every_checkpoint(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    kinds = {one.kind for one in policy.checkpoints}
    ids = {one.id for one in policy.checkpoints}
    for one in base.checkpoints:
        if one.kind in kinds and one.id not in ids:
            told = f"{one.id} ({one.title}) is missing; {base.id} demands it ({one.source})"
            yield TreeError("checkpoints", told, f'add a [[checkpoints]] with id = "{one.id}"')


@reads("base", "checkpoints[]", "factors", "one_of")
def _checkpoints_ask_as_much(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    for place, own, wanted in _shared(policy, base):
        path = f"checkpoints[{place}]"
        if not _needs_as_much(policy, base, own.id):
            needs = " and ".join(base.factors_for(own.id))
            choice = base.one_of_for(own.id)
            needs += f" and one of {', '.join(choice)}" if choice else ""
            yield TreeError(f"{path}.factors", f"a pass needs less than {base.id} demands: {needs}", "ask for as much")
        if wanted.own_phone and not own.own_phone:
            told = f"{base.id} checks her own phone number here ({wanted.source})"
            yield TreeError(f"{path}.own_phone", told, "write own_phone = true")
        if wanted.holds_back is not Hold.NOTHING and own.holds_back is not wanted.holds_back:
            told = f"expected {wanted.holds_back}, as in {base.id} ({wanted.source}), found {own.holds_back}"
            yield TreeError(f"{path}.holds_back", told, f'write holds_back = "{wanted.holds_back}"')
        if own.remote is not Remote.NEVER and wanted.remote is Remote.NEVER:
            told = f"expected never, as in {base.id}, found {own.remote}"
            yield TreeError(f"{path}.remote", told, 'write remote = "never"')
        if own.often is Often.ONCE and wanted.often is Often.EACH_TIME:
            yield TreeError(
                f"{path}.often", f"{base.id} checks each time ({wanted.source})", 'write often = "each_time"'
            )
        if own.first_seen_as != wanted.first_seen_as:
            told = f"expected {wanted.first_seen_as or 'none'}, as in {base.id} ({wanted.source})"
            so = f'write first_seen_as = "{wanted.first_seen_as}"' if wanted.first_seen_as else "take it out"
            yield TreeError(f"{path}.first_seen_as", told, so)
        if any(base.due(own.id, week) and not policy.due(own.id, week) for week in range(46)):
            told = f"leaves out weeks in which {base.id} demands a check ({wanted.source})"
            yield TreeError(f"{path}.weeks", told, "widen it, or leave it out")


def _needs_as_much(policy: Policy, base: Policy, name: str) -> bool:
    """Whether whatever passes here would pass there: of every set of factors that is enough."""
    factors, choice = policy.factors_for(name), policy.one_of_for(name)
    enough = [{*factors, one} for one in choice] or [set(factors)]
    return not any(base.lacking(name, shown) for shown in enough)


@reads("base", "liveness")
def _liveness_as_strict(policy: Policy) -> Findings:
    base = _base(policy)
    if base is not None and base.liveness is Liveness.REQUIRED and policy.liveness is not Liveness.REQUIRED:
        told = f"{base.id} requires it ({base.cited.liveness})"
        yield TreeError("liveness", told, 'write liveness = "required"')


@reads("base", "alerting", "checkpoints[].id")
def _as_many_are_told(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    together: dict[tuple[Told, tuple[str, ...]], list[Outcome]] = {}
    for outcome in Outcome:
        for one, places in _untold(policy, base, outcome).items():
            together.setdefault((one, tuple(places)), []).append(outcome)
    for (one, where), outcomes in together.items():
        fast = "at once" if one.within_s == 0 else f"within {one.within_s} s"
        told = f"{base.id} tells {one.recipient} of {', '.join(outcomes)} {fast} at {', '.join(where)}"
        late = _telling(policy, one, outcomes[0], where)
        if late is None:
            yield TreeError("alerting", told, f"add an [[alerting]] with within_s = {one.within_s}")
        else:
            yield TreeError(f"alerting[{late}].within_s", told, f"write within_s = {one.within_s}")


def _telling(policy: Policy, one: Told, outcome: Outcome, where: tuple[str, ...]) -> int | None:
    """Which alert tells them there, only too late."""
    for place, rule in enumerate(policy.alerting):
        if one.recipient in rule.to and outcome in rule.outcomes and set(where) & set(rule.checkpoints or where):
            return place
    return None


def _untold(policy: Policy, base: Policy, outcome: Outcome) -> dict[Told, list[str]]:
    """Whom the base tells and this pack does not, or later; with the checkpoints."""
    missing: dict[Told, list[str]] = {}
    for _, own, _ in _shared(policy, base):
        told = {one.recipient: one.within_s for one in policy.alerts_for(own.id, outcome)}
        for one in base.alerts_for(own.id, outcome):
            if told.get(one.recipient, one.within_s + 1) > one.within_s:
                missing.setdefault(one, []).append(own.id)
    return missing


@reads("base", "debts", "special_case", "checkpoints[].id", "checkpoints[].kind")
def _as_much_follows(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    for outcome in Outcome:
        if base.debt(outcome) and not policy.debt(outcome):
            yield TreeError("debts.outcomes", f"{base.id} still owes the check after {outcome}", f'add "{outcome}"')
    lost = {
        outcome
        for _, own, _ in _shared(policy, base)
        for outcome in Outcome
        if base.is_special_case(own.id, outcome) and not policy.is_special_case(own.id, outcome)
    }
    for outcome in sorted(lost):
        told = f"{base.id} makes {outcome} a case of its own (专案管理)"
        yield TreeError("special_case", told, f'add "{outcome}" to its outcomes')


@reads("base", "certificate", "checkpoints[].id")
def _certificate_as_strict(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None or base.certificate is None or policy.certificate is None:
        return
    for name in base.certificate.needs:
        if name not in policy.certificate.needs:
            yield TreeError("certificate.needs", f"{base.id} needs {name} ({base.certificate.source})", f'add "{name}"')
    for key in ("verified_name_only", "mother_fixed", "withheld_while_investigated"):
        if getattr(base.certificate, key) and not getattr(policy.certificate, key):
            told = f"{base.id} demands it ({base.certificate.source})"
            yield TreeError(f"certificate.{key}", told, f"write {key} = true")


@reads("base", "staff.who", "documents")
def _staff_as_regular(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    if base.staff.who is Staff.REGULAR and policy.staff.who is not Staff.REGULAR:
        told = f"{base.id} wants regular staff only ({base.staff.source})"
        yield TreeError("staff.who", told, 'write who = "regular"')
    elif lax := [one for one in DocumentType if base.staff_for(one) != policy.staff_for(one) == Staff.ANY]:
        told = f"{base.id} wants regular staff for {', '.join(lax)}"
        yield TreeError("documents", told, 'write staff = "regular" in their [[documents]]')


@reads("base", "signatures")
def _as_many_sign(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    for outcome in Outcome:
        for signer in base.signatures_for(outcome):
            if signer not in policy.signatures_for(outcome):
                told = f"in {base.id} {signer} signs {outcome}"
                yield TreeError("signatures", told, f'add "{signer}" to its signers')


@reads("base", "forms", "checkpoints[].id")
def _as_many_forms(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    lacking: dict[FormId, list[tuple[str, str, str]]] = {}
    for _, own, _ in _shared(policy, base):
        for outcome, kind in itertools.product(Outcome, ("", *DocumentType)):
            for form in base.forms_for(own.id, outcome, kind):
                if form not in policy.forms_for(own.id, outcome, kind):
                    lacking.setdefault(form, []).append((outcome, own.id, kind))
    for form, cases in lacking.items():
        outcomes, places, kinds = (tuple(dict.fromkeys(column)) for column in zip(*cases, strict=True))
        told = f"{base.id} prints {form} after {', '.join(outcomes)} at {', '.join(places)}"
        with_them = "" if "" in kinds else f" with {', '.join(kinds)}"
        yield TreeError("forms", told + with_them, f'add a [[forms]] with id = "{form}"')


@reads("base", "self_inspection")
def _inspects_itself_as_often(policy: Policy) -> Findings:
    base = _base(policy)
    wanted = base.self_inspection if base is not None else None
    own = policy.self_inspection
    if wanted is not None and (own is None or own.every_months > wanted.every_months):
        told = f"expected every {wanted.every_months} months at least ({wanted.source})"
        yield TreeError("self_inspection", told, f"write every_months = {wanted.every_months}")


@reads("base", "delegates", "channels")
def _nobody_else(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    allowed = {one.relation: one.when for one in base.delegates}
    for place, own in enumerate(policy.delegates):
        more = [when for when in own.when if when not in allowed.get(own.relation, ())]
        if more:
            told = f"in {base.id} {own.relation} may not sign when: {', '.join(more)}"
            yield TreeError(f"delegates[{place}].when", told, "take it out")
    for place, channel in enumerate(policy.channels):
        if channel.id not in {one.id for one in base.channels}:
            yield TreeError(f"channels[{place}].id", f"{base.id} does not allow {channel.id}", "take it out")


@reads("base", "functions", "systems", "retention.signed_form", "forms")
def _as_well_equipped(policy: Policy) -> Findings:
    base = _base(policy)
    if base is None:
        return
    for function in base.functions:
        if function not in policy.functions:
            told = f"{base.id} wants units that have {function} ({base.cited.functions})"
            yield TreeError("functions", told, f'add "{function}"')
    for system in base.systems:
        if system.id not in {one.id for one in policy.systems}:
            told = f"{base.id} wants a connection to {system.id} ({system.source})"
            yield TreeError("systems", told, f'add a [[systems]] with id = "{system.id}"')
    if base.retention.signed_form and not policy.retention.signed_form:
        told = f"{base.id} keeps the signed form ({base.retention.source})"
        yield TreeError("retention.signed_form", told, "write signed_form = true")
    for register in base.registers:
        yield from _due_as_early(policy, register, f"in {base.id} {register.id} is due by month, on day")


def _due_as_early(policy: Policy, wanted: Paper, told: str) -> Findings:
    day = wanted.due_day or 0
    own = [(place, one.due_day) for place, one in enumerate(policy.forms) if one.id is wanted.id]
    if not own:
        yield TreeError("forms", f"{told} {day}", f'add a [[forms]] with id = "{wanted.id}" and due_day = {day}')
    for place, due in own:
        if due is not None and due > day:
            yield TreeError(f"forms[{place}].due_day", f"{told} {day}, found {due}", f"write due_day = {day}")
