"""A policy pack as the rest of the unit asks it: every question is a method, pure, and answered from the tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated as An

from daemon.policy import form as tables
from daemon.policy.words import (
    BIOMETRICS,
    Factor,
    Function,
    Hold,
    Kind,
    Liveness,
    Recipient,
    Role,
    Signer,
    SignsWhen,
    Staff,
)
from evidence.forms.words import FormId
from evidence.policy import CertificateGate, SpecialCase, Text
from evidence.record import Outcome
from evidence.tree import Form

SUBJECTS = {Kind.MATERNITY: Role.MOTHER, Kind.ART_PATIENT: Role.PATIENT, Kind.ART_DONOR: Role.DONOR}
"""Who is verified at a checkpoint of each kind that does not say it."""

VERIFIED = frozenset({Outcome.PASSED, Outcome.MANUAL})
"""Outcomes that show who she is. The way without biometrics is equal, so no pack says otherwise."""

FLOOR_OFFICERS = 2
"""For every document but the resident ID card, and for outcomes that rest on no reading of the unit."""


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody to be told of an outcome, and within how many seconds; 0 is at once (立即)."""

    recipient: Recipient
    within_s: int


@dataclass(frozen=True, slots=True, repr=False)
class Policy:
    """One pack.

    Attributes:
        base: the pack of this folder whose rules this one must not undercut; a hospital's own pack names one.
        retries: how often the face is tried again before a person decides.
        factors, one_of: what a pass needs: all of the first, and one of the second where it is not empty.
        liveness: ``required``, or ``when_fitted`` where units without the check are allowed.
    """

    v: An[int, Form("version of this form", least=1, most=1)]
    id: An[str, Form("the pack's short name: letters, digits, . _ -", pattern="[A-Za-z0-9][A-Za-z0-9._-]{0,63}")]
    version: Text
    title: Text
    title_en: Text
    retries: An[int, Form("tries again before a person decides", least=0, most=2)]
    factors: An[tuple[Factor, ...], Form("all of these", distinct=True)]
    liveness: Liveness
    functions: An[tuple[Function, ...], Form("what a unit must be able to do", distinct=True)]
    cited: tables.Cited
    sources: An[tuple[tables.Source, ...], Form(least=1)]
    checkpoints: An[tuple[tables.Checkpoint, ...], Form(least=1)]
    officers: tables.OfficerCounts
    documents: tuple[tables.DocumentRule, ...]
    staff: tables.StaffRules
    delegates: tuple[tables.Delegate, ...]
    signatures: tuple[tables.Signature, ...]
    notice: tables.Notice
    consent: tables.Wording
    alerting: tuple[tables.Alert, ...]
    debts: tables.Debts
    retention: tables.Retention
    challenges: tables.Challenges
    one_of: An[tuple[Factor, ...], Form("and at least one of these", distinct=True)] = ()
    base: An[str | None, Form("the shipped pack whose rules this one must not undercut")] = None
    certificate: CertificateGate | None = None
    special_case: SpecialCase | None = None
    forms: tuple[tables.FormRule, ...] = ()
    channels: tuple[tables.Channel, ...] = ()
    systems: tuple[tables.System, ...] = ()
    self_inspection: tables.SelfInspection | None = None

    def __repr__(self) -> str:
        return f"Policy({self.id!r}, version {self.version!r})"

    # --- checkpoints -------------------------------------------------------------------------------------------

    def checkpoint(self, name: str, *, first_seen_in_labour: bool = False) -> tables.Checkpoint:
        """The checkpoint whose rules hold at ``name``.

        Raises:
            KeyError: the pack has no such checkpoint.
        """
        found = {one.id: one for one in self.checkpoints}
        here = found[name]
        return found[here.first_seen_as] if first_seen_in_labour and here.first_seen_as else here

    def due(self, checkpoint: str, week: int | None) -> bool:
        """Whether a check is due there in this week of gestation (None: not known, so it is)."""
        return self.checkpoint(checkpoint).due(week)

    def subjects_for(self, checkpoint: str) -> tuple[Role, ...]:
        """Who may be verified there, the usual one first; where nobody says which, it is that one.

        A checkpoint that the pack does not know counts as maternity care: no emergency waits for a right name.
        """
        here = next((one for one in self.checkpoints if one.id == checkpoint), None)
        own = here.subjects if here else None
        return own or (SUBJECTS[here.kind if here else Kind.MATERNITY],)

    # --- what a pass needs -------------------------------------------------------------------------------------

    def factors_for(self, checkpoint: str) -> tuple[Factor, ...]:
        """What a pass needs there, all of it."""
        own = self.checkpoint(checkpoint).factors
        return self.factors if own is None else own

    def one_of_for(self, checkpoint: str) -> tuple[Factor, ...]:
        """Of these a pass needs one there; empty: nothing beside the factors."""
        own = self.checkpoint(checkpoint).one_of
        return self.one_of if own is None else own

    def biometrics_for(self, checkpoint: str) -> tuple[Factor, ...]:
        """The biometrics that can lead to a pass there."""
        wanted = {*self.factors_for(checkpoint), *self.one_of_for(checkpoint)}
        return tuple(one for one in BIOMETRICS if one in wanted)

    def enrols_finger(self, checkpoint: str) -> bool:
        """Whether a finger may be enrolled there, for the checkpoints after it: where she is registered."""
        here = self.checkpoint(checkpoint).holds_back is Hold.REGISTRATION
        return here and Factor.FINGER in self.biometrics_for(checkpoint)

    def lacking(self, checkpoint: str, shown: Collection[str]) -> tuple[Factor, ...]:
        """What a pass there still wants beside ``shown``; of a choice, all that could be chosen. Empty: enough."""
        choice = self.one_of_for(checkpoint)
        open_choice = () if any(one in shown for one in choice) else choice
        wanted = dict.fromkeys((*self.factors_for(checkpoint), *open_choice))
        return tuple(one for one in wanted if one not in shown)

    # --- who decides, who signs --------------------------------------------------------------------------------

    def officers_for(self, outcome: Outcome, document_type: str | None = None) -> int:
        """How many officers must confirm ``outcome``, a decision about this kind of document (None: none there)."""
        decided = int(getattr(self.officers, outcome.value))
        return decided if document_type is None else max(decided, self._document_officers(document_type))

    def passes_alone(self, document_type: str) -> bool:
        """Whether the unit may record a pass on this kind of document without officers looking at it."""
        return self._document_officers(document_type) == 0

    def staff_for(self, document_type: str | None = None) -> Staff:
        """Who may check a person with this kind of document; one that the pack does not name needs regular staff."""
        if self.staff.who is Staff.REGULAR or document_type is None:
            return self.staff.who
        return next((rule.staff for rule in self.documents if document_type in rule.types), Staff.REGULAR)

    def _document_officers(self, document_type: str) -> int:
        return next((rule.officers for rule in self.documents if document_type in rule.types), FLOOR_OFFICERS)

    @property
    def relations(self) -> tuple[str, ...]:
        """Relations of those who may sign for her."""
        return tuple(one.relation for one in self.delegates)

    def relations_for(self, *cases: SignsWhen) -> tuple[str, ...]:
        """Relations of those who may sign for her in one of these cases."""
        return tuple(one.relation for one in self.delegates if set(cases) & set(one.when))

    def stand_ins(self, *, child: bool | None, unable: bool = False) -> tuple[str, ...]:
        """Relations of those who may consent and sign for her.

        Args:
            child: she is under 14; None: nobody knows how old she is.
            unable: it could not be found out who she is, so that she has entrusted nobody.
        """
        if child:
            return self.relations_for(SignsWhen.UNDER_14)
        entrusted = () if unable else (SignsWhen.ENTRUSTED,)
        young = (SignsWhen.UNDER_14,) if child is None else ()
        return self.relations_for(SignsWhen.CANNOT_SIGN, *entrusted, *young)

    def signatures_for(self, outcome: Outcome) -> tuple[Signer, ...]:
        """Whose signatures the record of ``outcome`` needs."""
        return next((rule.signers for rule in self.signatures if outcome in rule.outcomes), ())

    # --- what follows ------------------------------------------------------------------------------------------

    @property
    def alerts(self) -> tuple[Outcome, ...]:
        """Outcomes that somebody is told of, at some checkpoint or all."""
        told = {outcome for rule in self.alerting for outcome in rule.outcomes}
        return tuple(one for one in Outcome if one in told)

    def alerts_for(self, checkpoint: str, outcome: Outcome) -> tuple[Told, ...]:
        """Who is told of ``outcome`` there, the most urgent first; each once, by the tightest rule.

        A checkpoint that the pack does not know has the rules that hold everywhere: nobody must be left untold because
        a name is wrong.
        """
        times: dict[Recipient, int] = {}
        for rule in self.alerting:
            if outcome in rule.outcomes and (not rule.checkpoints or checkpoint in rule.checkpoints):
                for one in rule.to:
                    times[one] = min(rule.within_s, times.get(one, rule.within_s))
        return tuple(Told(one, times[one]) for one in sorted(times, key=lambda one: (times[one], one)))

    def is_special_case(self, checkpoint: str, outcome: Outcome) -> bool:
        """Whether ``outcome`` there becomes a case of its own (专案管理)."""
        rule = self.special_case
        return rule is not None and rule.opened_by(self.checkpoint(checkpoint).kind, outcome)

    def held_back(self, checkpoint: str, outcome: Outcome) -> Hold:
        """What waits after ``outcome`` there: nothing, registration, the certificate, or an ART procedure."""
        here = next((one for one in self.checkpoints if one.id == checkpoint), None)
        return Hold.NOTHING if outcome in VERIFIED or here is None else here.holds_back

    def debt(self, outcome: Outcome) -> bool:
        """Whether the check is still owed at the next checkpoint."""
        return outcome in self.debts.outcomes

    def may_issue_certificate(self, verified_at: Collection[str]) -> bool:
        """Whether she was verified everywhere the certificate needs it; a pack without the gate never says yes."""
        return self.certificate is not None and not self.certificate.lacking(verified_at)

    def forms_for(self, checkpoint: str, outcome: Outcome, document_type: str | None = None) -> tuple[FormId, ...]:
        """Forms to print at the end of a check with this kind of document (None: none there), each once."""
        printed = (
            rule.id
            for rule in self.forms
            if rule.due_day is None
            and outcome in rule.outcomes
            and (not rule.checkpoints or checkpoint in rule.checkpoints)
            and (not rule.documents or document_type in rule.documents)
        )
        return tuple(dict.fromkeys(printed))

    @property
    def registers(self) -> tuple[tables.FormRule, ...]:
        """Forms that are due by month."""
        return tuple(rule for rule in self.forms if rule.due_day is not None)

    def picture_days(self, outcome: Outcome) -> int | None:
        """After how many days a kept picture is deleted; None: no picture is kept, the rule nearly everywhere."""
        return next((rule.delete_after_days for rule in self.retention.pictures if outcome in rule.outcomes), None)

    def of_kind(self, kind: Kind) -> tuple[tables.Checkpoint, ...]:
        """The checkpoints of one kind of care."""
        return tuple(one for one in self.checkpoints if one.kind is kind)


DECIDABLE = tuple(Outcome(name) for name in tables.OfficerCounts.__dataclass_fields__ if name != "source")
"""Outcomes that officers decide."""
