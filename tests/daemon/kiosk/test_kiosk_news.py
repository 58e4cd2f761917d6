"""What becomes of the screen when something changes: under a finger, beside what is typed, for the next woman."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import expect

from daemon.events import Begin, Closed
from daemon.state import State
from tests.daemon.kiosk.support import PATIENCE_MS, Bench, Glass, states

PATIENCE_S = PATIENCE_MS / 1000


def test_what_is_being_typed_outlives_news(bench: Bench, glass: Glass) -> None:
    glass.page.focus("#visit")
    glass.type("visit", "V-00")
    bench.show(State(bench.policy), waiting=7, online=False)
    expect(glass.page.locator("#line")).to_contain_text("7")
    assert glass.page.input_value("#visit") == "V-00"
    assert glass.page.evaluate("document.activeElement.id") == "visit"


def test_news_under_a_finger_does_not_take_its_touch(bench: Bench, glass: Glass) -> None:
    done = states(bench.policy)["passed"]
    bench.show(done, waiting=1)
    glass.step("done")
    box = glass.page.get_by_role("button", name="完成", exact=True).bounding_box()
    assert box is not None
    glass.page.mouse.move(box["x"] + 20, box["y"] + 20)
    glass.ready()
    glass.page.mouse.down()
    bench.show(done, waiting=0)
    expect(glass.page.locator("#line")).not_to_contain_text("1")
    glass.page.mouse.up()
    assert isinstance(bench.events.get(timeout=PATIENCE_S), Closed)


def test_a_hand_that_rests_on_the_glass_does_not_keep_news_away(bench: Bench, glass: Glass) -> None:
    face = states(bench.policy)["face"]
    bench.show(face)
    glass.step("face")
    glass.page.mouse.move(20, 400)
    glass.page.mouse.down()
    bench.show(replace(face, trouble="face_too_small"))
    expect(glass.page.locator("#trouble")).not_to_be_empty()
    glass.page.mouse.up()


def test_a_unit_that_is_gone_is_said(bench: Bench, glass: Glass) -> None:
    bench.server.close()
    expect(glass.page.locator("#trouble")).to_contain_text("本机无响应")
    glass.troubles.clear()


def test_a_unit_that_is_gone_leaves_nothing_of_her_on_the_screen(bench: Bench, glass: Glass) -> None:
    """Nobody would come any more to take it away ten seconds after the check."""
    bench.show(states(bench.policy)["passed"])
    glass.step("done")
    assert "示*甲" in glass.page.inner_text("body")
    bench.server.close()
    expect(glass.page.locator("#trouble")).to_contain_text("本机无响应")
    assert "示*甲" not in glass.page.content()
    assert (glass.page.inner_text("#body"), glass.page.inner_text("#title")) == ("", "本机无响应")
    expect(glass.page.locator("#emergency")).to_be_visible()
    glass.troubles.clear()


def test_nothing_is_kept_in_the_browser(bench: Bench, glass: Glass) -> None:
    for name in ("decision", "sign", "passed"):
        bench.show(states(bench.policy)[name])
        glass.step(states(bench.policy)[name].step.value)
    bench.show(State(bench.policy))
    glass.step("idle")
    left = glass.page.evaluate(
        """async () => [localStorage.length, sessionStorage.length, document.cookie, (await caches.keys()).length,
          (await indexedDB.databases()).length, document.documentElement.outerHTML.includes('示*甲')]"""
    )
    assert left == [0, 0, "", 0, 0, False]


def test_the_next_woman_is_met_in_chinese_and_in_earnest(bench: Bench, glass: Glass) -> None:
    glass.touch("工作人员")
    glass.touch("演练")
    glass.touch("开始演练")
    glass.touch("English")
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    bench.show(State(bench.policy))
    glass.step("idle")
    assert glass.page.get_attribute("html", "lang") == "zh-CN"
    glass.touch("开始核验")
    begun = bench.events.get(timeout=PATIENCE_S)
    assert isinstance(begun, Begin)
    assert begun.drill is False
