"""Several threads make views: what stands on the screen is never older than what was there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from daemon.assembly import Assembly
from daemon.desk import Desk
from daemon.kiosk.newest import NewestView
from daemon.kiosk.server import KioskServer
from daemon.state import Step
from tests.daemon.kiosk.support import states
from tests.daemon.support import Home


def test_a_view_that_was_begun_before_does_not_come_after() -> None:
    shown: list[dict[str, Any]] = []
    views = NewestView(shown.append)
    first, second = views.begin(), views.begin()
    views.show(second, {"second": True})
    views.show(first, {"first": True})
    assert shown == [{"second": True}]
    views.show(views.begin(), {"third": True})
    assert shown[-1] == {"third": True}


def test_a_thread_that_waits_for_the_disk_shows_nobody_what_is_over(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's thread has looked at the desk and counts what waits; meanwhile the check goes on."""
    home.edit("port = 8080", "port = 0")
    home.config().unit.data.mkdir()
    shown: list[str] = []
    monkeypatch.setattr(KioskServer, "show", lambda _server, view: shown.append(view["step"]))
    assembly = Assembly(home.config())
    looked, counted = threading.Event(), threading.Event()

    def slow() -> int:
        looked.set()
        assert counted.wait(30)
        return 0

    try:
        with monkeypatch.context() as slowly:
            slowly.setattr(assembly.outbox, "count_waiting", slow)
            behind = threading.Thread(target=assembly.unit.changed, args=(assembly.unit.shown,))
            behind.start()
            assert looked.wait(30)
        assembly.unit.shown = Desk(states(assembly.policy)["notice"])
        assembly.unit.changed(assembly.unit.shown)
        counted.set()
        behind.join()
    finally:
        counted.set()
        assembly.outbox.close()
    assert shown == [Step.NOTICE]
