"""What the outside tells a check (events) and what a check asks of the outside (effects)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
class FaceFinding:
    """The result of one comparison: ``decision`` is ``match``, ``no_match``, or ``not_comparable`` with a cause."""

    decision: str
    score: float | None
    threshold: float
    frames: int
    model: Mapping[str, str]
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One officer's confirmation of a decision statement, already checked against the roster."""

    officer: str
    role: str
    method: str
    statement_sha256: str


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """A check begins for a visit."""

    check: str
    checkpoint: str
    visit: str
    visit_source: str
    role: str = "mother"
    drill: bool = False


@dataclass(frozen=True, slots=True)
class Consented:
    """The notice was read and consent given; ``at`` is RFC 3339."""

    at: str
    by: str = "subject"


@dataclass(frozen=True, slots=True)
class CardRead:
    """The card was read, and its photo decoded or not."""

    check: str
    document: Document
    photo: bool


@dataclass(frozen=True, slots=True)
class CardTrouble:
    """The card could not be read this time; ``cause`` is a short name such as ``card_removed``."""

    check: str
    cause: str


@dataclass(frozen=True, slots=True)
class FaceCompared:
    """The face was compared."""

    check: str
    finding: FaceFinding


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
    """She does not want to go on this way: ``wish`` is ``refuse``, or ``other_way`` (two officers, no face)."""

    wish: str


@dataclass(frozen=True, slots=True)
class Left:
    """She has gone, or the check is given up."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """Somebody pressed the emergency button; ``check`` is a fresh id, used if none is under way."""

    check: str
    checkpoint: str


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
    """An officer accounts for an emergency afterwards, by confirming a statement that holds the reason."""

    statement: DecisionStatement
    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class Closed:
    """The result was seen: the screen returns to idle and everything personal is forgotten."""


Event = (
    Begin
    | Consented
    | CardRead
    | CardTrouble
    | FaceCompared
    | DeviceLost
    | Proposed
    | Confirmed
    | Withdrawn
    | Declined
    | Left
    | Emergency
    | TimedOut
    | Sealed
    | Explained
    | Closed
)

# --- effects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Journal:
    """Write the step to the journal, durably, before anything else happens."""


@dataclass(frozen=True, slots=True)
class ReadCard:
    """Wait for a card."""


@dataclass(frozen=True, slots=True)
class OpenCamera:
    """Start the camera: only ever after consent."""


@dataclass(frozen=True, slots=True)
class CompareFace:
    """Compare the live face with the card's photo."""


@dataclass(frozen=True, slots=True)
class StopDevices:
    """Stop reading cards and frames."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop everything personal that is held in memory for the check."""


@dataclass(frozen=True, slots=True)
class ReleaseDoor:
    """Open the door."""


@dataclass(frozen=True, slots=True)
class LockDoor:
    """The door may be locked again, as far as no emergency holds it open."""


@dataclass(frozen=True, slots=True)
class ClearEmergency:
    """An officer has accounted for the emergency: it no longer holds the door open."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Send :class:`TimedOut` for the current step after the configured time."""


@dataclass(frozen=True, slots=True)
class SealRecord:
    """Make a record of ``fields`` and commit it; an alert overtakes the backlog."""

    check: str
    fields: Mapping[str, Any] = field(repr=False)
    alert: bool


Effect = (
    Journal
    | ReadCard
    | OpenCamera
    | CompareFace
    | StopDevices
    | Forget
    | ReleaseDoor
    | LockDoor
    | ClearEmergency
    | StartTimer
    | SealRecord
)
