"""Whether a birth certificate may be issued (出生医学证明签发): by the policy pack, from the records of one birth.

What speaks for it is a check that passed, or was decided by two officers on another document, signed by a key that is
believed and verified in its unit's chain. What speaks against it counts until it is put right: by a later such check of
the same person, by the office closing a special case, by records arriving that are still on their way.

The gateway answers; whoever issues the certificate decides, and answers for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from evidence.forms.register import MALE
from evidence.forms.words import VERIFIED
from evidence.instants import read_instant
from evidence.policy import CertificateGate, Hold, Kind, Place, Role, Rules
from evidence.record import OWED, Outcome, of_claimant, plain_number
from gateway.statistics.facts import Check
from gateway.statistics.words import OUTCOMES, Title, checkpoint_title, title

_NOT_PASSED = ("failed", "refused")
_MADE_UP = OWED - {Outcome.INTERRUPTED}
"""What a later check makes up for where the first was needed: a check that broke off was never decided by anybody."""
_OFFICE = ("院方另行决定", "the hospital's office decides, outside of this answer")


@dataclass(frozen=True, slots=True)
class Hole:
    """Records ``first`` to ``last`` of ``unit`` are not here: nobody can say whether they are of this birth."""

    unit: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.unit} {self.first}" + (f"–{self.last}" if self.last > self.first else "")


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks against it.

    Attributes:
        code: for programs; never changes its meaning.
        words: for people.
        check: the check it rests on, where it rests on one.
    """

    code: str
    words: Title
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """A checkpoint where she must have been verified, and the check by which she was; None: she was not."""

    place: Title
    checkpoint: str
    by: Check | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one birth.

    Attributes:
        reasons: what speaks against it; empty: it may be issued.
        name_in: the check whose document bears the name to issue under.
        checks: all that were looked at, in order of time, those of a revoked key among them.
        given_up: records that will never come; nothing waits for them, and nobody knows what they said.
        silent: units that were not heard for long, with when they were last; what they recorded since is not here.
    """

    rules: Rules
    reasons: tuple[Reason, ...]
    needs: tuple[Need, ...]
    name_in: Check | None
    checks: tuple[Check, ...]
    given_up: tuple[Hole, ...] = field(default=())
    silent: tuple[tuple[str, str], ...] = field(default=())

    @property
    def may_be_issued(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def plain_visit(ref: str) -> str:
    """A visit's reference without width, and blanks around it: as it is compared."""
    return unicodedata.normalize("NFKC", ref).strip()


def is_of(check: Check, visits: Iterable[str]) -> bool:
    """Whether the check is of one of these visits."""
    return not {plain_visit(ref) for ref in check.visits}.isdisjoint(visits)


def mothers_numbers(checks: Iterable[Check]) -> frozenset[str]:
    """The numbers of the documents by which these checks show who the mother is; plain."""
    return frozenset(number_of(one) for one in checks if one.believed and _is_hers(one))


def answer(
    rules: Rules, visits: Sequence[str], checks: Iterable[Check], missing: Sequence[Hole], given_up: Sequence[Hole]
) -> Answer:
    """The answer from all checks of a birth's visits; no drills.

    Args:
        visits: the references of these visits, plain.
        checks: those of these visits, and those of other visits with one of :func:`mothers_numbers`.
        missing: records that are still on their way, or damaged here.
        given_up: records that will never come.
    """
    ordered = tuple(sorted(checks, key=lambda one: (one.at, one.unit, one.seq)))
    believed = tuple(one for one in ordered if one.believed)
    elsewhere = tuple(one for one in believed if not is_of(one, visits))
    birth = _Birth(rules, visits, tuple(one for one in believed if is_of(one, visits)), elsewhere)
    gate = rules.certificate
    needs = birth.needs(gate) if gate else ()
    reasons = (*birth.against(gate, needs), *_unknown(missing))
    return Answer(rules, reasons, needs, birth.name_in, ordered, tuple(given_up))


@dataclass(frozen=True, slots=True)
class _Birth:
    """The checks of one birth that are believed, in order of time; and hers ``elsewhere``, under other visits.

    A failure of hers elsewhere counts, wherever she passed since. A pass elsewhere may be of another birth: it meets no
    need of this one, and makes up for nothing in it.
    """

    rules: Rules
    visits: Sequence[str]
    checks: tuple[Check, ...]
    elsewhere: tuple[Check, ...]

    @property
    def of_mother(self) -> tuple[Check, ...]:
        """Her own checks that show who she is. Records of before do not tell a claimant; a man among them was one."""
        return tuple(one for one in self.checks if _is_hers(one))

    @property
    def name_in(self) -> Check | None:
        """The last of them, where all are of one person."""
        own = self.of_mother
        return own[-1] if len({number_of(one) for one in own}) == 1 else None

    def needs(self, gate: CertificateGate) -> tuple[Need, ...]:
        """Each checkpoint of the gate, with what meets it."""
        return tuple(self._need(one) for one in gate.needs)

    def _need(self, checkpoint: str) -> Need:
        place = self.rules.place(checkpoint)
        by = self._met_at(checkpoint, place)
        if by is None and place and place.first_seen_as and not self._seen_at(checkpoint):
            by = self._met_at(place.first_seen_as, self.rules.place(place.first_seen_as))
        words = (place.title, place.title_en) if place else checkpoint_title(self.rules.id, checkpoint)
        return Need(words, checkpoint, by)

    def _seen_at(self, checkpoint: str) -> bool:
        return any(one.checkpoint == checkpoint for one in self.checks)

    def _met_at(self, checkpoint: str, place: Place | None) -> Check | None:
        """The last check by which somebody was verified there; what was owed there may have been made up for later."""
        claimed = place is not None and Role.CLAIMANT in (place.subjects or ())
        for one in reversed([one for one in self.checks if one.checkpoint == checkpoint]):
            if (of_claimant(one.payload) and not claimed) or not _is_due(one, place):
                continue
            if _is_hers(one) or _is_claimants(one):
                return one
            if one.outcome in _MADE_UP and (later := self._put_right(one)) is not None:
                return later
        return None

    def _put_right(self, check: Check) -> Check | None:
        """The first later check that shows who the person was of whom this one did not; None: it stands."""
        checks = (*self.checks, *self.elsewhere) if check in self.elsewhere else self.checks
        return next((one for one in checks if _is_later(one, check) and _settles(one, check)), None)

    def against(self, gate: CertificateGate | None, needs: Sequence[Need]) -> Iterator[Reason]:
        """What speaks against it."""
        if gate is None:
            yield Reason("no_gate", ("政策包未规定出生医学证明签发条件", "the policy pack does not say when it may be"))
        yield from self._unknown_visits()
        if not self.checks:
            return
        for need in needs:
            if need.by is None:
                zh, en = need.place
                told = f"not verified at: {en}; verify her there, or {_OFFICE[1]}"
                yield Reason(
                    f"not_verified:{need.checkpoint}", (f"“{zh}”环节未通过核验，请补核，或由{_OFFICE[0]}", told)
                )
        yield from self._against_name(gate is None or gate.verified_name_only)
        yield from self._open(gate is not None and gate.withheld_while_investigated)

    def _unknown_visits(self) -> Iterator[Reason]:
        """References without a check, by their place among the given: they are nobody's business in a log."""
        for place, visit in enumerate(self.visits, 1):
            if not any(is_of(one, [visit]) for one in self.checks):
                told = f"no verified record of the visit given as number {place} is here: is its reference right?"
                yield Reason("no_record", (f"所给第{place}个就诊号无核验记录，请核对就诊号", told))

    def _against_name(self, needed: bool) -> Iterator[Reason]:
        own = self.of_mother
        if not own:
            if needed:
                told = "no check shows who the mother is; who claims the certificate is not she: verify her"
                yield Reason("mother_not_verified", ("无产妇本人通过核验的记录，请核验产妇本人", told))
            return
        if (other := self._another(number_of(own[-1]))) is not None:
            told = f"a check of the mother is of another document's number: {_OFFICE[1]}"
            yield Reason("two_documents", (f"产妇各次核验的证件号码不一致，由{_OFFICE[0]}", told), other)
        if not any(self._is_before_birth(one) for one in own):
            told = f"no check up to the delivery shows who she is, so she who came later may be another: {_OFFICE[1]}"
            words = f"分娩及以前无产妇通过核验的记录，不能证明其后来者为产妇，由{_OFFICE[0]}"
            yield Reason("not_verified_before_birth", (words, told))

    def _another(self, number: str) -> Check | None:
        """The last check of the mother, passed or not, on another document; a man's who passed is not hers."""
        hers = (one for one in reversed(self.checks) if not of_claimant(one.payload))
        hers = (one for one in hers if _is_hers(one) or not _is_verified(one))
        return next((one for one in hers if number_of(one) not in ("", number)), None)

    def _is_before_birth(self, check: Check) -> bool:
        """Whether it is of a checkpoint up to the delivery, by the pack."""
        place = self.rules.place(check.checkpoint)
        return place is not None and place.kind is Kind.MATERNITY and place.holds_back is not Hold.CERTIFICATE

    def _open(self, withheld: bool) -> Iterator[Reason]:
        """What is not put right; ``withheld``: the pack withholds the certificate while the police investigate."""
        more = ("；公安机关调查期间不予签发", "; none while the police investigate") if withheld else ("", "")
        for one in (*self.checks, *self.elsewhere):
            zh, en = title(OUTCOMES, one.outcome)
            if one in self.elsewhere:
                zh, en = f"另一就诊号下同一证件号码：{zh}", f"the same document's number under another visit: {en}"
            if one.case == "open":
                told = f"the special case that it led to is open{more[1]}: the office closes it"
                yield Reason("special_case", (f"{zh}，专案未结{more[0]}，请由院方结案", f"{en}: {told}"), one)
            if self._put_right(one) is not None or one.nobody:
                continue
            if one.outcome in OWED:
                told = f"{en}: the check is still owed; verify the same person, or {_OFFICE[1]}"
                yield Reason("owed", (f"{zh}，待补核，请核验其本人，或由{_OFFICE[0]}", told), one)
            elif one.outcome in _NOT_PASSED:
                told = f"{en}, and not verified since; verify the same person, or {_OFFICE[1]}"
                yield Reason("not_passed", (f"{zh}，其后未再通过核验，请核验其本人，或由{_OFFICE[0]}", told), one)


def _unknown(missing: Sequence[Hole]) -> Iterator[Reason]:
    for hole in missing:
        told = f"records {hole} have not come yet, or are damaged here: ask again later"
        yield Reason("records_missing", (f"记录 {hole} 尚未到达或已损坏，请稍后再查", told))


def _is_verified(check: Check) -> bool:
    return check.outcome in VERIFIED


def _is_claimants(check: Check) -> bool:
    """Whether it shows who claims the certificate."""
    return _is_verified(check) and of_claimant(check.payload)


def _is_hers(check: Check) -> bool:
    """Whether it shows who the mother is. Records of before do not tell a claimant; a man among them was one."""
    is_man = check.payload.get("document", {}).get("sex") == MALE
    return _is_verified(check) and not of_claimant(check.payload) and not is_man and bool(number_of(check))


def _settles(one: Check, other: Check) -> bool:
    """Whether ``one``, made later, takes away what ``other`` leaves open.

    A check without a number may be anybody's: what is owed of it, any check of the same role makes up for. What a
    claimant failed the mother herself makes good, or the same claimant, or another when the office has closed the case.
    """
    is_same = number_of(one) == number_of(other) or (not number_of(other) and other.outcome in OWED)
    if of_claimant(other.payload):
        return _is_hers(one) or (_is_claimants(one) and (is_same or other.case == "closed"))
    return _is_hers(one) and (is_same or not number_of(other))


def number_of(check: Check) -> str:
    """The number of its document, plain; empty: none was read."""
    return plain_number(str(check.payload.get("document", {}).get("number", "")))


def _is_due(check: Check, place: Place | None) -> bool:
    return place is None or place.due(check.payload.get("gestation_week"))


def _is_later(one: Check, other: Check) -> bool:
    """Whether ``one`` is certainly later: by the chain on one unit, else by clocks that may be off."""
    if one.unit == other.unit:
        return one.seq > other.seq
    return one.at > read_instant(other.payload["time"]["latest"])
