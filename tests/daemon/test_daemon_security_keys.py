"""Two officers with security keys confirm one statement; what must fail, fails; and the record can be verified."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from daemon import record_fields
from daemon.check_id import new_check_id
from daemon.demo.people import drawn_name
from daemon.desk import Desk
from daemon.duty import Duty
from daemon.events import Amended, Begin, Declined, Emergency, Event, Explained, Noted, Sealed, ShiftChanged
from daemon.key_counters import FILE as KEY_COUNTERS
from daemon.key_counters import KeyCounters
from daemon.kiosk.asks import Asks
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.prepared import LIFETIME
from daemon.kiosk.touches import Touches
from daemon.kiosk.view import view
from daemon.officers import COUNTER_WENT_BACK, Roster
from daemon.outbox.checks import CheckRow
from daemon.policy import load_policy
from daemon.roster import read_body
from daemon.session import step
from daemon.state import State, Step
from daemon.tries import LOCKED_FOR, TRIES
from evidence.credentials import hash_pin
from evidence.decision import DecisionStatement, check_decision
from evidence.encoding import sha256_hex
from evidence.instants import write_instant
from evidence.keys import plain_jwk
from evidence.record import Outcome
from evidence.webauthn import challenge_of
from tests.daemon.support import Home, now
from tests.evidence.forms.samples import signature
from tests.support.soft_key import ORIGIN, SoftKey

POLICY = replace(load_policy("neutral"), signatures=())
PIN = "739104"
PIN_HASH = hash_pin(PIN)
ROW = CheckRow(
    *("0197a000-0000-7000-8000-00000000000c", 7, "ab" * 32, "delivery", "V-1", Outcome.EMERGENCY),
    *(False, "2026-11-21T08:00:00.000Z", True, True),
)
"""An emergency of hours ago that nobody has accounted for."""


class Post:
    """A unit's touches, two officers with security keys, and a statement that wants two."""

    def __init__(self, home: Home) -> None:
        self.keys = {"one": SoftKey(), "two": SoftKey(), "second key of one": SoftKey()}
        self.moment = now()
        start = write_instant(now() - dt.timedelta(days=1))
        shown: dict[str, list[dict[str, str]]] = {
            "one": [self.keys["one"].credential(), self.keys["second key of one"].credential()],
            "two": [self.keys["two"].credential()],
        }
        shown["one"].append({"method": "pin", "argon2id": PIN_HASH})
        entries: list[dict[str, Any]] = [
            {"id": name, "role": "officer", "regular": True, "valid_from": start, "credentials": shown[name]}
            for name in shown
        ]
        self.told: list[Any] = []
        self.counters = KeyCounters(home.folder / KEY_COUNTERS)
        roster = Roster(
            read_body({"version": 1, "officers": entries}),
            lambda: self.moment,
            counters=self.counters,
            tell=self.told.append,
        )
        duty = Duty(roster, lambda: self.moment, 600.0)
        self.touches = Touches(
            POLICY,
            "delivery",
            roster,
            lambda: self.state,
            lambda: self.moment,
            lambda check: ROW if check == ROW.check else None,
            duty=duty,
            origin=lambda: ORIGIN,
        )
        self.state = State(POLICY)
        self.home = home
        self.take(Begin(new_check_id(), "delivery", "V-1", "typed"), Declined("other_way"))

    def take(self, *events: Any) -> None:
        for event in events:
            self.state, self.effects = step(self.state, event)

    def propose(self, outcome: str = "unable", reason: str = "unconscious") -> None:
        self.take(self.touches.event("propose", {"outcome": outcome, "reason": reason}))
        assert self.state.step is Step.CONFIRM

    @property
    def shown(self) -> dict[str, str]:
        """The statement that the page shows."""
        return {"statement": self.state.statement.sha256} if self.state.statement else {}

    @property
    def challenge(self) -> str:
        """What the page is told."""
        shown = view(Desk(self.state), waiting=0, online=True, why_offline=None)
        return str(shown["decision"]["challenge"])

    def confirm(self, officer: str, assertion: Any) -> str | None:
        """Why the confirmation was not taken, or what the screen says after it."""
        try:
            self.take(self.touches.event("confirm", {**self.shown, "officer": officer, "assertion": assertion}))
        except TouchRefused as refused:
            return refused.cause
        return self.state.trouble

    def by_key(self, touch: str, key: str = "one", officer: str = "", **values: Any) -> Event:
        """A touch beside a decision: what is to be signed is prepared first."""
        ready = self.touches.prepare({"touch": touch, **values})
        signed = self.keys[key].sign(ready["challenge"])
        who = {"officer": officer or key, "assertion": signed, "statement": ready["statement"]}
        return self.touches.event(touch, {**values, **who})


@pytest.fixture
def post(home: Home) -> Post:
    return Post(home)


def test_two_keys_confirm_one_statement_and_the_record_verifies(post: Post) -> None:
    post.propose()
    assert post.state.officers_needed == 2
    for name in ("one", "two"):
        post.confirm(name, post.keys[name].sign(post.challenge))
    assert post.state.step is Step.SEALING
    fields = record_fields.check(post.state, Outcome.UNABLE, "unconscious")
    outbox = post.home.outbox()
    try:
        outbox.append(fields)
        verified = post.home.verified(outbox)
        assert (verified.sound, verified.findings) == (True, [])
        officers = post.home.opened(outbox)[-1].payload["officers"]
    finally:
        outbox.close()
    assert [one["assertion"]["method"] for one in officers] == ["webauthn", "webauthn"]
    assert officers[0]["assertion"]["key"] == plain_jwk(post.keys["one"].key.public_key())


def test_one_person_is_never_two_officers(post: Post) -> None:
    """Neither by a second key nor by the PIN beside the key: the id counts."""
    post.propose()
    assert post.confirm("one", post.keys["one"].sign(post.challenge)) == "second_officer_pending"
    assert post.confirm("one", post.keys["second key of one"].sign(post.challenge)) == "same_officer"
    post.take(post.touches.event("confirm", {**post.shown, "officer": "one", "pin": PIN}))
    assert post.state.trouble == "same_officer"
    assert len(post.state.confirmations) == 1


def test_a_key_is_its_officers_alone(post: Post) -> None:
    post.propose()
    assert post.confirm("two", post.keys["one"].sign(post.challenge)) == "wrong_key"
    assert post.confirm("nobody", post.keys["one"].sign(post.challenge)) == "wrong_key"
    assert post.confirm("one", SoftKey().sign(post.challenge)) == "wrong_key"


def test_replay_on_another_statement(post: Post) -> None:
    post.propose(reason="first")
    made = post.keys["one"].sign(post.challenge)
    post.take(post.touches.event("withdraw", {}))
    post.propose(reason="second")
    assert post.confirm("one", made) == "key_signed_other"


def test_presigned_before_it_was_proposed(post: Post) -> None:
    """Whoever guesses all of a statement but the moment of its proposal has signed another one."""
    assert post.state.check is not None
    expires = write_instant(post.moment + LIFETIME)
    guessed = DecisionStatement(post.state.check, None, Outcome.UNABLE, "unconscious", expires)
    made = post.keys["one"].sign(challenge_of(guessed.sha256))
    assert post.confirm("one", made) == "nothing_to_confirm"
    post.moment += dt.timedelta(milliseconds=1)
    post.propose()
    assert post.confirm("one", made) == "key_signed_other"


def test_the_window_closes(post: Post) -> None:
    post.propose()
    made = post.keys["one"].sign(post.challenge)
    post.moment += LIFETIME + dt.timedelta(seconds=1)
    assert post.confirm("one", made) == "statement_expired"


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://example.org"}, {"origin": "http://localhost:1"}, {"rp_id": "example.org"}, {"flags": 1}],
)
def test_another_page_or_nobody_verified(changes: dict[str, Any], post: Post) -> None:
    post.propose()
    assert post.confirm("one", post.keys["one"].sign(post.challenge, **changes)) == "wrong_key"


@pytest.mark.parametrize(
    ("assertion", "cause"),
    [("text", "assertion_must_be_an_object"), ({}, "wrong_key"), ([], "assertion_must_be_an_object")],
)
def test_rubbish_is_named(assertion: Any, cause: str, post: Post) -> None:
    post.propose()
    assert post.confirm("one", assertion) == cause


def test_the_page_learns_which_keys_to_ask_for(post: Post) -> None:
    outbox = post.home.outbox()
    try:
        asks = Asks(outbox, post.touches.roster, list)
        told = asks.answer("keys", {"officer": " two "})
        nobody = [asks.answer("keys", values)["credentials"] for values in ({"officer": "x"}, {"officer": 5}, {})]
        with pytest.raises(TouchRefused, match="unknown_badge"):
            asks.answer("keys", {"badge": "NB-1"})
    finally:
        outbox.close()
    assert told == {"rp_id": "localhost", "credentials": [post.keys["two"].id]}
    assert nobody == [[], [], []]


AMENDMENT = {"check": ROW.check, "what": "mistaken_emergency", "reason": "a sleeve"}


def test_an_emergency_is_accounted_for_by_key(post: Post) -> None:
    """On the screen at once, or hours later from the list; what was signed stands in the addendum and verifies."""
    amended = post.by_key("amend", **AMENDMENT)
    assert isinstance(amended, Amended)
    post.take(Emergency(ROW.check, "delivery"))
    post.take(Sealed(post.state.check or "", 8, "cd" * 32))
    explained = post.by_key("explain", reason="birth under way")
    assert isinstance(explained, Explained)
    for statement, confirmations in (
        (amended.statement, amended.confirmations),
        (explained.statement, (explained.confirmation,)),
    ):
        said = {"check": statement.check, "decision": statement.to_dict()}
        check_decision({**said, "officers": record_fields.officers(confirmations)})
        assert [one.method for one in confirmations] == ["webauthn"]


def test_a_late_signature_by_key_is_that_drawing(post: Post) -> None:
    png = base64.b64decode(drawn_name())
    values = {"check": ROW.check, "what": "signature", "by": "subject", "png": drawn_name()}
    event = post.by_key("amend", **values)
    assert isinstance(event, Amended)
    assert event.statement.reason == f"signature: {sha256_hex(png)}"
    ready = post.touches.prepare({"touch": "amend", **values})
    other = base64.b64encode(signature()).decode()
    proof = {"officer": "one", "statement": ready["statement"], "assertion": post.keys["one"].sign(ready["challenge"])}
    with pytest.raises(TouchRefused, match="another_statement"):
        post.touches.event("amend", {**values, **proof, "png": other})


def test_a_login_by_key(post: Post) -> None:
    event = post.by_key("log_in")
    assert isinstance(event, ShiftChanged)
    assert event.noted.facts == {"officer": "one", "role": "officer", "login": "webauthn"}
    with pytest.raises(TouchRefused, match="wrong_key"):
        post.by_key("log_in", officer="two")


def test_what_was_prepared_is_good_once_for_this_and_for_a_while(post: Post) -> None:
    def signed() -> dict[str, Any]:
        post.moment += dt.timedelta(milliseconds=1)
        ready = post.touches.prepare({"touch": "amend", **AMENDMENT})
        made = post.keys["one"].sign(ready["challenge"])
        return {**AMENDMENT, "officer": "one", "assertion": made, "statement": ready["statement"]}

    def refused(**values: Any) -> str:
        with pytest.raises(TouchRefused) as error:
            post.touches.event("amend", values)
        return error.value.cause

    values = signed()
    assert refused(**{**values, "statement": "ab" * 32}) == "statement_expired", "made by the page, not by the unit"
    post.touches.event("amend", values)
    assert refused(**values) == "statement_expired", "a replay"
    assert refused(**{**signed(), "reason": "another one"}) == "another_statement"
    login = post.touches.prepare({"touch": "log_in"})["statement"]
    assert refused(**{**signed(), "statement": login}) == "another_statement"
    assert refused(**{**signed(), "assertion": values["assertion"]}) == "key_signed_other"
    late = signed()
    post.moment += LIFETIME + dt.timedelta(seconds=1)
    assert refused(**late) == "statement_expired"


def test_wrong_keys_lock_out_as_wrong_pins_do(post: Post) -> None:
    """Counted together; an unknown id is locked alike, but nothing that somebody typed gets into a record."""
    post.propose()
    for _ in range(TRIES - 1):
        assert post.confirm("one", post.keys["two"].sign(post.challenge)) == "wrong_key"
    with pytest.raises(TouchRefused, match="wrong_pin"):
        post.touches.event("confirm", {**post.shown, "officer": "one", "pin": "000000"})
    right = post.keys["one"].sign(post.challenge)
    assert post.confirm("one", right) == "locked"
    for _ in range(TRIES):
        post.confirm("a name", right)
    assert post.confirm("a name", right) == "locked"
    assert post.told == [Noted("officer.locked_out", {"officer": "one", "method": "pin"})]
    post.moment += LOCKED_FOR
    assert post.confirm("one", right) == "second_officer_pending"


def test_a_key_whose_counter_does_not_rise_is_a_finding(post: Post) -> None:
    """The record, an alert and the screen say so; a unit that was started anew still knows."""
    one = post.keys["one"]
    one.counter = 9
    post.by_key("amend", **AMENDMENT)
    one.counter = 10
    post.by_key("amend", **AMENDMENT)
    assert post.told == []
    again = KeyCounters(post.home.folder / KEY_COUNTERS)
    assert again.went_back(one.id, 10, "a copy")
    assert not again.went_back(one.id, 11, "the original")
    post.propose()
    one.counter = 4
    assert post.confirm("one", one.sign(post.challenge)) == "second_officer_pending"
    assert [(event.what, event.alert) for event in post.told] == [("officer.key", True)]
    assert post.told[0].facts["counter"] == 4
    shown = view(Desk(post.state), waiting=0, online=True, why_offline=None)
    assert shown["decision"]["findings"] == [COUNTER_WENT_BACK]
    (officer,) = record_fields.officers(post.state.confirmations)
    assert officer["assertion"]["findings"] == [COUNTER_WENT_BACK]


def test_counters_that_cannot_be_read_or_kept(home: Home) -> None:
    path = home.folder / KEY_COUNTERS
    path.write_text("no JSON", "utf-8")
    assert not KeyCounters(path).went_back("key", 3, "s"), "begun anew, and said in the log"
    assert KeyCounters(path).went_back("key", 2, "t")
    lost = KeyCounters(home.folder / "no such folder" / KEY_COUNTERS)
    assert not lost.went_back("key", 3, "s")
    assert lost.went_back("key", 3, "another"), "known as long as the program runs"
    assert not lost.went_back("key", 3, "another"), "the page sent it twice"
    assert not lost.went_back("never counts", 0, "a")
    assert not lost.went_back("never counts", 0, "b")
