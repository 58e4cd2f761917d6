"""What staff may ask at the screen beside touching it: the last checks, figures for the charts, the self-test.

Nothing here changes a check. The answers hold no person: visits, checkpoints, outcomes and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.events import OnDuty
from daemon.kiosk import fields, key_offer
from daemon.kiosk.amendments import listed
from daemon.kiosk.fields import TouchRefused
from daemon.officers import OfficerRefused, Roster
from daemon.outbox import Outbox
from daemon.rights import Right
from evidence.instants import china_day
from evidence.qr import qr_matrix
from evidence.webauthn import RP_ID

CHART_DAYS = 14
BUCKETS_S = (15, 30, 60, 120, 300)
"""Upper ends of the groups of times; the last group is open."""
LISTED = 20


@dataclass(frozen=True, slots=True)
class Asks:
    """Answers by name; ``findings`` runs the self-test's checks, as far as a working unit can."""

    outbox: Outbox
    roster: Roster
    findings: Callable[[], list[dict[str, Any]]]
    prepare: Callable[[Mapping[str, Any]], Any] = lambda _values: None
    """What a security key is to sign before a touch, see :meth:`daemon.kiosk.touches.Touches.prepare`."""
    site: str = ""
    slip: Callable[[], str | None] = lambda: None
    """The text of the fingerprint slip that the check under way has written."""
    visit_of: Callable[[str], str] = lambda _check: ""
    """A check's visit, masked, as long as somebody knows it."""
    on_duty: Callable[[], OnDuty | None] = lambda: None

    def answer(self, name: str, values: Mapping[str, Any]) -> Any:
        """What ``name`` asks for, as plain JSON values.

        Raises:
            TouchRefused: there is no such question, or this officer may not ask it.
        """
        ask = _ASKS.get(name)
        if ask is None:
            raise TouchRefused("unknown_question", 404)
        return ask(self, values)

    def _check_may(self, right: Right, values: Mapping[str, Any]) -> None:
        """Somebody is on duty, or who asks proves with badge or id and PIN to have ``right``; see the table there."""
        if self.on_duty() is None:
            if not values.keys() & {"officer", "badge"}:
                raise TouchRefused("nobody_on_duty", 409)
            self._identify(right, values)

    def _identify(self, right: Right, values: Mapping[str, Any]) -> None:
        officer, badge, pin = (values.get(name, "") for name in ("officer", "badge", "pin"))
        if not all(isinstance(text, str) for text in (officer, badge, pin)):
            raise TouchRefused("pin_is_missing")
        try:
            who = self.roster.identify(self.roster.officer_of_badge(badge) if badge else officer.strip(), pin)
            self.roster.check_may(who, right)
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None

    def checks(self, values: Mapping[str, Any]) -> Any:
        """The last checks, to amend one of them; with ``visit`` the last ones of that visit."""
        self._check_may(Right.QUEUE, values)
        visit = fields.visit(values, optional=True)
        return [listed(one, self.visit_of(one.check)) for one in self.outbox.recent(LISTED, visit or None)]

    def debts(self, values: Mapping[str, Any]) -> Any:
        """Older debts than the view shows: those before record number ``before``, the newest first, some at a time."""
        self._check_may(Right.QUEUE, values)
        before = values.get("before")
        if type(before) is not int:
            raise TouchRefused("before_must_be_a_number")
        return [listed(one) for one in self.outbox.older_debts(before)]

    def charts(self, values: Mapping[str, Any]) -> Any:
        """Counts, times and causes of :data:`CHART_DAYS` days."""
        self._check_may(Right.CHARTS, values)
        figures = self.outbox.figures(CHART_DAYS)
        names = ("day", "checkpoint", "outcome", "channel", "count")
        counts = [dict(zip(names, row, strict=True)) for row in figures.counts]
        times = [0] * (len(BUCKETS_S) + 1)
        for took_s in figures.durations_s:
            times[sum(took_s > end_s for end_s in BUCKETS_S)] += 1
        today = china_day(self.outbox.clock.moment()).isoformat()
        return {"days": CHART_DAYS, "today": today, "counts": counts} | {
            "times": list(zip((*BUCKETS_S, None), times, strict=True)),
            "causes": list(figures.causes),
        }

    def slip_code(self, _values: Mapping[str, Any]) -> Any:
        """The slip that was just written for the woman here, as the modules of its QR code: rows of 0 and 1."""
        text = self.slip()
        if text is None:
            raise TouchRefused("no_slip", 409)
        return {"rows": ["".join("01"[dark] for dark in row) for row in qr_matrix(text)]}

    def selftest(self, values: Mapping[str, Any]) -> Any:
        """The self-test's findings: for who may and has a PIN, since it speaks of keys and addresses."""
        self._identify(Right.SELF_TEST, values)
        return self.findings()

    def keys(self, values: Mapping[str, Any]) -> Any:
        """An officer's security keys, for ``navigator.credentials.get``; whoever is unknown has none."""
        officer, badge = values.get("officer"), values.get("badge")
        try:
            who = self.roster.officer_of_badge(badge) if isinstance(badge, str) and badge else officer
        except OfficerRefused as error:
            raise TouchRefused(error.cause, 403) from None
        return {"rp_id": RP_ID, "credentials": self.roster.keys_of(who.strip()) if isinstance(who, str) else []}

    def registration(self, values: Mapping[str, Any]) -> Any:
        """What a security key needs to be registered for an officer."""
        known = self.roster.keys_of(str(values.get("officer", "")).strip())
        return key_offer.creation(values, self.site, known)

    def statement(self, values: Mapping[str, Any]) -> Any:
        """What a security key is to sign before a touch."""
        return self.prepare(values)


_ASKS: dict[str, Callable[[Asks, Mapping[str, Any]], Any]] = {
    "checks": Asks.checks,
    "debts": Asks.debts,
    "charts": Asks.charts,
    "slip": Asks.slip_code,
    "selftest": Asks.selftest,
    "keys": Asks.keys,
    "statement": Asks.statement,
    "registration": Asks.registration,
}
