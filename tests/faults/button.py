"""The emergency button as the co-processor keeps it: in a memory of its own, until the unit has confirmed it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from daemon.entrance import EntranceTask
from daemon.events import Emergency, Event
from daemon.outbox import Outbox
from daemon.outbox.known_events import EventId
from daemon.state import Step
from daemon.unit import Unit
from evidence.encoding import json_bytes, json_object
from evidence.files import sync_folder
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.numbers import EventKind


class Button(Coprocessor):
    """No line and no thread: presses and the newest confirmation, in a file that outlasts the unit's life.

    It is written by nothing of the product's, so that it is whole also where the product's own files are not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json_object(path.read_bytes()) if path.exists() else {}
        self.presses = int(kept.get("presses", 0))
        self._confirmed = int(kept.get("confirmed", 0))

    def press(self) -> CoprocessorEvent:
        """Whatever becomes of the unit: from now on there is one emergency more."""
        self.presses += 1
        self._keep()
        return self._event(self.presses)

    def told_again(self) -> list[CoprocessorEvent]:
        """What was not confirmed."""
        return [self._event(counter) for counter in range(self._confirmed + 1, self.presses + 1)]

    def confirm(self, counter: int) -> None:
        """As the driver's."""
        self._confirmed = max(self._confirmed, counter)
        self._keep()

    def _keep(self) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.write(json_bytes({"presses": self.presses, "confirmed": self._confirmed}))
            stream.flush()
            os.fdatasync(stream.fileno())
        fresh.replace(self._path)
        sync_folder(self._path.parent)

    @staticmethod
    def _event(counter: int) -> CoprocessorEvent:
        return CoprocessorEvent(counter, 1, 1000 * counter, EventKind.EMERGENCY, 0, None, authentic=True)


class Book:
    """The outbox, as the entrance writes into it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def has_event(self, event: EventId) -> bool:
        return self._outbox.has_event(event)

    def has_press(self, press: EventId) -> bool:
        return self._outbox.has_press(press)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        self._outbox.append(fields, alert=alert, event=event)


class Entrance:
    """The product's entrance between the button and a unit whose loop and writer ``settle`` lets run."""

    def __init__(self, button: Button, unit: Unit, outbox: Outbox) -> None:
        self.button, self._unit = button, unit
        self.task = EntranceTask(button, Book(outbox), "delivery", post=self._post, pressed=lambda _counter: None)

    def _post(self, event: Event) -> None:
        assert isinstance(event, Emergency)
        self._unit.post(event)
        settle(self._unit)

    def tell_again(self) -> None:
        """The link is up again."""
        for event in self.button.told_again():
            self.task.take(event)


def settle(unit: Unit) -> None:
    """Let the loop and then the writer do what there is to do, in this one thread."""
    unit.close()
    unit.run(lambda: None)
    unit.run_writer()  # ends at the mark that close() left, before a request that came after it
    if unit.state.step in (Step.SEALING, Step.NOTING):
        unit.close()
        unit.run_writer()
        unit.run(lambda: None)
        settle(unit)
