"""Touches: the requests a page may send, and how each becomes an event. Bad input is refused with what was expected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.check_id import new_check_id
from daemon.documents.entry import EntryRefused, entered
from daemon.duty import Duty
from daemon.events import (
    Amended,
    Begin,
    CheckedElsewhere,
    Closed,
    Confirmed,
    Consented,
    Declined,
    DocumentEntered,
    Emergency,
    Event,
    Explained,
    Left,
    NoCard,
    Parked,
    PhoneGiven,
    Proposed,
    Resumed,
    Sealed,
    Signature,
    Signed,
    SignedLater,
    Withdrawn,
)
from daemon.face_events import ChallengeSkipped
from daemon.finger_events import EnrolmentEnded, FingerConsent, FingerConsented, FingerWished
from daemon.fingers import FingerTask
from daemon.kiosk import fields, key_offer
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.prepared import LIFETIME, Prepared
from daemon.officers import OfficerRefused, Roster
from daemon.outbox.checks import CheckRow
from daemon.paper_events import OfficerSigned, PrintWanted
from daemon.policy import DECIDABLE, Policy
from daemon.policy.words import Staff
from daemon.record_fields import provisional
from daemon.state import State
from evidence.decision import DecisionStatement
from evidence.encoding import sha256_hex
from evidence.instants import china_day, read_instant, write_instant
from evidence.record import Outcome
from evidence.slip import MAX_TEXT

EMERGENCY = "emergency"
_LONGEST_REFERENCE = 64
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,30}")
_NO_CARD = ("forgotten", "chip_dead", "phone_eid", "none_issued")
_BY = ("subject", "delegate")
_ACCOUNTS = ("explanation", "mistaken_emergency")


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
    fingers: FingerTask | None = None
    origin: Callable[[], str] = lambda: "http://localhost"
    """Of the page that may ask a security key."""
    prepared: Prepared = field(default_factory=Prepared)
    site: str = ""

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
        visit = fields.visit(values, optional=True)
        checkpoint = fields.text(values, "checkpoint", optional=True) or self.checkpoint
        if checkpoint not in {one.id for one in self.policy.checkpoints}:
            raise TouchRefused("unknown_checkpoint")
        drill = values.get("drill", False)
        if not isinstance(drill, bool):
            raise TouchRefused("drill_must_be_true_or_false")
        source = fields.choice(values, "source", ("typed", "scanned", "worklist"), "typed") if visit else "provisional"
        week = values.get("gestation_week")
        if week is not None and (type(week) is not int or not 0 <= week <= 45):
            raise TouchRefused("gestation_week_must_be_0_to_45")
        enrols = self.fingers is not None and self.fingers.enrols
        return Begin(
            check, checkpoint, visit or provisional(check), source, drill=drill, gestation_week=week, enrols=enrols
        )

    def consent(self, values: Mapping[str, Any]) -> Event:
        """Notice read and consent given."""
        return Consented(write_instant(self.now()), fields.choice(values, "by", ("subject", "delegate"), "subject"))

    def decline(self, values: Mapping[str, Any]) -> Event:
        """She refuses, or asks for the way without her face."""
        return Declined(fields.choice(values, "wish", ("refuse", "other_way")))

    def finger(self, _values: Mapping[str, Any]) -> Event:
        """She would rather show a finger than her face."""
        return FingerWished()

    def finger_consent(self, values: Mapping[str, Any]) -> Event:
        """She consents to her finger being compared, or enrolled."""
        purpose, by = (
            fields.choice(values, "purpose", ("compare", "enrol")),
            fields.choice(values, "by", _BY, "subject"),
        )
        return FingerConsented(FingerConsent(new_check_id(), purpose, write_instant(self.now()), by))

    def slip(self, values: Mapping[str, Any]) -> Event:
        """Her fingerprint slip was scanned."""
        text, state = values.get("text"), self.state()
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise TouchRefused("slip_unreadable")
        if state.check is None or state.document is None or self.fingers is None:
            raise TouchRefused("slip_needs_card", 409)
        if not self.fingers.enrols:
            raise TouchRefused("slip_no_keys", 409)
        return self.fingers.scanned(state.check, state.document, text)

    def enrol_end(self, _values: Mapping[str, Any]) -> Event:
        """She wants no slip, or has it."""
        return EnrolmentEnded()

    def no_card(self, values: Mapping[str, Any]) -> Event:
        """There is no chip to read, and why."""
        return NoCard(fields.choice(values, "cause", _NO_CARD))

    def document(self, values: Mapping[str, Any]) -> Event:
        """A document without a chip, by the lines of its machine-readable zone or typed."""
        try:
            return DocumentEntered(entered(values, china_day(self.now())))
        except EntryRefused as error:
            raise TouchRefused(error.cause) from None

    def elsewhere(self, values: Mapping[str, Any]) -> Event:
        """The check was done through another channel of the policy, which gave it a reference."""
        channel = fields.choice(values, "channel", tuple(one.id for one in self.policy.channels))
        return CheckedElsewhere(channel, fields.reference(values, "reference", _LONGEST_REFERENCE))

    def phone(self, values: Mapping[str, Any]) -> Event:
        """Her own telephone number."""
        phone = fields.text(values, "phone")
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
        return Resumed(fields.text(values, "check"))

    def amend(self, values: Mapping[str, Any]) -> Event:
        """What came later about a check: the visit's number, her signature, a mistaken emergency touch."""
        row, what, said, reason = self._amendment(values)
        drawn = self._signature(values) if what == "signature" else None
        statement = self._statement(values, row.check, row.outcome, reason)
        to = Sealed(row.check, row.seq, row.sha256)
        confirmation = self._confirmation(values, statement)
        return Amended(to, statement, confirmation, {**said, "amends": what}, drawn, what in _ACCOUNTS)

    def _amendment(self, values: Mapping[str, Any]) -> tuple[CheckRow, str, dict[str, Any], str]:
        """The check, what is said of it, further fields of the addendum, and the reason that is signed."""
        row = self.find_check(fields.text(values, "check"))
        if row is None:
            raise TouchRefused("unknown_check", 404)
        what = fields.choice(values, "what", ("visit", "signature", *_ACCOUNTS, "remark"))
        accounts = what in _ACCOUNTS
        if accounts and not row.unaccounted:
            raise TouchRefused("not_an_open_emergency", 409)
        said: dict[str, Any] = {"visit": {"ref": fields.visit(values), "source": "typed"}} if what == "visit" else {}
        if what == "signature":  # what is confirmed is this drawing, and no other
            about = sha256_hex(self._signature(values).png)
        else:
            about = said["visit"]["ref"] if said else fields.text(values, "reason", optional=not accounts)
        return row, what, said, f"{what}: {about}".removesuffix(": ")

    def _signature(self, values: Mapping[str, Any]) -> Signature:
        by = fields.choice(values, "by", ("subject", "delegate"), "subject")
        relation = fields.choice(values, "relation", self.policy.relations) if by == "delegate" else "self"
        return Signature(by, relation, fields.drawing(values))

    def _statement(self, values: Mapping[str, Any], check: str, outcome: Outcome, reason: str) -> DecisionStatement:
        """A new one for a PIN; for a security key the one that was prepared, if it says the same."""
        if values.get("assertion") is None:
            return DecisionStatement(check, None, outcome, reason, write_instant(self.now() + LIFETIME))
        statement = self._taken(values)
        if statement is None or (statement.check, statement.outcome, statement.reason) != (check, outcome, reason):
            raise TouchRefused("another_statement", 409)
        return statement

    def _taken(self, values: Mapping[str, Any]) -> DecisionStatement | None:
        try:
            return self.prepared.take(fields.text(values, "statement"), self.now())
        except KeyError:
            raise TouchRefused("statement_expired", 409) from None

    def prepare(self, values: Mapping[str, Any]) -> dict[str, str]:
        """What a security key is to sign before the touch ``values["touch"]``: see :meth:`Prepared.keep`.

        Raises:
            TouchRefused: as that touch.
        """
        touch = fields.choice(values, "touch", ("amend", "explain", "log_in"))
        if touch == "log_in":
            return self.prepared.keep(None, self.now())
        if touch == "explain":
            statement = self._statement({}, self._emergency(), Outcome.EMERGENCY, fields.text(values, "reason"))
        else:
            row, _, _, reason = self._amendment(values)
            statement = self._statement({}, row.check, row.outcome, reason)
        return self.prepared.keep(statement, self.now())

    def propose(self, values: Mapping[str, Any]) -> Event:
        """An officer proposes how the check ends."""
        outcome = Outcome(fields.choice(values, "outcome", tuple(one.value for one in DECIDABLE)))
        expires = write_instant(self.now() + LIFETIME)
        return Proposed(outcome, fields.text(values, "reason"), expires)

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
        statement = self._statement(values, self._emergency(), Outcome.EMERGENCY, fields.text(values, "reason"))
        return Explained(statement, self._confirmation(values, statement))

    def _emergency(self) -> str:
        state = self.state()
        if state.check is None or state.outcome is not Outcome.EMERGENCY:
            raise TouchRefused("nothing_to_explain", 409)
        return state.check

    def emergency(self, _values: Mapping[str, Any]) -> Event:
        """Care first; nothing is asked."""
        return Emergency(new_check_id(), self.checkpoint)

    def skip_challenge(self, values: Mapping[str, Any]) -> Event:
        """An officer leaves out a challenge that she cannot do, with the reason and a PIN."""
        rule = self.policy.challenges
        if not rule.officer_may_skip:
            raise TouchRefused("challenge_not_skippable", 409)
        challenge = fields.choice(values, "challenge", tuple(one.value for one in rule.allowed))
        reason = fields.text(values, "reason")
        try:
            officer = self.roster.identify(self._who(values), fields.text(values, "pin"))
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
        """An officer takes over: badge or id, and PIN or security key."""
        duty, key = self._duty(), values.get("assertion")
        try:
            if key is None:
                officer = self.roster.identify(self._who(values), fields.text(values, "pin"))
                return duty.log_in(officer, "badge_pin" if values.get("badge") else "pin")
            if self._taken(values) is not None:
                raise TouchRefused("another_statement", 409)
            who, signed = self._who(values), fields.text(values, "statement")
            return duty.log_in(
                self.roster.identify_by_key(who, fields.assertion(key), signed, self.origin())[0], "webauthn"
            )
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None

    def log_out(self, _values: Mapping[str, Any]) -> Event:
        """The officer on duty goes."""
        ended = self._duty().log_out()
        if ended is None:
            raise TouchRefused("nobody_on_duty", 409)
        return ended

    def offer_key(self, values: Mapping[str, Any]) -> Event:
        """An officer has registered a security key, and whoever is on duty vouches for that."""
        there = self._duty().current
        if there is None:
            raise TouchRefused("nobody_on_duty", 409)
        return key_offer.offer(values, self.site, there.officer)

    def _duty(self) -> Duty:
        if self.duty is None:
            raise TouchRefused("unknown_touch", 404)
        return self.duty

    def _who(self, values: Mapping[str, Any]) -> str:
        """The officer's id: whose badge was scanned, as typed, or who is on duty. The PIN comes beside it."""
        badge = fields.text(values, "badge", optional=True)
        if badge:
            return self.roster.officer_of_badge(badge)
        there = self.duty.current if self.duty and "officer" not in values else None
        return there.officer if there else fields.text(values, "officer")

    def _confirmation(
        self, values: Mapping[str, Any], statement: DecisionStatement, document_type: str | None = None
    ) -> Any:
        regular = self.policy.staff_for(document_type) is Staff.REGULAR
        try:
            who, key = self._who(values), values.get("assertion")
            if key is None:
                return self.roster.confirm(who, fields.text(values, "pin"), statement.sha256, regular=regular)
            return self.roster.confirm_by_key(
                who, fields.assertion(key), statement.sha256, self.origin(), regular=regular
            )
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None


_DECIDING = (DocumentEntered, CheckedElsewhere, Proposed, Confirmed, Withdrawn)
_OFFICERS = (Begin, *_DECIDING, Parked, Resumed, Amended, Explained)
"""What only an officer does; the rest may be the woman's own touch."""
_TOUCHES: dict[str, Callable[[Touches, Mapping[str, Any]], Event]] = {
    "begin": Touches.begin,
    "consent": Touches.consent,
    "decline": Touches.decline,
    "finger": Touches.finger,
    "finger_consent": Touches.finger_consent,
    "slip": Touches.slip,
    "enrol_end": Touches.enrol_end,
    "no_card": Touches.no_card,
    "document": Touches.document,
    "elsewhere": Touches.elsewhere,
    "phone": Touches.phone,
    "propose": Touches.propose,
    "park": Touches.park,
    "resume": Touches.resume,
    "sign": Touches.sign,
    "sign_officer": lambda _touches, values: OfficerSigned(fields.text(values, "officer"), fields.drawing(values)),
    "sign_later": Touches.sign_later,
    "amend": Touches.amend,
    "confirm": Touches.confirm,
    "skip_challenge": Touches.skip_challenge,
    "withdraw": Touches.withdraw,
    "explain": Touches.explain,
    "log_in": Touches.log_in,
    "log_out": Touches.log_out,
    "offer_key": Touches.offer_key,
    EMERGENCY: Touches.emergency,
    "left": Touches.left,
    "print": lambda _touches, _values: PrintWanted(),
    "close": Touches.close,
}
