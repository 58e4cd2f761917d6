"""The screen: from a touch to what is seen of it, from the emergency's touch to the open door, how many touches, and
how long the page is away when it is loaded anew.

A real unit with simulated devices, its page in headless Chromium, a mouse for a finger. The door is the simulated
co-processor's, on its real wire.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import Page, sync_playwright

from daemon.demo.people import ANNA, document_of
from daemon.demo.stage import OFFICERS, Stage
from tests.bench.table import Row
from tests.support.programs import read_list

ROUNDS = 10
EMERGENCIES = 8
CHECKS = 5
LOADS = 10
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

WATCH = """() => {
  window.seen = [];
  let touched = null;
  addEventListener("pointerdown", () => { touched = performance.now(); }, true);
  new MutationObserver(() => {
    if (touched === null) return;
    const from = touched;
    touched = null;
    requestAnimationFrame(() => requestAnimationFrame(() => window.seen.push(performance.now() - from)));
  }).observe(document.getElementById("title"), { childList: true, characterData: true, subtree: true });
}"""
"""From the finger's press to the frame after the one that draws the next screen's title."""


@contextmanager
def opened_page(stage: Stage) -> Iterator[Page]:
    """The unit's page in headless Chromium, idle."""
    path = read_list()["chromium"].find()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_FLAGS, headless=True)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(stage.url)
        page.wait_for_selector("#main[data-step=idle]")
        page.evaluate(WATCH)
        yield page
        browser.close()


def _step(page: Page, step: str) -> None:
    page.wait_for_selector(f"#main[data-step={step}]")


def _touch(page: Page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()


def _touches(page: Page) -> list[float]:
    """Through the usual screens and back; milliseconds of each touch."""
    for _ in range(ROUNDS):
        for words, step in (
            ("开始核验", "notice"),
            ("我已阅读", "notice"),
            ("同意并开始", "card"),
            ("没有身份证", "card"),
        ):
            _touch(page, words)
            _step(page, step)
        _touch(page, "返回")
        _touch(page, "人已离开")
        _step(page, "done")
        _touch(page, "完成")
        _step(page, "idle")
    seen: list[float] = page.evaluate("window.seen")
    return seen


def _emergency_ms(stage: Stage, page: Page) -> float:
    """From the press to the lock without power, seen every half millisecond."""
    stage.wait_for_door(locked=True)
    box = page.locator("#emergency").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 20)
    start_s = time.monotonic()
    page.mouse.down()
    while stage.coprocessor.locked:
        if time.monotonic() - start_s > 10:
            raise RuntimeError("the door did not open")
        time.sleep(0.0005)
    took_ms = (time.monotonic() - start_s) * 1e3
    page.mouse.up()
    _step(page, "done")
    officer, pin = next(iter(OFFICERS.items()))
    stage.screen.touch("explain", officer=officer, pin=pin, reason="bench")
    _step(page, "idle")
    return took_ms


def _draw(page: Page) -> None:
    page.wait_for_selector("html:not([data-fresh])")
    box = page.locator("#pad").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 90, steps=6)
    page.mouse.up()


def willing_s(stage: Stage, page: Page) -> tuple[int, float]:
    """One willing woman: touches of her whole check, and seconds from her card to the signed record."""
    stage.look(ANNA)
    card = stage.studio.card(ANNA, document_of(ANNA, dt.datetime.now().astimezone().date()))
    for words in ("开始核验", "我已阅读", "同意并开始"):
        _touch(page, words)
    _step(page, "card")
    start_s = time.monotonic()
    stage.reader.lay(card)
    _step(page, "sign")
    _draw(page)
    _touch(page, "签名完成")
    _step(page, "done")
    took_s = time.monotonic() - start_s
    _touch(page, "完成")
    _step(page, "idle")
    stage.reader.lift()
    return 6, took_s


def _loaded_ms(stage: Stage, page: Page) -> float:
    """The page from nothing to the unit's view: after each start of the unit nobody can touch anything for so long."""
    start_s = time.monotonic()
    page.goto(stage.url)
    _step(page, "idle")
    return (time.monotonic() - start_s) * 1e3


def run() -> Sequence[Row]:
    """Play it all on one stage."""
    with Stage(lambda _text: None) as stage, opened_page(stage) as page:
        seen = _touches(page)
        opened = [_emergency_ms(stage, page) for _ in range(EMERGENCIES)]
        checks = [willing_s(stage, page) for _ in range(CHECKS)]
        loads = [_loaded_ms(stage, page) for _ in range(LOADS)]
    p95, slowest = float(np.percentile(seen, 95)), max(opened)
    touches, longest_s = max(count for count, _ in checks), max(seconds for _, seconds in checks)
    return [
        Row(f"touch to visible, {len(seen)} touches, median", float(np.median(seen)), "ms"),
        Row(f"touch to visible, {len(seen)} touches, p95", p95, "ms", "<= 100", p95 <= 100),
        Row(f"emergency touch to open door, median of {len(opened)}", float(np.median(opened)), "ms"),
        Row(f"emergency touch to open door, slowest of {len(opened)}", slowest, "ms", "<= 300", slowest <= 300),
        Row("touches for a willing woman, signature one of them", touches, "", "<= 12", touches <= 12),
        Row(f"her card to signed record, longest of {CHECKS}", longest_s, "s", "<= 25", longest_s <= 25),
        Row(f"page loaded and the unit's view in it, median of {LOADS}", float(np.median(loads)), "ms"),
    ]
