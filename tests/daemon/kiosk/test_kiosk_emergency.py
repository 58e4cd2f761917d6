"""At the page: an emergency that was pressed while the unit was away."""

from __future__ import annotations

from playwright.sync_api import Request, Route

from daemon.events import Emergency
from tests.daemon.kiosk.support import Bench, Glass
from tests.daemon.kiosk.test_kiosk_page import told


def test_a_press_that_nobody_answered_is_told_with_its_number_and_age(bench: Bench, glass: Glass) -> None:
    """So a unit that has started anew makes one emergency of it, and says when the page claims that it was."""
    pressed: list[str | None] = []

    def gone(route: Route, request: Request) -> None:
        pressed.append(request.headers.get("x-vernix-press"))
        route.abort()

    glass.page.route("**/touch/emergency", gone, times=1)
    glass.page.click("#emergency")
    event = told(bench)
    assert isinstance(event, Emergency)
    assert event.press is not None
    assert event.claimed_at is not None
    assert pressed == [f"{event.press[1]:x}"]
    glass.page.click("#emergency")
    another = told(bench)
    assert isinstance(another, Emergency)
    assert (another.press == event.press, another.claimed_at) == (False, None)
