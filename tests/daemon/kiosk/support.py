"""The page in a browser, served by the real server; the unit behind it is the test."""

from __future__ import annotations

import datetime as dt
import queue
import threading
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect

from daemon import session
from daemon.config import Kiosk
from daemon.desk import Desk
from daemon.duty import Duty
from daemon.events import Begin, CheckedElsewhere, Document, Event, Meant, OnDuty, Press, Sealed
from daemon.face_events import Liveness
from daemon.kiosk.asks import Asks
from daemon.kiosk.server import KioskServer
from daemon.kiosk.touches import Touches
from daemon.kiosk.view import page_facts, view
from daemon.officers import Roster, read_roster
from daemon.policy import Policy, load_policy
from daemon.room import Room
from daemon.selftest import TESTS
from daemon.state import State, Step
from evidence.decision import DecisionStatement
from evidence.instants import CHINA
from evidence.record import Outcome
from tests.daemon.support import Home, now
from tests.support import ROOT

SCREENS = ROOT / "build" / "screens"
PATIENCE_MS = 30_000
LOOK_MS = 10
SEEN = "const SEEN_MS = {};"
"""How long a screen must have been in sight before a touch of it counts, in press.js; as shipped half a second."""
expect.set_options(timeout=PATIENCE_MS)
INSIDE_S = 120.0
SIZES = {"small": (1024, 600), "usual": (1280, 800), "portrait": (800, 1280)}
DOCUMENT = Document(
    {"type": "resident_id_card", "method": "chip"},
    ("expired",),
    {"type": "resident_id_card", "name": "示*甲", "number": "9900**********0249"},
    "0" * 64,
)
"""As the screen may show it; nobody is called that."""


PASSPORT = Document(
    {"type": "passport", "method": "mrz"},
    ("mrz_number_check_wrong", "expired", "read_for_another_visit"),
    {"type": "passport", "name": "E" + "*" * 45, "number": "L89****C3"},
    "0" * 64,
)
"""What an officer entered: a name of 46 letters."""


def picture() -> bytes:
    """A frame of nobody: bands of colour."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, 60:260] = (90, 140, 190)
    return cv2.imencode(".jpg", image)[1].tobytes()


THERE = OnDuty("o-101", "officer", "2026-03-02T00:00:00.000Z", "pin")
"""Who is on duty as far as questions go: lists and charts are open."""


class Bench:
    """A served page whose views the test decides. ``events`` are the touches, ``asked`` the mirror's frames."""

    def __init__(self, home: Home, pack: str = "jiangxi", checkpoint: str = "delivery") -> None:
        self.policy: Policy = load_policy(pack)
        self.desk = Desk.of(self.policy)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.facts: dict[str, Any] = {"waiting": 0, "online": True, "why_offline": None}
        self.outbox = home.outbox()
        self.kept = True
        self.later = dt.timedelta()
        self.hour, self.glass_s = 12, 0.0
        around = dt.datetime(2026, 3, 2, tzinfo=CHINA)
        self.room = Room(
            lambda: around.replace(hour=self.hour), INSIDE_S, told=self.again, monotonic_s=lambda: self.glass_s
        )
        roster = self.roster = Roster(read_roster(home.config().unit.officers), self.clock)
        find, state = self.outbox.find_check, lambda: self.desk.active
        duty = self.duty = Duty(roster, self.clock, 1800.0)
        touches = Touches(self.policy, checkpoint, roster, state, self.clock, find, duty, origin=lambda: self.origin)
        found = [{"test": name, "ok": name != "clock", "text": "in words"} for name in TESTS]
        asks = Asks(self.outbox, roster, lambda: found, on_duty=lambda: self.on_duty)
        unit = replace(home.config().unit, checkpoint=checkpoint)
        self.frames = 0
        self.on_duty: OnDuty | None = THERE
        page = page_facts(unit, self.policy)
        address, room = Kiosk("127.0.0.1", 0), self.room.touched
        self.server = KioskServer(address, touches, self, page, asks=asks, mirror=self._mirror, room=room)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.show(State(self.policy))

    def post(self, event: Event) -> None:
        """As the unit hears a touch."""
        self.events.put(event.event if isinstance(event, Meant) else event)

    def keeps(self, _press: Press) -> bool:
        """As long as the test says so."""
        return self.kept

    def clock(self) -> dt.datetime:
        """The unit's, which the test may put forward by ``later``."""
        return now() + self.later

    @property
    def origin(self) -> str:
        """Of the page under the name that security keys belong to."""
        return self.server.url.rstrip("/").replace("127.0.0.1", "localhost")

    def _mirror(self, number: int, wait_s: float) -> tuple[int, bytes] | None:
        threading.Event().wait(min(wait_s, 0.05))
        if self.desk.active.step is not Step.FACE:
            return None
        self.frames = number + 1
        return number + 1, picture()

    def show(self, state: State, **facts: Any) -> None:
        """The check on the screen is now ``state``."""
        self.desk, self._shown = replace(self.desk, active=state), facts
        self.again()

    def again(self) -> None:
        """Show the same, as the room around it is by now."""
        room = {"night": self.room.night, "attended": self.room.attended}
        self.server.show(view(self.desk, **{**self.facts, **self._shown, **room}))

    def tell(self, *events: Event) -> State:
        """Step the check on the screen as the unit's loop would, and show it."""
        state = self.desk.active
        for event in events:
            state, _ = session.step(state, event)
        self.show(state)
        return state

    @property
    def statement(self) -> str:
        """The hash of what officers are asked to confirm."""
        assert self.desk.active.statement is not None
        return self.desk.active.statement.sha256

    def close(self) -> None:
        self.server.close()
        self.thread.join(20)
        self.outbox.close()
        assert not self.thread.is_alive(), "the kiosk's thread did not end"


def states(policy: Policy) -> dict[str, State]:
    """A state for each screen of a check; none of these people exist."""
    begun = State(policy, Step.NOTICE, begin=Begin("check-1", "delivery", "V-0001", "typed"))
    statement = DecisionStatement("check-1", None, Outcome.UNABLE, "昏迷", "2100-01-01T00:00:00.000Z")
    read = replace(begun, document=DOCUMENT)
    return {
        "notice": begun,
        "card": replace(begun, step=Step.CARD),
        "card_again": replace(begun, step=Step.CARD, trouble="card_removed"),
        "face": replace(read, step=Step.FACE),
        "face_hint": replace(read, step=Step.FACE, trouble="face_too_small"),
        "finger": replace(read, step=Step.FINGER),
        "decision": replace(read, step=Step.DECISION, trouble="document_findings"),
        "no_card": replace(begun, step=Step.DECISION, trouble="no_card:none_issued"),
        "unanswered": replace(read, step=Step.DECISION, trouble="liveness:light:no_response"),
        "entered": replace(
            begun,
            step=Step.DECISION,
            document=PASSPORT,
            elsewhere=CheckedElsewhere("ganfutong", "GFT-2026-0042"),
            trouble="document_entered",
        ),
        "confirm": replace(read, step=Step.CONFIRM, statement=statement),
        "confirm_entered": replace(
            begun,
            step=Step.CONFIRM,
            document=PASSPORT,
            attack=Liveness("attack", (), "light:flat_response"),
            statement=statement,
        ),
        "sign": replace(read, step=Step.SIGN, outcome=Outcome.PASSED),
        "sealing": replace(read, step=Step.SEALING, outcome=Outcome.PASSED),
        "passed": replace(read, step=Step.DONE, outcome=Outcome.PASSED, sealed=_sealed()),
        "failed": replace(read, step=Step.DONE, outcome=Outcome.FAILED, sealed=_sealed()),
        "emergency": replace(begun, step=Step.DONE, outcome=Outcome.EMERGENCY, sealed=_sealed()),
    }


def _sealed() -> Sealed:
    return Sealed("check-1", 42, "0" * 64)


def context_of(browser: Browser, size: str = "usual", **options: Any) -> BrowserContext:
    """A screen of that size."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE_MS)
    return context


def _sooner(route: Route) -> None:
    answer = route.fetch()
    body, shipped = answer.text(), SEEN.format(500)
    assert shipped in body, f"press.js has no {shipped!r}"
    route.fulfill(response=answer, body=body.replace(shipped, SEEN.format(20)))


class Glass:
    """The page as somebody sees and touches it; complaints of the browser and requests elsewhere are kept.

    A touch counts a frame after its screen is seen instead of half a second, which so many touches would wait for;
    ``patient`` is the page as shipped.
    """

    def __init__(self, page: Page, url: str, *, patient: bool = False) -> None:
        self.page, self.url = page, url
        if not patient:
            page.route("**/press.js", _sooner)
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.unanswered: set[Request] = set()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda message: self.troubles.append(message.text) if message.type == "error" else None)
        page.on("request", self._asked)
        page.on("response", lambda response: self._answered(response.request))
        page.on("requestfailed", self._answered)
        page.goto(url)
        page.wait_for_selector("#main[data-step]")

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        self.unanswered.add(request)

    def _answered(self, request: Request) -> None:
        self.unanswered.discard(request)  # a stream that was answered may still fail

    def answered(self, path: str) -> None:
        """Wait until everything that the page has asked of this path so far is answered."""
        self.page.evaluate("0")  # what the page asked before this is known when this returns
        for _ in range(PATIENCE_MS // LOOK_MS):
            if not any(request.url.endswith(path) for request in self.unanswered):
                return
            self.page.wait_for_timeout(LOOK_MS)
        raise AssertionError(f"the page waits for {path}")

    def step(self, step: str) -> None:
        """Wait until that screen is shown."""
        self.page.wait_for_selector(f"#main[data-step={step}]")

    def ready(self) -> None:
        """Wait until a press counts; a click waits by itself."""
        self.page.wait_for_selector("html:not([data-fresh])")

    def touch(self, words: str) -> None:
        """Touch the button with these words."""
        self.press(self.page.get_by_role("button", name=words, exact=True))

    def press(self, target: Locator) -> None:
        """Touch this, once a press counts."""
        target.wait_for()
        self.ready()
        target.click()

    def type(self, field: str, text: str) -> None:
        self.page.fill(f"#{field}", text)

    @property
    def title(self) -> str:
        return self.page.inner_text("#title")

    @property
    def trouble(self) -> str:
        return self.page.inner_text("#trouble")

    def shot(self, name: str) -> None:
        """Save what is in sight, for a person to look at."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{name}.png")

    def check(self) -> None:
        """The page asked for nothing elsewhere and the browser did not complain; the page is looked at no more."""
        self.page.unroute_all(behavior="ignoreErrors")  # one that is loaded anew asks for press.js until it is shut
        assert [one for one in self.requests if not one.startswith(self.url)] == []
        # A refused touch or a mirror that is shut is an answer with a status of its own, not an error of the page.
        assert [one for one in self.troubles if "Failed to load resource" not in one] == []
