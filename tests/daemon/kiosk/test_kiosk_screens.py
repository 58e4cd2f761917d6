"""Every screen in both languages and three sizes: nothing cut off, large, nothing that axe finds. With pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect

from daemon.check_id import new_check_id
from daemon.events import Begin
from daemon.selftest import TESTS
from daemon.state import State, Step
from daemon.tries import TRIES
from daemon.worklist import Expected
from evidence.record import Outcome
from tests.daemon.kiosk.support import SIZES, Bench, Glass, context_of, states
from tests.daemon.support import PINS, check_fields

MEASURE = """() => {
  const seen = [...document.querySelectorAll('button, input, label.chip')].filter((one) => one.checkVisibility());
  const small = seen.filter((one) => !one.closest('.keys.all') && !one.closest('label.chip input')).filter((one) => {
    const box = (one.closest('label.chip') ?? one).getBoundingClientRect();
    return box.height < 55.5 || box.width < 55.5;
  }).map((one) => one.textContent || one.id);
  const main = document.getElementById('main');
  const wide = document.documentElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth + 1;
  const emergency = document.getElementById('emergency').getBoundingClientRect();
  const top = document.elementFromPoint(emergency.x + emergency.width / 2, emergency.y + emergency.height / 2);
  const inside = emergency.bottom <= innerHeight && emergency.top >= 0 && emergency.height >= 56;
  const cut = seen.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent || one.id);
  const chief = seen.filter((one) => one.matches('button.first, button[type=submit]') && !one.closest('.list'));
  const hidden = chief.filter((one) => {
    const box = one.getBoundingClientRect();
    const room = one.closest('main')?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    return box.top < room.top - 1 || box.bottom > room.bottom + 1;
  }).map((one) => one.textContent);
  return { small, wide, cut, hidden, emergency: inside && Boolean(top?.closest('#emergency')) };
}"""

COMPLAINTS = """async () => {
  const found = await axe.run({ resultTypes: ['violations'] });
  return found.violations.flatMap((one) => one.nodes.map((node) => [one.id, node.html]));
}"""


def word(glass: Glass, key: str) -> str:
    """A word of the page in its language."""
    found: str = glass.page.evaluate("async (key) => (await import('/static/words.js')).say(key)", key)
    return found


def touches(*keys: str) -> Callable[[Glass], None]:
    def play(glass: Glass) -> None:
        for key in keys:
            if key == "staff":  # tells beside it how many checks wait
                glass.press(glass.page.locator("#staff"))
            else:
                glass.touch(word(glass, key))

    return play


def typing_visit(glass: Glass) -> None:
    glass.page.focus("#visit")


def signing(glass: Glass) -> None:
    glass.ready()
    box = glass.page.locator("#pad").bounding_box()
    assert box is not None
    glass.page.mouse.move(box["x"] + 40, box["y"] + 60)
    glass.page.mouse.down()
    for step in range(12):
        glass.page.mouse.move(box["x"] + 40 + 25 * step, box["y"] + 60 + 40 * (step % 2))
    glass.page.mouse.up()


def with_pin(glass: Glass) -> None:
    glass.page.focus("#officer-pin")


def live(glass: Glass) -> None:
    glass.page.wait_for_selector("#mirror[data-live=yes]")


def of_worklist(glass: Glass) -> None:
    glass.touch(f"{word(glass, 'worklist')} {len(EXPECTED)}")


def document(glass: Glass, kind: str) -> None:
    glass.touch(word(glass, "document_enter"))
    glass.touch(glass.page.evaluate("async (kind) => (await import('/static/places.js')).documentName(kind)", kind))


def zone(glass: Glass) -> None:
    document(glass, "passport")
    glass.type("mrz-1", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<")
    glass.page.focus("#mrz-2")


def typed(glass: Glass) -> None:
    document(glass, "foreigner_residence_permit")
    glass.touch(word(glass, "by_typing"))
    glass.page.focus("#number")


def channel(glass: Glass) -> None:
    glass.touch(word(glass, "channel_enter"))
    glass.press(glass.page.locator(".choices button >> nth=0"))
    glass.page.focus("#reference")


def at_night(glass: Glass) -> None:
    """From here on."""
    glass.press(glass.page.locator("#light"))


def by_officer(officer: str, ok: str) -> Callable[[Glass], None]:
    """The PIN is right; whoever is locked out is refused all the same."""

    def play(glass: Glass) -> None:
        glass.type("officer-id", officer)
        glass.type("officer-pin", PINS[officer])
        glass.touch(word(glass, ok))

    return play


def locked_out(glass: Glass) -> None:
    by_officer(LOCKED, "confirm_touch")(glass)
    expect(glass.page.locator("#refused")).not_to_be_empty()


def queue(glass: Glass) -> None:
    touches("staff")(glass)
    unlinked(glass).wait_for()


def unlinked(glass: Glass) -> Locator:
    """The way to the check of a visit that nobody has linked."""
    return glass.page.locator("button[aria-label$=' P-1']").first


def charts(glass: Glass) -> None:
    touches("staff", "charts")(glass)
    expect(glass.page.locator(".charts svg")).to_have_count(4)


def second_of_two(glass: Glass) -> None:
    touches("staff")(glass)
    glass.press(unlinked(glass))
    touches("amend_nobody_checked")(glass)
    glass.type("reason", "孩子误触")
    by_officer(OFFICER, "save")(glass)
    expect(glass.page.locator("#hint")).to_contain_text(word(glass, "amend_second"))


def self_tested(glass: Glass) -> None:
    touches("staff", "engineer")(glass)
    by_officer(OFFICER, "run_selftest")(glass)
    expect(glass.page.locator("ul.list li")).to_have_count(len(TESTS))


def chosen_signer(glass: Glass) -> None:
    signing(glass)
    glass.press(glass.page.locator("#signer label").first)


OFFICER, LOCKED = PINS
EXPECTED = tuple(Expected(f"V-{number:04}", "delivery", ("unable",) * (number % 2)) for number in range(5))
NOTHING = touches()
SHOTS: dict[str, tuple[str, Callable[[Glass], None], dict[str, Any]]] = {
    "idle": ("idle", NOTHING, {}),
    "idle_offline": (
        "idle",
        NOTHING,
        {
            "online": False,
            "waiting": 12,
            "troubles": ("thermal:no_answer",),
            "storage": {"state": "low", "days_left": 41, "free_mb": 400},
        },
    ),
    "idle_typing": ("idle", typing_visit, {}),
    "idle_expected": ("idle", NOTHING, {"expected": EXPECTED}),
    "worklist": ("idle", of_worklist, {"expected": EXPECTED}),
    "notice": ("notice", NOTHING, {}),
    "consent": ("notice", touches("read_notice"), {}),
    "relation": ("notice", touches("read_notice", "agree_delegate"), {}),
    "card": ("card", NOTHING, {}),
    "card_again": ("card_again", NOTHING, {}),
    "card_ways": ("card", touches("no_card"), {}),
    "face": ("face", live, {}),
    "face_hint": ("face_hint", live, {}),
    "face_light": ("face", live, {"asked": "light"}),
    "face_turn": ("face", live, {"asked": "turn_left"}),
    "skip": ("face", touches("staff_decides", "skip_light"), {}),
    "finger": ("finger", NOTHING, {}),
    "decision": ("decision", NOTHING, {}),
    "unanswered": ("unanswered", NOTHING, {"troubles": ("light:unseen",)}),
    "reason": ("decision", touches("failed"), {}),
    "document": ("no_card", touches("document_enter"), {}),
    "document_zone": ("no_card", zone, {}),
    "document_typed": ("no_card", typed, {}),
    "document_entered": ("entered", NOTHING, {}),
    "channel": ("no_card", channel, {}),
    "confirm": ("confirm", NOTHING, {}),
    "read_again": ("late", NOTHING, {}),
    "locked_out": ("confirm", locked_out, {}),
    "confirm_pin": ("confirm", with_pin, {}),
    "confirm_entered": ("confirm_entered", NOTHING, {}),
    "confirm_entered_pin": ("confirm_entered", with_pin, {}),
    "sign": ("sign", signing, {}),
    "sign_unable": ("sign_unable", chosen_signer, {}),
    "sealing": ("sealing", NOTHING, {}),
    "passed": ("passed", NOTHING, {}),
    "failed_offline": ("failed", NOTHING, {"online": False, "waiting": 3}),
    "emergency": ("emergency", NOTHING, {}),
    "explain": ("emergency", touches("explain"), {}),
    "mistaken": ("emergency", touches("amend_mistaken_emergency"), {}),
    "queue": ("idle", queue, {}),
    "amend_second": ("idle", second_of_two, {}),
    "charts": ("idle", charts, {}),
    "devices": ("idle", touches("staff", "devices"), {"troubles": ("thermal:no_answer", "door:no_one_shot")}),
    "engineer": ("idle", touches("staff", "engineer"), {}),
    "self_tested": ("idle", self_tested, {}),
    "duty": ("idle", touches("staff", "duty"), {}),
    "key": ("idle", touches("staff", "key"), {}),
    "training": ("idle", touches("staff", "training"), {}),
    "drill": ("drill", NOTHING, {}),
    "night": ("card_again", at_night, {}),
    "night_decision": ("decision", NOTHING, {}),
    "night_passed": ("passed", NOTHING, {}),
}


def filled(bench: Bench) -> None:
    """Checks of some days, debts and failures, for lists and charts."""
    for number, outcome in enumerate(("refused", "unable", "interrupted", "refused", "failed", "unable")):
        fields = check_fields(new_check_id(), outcome)
        bench.outbox.append({**fields, "checkpoint": ("delivery", "admission")[number % 2]})
    missed = {
        "score": 0.1,
        "threshold": 0.4,
        "decision": "no_match",
        "frames": 3,
        "attempts": 3,
        "model": dict.fromkeys(("detector", "embedding", "liveness"), "0" * 64),
    }
    for number in range(4):
        fields = check_fields(new_check_id(), "unable")
        bench.outbox.append({**fields, "face": {**missed, **({"cause": "face_too_dark"} if number == 3 else {})}})
    nobody = check_fields(new_check_id(), "interrupted")
    bench.outbox.append({**nobody, "visit": {"ref": "P-1", "source": "provisional"}})
    bench.facts["owed"] = bench.outbox.owed
    for _ in range(TRIES):  # without the time that each PIN takes
        bench.roster._tries.failed(LOCKED)
    bench.desk = replace(bench.desk, parked=(parked(bench, "V-0001"), parked(bench, "V-0002")))


def parked(bench: Bench, visit: str) -> State:
    """A check that waits for its second officer since now."""
    made = states(bench.policy)["confirm"]
    return replace(made, begin=Begin(new_check_id(), "delivery", visit, "scanned"))


def state_of(bench: Bench, name: str) -> State:
    if name == "idle":
        return State(bench.policy)
    if name == "drill":
        card = states(bench.policy)["card"]
        assert card.begin is not None
        return replace(card, begin=replace(card.begin, drill=True))
    made = states(bench.policy)
    if name == "sign_unable":
        return replace(made["sign"], outcome=Outcome.UNABLE)
    if name == "late":
        return replace(made["notice"], step=Step.DECISION, trouble="timeout:card")
    return made[name]


def complaints(glass: Glass) -> list[str]:
    found = glass.page.evaluate(COMPLAINTS)
    return [f"{rule}: {html[:120]}" for rule, html in found]


def faults(glass: Glass, name: str) -> list[str]:
    """What is wrong with the screen that is shown."""
    measured = glass.page.evaluate(MEASURE)
    expected = {"small": [], "wide": False, "cut": [], "hidden": [], "emergency": True}
    ill_made = [] if measured == expected else [f"{name}: {measured}"]
    return ill_made + [f"{name}: {one}" for one in complaints(glass)]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_every_screen(browser: Browser, bench: Bench, size: str, language: str) -> None:
    filled(bench)
    wrong: list[str] = []
    with context_of(browser, size, reduced_motion="reduce") as context:
        glass = Glass(context.new_page(), bench.server.url)
        glass.page.evaluate(Axe().axe_script)  # half a megabyte: once, not for each screen
        for name, (state, play, facts) in SHOTS.items():
            back_to_idle(bench, glass)
            bench.show(state_of(bench, state), **facts)
            glass.step(state_of(bench, state).step.value)
            if language == "en" and glass.page.get_attribute("html", "lang") != "en":  # idle is Chinese
                glass.press(glass.page.locator("#language"))
            play(glass)
            wrong += faults(glass, name)
            glass.shot(f"{size}-{language}-{name}")
            assert glass.page.get_attribute("html", "lang") == ("zh-CN" if language == "zh" else "en")
        bench.server.close()
        glass.page.wait_for_selector("#main[data-step=lost]")
        wrong += faults(glass, "lost")
        glass.shot(f"{size}-{language}-lost")
        glass.check()
    assert wrong == []


def back_to_idle(bench: Bench, glass: Glass) -> None:
    """Another check is shown in between, so that no part of a screen stays open."""
    bench.show(states(bench.policy)["sealing"])
    glass.step("sealing")
