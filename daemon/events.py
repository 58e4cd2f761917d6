"""What the outside tells a check, and the facts that it tells. What a check asks in return: ``daemon/effects.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.face_events import FaceEvent
from daemon.finger_events import FingerEvent, FingerFinding
from daemon.paper_events import PaperEvent
from evidence.decision import DecisionStatement
from evidence.record import Outcome

# --- facts that events carry ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the record holds it.

    ``facts`` are the record's ``document`` fields without ``findings``; ``display`` is what the screen may show,
    masked.
    """

    facts: Mapping[str, Any] = field(repr=False)
    findings: tuple[str, ...]
    display: Mapping[str, str] = field(repr=False)
    sha256: str

    @property
    def type(self) -> str:
        """What kind of document it is, as the record names it."""
        return str(self.facts["type"])

    @property
    def from_chip(self) -> bool:
        """Whether the unit read it itself; else an officer entered it, by its machine-readable zone or typed."""
        return self.facts.get("method") == "chip"


@dataclass(frozen=True, slots=True)
class OnDuty:
    """One officer's time at the unit; ``since`` is RFC 3339, ``login`` is ``pin``, ``badge_pin`` or ``webauthn``.

    ``regular``: regular staff (正式工作人员), not temporary.
    """

    officer: str
    role: str
    since: str
    login: str
    regular: bool = False

    def to_dict(self) -> dict[str, str]:
        """As the record and the screen name it; the unit attests it, nobody has signed it."""
        said = {"id": self.officer, "role": self.role, "since": self.since, "login": self.login}
        return {**said, "attested_by": "unit"}


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed on the screen: ``by`` is ``subject`` or ``delegate`` with a relation; ``png`` is the drawn name."""

    by: str
    relation: str
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One officer's confirmation of a decision statement, already checked against the roster.

    ``proof``: what a security key signed, as the record holds it; empty for a PIN.
    """

    officer: str
    role: str
    method: str
    statement_sha256: str
    proof: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """A check begins for a visit; ``visit_source``: ``scanned``, ``typed``, ``worklist`` or ``provisional``.

    ``role``: who is verified, one of the policy's words for it.
    """

    check: str
    checkpoint: str
    visit: str
    visit_source: str
    role: str = "mother"
    drill: bool = False
    gestation_week: int | None = None
    enrols: bool = False
    """A finger can be enrolled at this unit."""


@dataclass(frozen=True, slots=True)
class Consented:
    """The notice was read and consent given; ``at`` is RFC 3339.

    ``by`` is ``subject``, or ``delegate`` with a relation of the policy's.
    """

    at: str
    by: str = "subject"
    relation: str = "self"


@dataclass(frozen=True, slots=True)
class CardRead:
    """The card was read, and its photo decoded or not; ``prints``: it holds fingerprints that can be compared here."""

    check: str
    document: Document
    photo: bool
    prints: bool = False


@dataclass(frozen=True, slots=True)
class NoCard:
    """There is no chip to read; ``cause``: ``forgotten``, ``chip_dead``, ``phone_eid`` or ``none_issued``."""

    cause: str


@dataclass(frozen=True, slots=True)
class DocumentEntered:
    """A document without a chip, typed or scanned by an officer: two officers decide about it."""

    document: Document


@dataclass(frozen=True, slots=True)
class CheckedElsewhere:
    """The check was done through another channel that the policy allows; ``reference`` is that channel's own."""

    channel: str
    reference: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PhoneGiven:
    """Her own telephone number, where the checkpoint wants it."""

    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardTrouble:
    """The card could not be read this time; ``cause`` is a short name such as ``card_removed``."""

    check: str
    cause: str


@dataclass(frozen=True, slots=True)
class FingerCompared:
    """The finger was compared."""

    check: str
    finding: FingerFinding


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A device that the check is waiting for does not work."""

    check: str
    device: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """An officer proposes an outcome; nobody may confirm it after ``expires`` (RFC 3339)."""

    outcome: Outcome
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An officer confirmed the pending statement."""

    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The pending statement is taken back before enough officers confirmed it."""


@dataclass(frozen=True, slots=True)
class Declined:
    """She does not want to go on this way: ``wish`` is ``refuse``, or ``other_way`` (two officers, no biometric)."""

    wish: str


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Her card can be laid after all: it came late, or the other way was touched by mistake."""


@dataclass(frozen=True, slots=True)
class Parked:
    """The second officer is not here: this check waits, the next woman begins."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The second officer has come for the parked check ``check``."""

    check: str


@dataclass(frozen=True, slots=True)
class WaitedLong:
    """The parked check ``check`` has waited as long as it may."""

    check: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The subject or her delegate signed the result."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class SignedLater:
    """She cannot sign now; an addendum may bring it."""


@dataclass(frozen=True, slots=True)
class Left:
    """She has gone, or the check is given up."""


Press = tuple[int, int]
"""Which press of the button: counter and fingerprint of its event, by which it is known when it is told again."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """Somebody pressed the emergency button; ``check`` is a fresh id, used if none is under way.

    ``again``: so soon after the press before that it is the same emergency. ``press``: which one, as a button or a page
    tells it again until the emergency is recorded; None where nobody does. ``claimed_at``: when a page says that it was
    pressed, RFC 3339, where the unit did not answer then; nobody attests it.
    """

    check: str
    checkpoint: str
    again: bool = False
    press: Press | None = None
    claimed_at: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The time for a step is over."""

    check: str
    step: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The check's record is committed: only now may anything be shown as done."""

    check: str
    seq: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Explained:
    """An officer accounts for an emergency afterwards, by confirming a statement that holds the reason.

    ``said`` are further fields of the addendum, as an :class:`Amended` that comes hours later has them.
    """

    statement: DecisionStatement
    confirmation: Confirmation
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Amended:
    """What came later about a check that has its record: ``said`` are further fields of the addendum.

    ``accounts``: an officer accounts with it for an emergency. What takes two officers was confirmed by both.
    """

    to: Sealed
    statement: DecisionStatement
    confirmations: tuple[Confirmation, ...]
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)
    signature: Signature | None = None
    accounts: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """Something about officers or devices that the chain is to hold: ``what`` and its ``facts``. No check changes."""

    what: str
    facts: Mapping[str, Any]
    alert: bool = False


@dataclass(frozen=True, slots=True)
class ShiftChanged:
    """From now on ``on_duty`` answers for what the unit does by itself, or nobody; ``noted`` goes into the chain.

    ``number``: which change it is since the start. Threads tell of theirs in any order: who is there is who came last.
    """

    on_duty: OnDuty | None
    noted: Noted
    number: int = 0


@dataclass(frozen=True, slots=True)
class Accounted:
    """The addendum that accounts for an emergency is committed: only now may anything be cleared."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The result was seen: the screen returns to idle and everything personal is forgotten."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A touch, the check that was shown to whoever touched, and the steps it is for: else it counts for nothing."""

    event: Event
    check: str | None
    steps: tuple[str, ...]


Event = (
    Begin
    | Consented
    | CardRead
    | CardTrouble
    | NoCard
    | DocumentEntered
    | CheckedElsewhere
    | PhoneGiven
    | FaceEvent
    | FingerCompared
    | DeviceLost
    | Proposed
    | Confirmed
    | Withdrawn
    | Declined
    | ReadAgain
    | Parked
    | Resumed
    | WaitedLong
    | Signed
    | SignedLater
    | Left
    | Emergency
    | TimedOut
    | Sealed
    | Explained
    | Amended
    | Accounted
    | Noted
    | ShiftChanged
    | Closed
    | FingerEvent
    | PaperEvent
    | Meant
)
