"""A reason that seems to hold somebody's number is refused where it is typed, and can be mended there."""

from __future__ import annotations

from playwright.sync_api import expect

from daemon.events import Explained, Proposed
from tests.daemon.kiosk.support import PATIENCE_MS, Bench, Glass, states
from tests.daemon.support import PINS

OFFICER, PIN = next(iter(PINS.items()))


def test_of_a_decision(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["decision"])
    glass.step("decision")
    glass.touch("未通过")
    glass.type("reason", "本人 990000199003070521 不愿")
    glass.page.locator("#reason").press("Enter")
    expect(glass.page.locator("#trouble")).to_contain_text("原因中像有身份证号码")
    assert "不愿" in glass.page.input_value("#reason"), "to be mended"
    assert bench.events.empty()
    glass.type("reason", "本人不愿")
    glass.page.locator("#reason").press("Enter")
    event = bench.events.get(timeout=PATIENCE_MS / 1000)
    assert isinstance(event, Proposed)
    assert event.reason == "本人不愿"
    glass.check()


def test_of_an_emergency_before_a_pin_counts(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["emergency"])
    glass.step("done")
    glass.page.click("#language")
    glass.touch("Explain the emergency")
    for reason, pin in (("call 139 0000 0001", "000000"), ("haemorrhage", PIN)):
        glass.type("reason", reason)
        glass.type("officer-id", OFFICER)
        glass.type("officer-pin", pin)
        glass.page.locator("#officer-pin").press("Enter")
        if pin != PIN:
            expect(glass.page.locator("#refused")).to_contain_text("seems to hold a mobile number")
    event = bench.events.get(timeout=PATIENCE_MS / 1000)
    assert isinstance(event, Explained)
    assert event.statement.reason == "explanation: haemorrhage"
