"""Who plays at the unit's page in a browser: fingers on its buttons, cards on its reader."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser

from daemon.demo.people import ANNA, Person, document_of
from daemon.demo.screen import TouchRefusedError, View
from daemon.demo.stage import OFFICERS, Stage
from tests.daemon.kiosk.support import Glass, context_of
from tests.support.brokers import wait_for

SHOWN = "async () => { const { now } = await import('/static/state.js'); return [now.view.step, now.view.check]; }"


class Hands:
    """Who plays: ``touches`` counts what an officer's or a woman's finger did."""

    def __init__(self, stage: Stage, glass: Glass) -> None:
        self.stage, self.glass, self.page = stage, glass, glass.page
        self.touches = 0

    def touch(self, words: str) -> None:
        self.touches += 1
        self.glass.touch(words)

    def begin(self, visit: str = "") -> None:
        if visit:
            self.glass.type("visit", visit)
        self.touch("开始核验")
        self.glass.step("notice")

    def consent(self) -> None:
        self.touch("我已阅读")
        self.touch("同意并开始")
        self.glass.step("card")

    def lay(self, person: Person = ANNA, *, expired: bool = False, wrong_digit: bool = False) -> None:
        today = dt.datetime.now().astimezone().date()
        document = document_of(person, today, expired=expired, wrong_digit=wrong_digit)
        self.stage.reader.lay(self.stage.studio.card(person, document))

    def decide(self, outcome: str, reason: str) -> None:
        self.touch(outcome)
        self.touch(reason)
        self.glass.step("confirm")

    def confirm(self, officer: str, pin: str | None = None) -> None:
        self.glass.type("officer-id", officer)
        self.glass.type("officer-pin", pin or OFFICERS[officer])
        self.touch("确认")

    def draw(self) -> None:
        self.touches += 1
        self.glass.ready()
        box = self.page.locator("#pad").bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + 30, box["y"] + 40)
        self.page.mouse.down()
        for step in range(8):
            self.page.mouse.move(box["x"] + 30 + 30 * step, box["y"] + 40 + 30 * (step % 2))
        self.page.mouse.up()

    def sign(self) -> None:
        self.glass.step("sign")
        self.draw()
        self.touch("签名完成")
        self.glass.step("done")

    def view(self) -> View:
        """What the unit shows now: not what it showed before that which the page shows already."""
        wait_for(lambda: self._told() == self.page.evaluate(SHOWN), "the view that the page shows")
        return self.stage.screen.wait("a view", bool)

    def _told(self) -> list[object]:
        now = self.stage.screen.wait("a view", bool)
        return [now["step"], now["check"]]


@contextmanager
def hands_on(stage: Stage, browser: Browser, *, patient: bool = False) -> Iterator[Hands]:
    """A page on the idle unit; it is left idle too. ``patient`` hands touch the page as shipped."""
    with context_of(browser) as context:
        glass = Glass(context.new_page(), stage.url, patient=patient)
        made = Hands(stage, glass)
        yield made
        step = made.view()["step"]
        glass.check()
    stage.reader.lift()
    stage.look(None)
    while step != "idle":
        with suppress(TouchRefusedError):  # it has gone on meanwhile
            stage.screen.touch("close" if step == "done" else "left")
        step = stage.screen.wait("another screen", lambda now, left=step: now["step"] != left)["step"]
