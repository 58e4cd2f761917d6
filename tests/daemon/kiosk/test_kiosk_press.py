"""One tap answers one question: what comes under the finger with the next screen is not touched by the same gesture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from daemon.events import Begin, Closed, Consented, Declined, Emergency
from daemon.state import State
from tests.daemon.kiosk.support import Bench, Glass, context_of, states
from tests.daemon.kiosk.test_kiosk_page import told

TAP = """([x, y, gap]) => {
  const root = document.documentElement;
  const fresh = root.dataset.fresh;
  delete root.dataset.fresh;
  const [target, at] = [document.elementFromPoint(x, y), gap === null ? performance.now() : window.tapped + gap];
  if (fresh) root.dataset.fresh = fresh;
  for (const [kind, Made] of [["pointerdown", PointerEvent], ["pointerup", PointerEvent], ["click", MouseEvent]]) {
    const event = new Made(kind, { bubbles: true, cancelable: true, detail: 1 });
    Object.defineProperty(event, "timeStamp", { value: at });
    target.dispatchEvent(event);
  }
  if (gap === null) window.tapped = at;
  return target.closest("button")?.textContent ?? null;
}"""
"""A finger, now or so many ms after the first, however late the page comes to it; the button that lies there."""

MIDDLE = """(words) => {
  const box = [...document.querySelectorAll("button")].find((one) => one.textContent === words).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""

Spot = tuple[float, float]


@pytest.fixture
def glass(browser: Browser, bench: Bench) -> Iterator[Glass]:
    """The page as shipped."""
    with context_of(browser) as context:
        made = Glass(context.new_page(), bench.server.url, patient=True)
        yield made
        made.check()


def spot(glass: Glass, words: str) -> Spot:
    """The middle of a button that has been seen."""
    glass.ready()
    return spot_now(glass, words)


def spot_now(glass: Glass, words: str) -> Spot:
    """Of a button on a screen that has perhaps just come."""
    x, y = glass.page.evaluate(MIDDLE, words)
    return x, y


def tap(glass: Glass, at: Spot, gap_ms: float | None = None) -> str | None:
    found: str | None = glass.page.evaluate(TAP, [*at, gap_ms])
    return found


@pytest.mark.parametrize("gap_ms", [50, 150, 300, 450])
def test_consent_is_an_act_of_its_own(bench: Bench, glass: Glass, gap_ms: float) -> None:
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    assert tap(glass, spot(glass, "我已阅读")) == "我已阅读"
    assert tap(glass, spot_now(glass, "同意并开始"), gap_ms) == "同意并开始"
    assert glass.title == "是否同意核验？"
    assert bench.events.empty()
    tap(glass, spot(glass, "同意并开始"))
    assert isinstance(told(bench), Consented)


def test_a_double_click_reads_and_does_no_more(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    glass.page.mouse.dblclick(*spot(glass, "我已阅读"))
    assert glass.title == "是否同意核验？"
    assert bench.events.empty()


@pytest.mark.parametrize("gap_ms", [250, 400])
def test_what_begins_a_check_does_not_refuse_it(bench: Bench, glass: Glass, gap_ms: float) -> None:
    at = spot(glass, "开始核验")
    tap(glass, at)
    begun = told(bench)
    assert isinstance(begun, Begin)
    bench.tell(begun)
    glass.step("notice")
    assert tap(glass, spot_now(glass, "拒绝核验"), gap_ms) == "拒绝核验"
    assert bench.events.empty()
    glass.touch("拒绝核验")
    assert isinstance(told(bench), Declined)


def test_what_ends_a_check_does_not_begin_the_next(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["passed"])
    glass.step("done")
    at = spot(glass, "完成")
    tap(glass, at)
    assert isinstance(told(bench), Closed)
    bench.show(State(bench.policy))
    glass.step("idle")
    assert tap(glass, spot_now(glass, "开始核验"), 400) == "开始核验"
    assert bench.events.empty()


def test_a_finger_that_came_down_on_another_screen_touches_nothing(bench: Bench, glass: Glass) -> None:
    """However long it rests: what it was meant for is gone."""
    at = spot(glass, "开始核验")
    glass.page.mouse.move(*at)
    glass.page.mouse.down()
    bench.show(states(bench.policy)["passed"])
    glass.step("done")
    glass.ready()
    glass.page.mouse.move(*spot_now(glass, "完成"))
    glass.page.evaluate(
        """() => {
          const done = [...document.querySelectorAll("#touches button")].at(0);
          done.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1 }));
        }"""
    )
    glass.page.mouse.up()
    assert bench.events.empty()


def test_news_beside_the_buttons_costs_no_touch(bench: Bench, glass: Glass) -> None:
    bench.show(State(bench.policy), waiting=1)
    expect(glass.page.locator("#line")).to_contain_text("1")
    at = spot(glass, "开始核验")
    bench.show(State(bench.policy), waiting=2)
    expect(glass.page.locator("#line")).to_contain_text("2")
    tap(glass, at)
    assert isinstance(told(bench), Begin)


def test_an_emergency_waits_for_nothing(bench: Bench, glass: Glass) -> None:
    at = spot(glass, "紧急放行 — 先救治")
    bench.show(states(bench.policy)["face"])
    glass.step("face")
    glass.page.mouse.click(*at)
    assert isinstance(told(bench), Emergency)
    assert bench.events.empty()


def test_a_key_is_pressed_on_what_is_seen(bench: Bench, glass: Glass) -> None:
    """The focus went to the new title: whoever goes on by keys has been told where they are."""
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    glass.page.keyboard.press("Tab")
    glass.page.get_by_role("button", name="拒绝核验").focus()
    glass.page.keyboard.press("Enter")
    assert isinstance(told(bench), Declined)


def changes_under(glass: Glass, bench: Bench, then: State) -> None:
    """The next touch reaches the unit when its step is over."""
    glass.page.route("**/touch/*", lambda route: (bench.show(then), route.continue_())[1], times=1)


def test_a_refusal_counts_whatever_the_check_has_come_to(bench: Bench, glass: Glass) -> None:
    every = states(bench.policy)
    bench.show(every["card"])
    glass.step("card")
    changes_under(glass, bench, every["face"])
    with glass.page.expect_response("**/touch/decline"):
        glass.touch("拒绝核验")
    assert isinstance(told(bench), Declined)


def test_a_touch_that_came_too_late_is_said_on_the_screen_there_is(bench: Bench, glass: Glass) -> None:
    every = states(bench.policy)
    bench.show(every["passed"])
    glass.step("done")
    changes_under(glass, bench, every["card"])
    glass.touch("完成")
    glass.step("card")
    expect(glass.page.locator("#trouble")).to_have_text("画面刚刚变化，请再按一次")
    assert bench.events.empty()
