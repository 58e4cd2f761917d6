"""Forms at the screen: printed by a touch, the printer's state in words; officers draw their names before her."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import expect

from daemon.events import OnDuty, Signed
from daemon.paper_events import OfficerSigned, PrintWanted
from daemon.printing.spool import Paper
from daemon.state import State
from evidence.record import Outcome
from tests.daemon.kiosk.support import SIZES, Bench, Glass, states

DUTY = OnDuty("o-101", "officer", "2026-03-02T04:00:00.000Z", "pin")
SAID = {
    Paper.WAITING: "正在准备打印",
    Paper.PRINTING: "正在打印",
    Paper.PRINTED: "已打印",
    Paper.PAPER_OUT: "缺纸",
    Paper.STOPPED: "已停止",
    Paper.GONE: "无应答",
    Paper.REFUSED: "不接受",
    Paper.UNUSABLE: "无法生成",
    Paper.DROPPED: "由医院网关补打",
    Paper.UNKNOWN: "不确定",
}
CUT_OFF = "document.querySelector('#main').scrollHeight - document.querySelector('#main').clientHeight"
ONCE_MORE = (Paper.PRINTED, Paper.UNKNOWN)


def test_forms_are_printed_by_a_touch_and_the_printer_is_heard(bench: Bench, glass: Glass) -> None:
    done = states(bench.policy)["passed"]
    bench.show(done, printing={"can": True, "state": "nothing"})
    glass.page.get_by_role("button", name="打印表单").click()
    assert isinstance(bench.events.get(timeout=20), PrintWanted)
    assert set(SAID) == set(Paper) - {Paper.NOTHING}
    for state, words in SAID.items():
        bench.show(done, printing={"can": True, "state": state.value})
        glass.page.locator("#paper", has_text=words).wait_for()
        named = "再打一份" if state in ONCE_MORE else "打印表单"
        assert glass.page.get_by_role("button", name=named).count() == 1
        bench.show(done, printing={"can": False, "state": state.value})
        glass.page.get_by_role("button", name=named).wait_for(state="hidden")
    glass.shot("passed_printing")
    for state in (Paper.PAPER_OUT, Paper.UNKNOWN):
        bench.show(State(bench.policy), printing={"can": False, "state": state.value})
        glass.page.locator("#line", has_text=SAID[state]).wait_for()
    bench.show(State(bench.policy), printing={"can": False, "state": "printed"})
    glass.page.locator("#line", has_text="不确定").wait_for(state="hidden")


def test_how_printing_stands_is_in_sight_on_a_small_screen(bench: Bench, glass: Glass) -> None:
    width, height = SIZES["small"]
    glass.page.set_viewport_size({"width": width, "height": height})
    for language in ("zh", "en"):
        for state in SAID:
            bench.show(states(bench.policy)["failed"], printing={"can": True, "state": state.value})
            said = glass.page.evaluate(
                "async (key) => (await import('/static/words.js')).say(key)", f"paper_{state.value}"
            )
            glass.page.locator("#paper", has_text=said).wait_for()
            assert glass.page.evaluate(CUT_OFF) <= 0, (language, state)
        glass.shot(f"small-{language}-paper")
        glass.page.click("#language")


def test_nothing_is_offered_without_a_printer(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["passed"])
    glass.page.get_by_role("button", name="完成").wait_for()
    assert glass.page.get_by_role("button", name="打印").count() == 0


def test_officer_draws_a_name_and_then_she_does(bench: Bench, glass: Glass) -> None:
    bench.show(replace(states(bench.policy)["sign"], outcome=Outcome.FAILED, confirmations=(), on_duty=DUTY))
    glass.page.get_by_role("button", name="核验人员签名").click()
    glass.page.get_by_text("o-101").first.wait_for()
    draw(glass, 30)
    glass.page.get_by_role("button", name="签名完成").click()
    event = bench.events.get(timeout=20)
    assert isinstance(event, OfficerSigned)
    assert event.officer == "o-101"
    assert event.png.startswith(b"\x89PNG")
    bench.tell(event)
    expect(glass.page.locator("#hint")).to_contain_text("核验人员已签名：o-101")
    glass.shot("sign_officer_signed")
    assert glass.page.get_by_role("button", name="核验人员签名").count() == 0
    draw(glass, 60)
    glass.page.get_by_role("button", name="签名完成").click()
    hers = bench.events.get(timeout=20)
    assert isinstance(hers, Signed)
    assert hers.signature.png != event.png  # her pad was empty when she began


def draw(glass: Glass, end: int) -> None:
    """A stroke over the pad that ends so many pixels below its top."""
    box = glass.page.locator("#pad").bounding_box()
    assert box is not None
    mouse, (x, y) = glass.page.mouse, (box["x"], box["y"])
    mouse.move(x + 20, y + 20)
    glass.ready()
    mouse.down()
    mouse.move(x + box["width"] / 2, y + box["height"] / 2)
    mouse.move(x + box["width"] - 20, y + end)
    mouse.up()
