"""A unit that hangs is said, an emergency that is not answered too; what is refused outlives news."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Route, expect

from daemon.events import Begin, Confirmed, Emergency
from tests.daemon.kiosk.support import PATIENCE_MS, Bench, Glass, states
from tests.daemon.kiosk.test_kiosk_officers import confirm
from tests.daemon.kiosk.test_kiosk_page import told
from tests.daemon.support import PINS

UNANSWERED = "紧急呼叫未得到应答，正在重发"
LOST = "本机无响应"


@contextmanager
def hung(bench: Bench) -> Iterator[None]:
    """The server's thread stands still, its sockets stay open: as a process that was stopped."""
    goes_on = threading.Event()
    assert bench.server._loop is not None
    bench.server._loop.call_soon_threadsafe(goes_on.wait)
    try:
        yield
    finally:
        goes_on.set()


def test_a_unit_that_hangs_is_said_and_an_emergency_gets_through(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["passed"])
    glass.step("done")
    trouble = glass.page.locator("#trouble")
    with hung(bench):
        glass.page.click("#emergency")
        expect(trouble).to_contain_text(UNANSWERED)
        assert glass.page.is_visible("#title")
        glass.page.wait_for_selector("#main[data-step=lost]", timeout=PATIENCE_MS)
        expect(trouble).to_contain_text(UNANSWERED)
        assert "示*甲" not in glass.page.content()
        glass.page.click("#emergency")
    assert isinstance(told(bench), Emergency)
    glass.step("done")
    assert bench.events.empty(), "one emergency, however often it was pressed"


def test_a_line_that_is_only_quiet_is_not_lost(glass: Glass) -> None:
    """Signs of life come between views."""
    signs = glass.page.evaluate(
        """() => new Promise((resolve) => {
          const stream = new EventSource("/views");
          const end = (heard) => { stream.close(); resolve(heard); };
          stream.addEventListener("alive", () => end(true));
          setTimeout(end, 15000, false);
        })"""
    )
    assert signs
    assert glass.page.get_attribute("#main", "data-step") == "idle"


def test_an_emergency_outlives_the_unit_that_was_to_hear_it(browser: Browser, bench: Bench) -> None:
    """It is sent to the one that is started in its place, whose page has another token."""
    page = browser.new_page()
    try:
        page.goto(bench.server.url)
        page.wait_for_selector("#main[data-step=idle]")
        page.route("**/touch/emergency", lambda route: route.abort(), times=2)
        bench.server._token = "as after a new start"
        page.click("#emergency")
        expect(page.locator("#trouble")).to_contain_text(UNANSWERED)
        expect(page.locator("#trouble")).not_to_contain_text(UNANSWERED)
        assert isinstance(told(bench), Emergency)
        assert bench.events.empty()
    finally:
        page.close()


def test_a_page_of_another_start_loads_itself_anew(bench: Bench, glass: Glass) -> None:
    """No keyboard is there to do it with."""
    bench.server._token = "as after a new start"
    with glass.page.expect_navigation():
        glass.type("visit", "V-1")
        glass.touch("开始核验")
    glass.page.wait_for_selector("#main[data-step=idle]")
    glass.ready()
    glass.type("visit", "V-1")
    glass.touch("开始核验")
    assert isinstance(told(bench), Begin)
    expect(glass.page).to_have_url(bench.server.url)


def test_a_page_that_loading_does_not_help_says_whom_to_call(bench: Bench, glass: Glass) -> None:
    def with_another_token(route: Route) -> None:
        served = route.fetch()
        route.fulfill(response=served, body=served.text().replace(bench.server._token, "x"))

    loaded: list[str] = []
    glass.page.on("request", lambda request: loaded.append(request.url) if request.is_navigation_request() else None)
    glass.page.route(bench.server.url, with_another_token)
    glass.page.reload()
    with glass.page.expect_navigation():
        glass.touch("开始核验")
    glass.page.wait_for_selector("#main[data-step=idle]")
    glass.ready()
    glass.touch("开始核验")
    expect(glass.page.locator("#trouble")).to_have_text("页面与本机不一致，请联系信息科")
    assert len(loaded) == 2, "once by the test, once by itself"
    assert bench.events.empty()


@pytest.mark.parametrize("late", [False, True])
def test_a_refusal_outlives_news(bench: Bench, glass: Glass, late: bool) -> None:
    """News that draws the form anew comes after the answer, or before it."""
    state = states(bench.policy)["confirm"]
    bench.show(state)
    glass.step("confirm")
    if late:

        def overtaken(route: Route) -> None:
            bench.show(state, waiting=7)
            route.continue_()

        glass.page.route("**/touch/confirm", overtaken, times=1)
    confirm(glass, "o-101", "000000")
    wrong = glass.page.locator("#refused")
    if not late:
        expect(wrong).to_have_text("工号或密码错误")
        bench.show(state, waiting=7)
    expect(glass.page.locator("#line")).to_contain_text("7")
    expect(wrong).to_have_text("工号或密码错误")
    confirm(glass, "o-101", PINS["o-101"])
    assert isinstance(told(bench), Confirmed)
    expect(wrong).to_be_empty()


def test_a_refusal_goes_with_its_screen(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["confirm"])
    glass.step("confirm")
    confirm(glass, "o-101", "000000")
    expect(glass.page.locator("#refused")).to_have_text("工号或密码错误")
    bench.show(states(bench.policy)["emergency"])
    glass.touch("说明紧急情况")
    expect(glass.page.locator("#refused")).to_be_empty()


def test_a_line_that_was_refused_is_asked_for_again(glass: Glass) -> None:
    """A browser gives one up that was answered with an error."""
    glass.page.route("**/views", lambda route: route.fulfill(status=503), times=1)
    glass.page.reload()
    glass.step("lost")
    glass.step("idle")
    expect(glass.page.locator("#trouble")).to_be_empty()
