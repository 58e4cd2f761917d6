"""The forms of the check on the screen: which ones the policy wants, filled from what is in memory.

The chip's photo is kept for the forms until the check leaves the screen, and only where a printer is configured. It is
the one picture that is printed; no frame of the camera is ever kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2

from daemon import record_fields
from daemon.cards import Photo
from daemon.config import Config, Printing, Unit
from daemon.events import Event
from daemon.outbox.checks import CheckRow
from daemon.paper_events import PrintWanted
from daemon.policy import Policy
from daemon.printing.printer import Printer
from daemon.printing.spool import Paper, Spool
from daemon.state import State, Step
from evidence.forms.fill import Drawn, Filled, fill
from evidence.forms.sheet import Sheet
from evidence.forms.words import FormId
from evidence.qr import qr_svg
from evidence.record import Outcome

GRACE_S = 10.0
"""How long after the check a form may still wait for the printer: as long as its result stays on the screen."""
_KEEP_NOTHING = (Outcome.EMERGENCY, Outcome.INTERRUPTED)


@dataclass(slots=True)
class FormDesk:
    """Called by the unit's loop alone, but for :meth:`view`."""

    policy: Policy
    unit: Unit
    printing: Printing
    spool: Spool
    find_check: Callable[[str], CheckRow | None]
    slip: Callable[[str | None], str | None] = lambda _check: None
    """The text of the fingerprint slip that a check has written, while it may be printed."""
    _check: str | None = None
    _portrait: Photo | None = field(default=None, repr=False)

    def laid(self, check: str, photo: Photo | None) -> None:
        """A card was read for ``check``; its photo belongs to it."""
        self._check, self._portrait = check, photo

    def follow(self, state: State, event: Event) -> None:
        """The unit made a step: print what was asked for, and forget what is over."""
        if state.check != self._check or state.step is Step.IDLE or state.outcome in _KEEP_NOTHING:
            self._portrait = None
        if state.step is not Step.DONE:
            self.spool.end_by(GRACE_S)
        if state.check is not None:
            self.spool.forget_others(state.check)
        if isinstance(event, PrintWanted) and state.check is not None and self._can(state):
            self.spool.want(state.check, self.sheets(state))

    @property
    def holds(self) -> bool:
        """Whether anything of a person is held for paper."""
        return self._portrait is not None or self.spool.holds

    def view(self, state: State) -> dict[str, Any]:
        """What the screen is told: whether a touch prints something, and how it stands with this check's forms.

        A screen that waits for the next woman tells of the last one's.
        """
        idle = state.step is Step.IDLE
        stands = self.spool.state if idle or state.check is None else self.spool.stands(state.check)
        return {"can": self._can(state), "state": stands.value}

    def _can(self, state: State) -> bool:
        if state.step is not Step.DONE or state.check is None or self.spool.is_under_way(state.check):
            return False
        return bool(self._forms(state) or self.slip(state.check))

    def _forms(self, state: State) -> tuple[Any, ...]:
        if state.begin is None or state.outcome is None:
            return ()
        kind = state.document.facts["type"] if state.document else None
        return self.policy.forms_for(state.begin.checkpoint, state.outcome, kind)

    def sheets(self, state: State) -> list[Sheet]:
        """The sheets of a check that is recorded."""
        filled = self._filled(state)
        text = self.slip(state.check)
        carried = [fill(FormId.SLIP_FINGER, replace(filled, qr=qr_svg(text)))] if text else []
        return [fill(form, filled) for form in self._forms(state)] + carried

    def _filled(self, state: State) -> Filled:
        assert state.begin is not None
        return Filled(
            self._record(state),
            institution=self.printing.institution,
            department=self.printing.department,
            checkpoint=self.policy.checkpoint(state.begin.checkpoint).title,
            portrait=None if self._portrait is None else cv2.imencode(".png", self._portrait)[1].tobytes(),
            drawn=_drawn(state),
        )

    def _record(self, state: State) -> Mapping[str, Any]:
        """The fields that the check's record was made of, with the number and time that it got."""
        assert state.outcome is not None
        assert state.check is not None
        row = self.find_check(state.check)
        assert row is not None, "a check that is done has its record"
        reason = state.statement.reason if state.statement else None
        return {
            **record_fields.check(state, state.outcome, reason),
            "unit": self.unit.id,
            "seq": row.seq,
            "time": {"earliest": row.at},
        }


def _drawn(state: State) -> tuple[Drawn, ...]:
    own = (Drawn(state.signature.by, state.signature.png),) if state.signature else ()
    return (*own, *(Drawn(one.officer, one.png) for one in state.officer_signatures))


NO_PRINTER: Mapping[str, Any] = {"can": False, "state": Paper.NOTHING.value}
"""What the screen is told where no printer is configured."""


def open_forms(
    config: Config,
    policy: Policy,
    find_check: Callable[[str], CheckRow | None],
    told: Callable[[], None],
    slip: Callable[[str | None], str | None],
) -> FormDesk | None:
    """The forms of a unit with a printer, None of one without.

    ``told``: printing stands otherwise than before. ``slip``: the fingerprint slip that a check has written.
    """
    printing = config.printing
    if printing.uri == "none:":
        return None
    spool = Spool(Printer(printing.uri, printing.authority), told)
    return FormDesk(policy, config.unit, printing, spool, find_check, slip)
