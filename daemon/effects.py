"""What a check asks of the outside, in the order in which it is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.events import Begin, Press


@dataclass(frozen=True, slots=True)
class Journal:
    """Write how far this check has got, durably, before anything else happens; ``press``: which one it is of."""

    begin: Begin
    reached: str
    press: Press | None = None


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
class SkipChallenge:
    """Leave this challenge out while her face is looked at; end it, if it is under way."""

    challenge: str


@dataclass(frozen=True, slots=True)
class PrepareFinger:
    """See that the fingerprint module is there and holds nobody's template; nothing is captured."""


@dataclass(frozen=True, slots=True)
class CompareFinger:
    """Compare her finger with her slip or with her card's own print: only ever after consent to that."""


@dataclass(frozen=True, slots=True)
class EnrolFinger:
    """Enrol her finger and write her slip: only ever after consent to that."""


@dataclass(frozen=True, slots=True)
class StopCamera:
    """Stop reading frames; a card may still be read."""


@dataclass(frozen=True, slots=True)
class StopDevices:
    """Stop reading cards, frames and fingers."""


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
    """An officer has accounted for an emergency: if it was the last one, none holds the door open any more."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Send :class:`TimedOut` for the current step after the configured time."""


@dataclass(frozen=True, slots=True)
class SealRecord:
    """Make a record of ``fields`` and commit it; an alert overtakes the backlog."""

    check: str
    fields: Mapping[str, Any] = field(repr=False)
    alert: bool
    attachments: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    press: Press | None = None


@dataclass(frozen=True, slots=True)
class KnowPress:
    """Remember that this press of the button belongs to the emergency on the screen, once that is recorded."""

    press: Press


@dataclass(frozen=True, slots=True)
class Note:
    """Make a further record that no check waits for: an addendum, or an event that the hospital must hear of."""

    fields: Mapping[str, Any] = field(repr=False)
    alert: bool = False
    attachments: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


Effect = (
    Journal
    | ReadCard
    | OpenCamera
    | CompareFace
    | SkipChallenge
    | PrepareFinger
    | CompareFinger
    | EnrolFinger
    | StopCamera
    | StopDevices
    | Forget
    | ReleaseDoor
    | LockDoor
    | ClearEmergency
    | StartTimer
    | SealRecord
    | KnowPress
    | Note
)
