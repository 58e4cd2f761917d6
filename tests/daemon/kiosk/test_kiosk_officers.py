"""What officers see when they are refused: lockout and after it, a key that comes too late, one that exists twice."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from daemon.events import Confirmation, Confirmed, Explained, Proposed, ShiftChanged
from daemon.kiosk.prepared import LIFETIME
from daemon.officers import COUNTER_WENT_BACK
from daemon.state import Step
from daemon.tries import LOCKED_FOR, TRIES
from evidence.instants import write_instant
from evidence.record import Outcome
from tests.daemon.kiosk.support import Bench, Glass, context_of, states
from tests.daemon.kiosk.test_kiosk_page import told, with_key
from tests.daemon.support import PINS

FIRST, SECOND = PINS
BY_KEY = "用安全密钥确认"


@pytest.fixture
def named(browser: Browser, bench: Bench) -> Iterator[Glass]:
    """The page under the name that security keys belong to."""
    with context_of(browser) as context:
        made = Glass(context.new_page(), bench.origin + "/")
        yield made
        made.check()


def ask(bench: Bench, glass: Glass) -> None:
    """Two officers are asked to confirm that a woman cannot be verified."""
    begun = states(bench.policy)["notice"]
    bench.desk = replace(bench.desk, active=begun)
    bench.tell(Proposed(Outcome.UNABLE, "昏迷", write_instant(bench.clock() + LIFETIME)))
    glass.step("confirm")


def confirm(glass: Glass, officer: str, pin: str) -> None:
    glass.type("officer-id", officer)
    glass.type("officer-pin", pin)
    glass.touch("确认")


def test_locked_out_and_in_again(bench: Bench, glass: Glass) -> None:
    """The right PIN is refused too, somebody else may go on, and after five minutes it counts again."""
    ask(bench, glass)
    wrong = glass.page.locator(".wrong")
    for _ in range(TRIES):
        confirm(glass, FIRST, "000000")
        expect(wrong).to_have_text("工号或密码错误")
    confirm(glass, FIRST, PINS[FIRST])
    expect(wrong).to_have_text("多次错误，已锁定五分钟")
    glass.shot("locked-out")
    confirm(glass, SECOND, PINS[SECOND])
    event = told(bench)
    assert isinstance(event, Confirmed)
    bench.tell(event)
    expect(glass.page.locator(".officers")).to_contain_text("1/2")
    expect(glass.page.get_by_text("第二名核验人员不在时，请联系本院值班办公室")).to_be_visible()
    bench.later += LOCKED_FOR
    confirm(glass, FIRST, PINS[FIRST])
    event = told(bench)
    assert isinstance(event, Confirmed)
    assert bench.tell(event).step is not Step.CONFIRM


def test_a_second_key_that_comes_too_late(bench: Bench, named: Glass) -> None:
    officer = with_key(bench, named)
    ask(bench, named)
    bench.tell(Confirmed(Confirmation("o-1", "officer", "pin", bench.statement)))
    expect(named.page.locator("#trouble")).to_contain_text("等待第二名")
    bench.later += LIFETIME + dt.timedelta(seconds=1)
    named.type("officer-id", officer)
    named.touch(BY_KEY)
    expect(named.page.locator(".wrong")).to_have_text("已过期，请撤回后重新处理")
    named.shot("second-key-too-late")
    assert bench.events.empty()


def test_a_key_that_exists_twice_is_said(bench: Bench, glass: Glass) -> None:
    ask(bench, glass)
    proof = {"credential_id": "a", "findings": [COUNTER_WENT_BACK]}
    bench.tell(Confirmed(Confirmation("o-1", "officer", "webauthn", bench.statement, proof)))
    expect(glass.page.locator("#body")).to_contain_text("该安全密钥可能有复制品")


def test_who_decides_about_an_unanswered_light_is_sent_to_the_ring(bench: Bench, glass: Glass) -> None:
    """A recording does not answer it, nor does anybody before a ring that is dark: whoever stands there can see it."""
    bench.show(states(bench.policy)["unanswered"], troubles=("light:unseen",))
    glass.step("decision")
    trouble, line = glass.page.locator("#trouble"), glass.page.locator("#line")
    expect(trouble).to_contain_text("对灯光没有反应（请看灯圈是否亮")
    expect(line).to_contain_text("灯圈：没有人对它有反应")
    glass.page.click("#language")
    expect(trouble).to_contain_text("no answer to the light (is the ring lit?")
    expect(line).to_contain_text("Light ring: nobody answers it")


def test_whose_check_and_until_when(bench: Bench, glass: Glass) -> None:
    """Another woman's wristband is seen on every screen of the check; the second officer sees until when."""
    bench.show(states(bench.policy)["card"])
    expect(glass.page.locator("#place")).to_contain_text("就诊号 V-0001")
    ask(bench, glass)
    hint = glass.page.locator("#hint")
    expect(hint).to_contain_text("就诊号 V-0001")
    expect(hint).to_contain_text(re.compile(r"须在 .*\d\d:\d\d 前确认"))
    begun = states(bench.policy)["notice"].begin
    assert begun is not None
    unknown = replace(begun, visit="P-1", visit_source="provisional")
    bench.show(replace(states(bench.policy)["card"], begin=unknown))
    expect(glass.page.locator("#place")).to_contain_text("未关联就诊号")


def test_another_check_that_began_elsewhere_is_not_taken_for_this_one(bench: Bench, glass: Glass) -> None:
    """The page has not seen it yet: what it asks to begin is refused with words, and they stay when it sees it."""
    bench.desk = replace(bench.desk, active=states(bench.policy)["notice"])
    glass.type("visit", "V-0002")
    glass.touch("开始核验")
    expect(glass.page.locator("#trouble")).to_contain_text("未开始（V-0002）")
    bench.again()
    glass.step("notice")
    expect(glass.page.locator("#trouble")).to_contain_text("未开始（V-0002）")
    assert bench.events.empty()


def test_a_touch_by_mistake_is_told_at_once(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["emergency"])
    glass.touch("紧急放行系误触")
    glass.touch("碰到按钮")
    confirm(glass, FIRST, PINS[FIRST])
    event = told(bench)
    assert isinstance(event, Explained)
    assert (event.said, event.statement.reason) == ({"amends": "mistaken_emergency"}, "mistaken_emergency: 碰到按钮")


def test_a_pass_that_only_lacks_a_name_goes_on_with_a_login(bench: Bench, glass: Glass) -> None:
    bench.show(replace(states(bench.policy)["decision"], trouble="nobody_on_duty"))
    glass.step("decision")
    assert "无人当班" in glass.trouble
    glass.type("officer-id", FIRST)
    glass.type("officer-pin", PINS[FIRST])
    glass.touch("接班")
    event = told(bench)
    assert isinstance(event, ShiftChanged)
    assert event.on_duty is not None
    assert (event.on_duty.officer, event.on_duty.login) == (FIRST, "pin")


def test_no_key_is_asked_for_where_the_page_has_no_name(bench: Bench, browser: Browser) -> None:
    """Browsers give an address no keys: the page says so instead of failing."""
    address = bench.origin.replace("localhost", "127.0.0.1")
    with context_of(browser) as context:
        glass = Glass(context.new_page(), address + "/")
        ask(bench, glass)
        assert glass.page.get_by_role("button", name=BY_KEY).count() == 0
        bench.show(replace(states(bench.policy)["notice"], step=Step.IDLE))
        glass.step("idle")
        glass.page.click("#staff")
        glass.touch("安全密钥")
        expect(glass.page.locator("#body")).to_contain_text("localhost")
        glass.check()


def test_who_confirms_is_told_of_an_attack_that_was_seen(bench: Bench, glass: Glass) -> None:
    """Also behind a passport that was entered after it."""
    bench.show(states(bench.policy)["confirm_entered"])
    glass.step("confirm")
    expect(glass.page.locator("dl")).to_contain_text("像平面图片")
