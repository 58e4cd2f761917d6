"""The tables of a policy pack. Field names are the file's key names; what each means stands beside its type.

``source`` is where a rule comes from: the short id of a document in ``sources``, a space, and the section. What the
hospital's side goes by too stands in :mod:`evidence.policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated as An

from daemon.policy.words import (
    Challenge,
    DocumentType,
    Factor,
    Often,
    Recipient,
    Remote,
    Signer,
    SignsWhen,
    Staff,
    Topic,
)
from evidence.encoding import sha256_hex
from evidence.policy import Accounts, Cite, Name, Names, Outcomes, Paper, Place, Text
from evidence.tree import Form

TextId = An[str, Form("letters, digits, . _ -, at most 64", pattern="[A-Za-z0-9][A-Za-z0-9._-]{0,63}")]
Sha256 = An[str, Form("SHA-256 of the words, 64 hexadecimal digits", pattern="[0-9a-f]{64}")]


LONGEST_S = 30 * 86400
"""Whoever is to be told is told within a month, whatever a pack says."""


def _hash(zh: str, en: str) -> str:
    return sha256_hex(f"{zh}\0{en}".encode())


@dataclass(frozen=True, slots=True)
class Source:
    """A document that rules come from."""

    id: Name
    title: Text
    number: An[str, Form("the document's number, where it has one")]
    issued_by: Text
    date: Text


@dataclass(frozen=True, slots=True)
class Cited:
    """Where the pack's first lines come from."""

    factors: Cite
    liveness: Cite
    retries: Cite
    functions: Cite


@dataclass(frozen=True, slots=True)
class Checkpoint(Place):
    """A place in the care where a check is due (关键节点)."""

    factors: An[tuple[Factor, ...] | None, Form("all of these, instead of the pack's", distinct=True)] = None
    one_of: An[tuple[Factor, ...] | None, Form("and one of these, instead of the pack's", distinct=True)] = None
    often: Often = Often.EACH_TIME
    own_phone: An[bool, Form("her own phone number is checked too (本人电话号码)")] = False
    remote: Remote = Remote.NEVER


@dataclass(frozen=True, slots=True)
class OfficerCounts:
    """How many officers confirm each outcome that a person decides."""

    passed: An[int, Form(least=0)]
    failed: An[int, Form(least=0)]
    refused: An[int, Form(least=0)]
    unable: An[int, Form(least=0)]
    manual: An[int, Form(least=0)]
    device_fault: An[int, Form(least=0)]
    source: Cite


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """How many officers look at a kind of document themselves; 0: the unit may decide alone."""

    types: An[tuple[DocumentType, ...], Form("kinds of document", least=1, distinct=True)]
    officers: An[int, Form(least=0)]
    source: Cite
    staff: Staff = Staff.ANY


@dataclass(frozen=True, slots=True)
class StaffRules(Accounts):
    """Who checks, and who lets them."""

    who: Staff
    second_officer_from: An[Recipient, Form("who is called when a second officer is needed")]
    source: Cite


@dataclass(frozen=True, slots=True)
class Delegate:
    """Somebody who may sign for her (被委托人)."""

    relation: Name
    title: Text
    title_en: Text
    when: An[tuple[SignsWhen, ...], Form(least=1, distinct=True)]
    source: Cite


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signs what was recorded."""

    outcomes: Outcomes
    signers: An[tuple[Signer, ...], Form(least=1, distinct=True)]
    source: Cite


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the notice tells."""

    about: Topic
    zh: Text
    en: Text


@dataclass(frozen=True, slots=True)
class Notice:
    """What the woman is told before anything is read; made of parts so that none can be left out."""

    id: TextId
    sha256: Sha256
    source: Cite
    parts: An[tuple[Part, ...], Form(least=1)]

    @property
    def zh(self) -> str:
        """The whole notice in Chinese, a line for each part."""
        return "\n".join(part.zh.strip() for part in self.parts)

    @property
    def en(self) -> str:
        """The whole notice in English."""
        return "\n".join(part.en.strip() for part in self.parts)

    @property
    def digest(self) -> str:
        """Hash of the exact words; ``sha256`` is what the file says it is."""
        return _hash(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class Wording:
    """A text shown to the woman, in both languages: the consent, which is separate from the notice."""

    id: TextId
    sha256: Sha256
    source: Cite
    zh: Text
    en: Text

    @property
    def digest(self) -> str:
        """Hash of the exact words; ``sha256`` is what the file says it is."""
        return _hash(self.zh, self.en)


@dataclass(frozen=True, slots=True)
class Alert:
    """Who is told of an outcome, where, and how fast."""

    outcomes: Outcomes
    to: An[tuple[Recipient, ...], Form(least=1, distinct=True)]
    within_s: An[int, Form("seconds; 0: at once (立即)", least=0, most=LONGEST_S)]
    source: Cite
    checkpoints: Names = ()


@dataclass(frozen=True, slots=True)
class Debts:
    """Outcomes after which the check is still owed at the next checkpoint."""

    outcomes: Outcomes
    source: Cite


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a check that is kept, encrypted, until its day of deletion. Only where a rule demands it."""

    outcomes: Outcomes
    delete_after_days: An[int, Form(least=1)]
    source: Cite


@dataclass(frozen=True, slots=True)
class Retention:
    """Where record and signed form are kept; the hospital's own rules for its files say how long."""

    kept_with: An[str, Form("the file they belong to", least=1)]
    signed_form: bool
    source: Cite
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class FormRule(Paper):
    """A form, and when it is printed: at the end of a check, or by month where it has a due day."""

    documents: An[tuple[DocumentType, ...], Form("of checks with one of these; none: of all", distinct=True)] = ()


@dataclass(frozen=True, slots=True)
class Challenges:
    """How liveness may be asked for."""

    allowed: An[tuple[Challenge, ...], Form(distinct=True)]
    officer_may_skip: An[bool, Form("an officer may leave out one that she cannot do, with the reason")]
    source: Cite

    @property
    def skippable(self) -> tuple[str, ...]:
        """What an officer may leave out. Warmth asks nothing of her, so there is nothing that she could not do."""
        asked = (one.value for one in self.allowed if one is not Challenge.THERMAL)
        return tuple(asked) if self.officer_may_skip else ()


@dataclass(frozen=True, slots=True)
class Channel:
    """A way of checking other than this unit, recorded as the method."""

    id: Name
    title: Text
    title_en: Text
    source: Cite


@dataclass(frozen=True, slots=True)
class System:
    """A system of the other side that the hospital's gateway serves."""

    id: Name
    title: Text
    real_time: bool
    source: Cite


@dataclass(frozen=True, slots=True)
class SelfInspection:
    """How often the hospital inspects itself, and to whom it reports."""

    every_months: An[int, Form(least=1, most=12)]
    report_to: Text
    source: Cite
