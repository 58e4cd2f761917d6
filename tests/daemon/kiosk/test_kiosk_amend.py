"""At the page: what waits for somebody, what takes two officers, who may sign, and the way back to the card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from playwright.sync_api import expect

from daemon.check_id import new_check_id
from daemon.events import Amended, ReadAgain, Signed
from daemon.outbox.checks import SHOWN
from daemon.state import State, Step
from evidence.record import Outcome
from tests.daemon.kiosk.support import Bench, Glass, states
from tests.daemon.kiosk.test_kiosk_page import SCAN, told
from tests.daemon.support import PINS, check_fields

FIRST, SECOND = PINS


def ended(bench: Bench, outcome: str, visit: str, source: str = "typed", **more: Any) -> str:
    check = new_check_id()
    bench.outbox.append({**check_fields(check, outcome), "visit": {"ref": visit, "source": source}, **more})
    return check


def test_a_settled_check_is_found_by_her_wristband(bench: Bench, glass: Glass) -> None:
    """For her signature, hours later: masked in the list, and by its visit whoever is on duty by then."""
    wanted = ended(bench, "refused", "V-2026-0042")
    ended(bench, "refused", "V-2026-0043", role="claimant")
    asks = bench.server._asks
    assert asks is not None
    bench.server._asks = replace(asks, visit_of=lambda one: "***0042" if one == wanted else "")
    glass.page.click("#staff")
    recent = glass.page.locator("section.list").last
    expect(recent).to_contain_text("最近的核验 (2)")
    expect(recent).to_contain_text("***0042")
    glass.page.evaluate(SCAN, ["V-2026-0042", 8])
    expect(recent).to_contain_text("最近的核验 · V-2026-0042 (1)")
    assert bench.events.empty(), "it begins nothing here"
    glass.shot("queue-found")
    recent.get_by_role("button", name="补充").click()
    expect(glass.page.locator("#title")).to_have_text("补充什么？")
    glass.touch("返回")
    glass.touch("显示全部")
    expect(recent).to_contain_text("最近的核验 (2)")
    glass.type("find-visit", "99000019900307052X")
    glass.touch("查找就诊")
    expect(glass.page.locator("#trouble")).to_contain_text("就诊号不能是身份证号码")


def confirm(glass: Glass, officer: str) -> None:
    glass.type("officer-id", officer)
    glass.type("officer-pin", PINS[officer])
    glass.touch("保存")


def test_what_waits_is_all_there_and_two_officers_settle_it(bench: Bench, glass: Glass) -> None:
    emergency = ended(bench, "emergency", "V-OLD")
    for number in range(SHOWN + 2):
        ended(bench, "interrupted", f"V-{number}")
    nobody = ended(bench, "interrupted", "P-1", "provisional", step_reached="notice")
    bench.show(State(bench.policy), owed=bench.outbox.owed)
    glass.touch(f"工作人员 {SHOWN + 1}")
    lists = glass.page.locator("section.list")
    expect(lists.first).to_contain_text("紧急放行，待说明 (1)")
    expect(lists.first).to_contain_text("V-OLD")
    assert "V-0 " not in lists.nth(2).inner_text()
    glass.touch("更早的")
    expect(lists.nth(2)).to_contain_text(f"尚欠核验 ({SHOWN + 3})")
    expect(glass.page.get_by_role("button", name="更早的")).to_have_count(0)
    glass.shot("queue-owed")
    glass.page.get_by_role("button", name="补充 P-1").first.click()
    glass.touch("无人到场核验（两人确认）")
    glass.type("reason", "孩子误触")
    confirm(glass, FIRST)
    expect(glass.page.locator("#hint")).to_contain_text("请第二名工作人员确认")
    assert glass.page.input_value("#officer-pin") == ""
    glass.shot("amend-second")
    confirm(glass, FIRST)
    expect(glass.page.locator("#hint")).to_contain_text("须由另一名工作人员确认")
    glass.type("reason", "孩子误触")
    confirm(glass, FIRST)
    expect(glass.page.locator("#hint")).to_contain_text("请第二名工作人员确认")
    confirm(glass, SECOND)
    amended = told(bench)
    assert isinstance(amended, Amended)
    assert [one.officer for one in amended.confirmations] == [FIRST, SECOND]
    assert (amended.to.check, amended.statement.reason) == (nobody, "nobody_checked: 孩子误触")
    assert emergency != nobody


def test_who_could_not_be_verified_is_signed_for(bench: Bench, glass: Glass) -> None:
    bench.show(replace(states(bench.policy)["sign"], outcome=Outcome.UNABLE))
    glass.step("sign")
    assert "本人" not in glass.page.inner_text("#signer")
    expect(glass.page.locator("input[name=signer]:checked")).to_have_count(0)
    glass.ready()
    box = glass.page.locator("#pad").bounding_box()
    assert box is not None
    glass.page.mouse.move(box["x"] + 40, box["y"] + 40)
    glass.page.mouse.down()
    glass.page.mouse.move(box["x"] + 160, box["y"] + 90, steps=4)
    glass.page.mouse.up()
    glass.touch("签名完成")
    assert glass.trouble == "请选择签名人"
    glass.shot("sign-unable")
    glass.page.get_by_text("配偶", exact=True).click()
    glass.touch("签名完成")
    signed = told(bench)
    assert isinstance(signed, Signed)
    assert (signed.signature.by, bench.events.empty()) == ("delegate", True)


def test_a_childs_guardian_signs_hours_later_too(bench: Bench, glass: Glass) -> None:
    document = {"type": "resident_id_card", "findings": ["under_14"]}
    ended(bench, "unable", "V-1", document=document)
    ended(bench, "unable", "V-2", document={**document, "findings": []})
    bench.show(State(bench.policy), owed=bench.outbox.owed)
    glass.touch("工作人员 2")
    for visit, offered in (("V-1", ["guardian"]), ("V-2", ["self", *bench.policy.stand_ins(child=False)])):
        glass.page.get_by_role("button", name=f"补充 {visit}").first.click()
        glass.touch("补签名")
        assert [one.get_attribute("value") for one in glass.page.locator("#signer input").all()] == offered
        glass.touch("返回")
        glass.touch("返回")


def test_way_back_to_the_card(bench: Bench, glass: Glass) -> None:
    late = replace(states(bench.policy)["notice"], step=Step.DECISION, trouble="timeout:card")
    bench.show(late)
    glass.step("decision")
    glass.shot("decision-read-again")
    glass.touch("可以刷证，继续核验")
    assert isinstance(told(bench), ReadAgain)
    bench.show(states(bench.policy)["entered"])
    expect(glass.page.get_by_role("button", name="可以刷证，继续核验")).to_have_count(0)
