"""At the page: an emergency that was pressed while the unit was away."""

from __future__ import annotations

import pytest
from playwright.sync_api import Request, Response, Route, expect

from daemon.events import Emergency
from tests.daemon.kiosk.support import Bench, Glass
from tests.daemon.kiosk.test_kiosk_page import told


def _taken(answer: Response) -> bool:
    return answer.url.endswith("/touch/emergency") and answer.ok


def test_a_press_that_nobody_answered_is_told_with_its_number_and_age(bench: Bench, glass: Glass) -> None:
    """So a unit that has started anew makes one emergency of it, and says when the page claims that it was."""
    pressed: list[str | None] = []

    def gone(route: Route, request: Request) -> None:
        pressed.append(request.headers.get("x-vernix-press"))
        route.abort()

    glass.page.route("**/touch/emergency", gone, times=1)
    with glass.page.expect_response(_taken):
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


def test_a_press_that_could_be_lost_yet_is_told_until_it_is_kept(bench: Bench, glass: Glass) -> None:
    """The disk hangs: the unit has heard the press, and would know nothing of it after a cut."""
    bench.kept = False
    glass.page.click("#emergency")
    expect(glass.page.locator("#trouble")).to_contain_text("紧急呼叫未得到应答")
    first, again = told(bench), told(bench)
    assert isinstance(first, Emergency)
    assert isinstance(again, Emergency)
    assert first.press == again.press
    bench.kept = True
    expect(glass.page.locator("#trouble")).to_be_empty()


@pytest.mark.parametrize("garbage", [(500, "Internal Server Error"), (200, "<p>another page</p>")])
def test_a_unit_that_is_only_half_back_does_not_end_the_telling(
    garbage: tuple[int, str], bench: Bench, glass: Glass
) -> None:
    """It takes no touch with the old token, and serves no page with the new one yet."""
    served: list[str] = []

    def not_yet(route: Route, request: Request) -> None:
        served.append(request.url)
        status, body = garbage
        route.fulfill(status=status, content_type="text/html", body=body)

    glass.page.route(bench.server.url, not_yet, times=1)
    bench.server._token = "as after a new start"
    with glass.page.expect_response(_taken):
        glass.page.click("#emergency")
    assert isinstance(told(bench), Emergency)
    assert len(served) == 1
    expect(glass.page.locator("#trouble")).to_be_empty()


def test_a_press_outlives_the_page_that_loads_itself_anew(bench: Bench, glass: Glass) -> None:
    """It is the same press for the unit, however often it hears of it."""
    bench.kept = False
    with glass.page.expect_navigation():
        glass.page.evaluate(
            """() => {
              document.getElementById("emergency").dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
              location.reload();
            }"""
        )
    expect(glass.page.locator("#trouble")).to_contain_text("紧急呼叫未得到应答")
    bench.kept = True
    expect(glass.page.locator("#trouble")).to_be_empty()
    heard = [told(bench), told(bench)]
    presses = {one.press for one in heard if isinstance(one, Emergency)}
    assert len(presses) == 1
    assert glass.page.evaluate("sessionStorage.length") == 0


def test_a_press_at_a_unit_that_started_anew_waits_for_nothing(bench: Bench, glass: Glass) -> None:
    """Its token is fetched and the press told at once; else the page would load itself anew over it."""
    answers: list[Response] = []
    glass.page.on("response", lambda answer: answers.append(answer) if "/touch/" in answer.url else None)
    bench.server._token = "as after a new start"
    with glass.page.expect_response(_taken):
        glass.page.click("#emergency")
    assert isinstance(told(bench), Emergency)
    refused_ms, taken_ms = (one.request.timing["startTime"] for one in answers)
    assert taken_ms - refused_ms < 1000
