"""Whoever stands for her is asked first how they are related, and only whom the rules let in this case is offered."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import expect

from daemon.events import Consented, Event
from daemon.finger_events import FingerConsented
from daemon.minors import UNDER_14
from daemon.state import State, Step
from evidence.record import Outcome
from tests.daemon.kiosk.support import DOCUMENT, PATIENCE_MS, Bench, Glass, states
from tests.daemon.kiosk.test_kiosk_screens import MEASURE

CHILD = replace(DOCUMENT, findings=(UNDER_14,))


def told(bench: Bench) -> Event:
    return bench.events.get(timeout=PATIENCE_MS / 1000)


def asked(bench: Bench, glass: Glass, state: State, *touches: str) -> list[str]:
    """The relations that are offered, after what leads there."""
    bench.show(state)
    glass.step(state.step.value)
    for word in touches:
        glass.touch(word)
    expect(glass.page.locator("#title")).to_have_text("您与她是什么关系？")
    assert bench.events.empty(), "nothing is agreed to yet"
    return glass.page.locator(".choices button").all_inner_texts()


def test_the_notice(bench: Bench, glass: Glass) -> None:
    offered = asked(bench, glass, states(bench.policy)["notice"], "我已阅读", "监护人或被委托人代为同意")
    assert offered == [one.title for one in bench.policy.delegates]
    glass.page.set_viewport_size({"width": 1024, "height": 600})
    measured = glass.page.evaluate(MEASURE)
    assert (measured["small"], measured["wide"], measured["cut"], measured["emergency"]) == ([], False, [], True)
    glass.touch("返回")
    expect(glass.page.locator("#title")).to_have_text("是否同意核验？")
    glass.touch("监护人或被委托人代为同意")
    glass.touch(offered[0])
    event = told(bench)
    assert isinstance(event, Consented)
    assert (event.by, event.relation) == ("delegate", bench.policy.delegates[0].relation)
    glass.check()


def test_a_childs_finger(bench: Bench, glass: Glass) -> None:
    child = replace(states(bench.policy)["finger"], document=CHILD)
    (guardian,) = asked(bench, glass, child, "监护人同意")
    glass.touch(guardian)
    event = told(bench)
    assert isinstance(event, FingerConsented)
    assert (event.consent.purpose, event.consent.by, event.consent.relation) == ("compare", "delegate", "guardian")


def test_an_enrolment(bench: Bench, glass: Glass) -> None:
    enrol = replace(states(bench.policy)["finger"], step=Step.ENROL, outcome=Outcome.PASSED)
    assert len(asked(bench, glass, enrol, "监护人或被委托人代为同意")) == len(bench.policy.delegates)
    glass.page.locator(".choices button").first.click()
    event = told(bench)
    assert isinstance(event, FingerConsented)
    assert (event.consent.purpose, event.consent.relation) == ("enrol", bench.policy.delegates[0].relation)


def test_who_may_not_is_told_so(bench: Bench, glass: Glass) -> None:
    bench.show(replace(states(bench.policy)["notice"], trouble="relation_not_open"))
    glass.step("notice")
    expect(glass.page.locator("#trouble")).to_have_text("此人不能在这种情况下代为同意或代签，请另选他人")
