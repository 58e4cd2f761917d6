"""Touches: the requests a page may send, and how each becomes an event. Bad input is refused with what was expected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.check_id import new_check_id
from daemon.events import (
    Begin,
    Closed,
    Confirmed,
    Consented,
    Declined,
    Emergency,
    Event,
    Explained,
    Left,
    Proposed,
    Withdrawn,
)
from daemon.officers import OfficerRefused, Roster
from daemon.policy import DECIDABLE, Policy
from daemon.record_fields import provisional
from daemon.session import State
from evidence.decision import DecisionStatement
from evidence.instants import read_instant, write_instant
from evidence.record import Outcome

STATEMENT_LIFETIME = dt.timedelta(minutes=10)
EMERGENCY = "emergency"
_LONGEST = 500
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

    def event(self, name: str, values: Mapping[str, Any]) -> Event:
        """The event for touch ``name`` with its form's ``values``.

        Raises:
            TouchRefused: unknown touch, a field missing or wrong, or an officer who may not confirm.
        """
        make = _TOUCHES.get(name)
        if make is None:
            raise TouchRefused("unknown_touch", 404)
        return make(self, values)

    def begin(self, values: Mapping[str, Any]) -> Event:
        """Start a check; without a visit it gets a provisional reference."""
        check = new_check_id()
        visit = _text(values, "visit", optional=True)
        checkpoint = _text(values, "checkpoint", optional=True) or self.checkpoint
        if checkpoint not in {one.id for one in self.policy.checkpoints}:
            raise TouchRefused("unknown_checkpoint")
        drill = values.get("drill", False)
        if not isinstance(drill, bool):
            raise TouchRefused("drill_must_be_true_or_false")
        if len(visit) > 128:
            raise TouchRefused("visit_too_long")
        if _ID_NUMBER.search(visit) or _SPACED_ID_NUMBER.search(re.sub(r"[\W_]", "", visit)):
            # The reference lies in the journal in plain text.
            raise TouchRefused("visit_looks_like_an_id_number")
        source = "typed" if visit else "provisional"
        return Begin(check, checkpoint, visit or provisional(check), source, drill=drill)

    def consent(self, values: Mapping[str, Any]) -> Event:
        """Notice read and consent given."""
        return Consented(write_instant(self.now()), _choice(values, "by", ("subject", "delegate"), "subject"))

    def decline(self, values: Mapping[str, Any]) -> Event:
        """She refuses, or asks for the way without her face."""
        return Declined(_choice(values, "wish", ("refuse", "other_way")))

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
        return Confirmed(self._confirmation(values, statement))

    def explain(self, values: Mapping[str, Any]) -> Event:
        """An officer accounts for an emergency."""
        check = self.state().check
        if check is None:
            raise TouchRefused("nothing_to_explain", 409)
        reason = _text(values, "reason")
        expires = write_instant(self.now() + STATEMENT_LIFETIME)
        statement = DecisionStatement(check, None, Outcome.EMERGENCY, reason, expires)
        return Explained(statement, self._confirmation(values, statement))

    def emergency(self, _values: Mapping[str, Any]) -> Event:
        """Care first; nothing is asked."""
        return Emergency(new_check_id(), self.checkpoint)

    def withdraw(self, _values: Mapping[str, Any]) -> Event:
        """Take the proposed decision back."""
        return Withdrawn()

    def left(self, _values: Mapping[str, Any]) -> Event:
        """She has gone."""
        return Left()

    def close(self, _values: Mapping[str, Any]) -> Event:
        """The result was seen."""
        return Closed()

    def _confirmation(self, values: Mapping[str, Any], statement: DecisionStatement) -> Any:
        try:
            return self.roster.confirm(_text(values, "officer"), _text(values, "pin"), statement.sha256)
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None


def _text(values: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = values.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise TouchRefused(f"{name}_must_be_text")
    if not value.strip() and not optional:
        raise TouchRefused(f"{name}_is_missing")
    return value.strip()


def _choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = values.get(name, default)
    if value not in allowed:
        raise TouchRefused(f"{name}_must_be_one_of:{','.join(allowed)}")
    return str(value)


_TOUCHES: dict[str, Callable[[Touches, Mapping[str, Any]], Event]] = {
    "begin": Touches.begin,
    "consent": Touches.consent,
    "decline": Touches.decline,
    "propose": Touches.propose,
    "confirm": Touches.confirm,
    "withdraw": Touches.withdraw,
    "explain": Touches.explain,
    EMERGENCY: Touches.emergency,
    "left": Touches.left,
    "close": Touches.close,
}
