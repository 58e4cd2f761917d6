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
    ReadAgain,
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
from daemon.kiosk import amendments, fields, key_offer
from daemon.kiosk.amendments import Amendment
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
from evidence.instants import china_day, read_instant, write_instant
from evidence.record import Outcome
from evidence.slip import MAX_TEXT

EMERGENCY = "emergency"
_LONGEST_REFERENCE = 64
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,30}")
_NO_CARD = ("forgotten", "chip_dead", "phone_eid", "none_issued")


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
    is_another: Callable[[str, str], bool] = lambda _check, _visit: False
    """See :func:`daemon.kiosk.amendments.read`."""
    waits: dt.timedelta = LIFETIME
    """How long a proposed decision can be confirmed."""

    def event(self, name: str, values: Mapping[str, Any]) -> Event:
        """The event for touch ``name`` with its form's ``values``.

        Raises:
            TouchRefused: unknown touch, a field missing or wrong, or an officer who may not confirm.
        """
        make = _TOUCHES.get(name)
        if make is None:
            raise TouchRefused("unknown_touch", 404)
        event = make(self, values)
        if self.duty is not None:
            for officer in _proved(event):
                self.duty.acted(officer)
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
        if drill:
            self._attended()
        source = fields.choice(values, "source", ("typed", "scanned", "worklist"), "typed") if visit else "provisional"
        week = values.get("gestation_week")
        if week is not None and (type(week) is not int or not 0 <= week <= 45):
            raise TouchRefused("gestation_week_must_be_0_to_45")
        roles = self.policy.subjects_for(checkpoint)
        role = fields.choice(values, "role", roles, roles[0])
        enrols = self.fingers is not None and self.fingers.enrols
        ref = visit or provisional(check)
        return Begin(check, checkpoint, ref, source, role=role, drill=drill, gestation_week=week, enrols=enrols)

    def consent(self, values: Mapping[str, Any]) -> Event:
        """Notice read and consent given."""
        return Consented(write_instant(self.now()), *self._by(values))

    def decline(self, values: Mapping[str, Any]) -> Event:
        """She refuses, or asks for the way without her face."""
        return Declined(fields.choice(values, "wish", ("refuse", "other_way")))

    def finger_consent(self, values: Mapping[str, Any]) -> Event:
        """She consents to her finger being compared, or enrolled."""
        purpose = fields.choice(values, "purpose", ("compare", "enrol"))
        return FingerConsented(FingerConsent(new_check_id(), purpose, write_instant(self.now()), *self._by(values)))

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

    def resume(self, values: Mapping[str, Any]) -> Event:
        """The second officer has come: a check that waits is taken up by who is on duty, for whoever it is."""
        self._attended()
        return Resumed(fields.text(values, "check"))

    def amend(self, values: Mapping[str, Any]) -> Event:
        """What came later about a check: the visit's number, her signature, a mistaken emergency touch."""
        one = self._amendment(values)
        hands = [values, fields.officer(values, "second")] if one.officers == 2 else [values]
        keyed = next((hand for hand in hands if hand.get("assertion") is not None), {})
        signed = {"assertion": keyed.get("assertion"), "statement": values.get("statement")}
        statement = self._statement(signed, one.row.check, one.row.outcome, one.reason)
        confirmations = tuple(self._confirmation(hand, statement) for hand in hands)
        if len({each.officer for each in confirmations}) < len(hands):
            raise TouchRefused("same_officer", 403)
        to = Sealed(one.row.check, one.row.seq, one.row.sha256)
        return Amended(to, statement, confirmations, one.said, one.signature, one.what in amendments.ACCOUNTS)

    def _amendment(self, values: Mapping[str, Any]) -> Amendment:
        return amendments.read(values, self.find_check, self._signature, self.is_another, self.policy)

    def _signature(self, values: Mapping[str, Any]) -> Signature:
        return Signature(*self._by(values), fields.drawing(values))

    def _by(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Who consents or signs, and how a delegate is related to her; whether that may be, the check knows."""
        by = fields.choice(values, "by", ("subject", "delegate"), "subject")
        return by, fields.choice(values, "relation", self.policy.relations) if by == "delegate" else "self"

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
            check, (_, reason) = self._emergency(), amendments.account(values)
            statement = self._statement({}, check, Outcome.EMERGENCY, reason)
        else:
            one = self._amendment(values)
            statement = self._statement({}, one.row.check, one.row.outcome, one.reason)
        return self.prepared.keep(statement, self.now())

    def propose(self, values: Mapping[str, Any]) -> Event:
        """An officer proposes how the check ends."""
        outcome = Outcome(fields.choice(values, "outcome", tuple(one.value for one in DECIDABLE)))
        expires = write_instant(self.now() + self.waits)
        return Proposed(outcome, fields.reason(values), expires)

    def confirm(self, values: Mapping[str, Any]) -> Event:
        """An officer confirms the statement on the screen: the one that the page showed, and no other."""
        statement = self.state().statement
        if statement is None:
            raise TouchRefused("nothing_to_confirm", 409)
        if fields.text(values, "statement") != statement.sha256:
            raise TouchRefused("another_statement", 409)
        if self.now() > read_instant(statement.expires):
            raise TouchRefused("statement_expired", 409)
        document = self.state().document
        return Confirmed(self._confirmation(values, statement, document.type if document else None))

    def explain(self, values: Mapping[str, Any]) -> Event:
        """An officer accounts for an emergency: why, or that it was touched by mistake."""
        check, (said, reason) = self._emergency(), amendments.account(values)
        statement = self._statement(values, check, Outcome.EMERGENCY, reason)
        return Explained(statement, self._confirmation(values, statement), said)

    def _emergency(self) -> str:
        state = self.state()
        if state.check is None or state.outcome is not Outcome.EMERGENCY:
            raise TouchRefused("nothing_to_explain", 409)
        return state.check

    def emergency(self, values: Mapping[str, Any]) -> Event:
        """Care first; nothing is asked, and whatever the page says of its press, it is one."""
        press, age = fields.press(values), fields.age(values)
        claimed_at = write_instant(self.now() - age) if age else None
        return Emergency(new_check_id(), self.checkpoint, press=press, claimed_at=claimed_at)

    def skip_challenge(self, values: Mapping[str, Any]) -> Event:
        """An officer leaves out a challenge that she cannot do, with the reason and a PIN."""
        skippable = self.policy.challenges.skippable
        if not skippable:
            raise TouchRefused("challenge_not_skippable", 409)
        challenge = fields.choice(values, "challenge", skippable)
        reason = fields.reason(values)
        try:
            officer = self.roster.identify(self._who(values), fields.text(values, "pin"))
            self.roster.check_may_decide(officer, regular=False)
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None
        return ChallengeSkipped(challenge, officer.id, officer.role, reason)

    def log_in(self, values: Mapping[str, Any]) -> Event:
        """An officer takes over: badge or id, and PIN or security key."""
        duty, key = self._duty(), values.get("assertion")
        try:
            if key is None:
                officer = self.roster.identify(self._who(values), fields.text(values, "pin"))
                login = "badge_pin" if values.get("badge") else "pin"
            else:
                if self._taken(values) is not None:
                    raise TouchRefused("another_statement", 409)
                who, signed = self._who(values), fields.text(values, "statement")
                officer, _ = self.roster.identify_by_key(who, fields.assertion(key), signed, self.origin())
                login = "webauthn"
            # Whoever is on duty answers for what the unit does by itself: only who may decide can.
            self.roster.check_may_decide(officer, regular=self.policy.staff_for() is Staff.REGULAR)
            return duty.log_in(officer, login)
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

    def _attended(self) -> None:
        """What is no wish of the woman's and no care wants somebody on duty, whom its record names."""
        if self.duty is not None and self.duty.current is None:
            raise TouchRefused("nobody_on_duty", 409)

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


def _proved(event: Event) -> tuple[str, ...]:
    """Who has proved by PIN or key to be here; every other touch may be the woman's own."""
    match event:
        case Confirmed() | Explained():
            return (event.confirmation.officer,)
        case Amended():
            return tuple(one.officer for one in event.confirmations)
        case ChallengeSkipped():
            return (event.officer,)
        case _:
            return ()


def _just(event: Callable[[], Event]) -> Callable[[Touches, Mapping[str, Any]], Event]:
    """A touch that says nothing beside that it was touched."""
    return lambda _touches, _values: event()


_TOUCHES: dict[str, Callable[[Touches, Mapping[str, Any]], Event]] = {
    "begin": Touches.begin,
    "consent": Touches.consent,
    "decline": Touches.decline,
    "finger": _just(FingerWished),
    "finger_consent": Touches.finger_consent,
    "slip": Touches.slip,
    "enrol_end": _just(EnrolmentEnded),
    "read_again": _just(ReadAgain),
    "no_card": Touches.no_card,
    "document": Touches.document,
    "elsewhere": Touches.elsewhere,
    "phone": Touches.phone,
    "propose": Touches.propose,
    "park": _just(Parked),
    "resume": Touches.resume,
    "sign": Touches.sign,
    "sign_officer": lambda _touches, values: OfficerSigned(fields.text(values, "officer"), fields.drawing(values)),
    "sign_later": _just(SignedLater),
    "amend": Touches.amend,
    "confirm": Touches.confirm,
    "skip_challenge": Touches.skip_challenge,
    "withdraw": _just(Withdrawn),
    "explain": Touches.explain,
    "log_in": Touches.log_in,
    "log_out": Touches.log_out,
    "offer_key": Touches.offer_key,
    EMERGENCY: Touches.emergency,
    "left": _just(Left),
    "print": _just(PrintWanted),
    "close": _just(Closed),
}
