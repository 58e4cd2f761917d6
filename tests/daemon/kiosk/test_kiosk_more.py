"""What does not fit on a small screen: an arrow says that there is more, and brings it."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.daemon.kiosk.support import Bench, Glass, context_of, states

IN_SIGHT = """() => {
  const [last, main] = [document.querySelector('.notice li:last-child'), document.getElementById('main')];
  return last.getBoundingClientRect().bottom <= main.getBoundingClientRect().bottom;
}"""
LOOK_MS = 100


def test_the_whole_notice_can_be_read_with_a_glove(browser: Browser, bench: Bench) -> None:
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), bench.server.url)
        bench.show(states(bench.policy)["notice"])
        glass.step("notice")
        more = glass.page.locator("#more")
        expect(more).to_be_visible()
        assert not glass.page.evaluate(IN_SIGHT)
        for _ in range(50):
            if glass.page.evaluate(IN_SIGHT):
                break
            more.click()
            glass.page.wait_for_timeout(LOOK_MS)
        assert glass.page.evaluate(IN_SIGHT)
        expect(more).to_be_hidden()
        glass.check()


def test_no_arrow_where_everything_is_in_sight(bench: Bench, glass: Glass) -> None:
    for name in ("card", "sign", "passed"):
        bench.show(states(bench.policy)[name])
        glass.step(states(bench.policy)[name].step.value)
        expect(glass.page.locator("#more")).to_be_hidden()
