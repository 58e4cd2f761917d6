"""What the page does with keys, scanners, light and sound, and what it never does."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from playwright.sync_api import Browser, expect

from daemon.documents.entry import KIND_DIFFERS
from daemon.documents.mrz import MrzFinding
from daemon.events import Begin, Confirmed, Consented, Emergency, Event
from daemon.kiosk.view import VOICES
from daemon.kiosk.voice.build import WORDS, words_of
from daemon.minors import UNDER_14
from daemon.rights import DECIDES_NOTHING
from daemon.roster import read_body
from daemon.seen import READ_FOR_ANOTHER_VISIT
from daemon.selftest import TESTS
from daemon.state import State, Step
from daemon.worklist import NAME_DIFFERS, NUMBER_DIFFERS, Expected
from evidence.instants import write_instant
from evidence.record import Outcome
from evidence.webauthn import read_registration, registration_challenge
from hw.card_reader.document import Finding
from models.quality import Cause
from tests.daemon.kiosk.support import PATIENCE_MS, Bench, Glass, context_of, states
from tests.daemon.support import PINS, now

PATIENCE_S = PATIENCE_MS / 1000


def told(bench: Bench) -> Event:
    return bench.events.get(timeout=PATIENCE_S)


def begun(bench: Bench) -> Begin:
    event = told(bench)
    assert isinstance(event, Begin)
    return event


SCAN = """([text, gap]) => {
  const target = document.activeElement ?? document.body;
  let at = 1e6;
  for (const key of [...text, "Enter"]) {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    Object.defineProperty(event, "timeStamp", { value: at });
    at += gap;
    const goes = target.dispatchEvent(event);
    if (goes && target.matches("input:not([type=radio])") && key.length === 1) target.value += key;
    if (goes && key === "Enter") target.closest("form")?.requestSubmit();
  }
}"""
"""Keys as a scanner or a hand sends them: a fixed time apart."""


def test_a_scan_begins_the_check(bench: Bench, glass: Glass) -> None:
    glass.page.evaluate(SCAN, ["V-2026-0042", 8])
    event = begun(bench)
    assert (event.visit, event.visit_source) == ("V-2026-0042", "scanned")


def test_a_scan_into_the_field_is_a_scan_too(bench: Bench, glass: Glass) -> None:
    glass.page.focus("#visit")
    glass.page.evaluate(SCAN, ["V-2026-0042", 8])
    event = begun(bench)
    assert (event.visit, event.visit_source) == ("V-2026-0042", "scanned")
    assert bench.events.empty(), "and begins once"


def test_a_hand_types_slower(bench: Bench, glass: Glass) -> None:
    glass.page.focus("#visit")
    glass.page.evaluate(SCAN, ["V-0042", 120])
    event = begun(bench)
    assert (event.visit, event.visit_source) == ("V-0042", "typed")


def test_a_scan_presses_no_button(bench: Bench, glass: Glass) -> None:
    """Its Enter would otherwise touch whatever has the focus: to refuse, for instance."""
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    glass.page.get_by_role("button", name="拒绝核验").focus()
    stopped = glass.page.evaluate(
        """() => {
          const results = [];
          let at = 1e6;
          for (const key of [..."V-0042", "Enter"]) {
            const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            Object.defineProperty(event, "timeStamp", { value: (at += 8) });
            results.push(document.activeElement.dispatchEvent(event));
          }
          return results.at(-1);
        }"""
    )
    assert stopped is False
    assert bench.events.empty()


def test_keys_on_the_screen_type(bench: Bench, glass: Glass) -> None:
    glass.page.focus("#visit")
    for key in ("v", "-", "4", "2", "9"):
        glass.touch(key)
    glass.touch("删除")
    assert glass.page.input_value("#visit") == "v-42"
    glass.touch("开始核验")
    assert begun(bench).visit == "v-42"


def test_by_keyboard_alone(bench: Bench, glass: Glass) -> None:
    """Top to bottom: tools, the field, begin, and emergency last; each with a focus that is seen."""
    reached = []
    for _ in range(12):
        glass.page.keyboard.press("Tab")
        reached.append(glass.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        if reached[-1] == "emergency":
            break
        assert (
            glass.page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow; }"
            )
            != "nonenone"
        )
    wanted = ["visit", "开始核验", "emergency"]
    assert [one for one in reached if one in wanted] == wanted
    glass.page.keyboard.press("Enter")
    assert isinstance(told(bench), Emergency)
    assert bench.events.empty(), "one press, one emergency"


def test_a_new_screen_is_told_and_has_the_focus(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["card"])
    expect(glass.page.locator("#told")).to_contain_text("请将身份证放在读卡区")
    assert glass.page.get_attribute("#told", "role") == "status"
    assert glass.page.evaluate("document.activeElement.id") == "title"


@pytest.mark.parametrize("name", ["idle", "notice", "face", "confirm", "sign", "passed"])
def test_emergency_is_one_press_from_everywhere(name: str, bench: Bench, glass: Glass) -> None:
    state = State(bench.policy) if name == "idle" else states(bench.policy)[name]
    bench.show(state)
    glass.step(state.step.value)
    box = glass.page.locator("#emergency").bounding_box()
    assert box is not None
    glass.page.mouse.move(box["x"] + 20, box["y"] + 20)
    glass.page.mouse.down()
    assert isinstance(told(bench), Emergency)
    glass.page.mouse.move(5, 5)
    glass.page.mouse.up()
    assert bench.events.empty()


def test_consent_is_apart_from_the_notice(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    assert bench.policy.consent.zh.strip() not in glass.page.inner_text("main")
    for part in bench.policy.notice.parts:
        assert part.zh.strip() in glass.page.inner_text("main")
    glass.touch("我已阅读")
    assert bench.policy.consent.zh.strip() in glass.page.inner_text("main")
    assert bench.events.empty()
    glass.touch("同意并开始")
    assert isinstance(told(bench), Consented)


def heard(glass: Glass) -> list[str]:
    return [one.rpartition("/voice/")[2] for one in glass.requests if "/voice/" in one]


def test_steps_are_spoken_by_day_and_not_by_night(browser: Browser, bench: Bench) -> None:
    for hour, spoken in ((12, ["zh/card.ogg", "zh/card_removed.ogg", "zh/passed.ogg"]), (3, [])):
        with context_of(browser) as context:
            bench.hour = hour
            glass = Glass(context.new_page(), bench.server.url)
            for name in ("card", "card_again", "passed"):
                bench.show(states(bench.policy)[name])
                glass.step(states(bench.policy)[name].step.value)
                expect(glass.page.locator("#trouble")).to_have_text(
                    "证件移开过早，请重新放置" if name == "card_again" else ""
                )
            glass.page.wait_for_timeout(200)
            assert list(dict.fromkeys(heard(glass))) == spoken
            bench.show(State(bench.policy))


def test_the_notice_is_read_aloud_when_asked(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    glass.ready()
    read = f"zh/{bench.policy.notice.id}.ogg"
    assert read not in heard(glass)
    glass.touch("朗读")
    glass.page.get_by_role("button", name="停止朗读").click()
    assert read in heard(glass)


def test_voices_are_small_and_whole() -> None:
    files = sorted(VOICES.rglob("*.ogg"))
    assert sum(file.stat().st_size for file in files) <= 1_250_000
    assert all(file.read_bytes().startswith(b"OggS") for file in files)
    assert {file.stem for file in (VOICES / "en").iterdir()} <= {file.stem for file in (VOICES / "zh").iterdir()}


def test_both_languages_have_the_same_words(glass: Glass) -> None:
    different = glass.page.evaluate(
        """async () => {
          const load = (name, of) => import(`/static/words/${name}.${of}.js`);
          const found = [];
          for (const name of ["words", "troubles", "documents", "finger"]) {
            const [zh, en] = [await load(name, "zh"), await load(name, "en")];
            for (const table of Object.keys(zh)) {
              for (const key of new Set([...Object.keys(zh[table]), ...Object.keys(en[table])])) {
                const places = (words) => [...String(words).matchAll(/\\{\\d\\}/g)].map(String).sort().join();
                const both = key in zh[table] && key in en[table];
                if (!both || (table === "words" && places(zh[table][key]) !== places(en[table][key]))) found.push(key);
              }
            }
          }
          return found;
        }"""
    )
    assert different == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_there_are_words_for_everything_that_can_be_wrong(language: str) -> None:
    known = words_of(WORDS / f"troubles.{language}.js") | words_of(WORDS / f"documents.{language}.js")
    wanted = {*map(str, Finding), *map(str, Cause), NUMBER_DIFFERS, NAME_DIFFERS, *DECIDES_NOTHING.values()}
    wanted |= {
        *map(str, MrzFinding),
        KIND_DIFFERS,
        READ_FOR_ANOTHER_VISIT,
        UNDER_14,
        "guardian_must_consent",
        "guardian_must_sign",
    }
    assert wanted - set(known) == set()
    shown = {*map(str, Outcome), *map(str, Step)} - {Step.DONE}  # where the outcome is the title
    words = WORDS / f"words.{language}.js"
    assert shown <= set(words_of(words))
    for table in ("tests", "faults"):
        lines = words.read_text("utf-8").partition(f"export const {table} = {{")[2].partition("\n};")[0]
        assert set(TESTS) <= set(re.findall(r"^  (\w+):", lines, re.MULTILINE)), table


_BYTES = """const raw = (text) => {
    const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  };"""
REGISTER = f"""async ([challenge, officer]) => {{
  {_BYTES}
  const made = await navigator.credentials.create({{ publicKey: {{
    challenge: raw(challenge), rp: {{ id: "localhost", name: "Vernix" }},
    user: {{ id: new TextEncoder().encode(officer), name: officer, displayName: officer }},
    pubKeyCredParams: [{{ type: "public-key", alg: -7 }}],
    authenticatorSelection: {{ userVerification: "required" }}, timeout: 20000 }} }});
  return made.toJSON();
}}"""


def with_key(bench: Bench, glass: Glass) -> str:
    """An officer's security key is plugged in and in the roster."""
    session = glass.page.context.new_cdp_session(glass.page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    made = glass.page.evaluate(REGISTER, [registration_challenge("s1", "o-7"), "o-7"])
    key, cose = read_registration(made, "s1", "o-7")
    shown = {"method": "webauthn", "id": key, "key": cose}
    start = write_instant(now() - dt.timedelta(days=1))
    facts = {"id": "o-7", "role": "officer", "regular": True, "valid_from": start, "credentials": [shown]}
    bench.roster.replace(read_body({"version": 1, "officers": [facts]}))
    return "o-7"


def test_a_security_key_confirms(browser: Browser, bench: Bench) -> None:
    with context_of(browser) as context:
        glass = Glass(context.new_page(), bench.origin + "/")
        officer = with_key(bench, glass)
        bench.show(states(bench.policy)["confirm"])
        glass.step("confirm")
        glass.type("officer-id", "o-8")
        glass.touch("用安全密钥确认")
        expect(glass.page.locator(".wrong")).to_have_text("没有登记安全密钥")
        glass.type("officer-id", officer)
        glass.touch("用安全密钥确认")
        event = told(bench)
        assert isinstance(event, Confirmed)
        assert (event.confirmation.officer, event.confirmation.method) == (officer, "webauthn")
        glass.check()


def test_a_badge_and_a_pin_confirm(bench: Bench, glass: Glass) -> None:
    """The scanner's text goes to the officer's form, not to the visit, and is not shown."""
    bench.show(states(bench.policy)["confirm"])
    glass.step("confirm")
    glass.page.evaluate(SCAN, ["B-12345678", 8])
    assert glass.page.get_attribute("#officer-id", "placeholder") == "已读取工牌"
    assert "B-12345678" not in glass.page.content()
    glass.page.keyboard.type("480273")
    glass.touch("确认")
    expect(glass.page.locator(".wrong")).to_have_text("工牌未登记")
    assert bench.events.empty()


def test_visit_picked_from_the_worklist(bench: Bench, glass: Glass) -> None:
    expected = (Expected("V-0007", "admission", ("unable",)), Expected("V-0008"))
    bench.show(State(bench.policy), expected=expected)
    glass.touch("待核验名单 2")
    glass.touch("V-0007 · 入院 · 尚欠核验")
    event = begun(bench)
    assert (event.visit, event.visit_source, event.checkpoint) == ("V-0007", "worklist", "admission")


def test_english_has_no_chinese_left(bench: Bench, glass: Glass) -> None:
    glass.page.click("#language")
    for name, state in states(bench.policy).items():
        bench.show(state)
        glass.step(state.step.value)
        shown = glass.page.inner_text("body").replace("昏迷", "").replace("示*甲", "").replace("中文", "")
        assert [letter for letter in shown if "\u4e00" <= letter <= "\u9fff"] == [], name


def test_a_drill_cannot_be_mistaken(bench: Bench, glass: Glass) -> None:
    glass.page.click("#staff")
    glass.touch("演练")
    glass.touch("开始演练")
    assert glass.page.inner_text("#drill") == "演练，不计入统计"
    glass.touch("开始核验")
    expect(glass.page.locator("#trouble")).to_contain_text("无人当班")
    bench.duty.log_in(bench.roster.identify("o-101", PINS["o-101"]))
    glass.touch("开始核验")
    assert begun(bench).drill is True


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_times_are_those_on_chinas_walls(browser: Browser, bench: Bench, zone: str) -> None:
    """Whatever time zone the unit's system was left in: a midwife reads when it was, by the clock beside her."""
    with context_of(browser, timezone_id=zone) as context:
        glass = Glass(context.new_page(), bench.server.url)
        said = glass.page.evaluate("async (at) => (await import('/static/words.js')).clock(at)", "2026-03-01T18:30:00Z")
    assert re.fullmatch(r"0?3/0?2 0?2:30", said)
