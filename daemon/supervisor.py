"""Owned threads: each has a name and an owner; if one dies, the process ends and systemd starts it again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Supervisor:
    """Starts the unit's threads and waits for the first reason to stop.

    ``stop`` is what every thread watches. ``failure`` is what a thread died of.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, run: Callable[[], None]) -> None:
        """Run ``run`` in a thread called ``name``; when it returns before ``stop`` is set, that is a failure too."""
        thread = threading.Thread(target=self._run, args=(name, run), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, name: str, run: Callable[[], None]) -> None:
        try:
            run()
            if not self.stop.is_set():
                raise RuntimeError(f"task {name} ended by itself")
        except BaseException as error:  # noqa: BLE001  # whatever it was, the process must not go on without it
            self.fail(name, error)

    def fail(self, name: str, error: BaseException) -> None:
        """Report that ``name`` died of ``error``: the process ends."""
        if self.failure is None:
            self.failure = error
            log.error("task %s died: %s", name, type(error).__name__, exc_info=error)
        self.stop.set()

    def join(self, timeout_s: float = 8.0) -> list[str]:
        """Wait for all threads together, less than systemd waits; the names of those that did not end in time."""
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]
