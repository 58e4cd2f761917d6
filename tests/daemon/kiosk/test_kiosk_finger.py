"""The finger's screens: consent of its own, slips, one instruction a cause, enrolling; with pictures."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from daemon.events import Event
from daemon.finger_events import (
    EnrolmentEnded,
    FingerConsent,
    FingerConsented,
    FingerEnrolment,
    FingerWished,
    SlipFacts,
)
from daemon.fingers import WORDS
from daemon.state import State, Step
from evidence.record import Outcome
from evidence.slip import SlipFault
from tests.daemon.kiosk.support import PATIENCE_MS, SCREENS, Bench, Glass, context_of, states
from tests.daemon.kiosk.test_kiosk_page import SCAN
from tests.daemon.kiosk.test_kiosk_screens import MEASURE
from tests.support import ROOT
from tests.support.codes import read_qr

SLIP = "VXF1" + "A" * 1900
"""As long as a real one."""
CONSENT = FingerConsent("c-1", "compare", "2026-11-22T00:00:00.000Z")
FACTS = SlipFacts("c-1", "unit-7", "2026-11-01T00:00:00.000Z", "2027-08-28T00:00:00.000Z")
LANGUAGES = ("zh", "en")
EXPLAIN = "async (key) => (await import('/static/words.js')).explain(key)"


def screens(bench: Bench) -> dict[str, State]:
    finger = states(bench.policy)["finger"]
    consented = replace(finger, finger_consent=CONSENT)
    ready = replace(consented, slip=FACTS)
    enrol = replace(finger, step=Step.ENROL, outcome=Outcome.PASSED)
    enrolled = FingerEnrolment("enrolled", None, "2027-09-18T00:00:00.000Z")
    return {
        "finger_consent": finger,
        "finger_slip": replace(consented, trouble="finger_slip_needed"),
        "finger_slip_forged": replace(consented, trouble="slip_forged"),
        "finger_slip_other": replace(consented, trouble="slip_other_person"),
        "finger_lay": replace(ready, trouble="finger_lay"),
        "finger_dry": replace(ready, trouble="finger_too_dry"),
        "finger_partial": replace(ready, trouble="finger_partial"),
        "finger_no_match": replace(ready, trouble="finger_no_match"),
        "finger_gone": replace(ready, step=Step.DECISION, trouble="device_lost:fingerprint"),
        "enrol": enrol,
        "enrol_again": replace(enrol, enrol_consent=CONSENT, trouble="finger_once_more"),
        "enrol_slip": replace(enrol, enrol_consent=CONSENT, enrolment=enrolled),
        "enrol_not": replace(
            enrol, enrol_consent=CONSENT, enrolment=FingerEnrolment("not_enrolled", "x"), trouble="finger_differs"
        ),
    }


@pytest.fixture
def fitted(bench: Bench) -> Bench:
    """A unit with a fingerprint module, on which a slip was just written."""
    bench.facts["finger_fitted"] = True
    asks = bench.server._asks
    assert asks is not None
    bench.server._asks = replace(asks, slip=lambda: SLIP)
    return bench


def test_pictures(browser: Browser, fitted: Bench) -> None:
    made = screens(fitted)
    with context_of(browser, "small") as context:
        glass = Glass(context.new_page(), fitted.server.url)
        for language in LANGUAGES:
            if language == "en":
                glass.page.click("#language")
            for name, state in made.items():
                fitted.show(state)
                glass.step(state.step.value)
                said = glass.page.evaluate(EXPLAIN, state.trouble or "")
                expect(glass.page.locator("#trouble")).to_have_text(said)
                if name == "enrol_slip":
                    glass.page.wait_for_selector("#slip[data-drawn=yes]")
                glass.shot(f"{name}-{language}-small")
                measured = glass.page.evaluate(MEASURE)
                wrong = (measured["small"], measured["wide"], measured["cut"], measured["emergency"])
                assert wrong == ([], False, [], True), f"{name} {language}"
        glass.check()
    picture = cv2.imread(str(SCREENS / "enrol_slip-en-small.png"))
    assert picture is not None
    large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    assert read_qr(np.asarray(large, np.uint8)) == SLIP, "a scanner reads the slip from the screen"


def test_way_without_a_finger_is_one_touch_away(fitted: Bench, glass: Glass) -> None:
    for name, state in screens(fitted).items():
        fitted.show(state)
        glass.step(state.step.value)
        way = glass.page.get_by_role("button", name="只查验证件" if state.step is Step.FINGER else "", exact=False)
        assert way.first.is_visible(), name
    fitted.show(screens(fitted)["enrol"])
    glass.step("enrol")
    glass.touch("不登记，继续")
    assert fitted.events.get(timeout=PATIENCE_MS / 1000) == EnrolmentEnded()


def test_touches_become_events(fitted: Bench, glass: Glass) -> None:
    def next_event() -> Event:
        return fitted.events.get(timeout=PATIENCE_MS / 1000)

    shown = screens(fitted)
    fitted.show(shown["finger_consent"])
    glass.touch("同意采集指纹")
    first = next_event()
    assert isinstance(first, FingerConsented)
    assert (first.consent.purpose, first.consent.by) == ("compare", "subject")
    fitted.show(shown["enrol"])
    glass.touch("同意登记指纹")
    second = next_event()
    assert isinstance(second, FingerConsented)
    assert (second.consent.purpose, second.consent.id != first.consent.id) == ("enrol", True)
    fitted.show(states(fitted.policy)["card"])
    glass.touch("改用指纹")
    assert next_event() == FingerWished()


def test_no_finger_is_offered_where_none_can_be_read(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["card"])
    glass.step("card")
    assert not glass.page.get_by_role("button", name="改用指纹").is_visible()


def test_scanned_slip_is_no_visit(bench: Bench, glass: Glass) -> None:
    """It was scanned before a card was read: said, and nothing begins."""
    glass.page.evaluate(SCAN, ["VXF1" + secrets.token_hex(4).upper(), 8])
    expect(glass.page.locator("#trouble")).to_contain_text("请先读取身份证")
    assert bench.events.empty()


def words_of(name: str) -> set[str]:
    text = (ROOT / "daemon/kiosk/static/words" / name).read_text("utf-8")
    return set(re.findall(r"^  (\w+): ", text, re.MULTILINE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_one_instruction_for_every_cause(language: str) -> None:
    known = words_of(f"finger.{language}.js") | words_of(f"troubles.{language}.js")
    wanted = {*WORDS.values(), *map(str, SlipFault), "finger_none", "finger_not_comparable", "finger_no_reference"}
    wanted |= {"finger_not_enrolled", "finger_no_match", "finger_slip_needed", "slip_needs_card", "slip_no_keys"}
    assert wanted - known == set()
