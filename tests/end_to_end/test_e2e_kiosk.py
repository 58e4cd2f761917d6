"""Checks as people play them: a browser on the real unit's page, fingers on its buttons, cards on its reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from daemon.demo.people import ANNA, BELLA, STRANGER
from daemon.demo.stage import OFFICERS, Stage
from daemon.selftest import TESTS
from tests.end_to_end.hands import Hands, hands_on
from tests.end_to_end.support import all_receipted, check_rows, silent
from tests.support.brokers import wait_for

FIRST, SECOND = OFFICERS


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(silent) as opened:
        yield opened


@pytest.fixture
def hands(stage: Stage, browser: Browser) -> Iterator[Hands]:
    with hands_on(stage, browser) as made:
        yield made


@pytest.fixture
def patient_hands(stage: Stage, browser: Browser) -> Iterator[Hands]:
    with hands_on(stage, browser, patient=True) as made:
        yield made


def test_pass_with_signature(patient_hands: Hands) -> None:
    """A willing woman: few touches; what is hers leaves the screen by itself within ten seconds of the result."""
    hands = patient_hands
    hands.stage.look(ANNA)
    hands.begin("V-0101")
    hands.consent()
    hands.lay()
    hands.sign()
    assert hands.glass.title == "通过"
    assert hands.touches <= 12
    expect(hands.page.locator("dl")).to_contain_text("990**")
    hands.glass.shot("live-passed")
    hands.page.wait_for_selector("#main[data-step=idle]", timeout=20_000)
    assert "990**" not in hands.page.content()


def test_refusal_signed_by_her_delegate(hands: Hands) -> None:
    hands.begin("V-0102")
    hands.touch("拒绝核验")
    hands.glass.step("decision")
    hands.decide("拒绝", "本人拒绝")
    hands.confirm(FIRST)
    hands.glass.step("sign")
    hands.touch("签名完成")
    expect(hands.page.locator("#trouble")).to_contain_text("请签名")
    hands.page.get_by_text("配偶").click()
    hands.sign()
    assert hands.glass.title == "拒绝"
    hands.touch("完成")


def test_two_officers_and_never_one_twice(hands: Hands) -> None:
    hands.begin("V-0103")
    hands.touch("由工作人员处理")
    hands.decide("无法核验", "昏迷")
    hands.confirm(FIRST)
    expect(hands.page.locator(".officers")).to_contain_text("1/2")
    hands.confirm(FIRST)
    expect(hands.page.locator("#trouble")).to_contain_text("须由另一名工作人员确认")
    hands.confirm(SECOND)
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    assert hands.glass.title == "无法核验"


def test_parked_and_resumed(hands: Hands) -> None:
    """The second officer comes later; the next woman begins meanwhile."""
    hands.begin("V-0104")
    hands.touch("由工作人员处理")
    hands.decide("人工核验", "护照")
    hands.confirm(FIRST)
    expect(hands.page.locator(".officers")).to_contain_text("1/2")
    hands.touch("第二人未到，先核验下一位")
    hands.glass.step("idle")
    hands.begin("V-0105")
    hands.touch("人已离开")
    hands.glass.step("done")
    hands.touch("完成")
    hands.glass.step("idle")
    hands.page.click("#staff")
    expect(hands.page.locator("section").first).to_contain_text("V-0104")
    hands.touch("继续核验")
    hands.glass.step("confirm")
    hands.confirm(SECOND)
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    assert hands.glass.title == "人工核验"


def amend(hands: Hands, what: str, reason: str) -> None:
    """Something that came later, about the newest check without a visit's number."""
    hands.page.click("#staff")
    hands.page.get_by_role("button", name="补充 P-").first.click()
    hands.touch(what)
    hands.glass.type("reason", reason)
    hands.glass.type("officer-id", FIRST)
    hands.glass.type("officer-pin", OFFICERS[FIRST])
    hands.touch("保存")
    expect(hands.page.locator("#hint")).to_have_text("已补充记录")


def emergency(hands: Hands) -> None:
    hands.stage.wait_for_door(locked=True)
    hands.page.click("#emergency")
    hands.stage.wait_for_door(locked=False)
    hands.glass.step("done")
    assert hands.glass.title == "紧急放行"


def test_emergency_explained_and_later_remarked(hands: Hands) -> None:
    emergency(hands)
    hands.touch("说明紧急情况")
    hands.touch("胎儿娩出")
    hands.confirm(SECOND)
    hands.glass.step("idle")
    hands.stage.wait_for_door(locked=True)
    amend(hands, "备注", "母婴平安")


def test_emergency_touched_by_mistake_is_told_later(hands: Hands) -> None:
    """The door stays open until somebody has accounted for it."""
    emergency(hands)
    hands.touch("稍后说明")
    hands.glass.step("idle")
    assert not hands.stage.coprocessor.locked
    amend(hands, "紧急放行系误触", "碰到按钮")
    hands.stage.wait_for_door(locked=True)


def test_in_english(hands: Hands) -> None:
    hands.page.click("#language")
    hands.touch("Begin")
    hands.glass.step("notice")
    hands.touch("Documents only")
    hands.glass.step("card")
    hands.touch("No ID card")
    hands.touch("Only an e-ID on the phone")
    hands.glass.step("decision")
    assert hands.glass.trouble == "Only an e-ID on the phone"
    hands.touch("Cannot be verified")
    hands.touch("No document")
    hands.glass.step("confirm")
    assert hands.glass.title == "Staff, please confirm"
    hands.touch("Take back")
    hands.glass.step("decision")


def test_drill(hands: Hands) -> None:
    hands.page.click("#staff")
    hands.touch("演练")
    hands.touch("开始演练")
    hands.begin("V-0107")
    assert hands.view()["drill"] is True
    expect(hands.page.locator("#drill")).to_be_visible()
    hands.touch("人已离开")
    hands.glass.step("done")
    expect(hands.page.locator("#drill")).to_be_visible()
    owed = hands.view()["owed"]
    assert "V-0107" not in [one["visit"] for one in owed]


def test_wrong_pins_lock_out(hands: Hands) -> None:
    hands.begin("V-0108")
    hands.touch("由工作人员处理")
    hands.decide("拒绝", "本人拒绝")
    for _ in range(5):
        hands.confirm("o-999", "000000")
        expect(hands.page.locator(".wrong")).to_have_text("工号或密码错误")
        assert hands.page.input_value("#officer-pin") == ""
    hands.confirm("o-999", "000000")
    expect(hands.page.locator(".wrong")).to_have_text("多次错误，已锁定五分钟")
    hands.glass.shot("live-locked-out")


def test_face_is_mirrored_while_it_is_compared(hands: Hands) -> None:
    """Through camera, daemon and page; another woman's face takes three tries, so there is time to look."""
    hands.stage.look(STRANGER)
    hands.begin("V-0109")
    hands.consent()
    hands.page.evaluate(
        """() => new MutationObserver((_, self) => {
          if (document.querySelector('#mirror[data-live=yes]')) { window.mirrored = true; self.disconnect(); }
        }).observe(document.body, { subtree: true, childList: true, attributes: true })"""
    )
    hands.lay(BELLA)
    hands.glass.step("decision")
    assert hands.page.evaluate("window.mirrored") is True
    assert hands.page.locator("canvas").count() == 0


def test_shift_and_selftest(hands: Hands) -> None:
    """An officer takes over, and asks the unit what is in order; the clock of a test machine need not be."""
    hands.page.click("#staff")
    hands.touch("交接班")
    hands.glass.type("officer-id", FIRST)
    hands.glass.type("officer-pin", OFFICERS[FIRST])
    hands.touch("接班")
    expect(hands.page.locator("#place")).to_contain_text(FIRST)
    hands.touch("自检")
    hands.glass.type("officer-pin", OFFICERS[FIRST])
    hands.touch("开始自检")
    found = hands.page.locator("ul.list li")
    expect(found).to_have_count(len(TESTS), timeout=30_000)
    expect(found.filter(has_text="读卡器")).to_contain_text("正常")
    hands.glass.shot("live-selftest")
    hands.touch("交接班")
    hands.touch("下班")
    expect(hands.page.locator("#place")).not_to_contain_text(FIRST)
    hands.stage.screen.touch("log_in", officer=FIRST, pin=OFFICERS[FIRST])  # as it was
    expect(hands.page.locator("#place")).to_contain_text(FIRST)


def test_night_is_the_units(hands: Hands) -> None:
    """The button's night is still there on a page that is loaded anew, before its first view."""

    def light() -> str | None:
        return hands.page.get_attribute("html", "data-light")

    usual = light()
    hands.page.click("#light")
    wanted = "day" if usual == "night" else "night"
    assert light() == wanted
    served = f'data-light="{wanted}"'
    wait_for(lambda: served in hands.page.request.get(hands.page.url).text(), "the unit's own night")
    hands.page.click("#light")


def test_everything_reached_the_hospital(hands: Hands) -> None:
    hands.begin("V-0110")
    hands.touch("人已离开")
    hands.glass.step("done")
    wait_for(lambda: bool(check_rows(hands.stage)), "the record at the gateway", 60)
    all_receipted(hands.stage)
    verified = hands.stage.verify()
    assert verified["sound"], verified
