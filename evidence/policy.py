"""What of a policy pack the hospital's side goes by as well, read from the very file that the units are given.

A pack says more; that is for units (``daemon/policy``), and for people. The words and tables here are part of its form.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated as An

from evidence.forms.words import FormId
from evidence.record import Outcome
from evidence.tree import Form, load_tree

_WRITTEN = r"(?=[\s\S]*\S)[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+"
Text = An[str, Form("a text: not blank, and nothing in it that cannot be seen", least=1, pattern=_WRITTEN)]
Name = An[str, Form("a short name: small letters, digits and _, at most 64", pattern="[a-z][a-z0-9_]{0,63}")]
Names = An[tuple[Name, ...], Form("ids of checkpoints; none: all of them", distinct=True)]
Cite = An[str, Form("a source's id, a space, and its section, as in 'jx 三(二)'", pattern=r"\S+ \S.*")]
Outcomes = An[tuple[Outcome, ...], Form("how checks ended", least=1, distinct=True)]


@unique
class Kind(StrEnum):
    """Whose care a checkpoint belongs to; ART is assisted reproduction (人类辅助生殖技术)."""

    MATERNITY = "maternity"
    ART_PATIENT = "art_patient"
    ART_DONOR = "art_donor"


@unique
class Role(StrEnum):
    """Who is verified. A claimant (领证人) comes for a birth certificate, and need not be its mother."""

    MOTHER = "mother"
    CLAIMANT = "claimant"
    PATIENT = "patient"
    DONOR = "donor"


@unique
class Hold(StrEnum):
    """What waits for a verified identity. Care is not among it, and the door is not."""

    NOTHING = "nothing"
    REGISTRATION = "registration"
    CERTIFICATE = "certificate"
    PROCEDURE = "procedure"


@dataclass(frozen=True, slots=True)
class Weeks:
    """Weeks of gestation in which a check is due."""

    first: An[int, Form("first week", least=0, most=45)]
    last: An[int | None, Form("last week; missing: until delivery", least=0, most=45)] = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the care where a check is due (关键节点): what both sides know of it."""

    id: Name
    title: An[Text, Form("exact Chinese title, as on screens and forms")]
    title_en: Text
    source: Cite
    kind: Kind = Kind.MATERNITY
    subjects: An[
        tuple[Role, ...] | None,
        Form("who is verified, the usual one first; missing: mother, patient or donor by kind", least=1, distinct=True),
    ] = None
    weeks: Weeks | None = None
    holds_back: An[Hold, Form("what waits for a verified identity; never care")] = Hold.NOTHING
    first_seen_as: An[Name | None, Form("checkpoint whose rules hold when she is first seen in labour")] = None

    def due(self, week: int | None) -> bool:
        """Whether a check is due here in this week of gestation (None: not known, so it is)."""
        if self.weeks is None or week is None:
            return True
        return self.weeks.first <= week and (self.weeks.last is None or week <= self.weeks.last)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who lets officers have their accounts."""

    approved_by: An[tuple[Text, ...], Form("departments that approve an officer's account", least=2, distinct=True)]


@dataclass(frozen=True, slots=True)
class SpecialCase:
    """Outcomes that become a case of their own (专案管理)."""

    title: Text
    outcomes: Outcomes
    kinds: An[tuple[Kind, ...], Form(least=1, distinct=True)]
    source: Cite

    def opened_by(self, kind: Kind, outcome: str) -> bool:
        """Whether a check of this kind of care that ended so opens one."""
        return outcome in self.outcomes and kind in self.kinds


@dataclass(frozen=True, slots=True)
class CertificateGate:
    """When the birth certificate may be issued (出生医学证明签发)."""

    needs: An[tuple[Name, ...], Form("checkpoints where she must have been verified", least=1, distinct=True)]
    verified_name_only: An[bool, Form("issued under the verified name")]
    mother_fixed: An[bool, Form("the mother's data may not be changed afterwards, not even on a DNA report")]
    withheld_while_investigated: An[bool, Form("not issued while the police investigate")]
    source: Cite

    def lacking(self, verified_at: Collection[str]) -> tuple[str, ...]:
        """Where she must be verified and was not."""
        return tuple(one for one in self.needs if one not in verified_at)


@dataclass(frozen=True, slots=True)
class Paper:
    """A form, and when it is printed: at the end of a check, or by month where it has a due day."""

    id: FormId
    outcomes: Outcomes
    source: Cite
    checkpoints: Names = ()
    due_day: An[int | None, Form("monthly: day of the next month it is due", least=1, most=28)] = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of a pack that the gateway goes by."""

    id: str
    version: str
    checkpoints: tuple[Place, ...]
    staff: Accounts
    certificate: CertificateGate | None = None
    special_case: SpecialCase | None = None
    forms: tuple[Paper, ...] = ()

    def place(self, checkpoint: str) -> Place | None:
        """The checkpoint of this id; None: the pack has none."""
        return next((one for one in self.checkpoints if one.id == checkpoint), None)

    def is_special_case(self, checkpoint: str, outcome: str) -> bool:
        """Whether ``outcome`` there becomes a case of its own; a checkpoint nobody knows counts as maternity care."""
        place = self.place(checkpoint)
        kind = place.kind if place else Kind.MATERNITY
        return self.special_case is not None and self.special_case.opened_by(kind, outcome)

    @property
    def register(self) -> Paper | None:
        """The monthly register of deliveries, where the pack has one."""
        return next((one for one in self.forms if one.id is FormId.DELIVERIES_REGISTER and one.due_day), None)


def load_rules(path: Path) -> Rules:
    """Of the pack at ``path`` what the gateway goes by; the rest of it is ``vernix policy check``'s to look at.

    Raises:
        TreeError: not readable, not TOML, or these parts of it have a mistake.
    """
    return load_tree(Rules, path, partly=True)
