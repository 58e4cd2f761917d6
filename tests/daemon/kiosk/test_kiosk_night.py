"""Night and day at the screen: the unit's to say, a touch decides otherwise."""

from __future__ import annotations

from playwright.sync_api import Browser, Route, expect

from daemon.state import State
from tests.daemon.kiosk.support import PATIENCE_MS, Bench, Glass, context_of


def light(glass: Glass) -> str | None:
    return glass.page.get_attribute("html", "data-light")


def test_the_unit_says_when_it_is_night(bench: Bench, glass: Glass) -> None:
    """So that its buzzer keeps to the same; the button is the unit's to know too."""
    assert light(glass) == "day"
    bench.hour = 23
    bench.again()
    glass.page.wait_for_selector("html[data-light=night]")
    glass.page.click("#light")
    assert light(glass) == "day"
    for _ in range(PATIENCE_MS // 10):
        if not bench.room.night:
            break
        glass.page.wait_for_timeout(10)
    assert not bench.room.night
    assert light(glass) == "day"


LIGHTS = """() => {
  window.lights = [];
  new MutationObserver(() => window.lights.push(document.documentElement.dataset.light))
    .observe(document.documentElement, { attributeFilter: ["data-light"] });
}"""


def test_the_light_that_was_touched_does_not_flash_back(bench: Bench, glass: Glass) -> None:
    """The unit hears that somebody is there before it hears of the light: a view of the night comes in between."""
    bench.hour = 23
    bench.again()
    glass.page.wait_for_selector("html[data-light=night]")
    late: list[Route] = []

    def held(route: Route) -> None:
        if "night" in str(route.request.post_data):
            late.append(route)
        else:
            route.continue_()

    glass.page.route("**/room", held)
    glass.page.evaluate(LIGHTS)
    glass.page.click("#light")
    for _ in range(PATIENCE_MS // 10):
        if late and bench.room.attended:
            break
        glass.page.wait_for_timeout(10)
    bench.show(State(bench.policy), waiting=3)
    expect(glass.page.locator("#line")).to_contain_text("3")
    late.pop().continue_()
    glass.page.wait_for_function("() => window.lights.length > 1")  # by now it is the unit's again
    assert set(glass.page.evaluate("window.lights")) == {"day"}
    assert not bench.room.night


def test_a_light_that_the_unit_does_not_hear_of_goes_back(glass: Glass) -> None:
    glass.page.route("**/room", lambda route: route.abort())
    glass.page.click("#light")
    glass.page.wait_for_selector("html[data-light=night]")
    glass.page.wait_for_selector("html[data-light=day]")


def test_a_page_of_the_night_begins_dark(browser: Browser, bench: Bench) -> None:
    bench.hour = 3
    bench.again()
    with context_of(browser) as context:
        page = context.new_page()
        answer = page.request.get(bench.server.url)
        assert 'data-light="night"' in answer.text(), "before the first view too"
        assert light(Glass(page, bench.server.url)) == "night"
