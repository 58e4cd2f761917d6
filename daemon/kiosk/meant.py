"""A touch is for what was shown when the finger came down: one for a step that is over since is refused.

The page names that step. What was still current when the touch arrived, and is not when its turn comes, the unit's loop
drops (:class:`daemon.events.Meant`): else the second of two quick taps would answer a question that nobody has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.events import Event, Meant
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.touches import EMERGENCY, Touches
from daemon.session import READING
from daemon.state import Step

_BESIDE = (EMERGENCY, "amend", "log_in", "log_out", "offer_key", "print")
"""Of no step of the check on the screen."""
_ENDS = ("decline", "left")
"""Meant for the check as long as it is being read, whatever step of that it has come to."""
_READ: tuple[str, ...] = (Step.NOTICE, *READING)


def meant(touches: Touches, name: str, values: Mapping[str, Any]) -> Event:
    """The event for touch ``name``, held to the check and step that ``values["shown"]`` names.

    Raises:
        TouchRefused: as :meth:`Touches.event`; or nothing is named, or what is over.
    """
    if name in _BESIDE:
        return touches.event(name, values)
    shown, state = values.get("shown"), touches.state()
    if not isinstance(shown, dict):
        raise TouchRefused("shown_is_missing")
    step = shown.get("step")
    steps = _READ if name in _ENDS and step in _READ else (str(step),)
    if shown.keys() != {"check", "step"} or shown["check"] != state.check or state.step not in steps:
        raise TouchRefused("screen_changed", 409)
    return Meant(touches.event(name, values), state.check, steps)
