"""What staff opened gives way to the idle screen when nobody has touched the glass for a while; the unit says when."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from daemon.check_id import new_check_id
from daemon.state import State
from daemon.worklist import Expected
from tests.daemon.kiosk.support import INSIDE_S, LOOK_MS, PATIENCE_MS, Bench, Glass, states
from tests.daemon.kiosk.test_kiosk_screens import signing, touches
from tests.daemon.support import check_fields

SHOWN = "async () => (await import('/static/state.js')).now.view.attended"


def attended(bench: Bench, glass: Glass) -> None:
    """Wait until the unit has heard of the last touch, and the page of that."""
    glass.answered("/room")
    for _ in range(PATIENCE_MS // LOOK_MS):
        if bench.room.attended:
            bench.again()
            assert glass.page.wait_for_function(SHOWN)
            return
        glass.page.wait_for_timeout(LOOK_MS)
    raise AssertionError("the unit has heard of no touch")


def left_alone(bench: Bench, glass: Glass) -> None:
    """Nobody touches the glass for as long as the unit waits."""
    attended(bench, glass)
    bench.glass_s += INSIDE_S - 1
    bench.again()
    assert bench.room.attended
    bench.glass_s += 1
    bench.again()


@pytest.mark.parametrize("inside", ["queue", "duty", "key", "charts", "devices", "engineer", "training"])
def test_staff_screens_give_way(bench: Bench, glass: Glass, inside: str) -> None:
    touches("staff", *([] if inside == "queue" else [inside]))(glass)
    glass.page.wait_for_selector(f"#main[data-step={inside}]")
    left_alone(bench, glass)
    glass.page.wait_for_selector("#main[data-step=idle]")
    assert glass.title == "请开始核验"


def test_what_one_officer_has_begun_does_not_wait_for_the_next(bench: Bench, glass: Glass) -> None:
    bench.outbox.append(check_fields(new_check_id(), "refused"))
    touches("staff")(glass)
    glass.page.get_by_role("button", name="补充").last.click()
    glass.touch("补签名")
    signing(glass)
    glass.type("officer-id", "o-101")
    glass.type("officer-pin", "480273")
    left_alone(bench, glass)
    glass.page.wait_for_selector("#main[data-step=idle]")
    assert "o-101" not in glass.page.content()
    assert glass.page.locator("#pad, #officer-pin").count() == 0
    assert bench.events.empty()


def test_the_idle_screen_begins_anew(bench: Bench, glass: Glass) -> None:
    """Typed visit, open worklist, English and a drill that nobody began are not the next woman's."""
    bench.show(State(bench.policy), expected=(Expected("V-0007"),))
    touches("staff", "training", "training_on")(glass)
    glass.page.click("#language")
    glass.type("visit", "V-0042")
    left_alone(bench, glass)
    expect(glass.page.locator("#visit")).to_have_value("")
    assert glass.page.get_attribute("html", "lang") == "zh-CN"
    assert not glass.page.is_visible("#drill")
    glass.touch("待核验名单 1")
    left_alone(bench, glass)
    expect(glass.page.locator("#visit")).to_be_visible()
    assert "V-0007" not in glass.page.content()


def test_every_touch_counts(bench: Bench, glass: Glass) -> None:
    """Keys too; and a screen that is opened after a rest stays as long."""
    touches("staff", "duty")(glass)
    attended(bench, glass)
    bench.glass_s += INSIDE_S - 1
    glass.page.wait_for_timeout(1100)
    with glass.page.expect_request("**/room"):
        glass.page.keyboard.press("Tab")
    for _ in range(PATIENCE_MS // LOOK_MS):
        if bench.room._touched_s == bench.glass_s:
            break
        glass.page.wait_for_timeout(LOOK_MS)
    bench.glass_s += 2
    bench.again()
    glass.page.wait_for_timeout(100)
    assert glass.page.get_attribute("#main", "data-step") == "duty"


def test_the_first_touch_of_a_page_opened_a_moment_ago_counts(bench: Bench, glass: Glass) -> None:
    """Where somebody was at the glass just before."""
    touches("staff", "duty")(glass)
    attended(bench, glass)
    glass.page.add_init_script("Object.defineProperty(Event.prototype, 'timeStamp', { get: () => 400 })")
    glass.page.reload()
    glass.page.wait_for_function(SHOWN)
    with glass.page.expect_request("**/room"):
        glass.page.keyboard.press("Tab")


def test_an_emergency_that_waits_for_its_account_keeps_no_pin(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["emergency"])
    glass.touch("说明紧急情况")
    glass.type("officer-pin", "480273")
    glass.page.keyboard.press("Tab")
    left_alone(bench, glass)
    glass.page.wait_for_selector("#main[data-step=done][data-part='']")
    assert glass.page.locator("#officer-pin").count() == 0


def test_a_check_is_not_disturbed(bench: Bench, glass: Glass) -> None:
    """Its steps have times of their own: she may read as long as those last."""
    touches("staff", "training", "training_on")(glass)
    attended(bench, glass)
    bench.show(states(bench.policy)["notice"])
    glass.touch("我已阅读")
    bench.glass_s += INSIDE_S
    bench.again()
    glass.page.wait_for_timeout(100)
    assert glass.title == "是否同意核验？"
