"""Scans: taken whole or not at all, never silently; and what was typed by hand is never one."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from daemon.state import State
from tests.daemon.kiosk.support import Bench, Glass, states
from tests.daemon.kiosk.test_kiosk_page import SCAN, begun

VISIT = "WB-20261122-0010"
AGAIN = "扫描不完整，请重新扫描，或手动输入"
ID_NUMBER = "990000199001010012"

KEYS = """([text, gaps]) => {
  const target = document.activeElement ?? document.body;
  let at = 1e6;
  for (const [index, key] of [...text, "Enter"].entries()) {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    Object.defineProperty(event, "timeStamp", { value: (at += gaps[index] ?? 8) });
    const goes = target.dispatchEvent(event);
    if (goes && target.matches("input:not([type=radio])") && key.length === 1) target.value += key;
    if (goes && key === "Enter") target.closest("form")?.requestSubmit();
  }
}"""
"""Keys 8 ms apart, but where ``gaps`` has another time before one."""


def keys(glass: Glass, text: str, gaps: dict[int, float]) -> None:
    glass.page.evaluate(KEYS, [text, {str(index): gap for index, gap in gaps.items()}])


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("gap_ms", [200, 1000, 2900])
def test_an_interrupted_scan_is_dropped_and_asked_for_again(
    bench: Bench, glass: Glass, inside: bool, gap_ms: float
) -> None:
    if inside:
        glass.page.focus("#visit")
    for place in (1, 5, len(VISIT) - 1):
        keys(glass, VISIT, {place: gap_ms})
        assert glass.trouble == AGAIN
        assert glass.page.input_value("#visit") == ""
    assert bench.events.empty()
    keys(glass, VISIT, {})
    event = begun(bench)
    assert (event.visit, event.visit_source) == (VISIT, "scanned")


def test_a_scan_that_stutters_and_a_slow_scanner_are_whole(bench: Bench, glass: Glass) -> None:
    """All keys are there; a unit that is busy is told of them late, and of their times as they were."""
    for gaps in ({5: 90.0}, dict.fromkeys(range(20), 55.0)):
        keys(glass, VISIT, gaps)
        event = begun(bench)
        assert (event.visit, event.visit_source) == (VISIT, "scanned")


def test_what_a_hand_began_and_a_scanner_ended_is_neither(bench: Bench, glass: Glass) -> None:
    glass.page.focus("#visit")
    keys(glass, "V-" + VISIT, {1: 300, 2: 700})
    assert glass.trouble == AGAIN
    assert bench.events.empty()


def test_a_hand_is_never_a_scanner(bench: Bench, glass: Glass) -> None:
    """Not with two quick keys, and not with one that is held down."""
    glass.page.focus("#visit")
    keys(glass, "V-0042", {1: 130, 2: 150, 3: 20, 4: 140, 5: 110, 6: 200})
    event = begun(bench)
    assert (event.visit, event.visit_source) == ("V-0042", "typed")
    glass.type("visit", "")
    glass.page.evaluate(
        """() => {
          const field = document.getElementById("visit");
          for (let count = 0; count < 9; count += 1) {
            const event = new KeyboardEvent("keydown", { key: "7", repeat: count > 0, bubbles: true });
            Object.defineProperty(event, "timeStamp", { value: 2e6 + count * 33 });
            field.dispatchEvent(event);
            field.value += "7";
          }
          const end = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
          Object.defineProperty(end, "timeStamp", { value: 2e6 + 330 });
          if (field.dispatchEvent(end)) field.form.requestSubmit();
        }"""
    )
    event = begun(bench)
    assert (event.visit, event.visit_source) == ("7" * 9, "typed")


def test_keys_that_went_nowhere_are_said(bench: Bench, glass: Glass) -> None:
    """A scanner too slow for one, or somebody who types beside the field; and no button is pressed by it."""
    bench.show(states(bench.policy)["notice"])
    glass.step("notice")
    glass.page.get_by_role("button", name="拒绝核验").focus()
    keys(glass, VISIT, dict.fromkeys(range(20), 80.0))
    assert glass.trouble == AGAIN
    assert bench.events.empty()


def test_a_scan_begins_the_next_check_where_one_has_ended(bench: Bench, glass: Glass) -> None:
    bench.show(states(bench.policy)["passed"])
    glass.step("done")
    keys(glass, VISIT, {})
    event = begun(bench)
    assert (event.visit, event.visit_source) == (VISIT, "scanned")


@pytest.mark.parametrize("name", ["notice", "card", "decision", "sealing"])
def test_a_scan_that_counts_for_nothing_is_said(bench: Bench, glass: Glass, name: str) -> None:
    bench.show(states(bench.policy)[name])
    glass.step(name)
    keys(glass, VISIT, {})
    expect(glass.page.locator("#trouble")).to_have_text("刚才的扫描在此画面无效")
    assert bench.events.empty()


@pytest.mark.parametrize("way", ["scanned", "typed"])
def test_an_id_number_does_not_stay_in_the_field(bench: Bench, glass: Glass, way: str) -> None:
    glass.page.focus("#visit")
    if way == "scanned":
        glass.page.evaluate(SCAN, [ID_NUMBER, 8])
    else:
        glass.type("visit", ID_NUMBER)
        glass.touch("开始核验")
    expect(glass.page.locator("#trouble")).to_have_text("就诊号不能是身份证号码")
    bench.show(State(bench.policy), waiting=5)
    expect(glass.page.locator("#line")).to_contain_text("5")
    expect(glass.page.locator("#trouble")).to_have_text("就诊号不能是身份证号码")
    kept: Any = glass.page.evaluate("[...document.querySelectorAll('input')].map((one) => one.value)")
    assert ID_NUMBER not in kept
    assert bench.events.empty()


PRESSED = """([id, keys]) => {
  const target = document.getElementById(id);
  target.focus();
  let at = 1e6;
  return keys.map(([key, gap]) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    Object.defineProperty(event, "timeStamp", { value: (at += gap) });
    return target.dispatchEvent(event);
  }).at(-1);
}"""
"""Keys on a button, each so many ms after the one before; whether the last one presses it."""
CUT_SCAN = [(key, 8) for key in VISIT]


@pytest.mark.parametrize(
    ("button", "pressed", "presses"),
    [
        ("emergency", [("Tab", 900), (" ", 40)], True),
        ("light", [("Tab", 900), (" ", 40)], True),
        ("emergency", [*CUT_SCAN, ("Enter", 1000)], True),
        ("light", [*CUT_SCAN, ("Enter", 1000)], True),
        ("light", [*[(" ", 500)] * 4, ("Enter", 500)], True),
        ("light", [*[(" ", 100)] * 4, ("Enter", 100)], True),
        ("emergency", [*CUT_SCAN, (" ", 8)], True),
        ("light", [*CUT_SCAN, (" ", 8)], False),
        ("light", [*CUT_SCAN, ("Enter", 8)], False),
    ],
)
def test_a_button_takes_the_keys_of_hands(
    button: str, pressed: list[tuple[str, int]], presses: bool, glass: Glass
) -> None:
    """No key of a scan reaches one, but the emergency button loses none to what might be a scan."""
    assert glass.page.evaluate(PRESSED, [button, pressed]) is presses
