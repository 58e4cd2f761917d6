"""At the page: who is verified, of which week, and whom the policy tells; offered only where the policy asks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from daemon.events import Begin
from daemon.state import State
from evidence.record import Outcome
from tests.daemon.kiosk.support import Bench, Glass, context_of, states
from tests.daemon.kiosk.test_kiosk_page import SCAN, begun
from tests.daemon.support import Home

HIDDEN = "() => { const main = document.getElementById('main'); return main.scrollHeight - main.clientHeight; }"
"""How much of the screen lies out of sight."""


@pytest.fixture
def issuing(home: Home) -> Iterator[Bench]:
    """The desk where birth certificates are given out."""
    made = Bench(home, checkpoint="certificate")
    yield made
    made.close()


def test_who_comes_for_a_certificate_is_asked(issuing: Bench, browser: Browser) -> None:
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), issuing.server.url)
        expect(glass.page.locator("input[name=role]:checked")).to_have_value("mother")
        glass.touch("开始核验")
        assert begun(issuing).role == "mother"
        glass.page.get_by_text("领证人", exact=True).click()
        issuing.show(State(issuing.policy), waiting=3)
        expect(glass.page.locator("#line")).to_contain_text("3")
        glass.shot("idle-certificate")
        glass.page.evaluate(SCAN, ["V-0009", 8])
        event = begun(issuing)
        assert (event.role, event.visit) == ("claimant", "V-0009")
        issuing.tell(event)
        glass.step("notice")
        assert "领证人" in glass.page.inner_text("#place")
        issuing.show(State(issuing.policy))
        glass.step("idle")
        expect(glass.page.locator("input[name=role]:checked")).to_have_value("mother")
        glass.check()


def test_a_result_says_what_waits_for_a_verified_identity(browser: Browser, bench: Bench) -> None:
    """As the pack's ``holds_back`` has it. Care never waits, and after a pass nothing does."""
    made = states(bench.policy)
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), bench.server.url)
        for checkpoint, held in (
            ("registration", "通过核验后方可建册"),
            ("certificate", "通过核验后方可签发出生医学证明"),
            ("art_transfer", "通过核验后方可实施辅助生殖技术"),
            ("delivery", None),
        ):
            begin = Begin("check-1", checkpoint, "V-0001", "typed")
            bench.show(replace(made["failed"], begin=begin))
            glass.step("done")
            expect(
                glass.page.get_by_text(f"照护照常进行 · {held}" if held else "照护照常进行", exact=True)
            ).to_be_visible()
            bench.show(replace(made["passed"], begin=begin))
            expect(glass.page.get_by_text("通过核验后方可")).to_have_count(0)
        glass.check()


def test_a_result_says_whom_to_tell_and_by_when(browser: Browser, bench: Bench) -> None:
    failed = states(bench.policy)["failed"]
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), bench.server.url)
        bench.show(failed, online=False, waiting=3)
        glass.step("done")
        said = "请报告：本院值班办公室（立即）、属地公安机关（立即）、属地卫生健康行政部门（24 小时内）"
        expect(glass.page.locator("#to-tell")).to_have_text(said)
        glass.shot("failed-to-tell")
        assert glass.page.evaluate(HIDDEN) <= 0, "all of it is in sight"
        glass.page.click("#language")
        in_english = "Tell: hospital office (at once), police (at once), health authority (within 24 h)"
        expect(glass.page.locator("#to-tell")).to_have_text(in_english)
        for name, drill in (("passed", False), ("failed", True)):
            state = states(bench.policy)[name]
            assert state.begin is not None
            bench.show(replace(state, begin=replace(state.begin, drill=drill)))
            expect(glass.page.locator("#title")).to_have_text({"passed": "Passed", "failed": "Not passed"}[name])
            expect(glass.page.locator("#to-tell")).to_have_count(0)
        glass.check()


@pytest.fixture
def antenatal(home: Home) -> Iterator[Bench]:
    """A clinic where a check is due from week 20 on."""
    made = Bench(home, "hainan", "antenatal")
    yield made
    made.close()


def test_a_week_may_say_that_no_check_is_due_yet(antenatal: Bench, browser: Browser) -> None:
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), antenatal.server.url)
        glass.page.focus("#week")
        for digit in ("1", "9"):
            glass.touch(digit)
        glass.shot("idle-week")
        assert glass.page.evaluate(HIDDEN) <= 0, "field and keys are in sight together"
        glass.touch("开始核验")
        early = begun(antenatal)
        assert (early.gestation_week, early.checkpoint) == (19, "antenatal")
        antenatal.tell(early)
        glass.step("notice")
        expect(glass.page.locator("#hint")).to_have_text("未满 20 周，可不核验")
        glass.shot("notice-not-due")
        glass.touch("我已阅读")
        expect(glass.page.locator("#title")).to_have_text("是否同意核验？")
        antenatal.show(State(antenatal.policy))
        glass.step("idle")
        assert glass.page.input_value("#week") == ""
        glass.type("week", "2x")
        glass.touch("开始核验")
        expect(glass.page.locator("#trouble")).to_have_text("孕周须为 0 至 45 的整数")
        glass.shot("idle-week-wrong")
        glass.type("week", "20")
        glass.touch("开始核验")
        antenatal.tell(begun(antenatal))
        glass.step("notice")
        expect(glass.page.locator("#hint")).to_be_empty()
        glass.check()


def test_only_who_may_sign_in_this_case_is_offered(bench: Bench, glass: Glass) -> None:
    def offered() -> list[str]:
        return [one.get_attribute("value") or "" for one in glass.page.locator("#signer input").all()]

    sign = states(bench.policy)["sign"]
    bench.show(sign)
    glass.step("sign")
    assert offered() == ["self", *bench.policy.relations]
    bench.show(replace(sign, outcome=Outcome.UNABLE))
    expect(glass.page.locator("#signer input[value=self]")).to_have_count(0)
    assert offered() == [one for one in bench.policy.relations if one != "entrusted_person"]


def test_nobody_is_asked_where_only_one_can_come(bench: Bench, glass: Glass) -> None:
    glass.step("idle")
    assert glass.page.locator("#role, #week").count() == 0
    glass.touch("开始核验")
    assert begun(bench).role == "mother"
