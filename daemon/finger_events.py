"""What a check is told of fingers and slips. No template is in any event: those go to :mod:`daemon.fingers` alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FingerFinding:
    """The result of one finger: ``decision`` is ``match``, ``no_match``, or ``not_performed`` with a cause.

    ``method``: what it was compared with, ``slip`` or ``id_card``. ``score`` and ``threshold`` are that method's own: a
    module's score, with its security level from 1 to 5; a matcher's similarity, from 0 to 1.
    """

    decision: str
    score: float | None = None
    cause: str | None = None
    method: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class FingerConsent:
    """Her consent to her fingerprint, apart from that to her face; ``at`` is RFC 3339.

    ``id`` is a UUID: the record has it, and a slip that was written under it. ``purpose`` is ``compare`` (for this
    check only) or ``enrol`` (captured, and carried away by her on a slip).
    """

    id: str
    purpose: str
    at: str
    by: str = "subject"
    relation: str = "self"


@dataclass(frozen=True, slots=True)
class SlipFacts:
    """What the record says of a slip that was opened: under which consent, by which unit, from when to when."""

    consent: str
    unit: str
    issued: str
    expires: str


@dataclass(frozen=True, slots=True)
class FingerEnrolment:
    """How an enrolment ended: ``enrolled`` with the slip's end (RFC 3339), or ``not_enrolled`` with a cause."""

    decision: str
    cause: str | None = None
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class FingerWished:
    """She would rather show a finger than her face."""


@dataclass(frozen=True, slots=True)
class FingerConsented:
    """She consents to her fingerprint being captured."""

    consent: FingerConsent


@dataclass(frozen=True, slots=True)
class FingerTold:
    """The sensor's one instruction of the moment; ``word`` is a short name such as ``finger_too_dry``."""

    check: str
    word: str


@dataclass(frozen=True, slots=True)
class SlipShown:
    """Her slip was scanned, and is good; its template waits in memory."""

    check: str
    slip: SlipFacts


@dataclass(frozen=True, slots=True)
class SlipRejected:
    """A slip was scanned and is refused; ``cause`` is its short name."""

    check: str
    cause: str


@dataclass(frozen=True, slots=True)
class FingerEnrolled:
    """An enrolment has ended, either way."""

    check: str
    enrolment: FingerEnrolment


@dataclass(frozen=True, slots=True)
class EnrolmentEnded:
    """She does not want to enrol, or has her slip: the check goes on."""


FingerEvent = FingerWished | FingerConsented | FingerTold | SlipShown | SlipRejected | FingerEnrolled | EnrolmentEnded
