"""What is asked of her, or of a guardian, is heard: by day every step's, in Mandarin and in English."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from daemon.finger_events import FingerEnrolment
from daemon.fingers import WORDS as SENSOR
from daemon.kiosk.view import VOICES
from daemon.kiosk.voice.build import prompts
from daemon.minors import UNDER_14
from daemon.state import State, Step
from evidence.record import Outcome
from evidence.slip import SlipFault
from tests.daemon.kiosk.support import DOCUMENT, PATIENCE_MS, Bench, Glass, context_of, states
from tests.daemon.kiosk.test_kiosk_finger import screens

SILENT = {Step.IDLE, Step.SEALING, Step.NOTING}
"""Nobody is asked for anything."""
LOOK_MS = 25
CHILD = replace(DOCUMENT, findings=(UNDER_14,))


def asking(bench: Bench) -> dict[str, tuple[State, tuple[str, ...]]]:
    """Screens of a check, and what each of them says when it comes up."""
    made, finger = states(bench.policy), screens(bench)
    told = replace(made["decision"], document=CHILD, trouble="guardian_must_consent")
    unable = replace(made["sign"], outcome=Outcome.UNABLE)
    not_enrolled = replace(finger["enrol"], enrolment=FingerEnrolment("not_enrolled", "given_up"))
    return {
        "notice": (made["notice"], ("notice",)),
        "card": (made["card"], ("card",)),
        "face": (made["face"], ("face",)),
        "finger": (finger["finger_consent"], ("finger_consent",)),
        "finger of a child": (replace(finger["finger_consent"], document=CHILD), ("finger_consent_guardian",)),
        "slip": (finger["finger_slip"], ("slip_scan",)),
        "lay the finger": (finger["finger_lay"], ("finger",)),
        "enrol": (finger["enrol"], ("enrol",)),
        "enrol a child": (replace(finger["enrol"], document=CHILD), ("enrol_guardian",)),
        "enrolled": (finger["enrol_slip"], ("slip_written",)),
        "not enrolled": (not_enrolled, ("not_enrolled",)),
        "decision": (made["decision"], ("decision",)),
        "guardian": (told, ("decision", "guardian_must_consent")),
        "confirm": (made["confirm"], ("confirm",)),
        "sign": (made["sign"], ("sign",)),
        "sign for a child": (replace(made["sign"], document=CHILD), ("sign_guardian",)),
        "sign for who cannot": (unable, ("sign_family",)),
        "passed": (made["passed"], ("passed",)),
    }


LISTEN = """() => {
  if (window.played) {
    window.played.length = 0;
    return;
  }
  window.played = [];
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    window.played.push(this.src.split("/voice/")[1]);
    return play.call(this);
  };
}"""
"""A file that was fetched once is not fetched again: what is played is noted in the page, from now on."""


def spoken(glass: Glass) -> list[str]:
    return list(glass.page.evaluate("window.played"))


def hears(bench: Bench, glass: Glass, state: State, words: tuple[str, ...], language: str = "zh") -> None:
    bench.show(states(bench.policy)["sealing"])
    glass.step("sealing")
    glass.page.evaluate(LISTEN)
    bench.show(state)
    glass.step(state.step.value)
    wanted = [f"{language}/{word}.ogg" for word in words]
    for _ in range(PATIENCE_MS // LOOK_MS):
        if wanted[-1] in spoken(glass):
            break
        glass.page.wait_for_timeout(LOOK_MS)
    assert spoken(glass) == wanted


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_step_that_asks_for_something_says_so(browser: Browser, bench: Bench, language: str) -> None:
    bench.facts["finger_fitted"] = True
    shown = asking(bench)
    assert {state.step for state, _ in shown.values()} == set(Step) - SILENT
    with context_of(browser) as context:
        glass = Glass(context.new_page(), bench.server.url)
        if language == "en":
            glass.page.click("#language")
        for state, words in shown.values():
            hears(bench, glass, state, words, language)
        glass.check()


def test_consent_is_asked_for_aloud(bench: Bench, glass: Glass) -> None:
    hears(bench, glass, states(bench.policy)["notice"], ("notice",))
    with glass.page.expect_request("**/zh/consent.ogg"):
        glass.touch("我已阅读")


def test_what_comes_next_within_a_step_is_said(bench: Bench, glass: Glass) -> None:
    """A challenge is asked for, and over: what the step began with is not said again."""
    face = states(bench.policy)["face"]
    hears(bench, glass, face, ("face",))
    for asked in ("light", None, "blink", None):
        bench.show(face, asked=asked)
        title = "请眨眼" if asked == "blink" else "请看镜头，灯光会变色" if asked else "请看镜头"
        glass.page.wait_for_function("title => document.getElementById('title').textContent === title", arg=title)
    glass.page.wait_for_timeout(200)
    assert spoken(glass) == ["zh/face.ogg", "zh/ask_light.ogg", "zh/ask_blink.ogg"]


def test_what_is_in_the_way_of_her_face_is_said_and_seen(bench: Bench, glass: Glass) -> None:
    """While she is looked at: one instruction in the place of the hint, gone when nothing is in the way."""
    face = states(bench.policy)["face"]
    hears(bench, glass, face, ("face",))
    for hint, text in (("face_too_small", "请靠近镜头"), (None, "")):
        bench.show(face, hint=hint)
        expect(glass.page.locator("#trouble")).to_have_text(text)
    bench.show(replace(face, trouble="face_not_hers"))
    expect(glass.page.locator("#trouble")).to_have_text("没有认出您：请靠近镜头，请旁人让开")
    assert spoken(glass) == ["zh/face.ogg", "zh/face_too_small.ogg", "zh/face_not_hers.ogg"]
    bench.show(states(bench.policy)["decision"], hint="face_too_small")
    expect(glass.page.locator("#trouble")).to_have_text("证件存在问题，请核对")


def test_what_is_heard_is_what_is_seen() -> None:
    """A clip for every prompt in both languages and for nothing else, and every instruction of the finger has one."""
    for language in ("zh", "en"):
        wanted = dict(prompts(language))
        assert {file.stem for file in (VOICES / language).glob("*.ogg")} == set(wanted)
        slips = {str(one) for one in SlipFault}
        fingers = {*SENSOR.values(), *slips, "finger_none", "finger_slip_needed", "finger_no_match"}
        guardians = {UNDER_14, "guardian_must_consent", "guardian_must_sign"}
        assert fingers | guardians <= set(wanted)


def test_an_emergency_is_heard_at_night_too(browser: Browser, bench: Bench) -> None:
    bench.hour = 3
    with context_of(browser) as context:
        glass = Glass(context.new_page(), bench.server.url)
        hears(bench, glass, states(bench.policy)["emergency"], ("emergency",))
