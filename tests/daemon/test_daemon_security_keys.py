"""Two officers with security keys confirm one statement; what must fail, fails; and the record can be verified."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from daemon import record_fields
from daemon.check_id import new_check_id
from daemon.desk import Desk
from daemon.events import Begin, Declined
from daemon.kiosk.asks import Asks
from daemon.kiosk.tally import Tally
from daemon.kiosk.touches import STATEMENT_LIFETIME, Touches, TouchRefused
from daemon.kiosk.view import view
from daemon.officers import Roster
from daemon.policy import load_policy
from daemon.roster import read_body
from daemon.session import step
from daemon.state import State, Step
from evidence.credentials import hash_pin
from evidence.decision import DecisionStatement
from evidence.instants import write_instant
from evidence.keys import plain_jwk
from evidence.record import Outcome
from evidence.webauthn import challenge_of
from tests.daemon.support import Home, now
from tests.support.soft_key import ORIGIN, SoftKey

POLICY = replace(load_policy("neutral"), signatures=())
PIN = "739104"
PIN_HASH = hash_pin(PIN)


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
        roster = Roster(read_body({"version": 1, "officers": entries}), lambda: self.moment)
        self.touches = Touches(
            POLICY, "delivery", roster, lambda: self.state, lambda: self.moment, lambda _: None, origin=lambda: ORIGIN
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
    def challenge(self) -> str:
        """What the page is told."""
        shown = view(Desk(self.state), waiting=0, online=True, why_offline=None)
        return str(shown["decision"]["challenge"])

    def confirm(self, officer: str, assertion: Any) -> str | None:
        """Why the confirmation was not taken, or what the screen says after it."""
        try:
            self.take(self.touches.event("confirm", {"officer": officer, "assertion": assertion}))
        except TouchRefused as refused:
            return refused.cause
        return self.state.trouble


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
    post.take(post.touches.event("confirm", {"officer": "one", "pin": PIN}))
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
    assert post.confirm("one", made) == "wrong_key"


def test_presigned_before_it_was_proposed(post: Post) -> None:
    """Whoever guesses all of a statement but the moment of its proposal has signed another one."""
    assert post.state.check is not None
    expires = write_instant(post.moment + STATEMENT_LIFETIME)
    guessed = DecisionStatement(post.state.check, None, Outcome.UNABLE, "unconscious", expires)
    made = post.keys["one"].sign(challenge_of(guessed.sha256))
    assert post.confirm("one", made) == "nothing_to_confirm"
    post.moment += dt.timedelta(milliseconds=1)
    post.propose()
    assert post.confirm("one", made) == "wrong_key"


def test_the_window_closes(post: Post) -> None:
    post.propose()
    made = post.keys["one"].sign(post.challenge)
    post.moment += STATEMENT_LIFETIME + dt.timedelta(seconds=1)
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
        asks = Asks(outbox, Tally(lambda: 0.0), post.touches.roster, list)
        told = asks.answer("keys", {"officer": " two "})
        nobody = [asks.answer("keys", values)["credentials"] for values in ({"officer": "x"}, {"officer": 5}, {})]
        with pytest.raises(TouchRefused, match="unknown_badge"):
            asks.answer("keys", {"badge": "NB-1"})
    finally:
        outbox.close()
    assert told == {"rp_id": "localhost", "credentials": [post.keys["two"].id]}
    assert nobody == [[], [], []]
