"""Rules by which Hypothesis plays people, devices and mains at the running unit, in any order.

No rule depends on where the check is: what is drawn must be the same in every run, and the unit goes on by itself.
"What the screen offers next" is therefore drawn as a number, and means whatever the screen then shows.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from daemon.demo.people import drawn_name
from daemon.demo.scenarios import PASSPORT
from daemon.demo.screen import DemoError
from daemon.demo.stage import OFFICERS
from tests.daemon.stateful.more_rules import FingerRules, KeyRules
from tests.daemon.stateful.plant import PACKS, PEOPLE, Plant

(_ONE, _PIN), (_OTHER, _PIN2) = OFFICERS.items()
_FIRST, _SECOND = {"officer": _ONE, "pin": _PIN}, {"officer": _OTHER, "pin": _PIN2}
_WRONG = {"officer": "o-999", "pin": "000000"}
"""Nobody: who is locked out by this is missed by none of the rules."""
_UNSEEN = {**_FIRST, "statement": "0" * 64}
"""What a page confirms that lags behind."""
_DOCUMENT = {"type": "passport", "mrz": PASSPORT}

Touch = tuple[str, dict[str, Any]]
ON: Final[dict[str, tuple[Touch, ...]]] = {
    "idle": (
        ("begin", {"visit": "V-1"}),
        ("begin", {}),
        ("begin", {"visit": "V-4", "checkpoint": "registration"}),
        ("begin", {"visit": "V-2", "drill": True}),
        ("log_in", _FIRST),
    ),
    "notice": (
        ("consent", {}),
        ("consent", {"by": "delegate", "relation": "spouse"}),
        ("decline", {"wish": "other_way"}),
        ("no_card", {"cause": "forgotten"}),
        ("propose", {"outcome": "unable", "reason": "unconscious"}),
    ),
    "card": (("decline", {"wish": "other_way"}), ("decline", {"wish": "refuse"}), ("phone", {"phone": "13000000000"})),
    "face": (("decline", {"wish": "other_way"}), ("decline", {"wish": "refuse"}), ("finger", {})),
    "finger": (("finger_consent", {"purpose": "compare"}), ("decline", {"wish": "other_way"})),
    "enrol": (("finger_consent", {"purpose": "enrol"}), ("enrol_end", {})),
    "decision": (
        ("propose", {"outcome": "refused", "reason": "her word"}),
        ("propose", {"outcome": "unable", "reason": "injured"}),
        ("propose", {"outcome": "manual", "reason": "passport"}),
        ("propose", {"outcome": "passed", "reason": "I know her"}),
        ("read_again", {}),
        ("document", _DOCUMENT),
        ("park", {}),
    ),
    "confirm": (
        ("confirm", _FIRST),
        ("confirm", _SECOND),
        ("park", {}),
        ("withdraw", {}),
        ("confirm", _WRONG),
        ("confirm", _UNSEEN),
    ),
    "sign": (
        ("sign", {"png": drawn_name()}),
        ("sign", {"png": drawn_name(), "by": "delegate", "relation": "spouse"}),
        *(("sign_later", {}), ("sign", {"png": "AAAA"})),
    ),
    "done": (("close", {}), ("explain", {**_SECOND, "reason": "birth"}), ("begin", {"visit": "V-3"})),
}
_ANY: Final[tuple[Touch, ...]] = (
    *(one for offered in ON.values() for one in offered),
    ("left", {}),
    ("log_out", {}),
    ("resume", {"check": "none"}),
    ("amend", {"check": "none", "what": "remark", **_FIRST}),
    ("begin", {"visit": 7}),
    ("nothing", {}),
)

numbers = st.integers(0, 59)
_CARDS = st.sampled_from(("anna", "bella"))


class Day(FingerRules, KeyRules):
    """One day at the entrance. ``plant`` is set by whoever runs it, and stays from day to day."""

    plant: Plant

    @rule(number=numbers)
    def go_on(self, number: int) -> None:
        """What the screen offers."""
        offered = ON.get(self.plant.view["step"])
        if offered:
            name, values = offered[number % len(offered)]
            self.plant.touch(name, **values)

    @rule(number=numbers)
    def confirmed_by_both(self, number: int) -> None:
        """A decision with all the officers that it may want."""
        self.plant.touch(*("propose",), **ON["decision"][number % 3][1])
        self.plant.touch("confirm", **_FIRST)
        self.plant.touch("confirm", **_SECOND)

    @rule(who=st.sampled_from(("anna", "anna", "bella")), looks=st.sampled_from(("anna", "anna", "stranger")))
    def card_after_consent(self, who: str, looks: str) -> None:
        """A woman who is willing, as far as the check lets her."""
        self.plant.stand(looks)
        for touch in ("close", "begin", "consent"):
            self.plant.touch(touch)
        self.plant.lay(who)

    @rule(number=numbers)
    def passport(self, number: int) -> None:
        """A woman without a card: what an officer entered is decided by both, or taken for a mistake."""
        for touch in ("close", "begin", "consent"):
            self.plant.touch(touch)
        self.plant.touch("no_card", cause="none_issued")
        self.plant.touch("document", **_DOCUMENT)
        if number % 3:
            self.confirmed_by_both(number % 3)
        else:
            self.plant.touch("read_again")

    @rule(back=st.sampled_from(("read_again", "left")), how=st.sampled_from(("no_card", "decline")), who=_CARDS)
    def mistaken(self, back: str, how: str, who: str) -> None:
        """A touch on the wrong button, and the way back."""
        for touch in ("close", "begin", "consent"):
            self.plant.touch(touch)
        self.plant.touch(how, **({"cause": "forgotten"} if how == "no_card" else {"wish": "refuse"}))
        self.plant.touch(back)
        self.plant.touch("consent")
        self.plant.lay(who)

    @rule(challenge=st.sampled_from(("light", "motion")))
    def skip(self, challenge: str) -> None:
        """A challenge that she cannot do, before her card or while she is looked at."""
        self.plant.touch("skip_challenge", challenge=challenge, reason="her eyes", **_SECOND)

    @rule(who=st.sampled_from(tuple(PEOPLE)))
    def card(self, who: str) -> None:
        """At any time."""
        self.plant.lay(who)

    @rule(who=st.sampled_from(tuple(PEOPLE)))
    def camera(self, who: str) -> None:
        """Somebody steps before it."""
        self.plant.stand(who)

    @rule(number=numbers, twice=st.booleans())
    def any_touch(self, number: int, twice: bool) -> None:
        """Of this screen or of another one; a page that lags behind may send it."""
        name, values = _ANY[number % len(_ANY)]
        for _ in range(1 + twice):
            self.plant.touch(name, **values)

    @rule()
    def resume(self) -> None:
        """The second officer has come."""
        for parked in self.plant.view["parked"][:1]:
            self.plant.touch("resume", check=parked["check"])

    @rule(how=st.sampled_from(("screen", "button")))
    def emergency(self, how: str) -> None:
        self.plant.emergency(how)

    @rule(what=st.sampled_from(("mistaken_emergency", "explanation", "nobody_checked", "visit", "remark")))
    def amend(self, what: str) -> None:
        """About an emergency that waits, else about the newest debt; with both officers, where it takes them."""
        for one in self.plant.view["owed"][:1]:
            both = {"second": _FIRST} if one["kinds"].get(what) == 2 else {}
            said = {"visit": "V-9"} if what == "visit" else {"reason": "later"}
            self.plant.touch("amend", check=one["check"], what=what, **said, **_SECOND, **both)

    @rule(part=st.sampled_from(("reader", "coprocessor", "fingerprint", "gateway")))
    def away(self, part: str) -> None:
        self.plant.away(part)

    @rule()
    def back(self) -> None:
        self.plant.back()

    @invariant()
    def holds(self) -> None:
        """What must hold at any moment, seen from outside."""
        self.plant.judge()

    def teardown(self) -> None:
        """The day ends: every check has its one record, at the hospital. After a fault nothing more can be said."""
        error = sys.exc_info()[1]
        try:
            if error is None and self.plant.fault is None:
                self.plant.settle()
        except (AssertionError, DemoError) as late:
            error = late
            raise
        finally:
            if error is not None:
                self.plant.failed(error)


class LongDay(Day):
    """With power cuts, time that passes and a broker that dies: all that takes long."""

    @rule(after_ms=st.integers(0, 300), how=st.sampled_from((None, "screen", "button")))
    def cut(self, after_ms: int, how: str | None) -> None:
        self.plant.cut(after_ms / 1e3, how)

    @rule(seconds=st.sampled_from((1.0, 4.0, 7.0)))
    def wait(self, seconds: float) -> None:
        """Somebody has gone for a coffee: the time of a step may be over."""
        self.plant.trail.append(f"nothing for {seconds:g} s")
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            time.sleep(0.25)
            self.plant.judge()

    @rule(pack=st.sampled_from(tuple(PACKS)))
    def another_pack(self, pack: str) -> None:
        self.plant.run_under(pack)

    @rule()
    def broker(self) -> None:
        self.plant.away("broker")
