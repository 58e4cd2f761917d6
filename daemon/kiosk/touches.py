"""Touches: the requests a page may send, and how each becomes an event. Bad input is refused with what was expected."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.check_id import new_check_id
from daemon.documents.entry import EntryRefused, entered
from daemon.duty import Duty
from daemon.events import (
    Amended,
    Begin,
    ChallengeSkipped,
    CheckedElsewhere,
    Closed,
    Confirmed,
    Consented,
    Declined,
    DocumentEntered,
    DutyChanged,
    Emergency,
    Event,
    Explained,
    Left,
    NoCard,
    Parked,
    PhoneGiven,
    PrintWanted,
    Proposed,
    Resumed,
    Sealed,
    Signature,
    Signed,
    SignedLater,
    Withdrawn,
)
from daemon.officers import OfficerRefused, Roster
from daemon.outbox.checks import CheckRow
from daemon.policy import DECIDABLE, Policy
from daemon.policy.words import Staff
from daemon.record_fields import provisional
from daemon.state import State
from evidence.decision import DecisionStatement
from evidence.instants import read_instant, write_instant
from evidence.record import Outcome

STATEMENT_LIFETIME = dt.timedelta(minutes=10)
EMERGENCY = "emergency"
_LONGEST = 500
_LONGEST_VISIT = 128
_LONGEST_REFERENCE = 64
_LARGEST_DRAWING = 48_000
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,30}")
_NO_CARD = ("forgotten", "chip_dead", "phone_eid", "none_issued")
_ACCOUNTS = ("explanation", "mistaken_emergency")
_ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_SPACED_ID_NUMBER = re.compile(r"\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")
"""With its date of birth, found when all separators are taken out: what stood before or behind it then touches it."""


class TouchRefused(Exception):
    """This touch is not possible; ``cause`` is a short name for the screen, ``status`` the HTTP status."""

    def __init__(self, cause: str, status: int = 400) -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status


@dataclass(frozen=True, slots=True)
class Touches:
    """Turns requests into events for the unit's loop."""

    policy: Policy
    checkpoint: str
    roster: Roster
    state: Callable[[], State]
    now: Callable[[], dt.datetime]
    find_check: Callable[[str], CheckRow | None]
    duty: Duty | None = None
    origin: Callable[[], str] = lambda: "http://localhost"
    """Of the page that may ask a security key."""

    def event(self, name: str, values: Mapping[str, Any]) -> Event:
        """The event for touch ``name`` with its form's ``values``.

        Raises:
            TouchRefused: unknown touch, a field missing or wrong, or an officer who may not confirm.
        """
        make = _TOUCHES.get(name)
        if make is None:
            raise TouchRefused("unknown_touch", 404)
        event = make(self, values)
        if self.duty is not None and isinstance(event, _OFFICERS):
            self.duty.acted()
        return event

    def begin(self, values: Mapping[str, Any]) -> Event:
        """Start a check; without a visit it gets a provisional reference."""
        check = new_check_id()
        visit = _visit(values, optional=True)
        checkpoint = _text(values, "checkpoint", optional=True) or self.checkpoint
        if checkpoint not in {one.id for one in self.policy.checkpoints}:
            raise TouchRefused("unknown_checkpoint")
        drill = values.get("drill", False)
        if not isinstance(drill, bool):
            raise TouchRefused("drill_must_be_true_or_false")
        source = _choice(values, "source", ("typed", "scanned", "worklist"), "typed") if visit else "provisional"
        week = values.get("gestation_week")
        if week is not None and (type(week) is not int or not 0 <= week <= 45):
            raise TouchRefused("gestation_week_must_be_0_to_45")
        return Begin(check, checkpoint, visit or provisional(check), source, drill=drill, gestation_week=week)

    def consent(self, values: Mapping[str, Any]) -> Event:
        """Notice read and consent given."""
        return Consented(write_instant(self.now()), _choice(values, "by", ("subject", "delegate"), "subject"))

    def decline(self, values: Mapping[str, Any]) -> Event:
        """She refuses, or asks for the way without her face."""
        return Declined(_choice(values, "wish", ("refuse", "other_way")))

    def no_card(self, values: Mapping[str, Any]) -> Event:
        """There is no chip to read, and why."""
        return NoCard(_choice(values, "cause", _NO_CARD))

    def document(self, values: Mapping[str, Any]) -> Event:
        """A document without a chip, by the lines of its machine-readable zone or typed."""
        try:
            return DocumentEntered(entered(values, self.now().astimezone().date()))
        except EntryRefused as error:
            raise TouchRefused(error.cause) from None

    def elsewhere(self, values: Mapping[str, Any]) -> Event:
        """The check was done through another channel of the policy, which gave it a reference."""
        channel = _choice(values, "channel", tuple(one.id for one in self.policy.channels))
        return CheckedElsewhere(channel, _reference(values, "reference", _LONGEST_REFERENCE))

    def phone(self, values: Mapping[str, Any]) -> Event:
        """Her own telephone number."""
        phone = _text(values, "phone")
        if not _PHONE.fullmatch(phone):
            raise TouchRefused("phone_must_be_a_number")
        return PhoneGiven(phone)

    def sign(self, values: Mapping[str, Any]) -> Event:
        """She, or her delegate, has drawn a name."""
        return Signed(self._signature(values))

    def sign_later(self, _values: Mapping[str, Any]) -> Event:
        """Nobody signs now."""
        return SignedLater()

    def park(self, _values: Mapping[str, Any]) -> Event:
        """The second officer is not here; the next woman begins."""
        return Parked()

    def resume(self, values: Mapping[str, Any]) -> Event:
        """The second officer has come."""
        return Resumed(_text(values, "check"))

    def amend(self, values: Mapping[str, Any]) -> Event:
        """What came later about a check: the visit's number, her signature, a mistaken emergency touch."""
        row = self.find_check(_text(values, "check"))
        if row is None:
            raise TouchRefused("unknown_check", 404)
        what = _choice(values, "what", ("visit", "signature", *_ACCOUNTS, "remark"))
        accounts = what in _ACCOUNTS
        if accounts and not row.unaccounted:
            raise TouchRefused("not_an_open_emergency", 409)
        said: dict[str, Any] = {"visit": {"ref": _visit(values), "source": "typed"}} if what == "visit" else {}
        drawn = self._signature(values) if what == "signature" else None
        reason = (
            f"{what}: {said['visit']['ref']}" if said else f"{what}: {_text(values, 'reason', optional=not accounts)}"
        )
        statement = self._statement(row.check, None, row.outcome, reason.removesuffix(": "))
        to = Sealed(row.check, row.seq, row.sha256)
        confirmation = self._confirmation(values, statement)
        return Amended(to, statement, confirmation, {**said, "amends": what}, drawn, accounts)

    def _signature(self, values: Mapping[str, Any]) -> Signature:
        by = _choice(values, "by", ("subject", "delegate"), "subject")
        relation = _choice(values, "relation", self.policy.relations) if by == "delegate" else "self"
        return Signature(by, relation, _drawing(values))

    def _statement(self, check: str, document: str | None, outcome: Outcome, reason: str) -> DecisionStatement:
        return DecisionStatement(check, document, outcome, reason, write_instant(self.now() + STATEMENT_LIFETIME))

    def propose(self, values: Mapping[str, Any]) -> Event:
        """An officer proposes how the check ends."""
        outcome = Outcome(_choice(values, "outcome", tuple(one.value for one in DECIDABLE)))
        expires = write_instant(self.now() + STATEMENT_LIFETIME)
        return Proposed(outcome, _text(values, "reason"), expires)

    def confirm(self, values: Mapping[str, Any]) -> Event:
        """An officer confirms the statement on the screen with a PIN."""
        statement = self.state().statement
        if statement is None:
            raise TouchRefused("nothing_to_confirm", 409)
        if self.now() > read_instant(statement.expires):
            raise TouchRefused("statement_expired", 409)
        document = self.state().document
        return Confirmed(self._confirmation(values, statement, document.type if document else None))

    def explain(self, values: Mapping[str, Any]) -> Event:
        """An officer accounts for an emergency."""
        check = self.state().check
        if check is None:
            raise TouchRefused("nothing_to_explain", 409)
        reason = _text(values, "reason")
        statement = self._statement(check, None, Outcome.EMERGENCY, reason)
        return Explained(statement, self._confirmation(values, statement))

    def emergency(self, _values: Mapping[str, Any]) -> Event:
        """Care first; nothing is asked."""
        return Emergency(new_check_id(), self.checkpoint)

    def skip_challenge(self, values: Mapping[str, Any]) -> Event:
        """An officer leaves out a challenge that she cannot do, with the reason and a PIN."""
        rule = self.policy.challenges
        if not rule.officer_may_skip:
            raise TouchRefused("challenge_not_skippable", 409)
        challenge = _choice(values, "challenge", tuple(one.value for one in rule.allowed))
        reason = _text(values, "reason")
        try:
            officer = self.roster.identify(self._who(values), _text(values, "pin"))
            self.roster.check_may_decide(officer, regular=False)
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None
        return ChallengeSkipped(challenge, officer.id, officer.role, reason)

    def withdraw(self, _values: Mapping[str, Any]) -> Event:
        """Take the proposed decision back."""
        return Withdrawn()

    def left(self, _values: Mapping[str, Any]) -> Event:
        """She has gone."""
        return Left()

    def close(self, _values: Mapping[str, Any]) -> Event:
        """The result was seen."""
        return Closed()

    def log_in(self, values: Mapping[str, Any]) -> Event:
        """An officer takes over: badge or id, and PIN."""
        duty = self._duty()
        try:
            duty.log_in(self.roster.identify(self._who(values), _text(values, "pin")))
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None
        return DutyChanged()

    def log_out(self, _values: Mapping[str, Any]) -> Event:
        """The officer on duty goes."""
        self._duty().log_out()
        return DutyChanged()

    def _duty(self) -> Duty:
        if self.duty is None:
            raise TouchRefused("unknown_touch", 404)
        return self.duty

    def _who(self, values: Mapping[str, Any]) -> str:
        """The officer's id: whose badge was scanned, as typed, or who is on duty. The PIN comes beside it."""
        badge = _text(values, "badge", optional=True)
        if badge:
            return self.roster.officer_of_badge(badge)
        there = self.duty.current if self.duty and "officer" not in values else None
        return there.officer if there else _text(values, "officer")

    def _confirmation(
        self, values: Mapping[str, Any], statement: DecisionStatement, document_type: str | None = None
    ) -> Any:
        regular = self.policy.staff_for(document_type) is Staff.REGULAR
        try:
            who, key = self._who(values), values.get("assertion")
            if key is None:
                return self.roster.confirm(who, _text(values, "pin"), statement.sha256, regular=regular)
            if not isinstance(key, dict):
                raise TouchRefused("assertion_must_be_an_object")
            return self.roster.confirm_by_key(who, key, statement.sha256, self.origin(), regular=regular)
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None


def _text(values: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise TouchRefused(f"{name}_must_be_text")
    if not value.strip() and not optional:
        raise TouchRefused(f"{name}_is_missing")
    return value.strip()


def _visit(values: Mapping[str, Any], *, optional: bool = False) -> str:
    return _reference(values, "visit", _LONGEST_VISIT, optional=optional)  # it lies in the journal in plain text


def _reference(values: Mapping[str, Any], name: str, longest: int, *, optional: bool = False) -> str:
    """A text that is to name a case and no person."""
    text = _text(values, name, optional=optional)
    if len(text) > longest:
        raise TouchRefused(f"{name}_too_long")
    if _ID_NUMBER.search(text) or _SPACED_ID_NUMBER.search(re.sub(r"[\W_]", "", text)):
        raise TouchRefused(f"{name}_looks_like_an_id_number")
    return text


def _drawing(values: Mapping[str, Any]) -> bytes:
    """The signature's drawing, a PNG as base64."""
    text = values.get("png")
    if not isinstance(text, str) or len(text) > _LARGEST_DRAWING * 4 // 3 + 4:
        raise TouchRefused("png_is_missing_or_too_large")
    try:
        png = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise TouchRefused("png_must_be_base64") from None
    if not png.startswith(_PNG_START) or not png.endswith(_PNG_END):
        raise TouchRefused("png_must_be_a_picture")
    return png


def _choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = values.get(name, default)
    if value not in allowed:
        raise TouchRefused(f"{name}_must_be_one_of:{','.join(allowed)}")
    return str(value)


_DECIDING = (DocumentEntered, CheckedElsewhere, Proposed, Confirmed, Withdrawn)
_OFFICERS = (Begin, *_DECIDING, Parked, Resumed, Amended, Explained)
"""What only an officer does; the rest may be the woman's own touch."""
_TOUCHES: dict[str, Callable[[Touches, Mapping[str, Any]], Event]] = {
    "begin": Touches.begin,
    "consent": Touches.consent,
    "decline": Touches.decline,
    "no_card": Touches.no_card,
    "document": Touches.document,
    "elsewhere": Touches.elsewhere,
    "phone": Touches.phone,
    "propose": Touches.propose,
    "park": Touches.park,
    "resume": Touches.resume,
    "sign": Touches.sign,
    "sign_later": Touches.sign_later,
    "amend": Touches.amend,
    "confirm": Touches.confirm,
    "skip_challenge": Touches.skip_challenge,
    "withdraw": Touches.withdraw,
    "explain": Touches.explain,
    "log_in": Touches.log_in,
    "log_out": Touches.log_out,
    EMERGENCY: Touches.emergency,
    "left": Touches.left,
    "print": lambda _touches, _values: PrintWanted(),
    "close": Touches.close,
}
