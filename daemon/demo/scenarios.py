"""The scripted people: who comes, what they do, and which outcome the hospital must have in the end."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.demo.people import ANNA, BELLA, STRANGER, Person, document_of, drawn_name
from daemon.demo.screen import DemoError, View
from daemon.demo.stage import OFFICERS, Stage
from evidence.instants import china_day
from hw.camera.simulated_scene import Kind
from hw.card_reader.simulator import SimulatedCard

FIRST, SECOND = OFFICERS

Say = Callable[[str], None]


@dataclass(slots=True)
class Act:
    """One scenario being played: the stage, a voice that tells what happens, and the check as soon as there is one."""

    stage: Stage
    say: Say
    visit: str
    check: str | None = None

    def touch(self, name: str, **values: object) -> None:
        """Touch the unit's screen."""
        self.stage.screen.touch(name, **values)

    def step(self, step: str) -> View:
        """Wait until the check is at ``step``."""
        return self.stage.screen.wait(f"step {step}", lambda view: view["step"] == step)

    def card(self, person: Person, *, expired: bool = False, wrong_digit: bool = False) -> SimulatedCard:
        """``person``'s ID card."""
        today = china_day(dt.datetime.now(dt.UTC))
        return self.stage.studio.card(person, document_of(person, today, expired=expired, wrong_digit=wrong_digit))

    def begin(self) -> None:
        """A check begins."""
        self.touch("begin", visit=self.visit)
        self.check = self.step("notice")["check"]

    def consent(self) -> None:
        """She has read the notice and agrees."""
        self.touch("consent")
        self.step("card")
        self.say("notice read, consent given")

    def lay(self, card: SimulatedCard) -> None:
        """Lay the card."""
        self.stage.reader.lay(card)
        self.say("card laid on the reader")

    def decide(self, outcome: str, reason: str, *officers: str) -> None:
        """Officers decide ``outcome``, each with a PIN."""
        self.touch("propose", outcome=outcome, reason=reason)
        self.step("confirm")
        for officer in officers:
            self.touch("confirm", officer=officer, pin=OFFICERS[officer])
            self.say(f"officer {officer} confirms {outcome}")

    def done(self) -> View:
        """Sign, where that is asked, and wait for the committed record."""
        view = self.stage.screen.wait("the end", lambda now: now["step"] in ("sign", "done"))
        if view["step"] == "sign":
            # Who could not be verified signs nothing; whoever came with her does.
            hand = {"by": "delegate", "relation": "spouse"} if view["outcome"] == "unable" else {}
            self.touch("sign", png=drawn_name(), **hand)
            self.say(f"signed{' by her husband' if hand else ''}: {view['outcome']}")
            view = self.step("done")
        self.say(f"recorded: {view['outcome']}, seq {view['seq']}")
        return view

    def whole_check(self, live: Person, card: SimulatedCard, kind: Kind = Kind.LIVE) -> None:
        """Begin, consent, card, face; ``kind``: alive, or which attack."""
        self.begin()
        self.stage.look(live, kind)
        self.consent()
        self.lay(card)


@dataclass(frozen=True, slots=True)
class Scenario:
    """``play`` returns the last view of the check; it has the check's id.

    ``visit``: of the woman whose card it is, where she comes more than once. ``attack``: no living face may be found.
    """

    name: str
    title: str
    expected: str
    play: Callable[[Act], View]
    visit: int | None = None
    attack: bool = False


def match(act: Act) -> View:
    """She is who her card says."""
    act.stage.wait_for_door(locked=True)
    act.whole_check(ANNA, act.card(ANNA))
    view = act.done()
    act.stage.wait_for_door(locked=False)
    act.say("the door opens")
    return view


def another_person(act: Act) -> View:
    """Somebody comes with another woman's card."""
    act.whole_check(STRANGER, act.card(ANNA))
    view = act.step("decision")
    act.say(f"{view['face']['attempt']} comparisons, no match")
    act.decide("failed", "face differs from the card", FIRST)
    return act.done()


def expired(act: Act) -> View:
    """Her card has expired; her face matches."""
    act.whole_check(BELLA, act.card(BELLA, expired=True))
    view = act.step("decision")
    act.say(f"face {view['face']['decision']}, findings: {', '.join(view['findings'])}")
    act.decide("failed", "card expired", FIRST)
    return act.done()


def wrong_digit(act: Act) -> View:
    """The number on the card fails its check digit."""
    act.whole_check(ANNA, act.card(ANNA, wrong_digit=True))
    view = act.step("decision")
    act.say(f"face {view['face']['decision']}, findings: {', '.join(view['findings'])}")
    act.decide("failed", "number fails its check digit", SECOND)
    return act.done()


def refuses(act: Act) -> View:
    """She refuses; nothing is read."""
    act.begin()
    act.touch("decline", wish="refuse")
    act.step("decision")
    act.say("she refuses; the camera stays off")
    act.decide("refused", "refused by the woman herself", FIRST)
    return act.done()


def unconscious(act: Act) -> View:
    """She is unconscious: two officers, one of whom tries to count twice."""
    act.begin()
    act.decide("unable", "unconscious", FIRST)
    act.touch("confirm", officer=FIRST, pin=OFFICERS[FIRST])
    act.stage.screen.wait("the refusal of the same officer", lambda view: view["trouble"] == "same_officer")
    act.say(f"officer {FIRST} again: not accepted, another one is needed")
    act.touch("confirm", officer=SECOND, pin=OFFICERS[SECOND])
    act.say(f"officer {SECOND} confirms unable")
    return act.done()


PASSPORT = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
"""ICAO Doc 9303's specimen, of a state that does not exist; it expired in 2012."""


def foreign_document(act: Act) -> View:
    """She has a passport: an officer scans its lines, two look at it."""
    act.begin()
    act.consent()
    act.touch("no_card", cause="none_issued")
    act.step("decision")
    act.touch("document", type="passport", mrz=PASSPORT)
    view = act.stage.screen.wait("her passport", lambda now: bool(now["document"]))
    act.say(f"passport {view['document']['number']}, findings: {', '.join(view['findings'])}")
    act.decide("manual", "passport seen by both", FIRST, SECOND)
    return act.done()


def parked(act: Act) -> View:
    """The second officer is not there: her check waits, the next woman is checked, then it goes on."""
    act.begin()
    act.decide("unable", "no document", FIRST)
    act.stage.screen.wait("the first officer", lambda view: view["trouble"] == "second_officer_pending")
    act.touch("park")
    act.step("idle")
    act.say("parked, the office is called; the next woman begins")
    following = Act(act.stage, act.say, f"{act.visit}-next")
    following.begin()
    following.touch("decline", wish="refuse")
    following.step("decision")
    following.decide("refused", "refused by the woman herself", FIRST)
    following.done()
    act.touch("resume", check=act.check)
    act.step("confirm")
    act.touch("confirm", officer=SECOND, pin=OFFICERS[SECOND])
    act.say(f"officer {SECOND} has come, and confirms")
    return act.done()


def emergency(act: Act) -> View:
    """Somebody presses the button in the middle of a check; an officer accounts for it afterwards."""
    act.stage.wait_for_door(locked=True)
    act.begin()
    act.stage.coprocessor.press_emergency()
    act.stage.wait_for_door(locked=False)
    act.say("emergency button: the door is open")
    view = act.done()
    time.sleep(0.6)  # the button is let go; while it is held, the co-processor lets nobody clear it
    act.touch("explain", officer=SECOND, pin=OFFICERS[SECOND], reason="birth began at the door")
    act.step("idle")
    act.say(f"officer {SECOND} explained it: addendum")
    act.stage.wait_for_door(locked=True)
    act.say("the door is locked again")
    return view


def card_pulled(act: Act) -> View:
    """The card is pulled while it is read, and laid again."""
    act.stage.reader.lift_during_read = True
    card = act.card(ANNA)
    act.whole_check(ANNA, card)
    act.stage.screen.wait("the hint", lambda view: view["trouble"] == "card_removed")
    act.say("card pulled too early: the screen asks for it again")
    act.lay(card)
    return act.done()


def power_cut(act: Act) -> View:
    """The unit dies in the middle of a check and comes back."""
    act.begin()
    act.stage.look(None)
    act.consent()
    act.lay(act.card(BELLA))
    view = act.step("face")
    act.stage.kill_unit()
    act.say("power cut: the unit is dead")
    act.stage.wait_for_door(locked=False)
    act.say("the co-processor heard no heartbeat and opened the door")
    act.stage.reader.lift()
    act.stage.start_unit()
    act.say("the unit is back and has recorded how far the check had got")
    return view


def broker_gone(act: Act) -> View:
    """The network is gone during a check; the record arrives when it is back."""
    act.stage.broker.kill()
    act.stage.screen.wait("the line's loss", lambda view: not view["online"])
    act.say("broker gone: the check goes on")
    act.whole_check(BELLA, act.card(BELLA))
    view = act.done()
    act.stage.screen.wait("a waiting record", lambda now: now["waiting"] > 0)
    act.stage.broker.start()
    act.stage.screen.wait("the receipt", lambda now: now["online"] and not now["waiting"], within_s=60)
    act.say("broker back: delivered, receipt came")
    return view


def attack(kind: Kind, what: str) -> Callable[[Act], View]:
    """Somebody has her card, and holds her picture before the camera or feeds it in behind the lens."""

    def play(act: Act) -> View:
        act.whole_check(ANNA, act.card(ANNA), kind)
        act.stage.screen.wait("the light challenge", lambda view: view["asked"] == "light")
        act.say(f"{what}; the ring shows colours that nobody knew before")
        view = act.step("decision")
        if view["face"] is None:
            raise DemoError(f"no face was compared: {view['trouble']}")
        act.say(f"face {view['face']['decision']}, refused: {view['trouble']}")
        act.decide("failed", "not a living face", FIRST)
        return act.done()

    return play


ANNAS, BELLAS = 1, 3
"""Their visits: one card at two visits would be a finding."""
SCENARIOS = (
    Scenario("match", "she is who her card says", "passed", match, ANNAS),
    Scenario("another_person", "another woman's card", "failed", another_person, ANNAS),
    Scenario("print", "her picture on paper", "failed", attack(Kind.PRINT, "a print is held up"), ANNAS, True),
    Scenario("screen", "her picture on a screen", "failed", attack(Kind.SCREEN, "a screen is held up"), ANNAS, True),
    Scenario("injected", "a recording as camera", "failed", attack(Kind.INJECTED, "a recording runs"), ANNAS, True),
    Scenario("expired_card", "expired card", "failed", expired, BELLAS),
    Scenario("wrong_check_digit", "number with a wrong check digit", "failed", wrong_digit),
    Scenario("refusal", "she refuses", "refused", refuses),
    Scenario("unconscious", "unconscious, two officers", "unable", unconscious),
    Scenario("foreign_document", "passport, two officers", "manual", foreign_document),
    Scenario("parked", "second officer comes later", "unable", parked),
    Scenario("emergency", "emergency", "emergency", emergency),
    Scenario("card_pulled", "card pulled while reading", "passed", card_pulled, ANNAS),
    Scenario("power_cut", "unit killed in the middle", "interrupted", power_cut, BELLAS),
    Scenario("broker_gone", "broker gone and back", "passed", broker_gone, BELLAS),
)
