"""Roles, badge and duty: who may decide, who is named, and when somebody's duty ends."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from daemon.desk import Desk, step
from daemon.duty import SHIFT_S, Duty
from daemon.effects import Note
from daemon.events import Confirmed, Document, Event, Left, Noted, ShiftChanged
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.touches import Touches
from daemon.liveness.eyes import Eyes
from daemon.officers import Officers, Roster
from daemon.policy import Policy, load_policy
from daemon.policy.words import Staff
from daemon.roster import read_body
from daemon.state import State, Step
from evidence.credentials import badge_digest, hash_pin
from evidence.decision import DecisionStatement
from evidence.encoding import b64url_encode
from evidence.instants import write_instant
from evidence.record import Outcome
from tests.daemon.support import Home, now
from tests.daemon.test_daemon_unit import Running

SALT = b"0123456789abcdef"
PIN = "739104"
PIN_HASH = hash_pin(PIN)
IDLE_S = 600.0
DAY = dt.timedelta(days=1)


def entry(officer: str, role: str = "officer", *, regular: bool = False, **more: Any) -> dict[str, Any]:
    shown = [
        {"method": "pin", "argon2id": PIN_HASH},
        {"method": "badge", "digest": badge_digest(f"badge-{officer}", SALT)},
    ]
    facts = {"id": officer, "role": role, "regular": regular, "valid_from": write_instant(now() - DAY)}
    return {**facts, "credentials": shown, **more}


def officers(*entries: dict[str, Any]) -> Officers:
    return read_body({"version": 1, "badge_salt": b64url_encode(SALT), "officers": list(entries)})


EVERYBODY = officers(
    entry("regular", regular=True),
    entry("temporary"),
    entry("office", "office", regular=True),
    entry("engineer", "engineer", regular=True),
    entry("inspector", "inspector", regular=True, valid_to=write_instant(now() + DAY)),
)


class Post:
    """Touches at a unit where a statement waits, with a clock of its own."""

    def __init__(self, policy: Policy) -> None:
        self.moment, self.passed_s = now(), 0.0
        self.roster = Roster(EVERYBODY, lambda: self.moment)
        self.told: list[Noted] = []
        self.ends: list[ShiftChanged] = []
        self.duty = Duty(self.roster, lambda: self.moment, IDLE_S, lambda: self.passed_s, self._tell)
        self.state = State(policy, Step.CONFIRM)
        statement = DecisionStatement("c", None, Outcome.MANUAL, "x", write_instant(now() + 30 * DAY))
        self.state = replace(self.state, statement=statement)
        self.touches = Touches(
            policy, "delivery", self.roster, lambda: self.state, lambda: self.moment, lambda _: None, self.duty
        )

    def _tell(self, event: Event) -> None:
        assert isinstance(event, ShiftChanged)
        self.told.append(event.noted)
        self.ends.append(event)

    def document(self, kind: str) -> None:
        self.state = replace(self.state, document=Document({"type": kind, "method": "chip"}, (), {}, "0" * 64))

    def confirm(self, **values: str) -> str:
        """The id of the officer that confirmed, or why none could."""
        try:
            assert self.state.statement is not None
            shown = {"statement": self.state.statement.sha256}
            event = self.touches.event("confirm", {"pin": PIN, **shown, **values})
        except TouchRefused as refused:
            return refused.cause
        assert isinstance(event, Confirmed)
        return event.confirmation.officer

    def log_in(self, **values: str) -> None:
        assert isinstance(self.touches.event("log_in", {"pin": PIN, **values}), ShiftChanged)

    def there(self) -> str | None:
        return self.duty.current.officer if self.duty.current else None


@pytest.fixture
def post() -> Post:
    return Post(load_policy("neutral"))


@pytest.mark.parametrize(
    ("officer", "said"),
    [
        ("regular", "regular"),
        ("office", "office"),
        ("engineer", "engineer_self_test_only"),
        ("inspector", "inspector_reads_only"),
        ("nobody", "wrong_pin"),
    ],
)
def test_roles_that_decide(officer: str, said: str, post: Post) -> None:
    assert post.confirm(officer=officer) == said


def test_a_role_is_told_only_to_who_knows_the_pin(post: Post) -> None:
    assert post.confirm(officer="engineer", pin="000000") == "wrong_pin"


@pytest.mark.parametrize("kind", ["passport", "hk_mo_tw_travel_permit", "something new", "resident_id_card"])
def test_regular_staff_where_the_policy_wants_it(kind: str, post: Post) -> None:
    post.document(kind)
    only_regular = post.state.policy.staff_for(kind) is Staff.REGULAR
    assert post.confirm(officer="temporary") == ("regular_staff_only" if only_regular else "temporary")
    assert post.confirm(officer="regular") == "regular"


def test_the_rule_is_asked_both_ways() -> None:
    assert load_policy("neutral").staff_for("passport") is Staff.REGULAR
    assert load_policy("neutral").staff_for("resident_id_card") is Staff.ANY


def test_a_policy_for_regular_staff_only() -> None:
    post = Post(load_policy("chongqing_yubei"))
    assert post.confirm(officer="temporary") == "regular_staff_only"
    assert post.confirm(officer="regular") == "regular"


@pytest.mark.parametrize(
    ("pack", "officer", "said"),
    [
        ("neutral", "inspector", "inspector_reads_only"),
        ("neutral", "engineer", "engineer_self_test_only"),
        ("neutral", "temporary", None),
        ("chongqing_yubei", "temporary", "regular_staff_only"),
        ("chongqing_yubei", "regular", None),
    ],
)
def test_only_who_may_decide_is_on_duty(pack: str, officer: str, said: str | None) -> None:
    """Whoever is on duty answers for a pass that the unit finds by itself."""
    post = Post(load_policy(pack))
    if said is None:
        post.log_in(officer=officer)
    else:
        with pytest.raises(TouchRefused, match=said):
            post.log_in(officer=officer)
    assert post.there() == (None if said else officer)


def test_who_becomes_an_inspector_is_on_duty_no_longer(post: Post) -> None:
    post.log_in(officer="regular")
    post.roster.replace(officers(entry("regular", "inspector")))
    assert post.there() is None


def test_an_inspectors_time_ends(post: Post) -> None:
    assert post.roster.identify("inspector", PIN).id == "inspector"
    post.moment += 2 * DAY
    with pytest.raises(TouchRefused, match="not_valid"):
        post.log_in(officer="inspector")


def test_badge_and_pin(post: Post) -> None:
    assert post.confirm(badge="badge-regular") == "regular"
    assert post.confirm(badge="badge-regular", officer="office") == "regular", "the badge says who it is"
    assert post.confirm(badge="badge-nobody") == "unknown_badge"
    assert post.confirm(badge="badge-regular", pin="000000") == "wrong_pin"


def test_a_badge_is_locked_with_its_officer(post: Post) -> None:
    for _ in range(5):
        assert post.confirm(badge="badge-regular", pin="000000") == "wrong_pin"
    assert post.confirm(officer="regular") == "locked"
    assert post.confirm(badge="badge-office") == "office"


def test_shift_handover(post: Post) -> None:
    assert post.there() is None
    post.log_in(badge="badge-regular")
    assert post.there() == "regular"
    assert post.confirm() == "regular", "who is on duty types no id, but the PIN"
    assert post.confirm(pin="000000") == "wrong_pin"
    post.log_in(officer="office")
    assert post.there() == "office"
    assert isinstance(post.touches.event("log_out", {}), ShiftChanged)
    assert post.there() is None
    assert post.confirm() == "officer_is_missing"


def test_a_confirmation_names_what_its_officer_saw(post: Post) -> None:
    """Withdrawn and proposed anew elsewhere, the same touch would confirm something else."""
    assert post.confirm(officer="regular", statement="0" * 64) == "another_statement"
    with pytest.raises(TouchRefused, match="statement_is_missing"):
        post.touches.event("confirm", {"officer": "regular", "pin": PIN})


def test_duty_ends_by_itself(post: Post) -> None:
    post.log_in(officer="regular")
    post.passed_s = IDLE_S - 1
    assert post.there() == "regular"
    post.confirm()  # with the PIN
    post.passed_s += IDLE_S - 1
    assert post.there() == "regular"
    for touch, values in ANYBODYS:
        post.touches.event(touch, values)
    post.confirm(officer="office")  # somebody else's
    post.passed_s += 1
    assert post.there() is None


ANYBODYS: tuple[tuple[str, dict[str, str]], ...] = (
    *(("begin", {"visit": "V-1"}), ("propose", {"outcome": "unable", "reason": "x"}), ("park", {}), ("withdraw", {})),
    *(("resume", {"check": "c"}), ("sign_later", {})),
)
"""Touches that prove nobody: a woman's finger does as well."""


def test_duty_ends_with_the_roster(post: Post) -> None:
    post.log_in(officer="regular")
    post.roster.replace(officers(entry("office", "office")))
    assert post.there() is None


def test_the_record_names_who_is_on_duty_by_the_units_word(post: Post, home: Home, eyes: Eyes) -> None:
    post.log_in(officer="regular")
    running = Running(home, eyes, home.config())
    try:
        running.post(ShiftChanged(post.duty.current, Noted("duty.begun", {"officer": "regular"})))
        running.begin()
        running.post(Left())
        running.at(Step.DONE)
        record = home.opened(running.outbox)[-1].payload
        assert home.verified(running.outbox).findings == []
    finally:
        running.close()
    said = {"id": "regular", "role": "officer", "since": write_instant(post.moment), "login": "pin"}
    assert (record["on_duty"], record["officers"]) == (said | {"attested_by": "unit"}, [])


def test_each_shift_begins_and_ends_in_the_chain(post: Post) -> None:
    """Who, how they proved it, whom they relieved, and why it ended - also where nobody has said that it does."""
    begun = post.touches.event("log_in", {"badge": "badge-regular", "pin": PIN})
    assert isinstance(begun, ShiftChanged)
    assert (begun.noted.what, begun.noted.facts) == (
        "duty.begun",
        {"officer": "regular", "role": "officer", "login": "badge_pin"},
    )
    relief = post.touches.event("log_in", {"officer": "office", "pin": PIN})
    assert isinstance(relief, ShiftChanged)
    assert relief.noted.facts["relieves"] == "regular"
    post.passed_s += IDLE_S
    assert post.there() is None
    assert [(one.what, one.facts) for one in post.told] == [("duty.ended", {"officer": "office", "cause": "idle"})]
    with pytest.raises(TouchRefused, match="nobody_on_duty"):
        post.touches.event("log_out", {})
    (note,) = step(Desk.of(post.state.policy), begun)[1]
    assert isinstance(note, Note)
    assert note.fields["event"] == {"type": "duty.begun", **begun.noted.facts}


@pytest.mark.parametrize("by_itself", [False, True])
def test_changes_that_are_told_in_another_order_leave_who_came_last(by_itself: bool, post: Post) -> None:
    """Whoever logs in is told of from another thread than the end of that shift."""
    begun = post.touches.event("log_in", {"officer": "regular", "pin": PIN})
    if by_itself:
        post.passed_s += IDLE_S
        assert post.there() is None
    ended = post.ends.pop() if by_itself else post.touches.event("log_out", {})
    now_there, noted = step(step(Desk.of(post.state.policy), ended)[0], begun)
    assert (now_there.on_duty, post.there()) == (None, None)
    assert [isinstance(one, Note) for one in noted] == [True], "what happened stands in the chain all the same"
    again = post.touches.event("log_in", {"officer": "office", "pin": PIN})
    there = step(now_there, again)[0].on_duty
    assert there is not None
    assert there.officer == "office"


def test_a_shift_that_a_touch_ends_says_so(post: Post) -> None:
    """Nobody has proved to be there: it may have been anybody's finger."""
    post.log_in(officer="regular")
    ended = post.touches.event("log_out", {})
    assert isinstance(ended, ShiftChanged)
    assert ended.noted.facts == {"officer": "regular", "cause": "logged_out", "by": "touch"}


@pytest.mark.parametrize(("touch", "values"), [("resume", {"check": "c"}), ("begin", {"visit": "V-1", "drill": True})])
def test_what_is_no_womans_wish_wants_somebody_on_duty(touch: str, values: dict[str, Any], post: Post) -> None:
    with pytest.raises(TouchRefused, match=r"^nobody_on_duty$"):
        post.touches.event(touch, values)
    for own in ("left", "emergency", "begin"):
        post.touches.event(own, {})
    post.touches.event("decline", {"wish": "refuse"})
    post.log_in(officer="regular")
    post.touches.event(touch, values)


def test_nobody_is_on_duty_longer_than_a_shift(post: Post) -> None:
    """However busy: what a record says of who is there rests on a login of this shift."""
    post.log_in(officer="regular")
    for _ in range(int(SHIFT_S / IDLE_S) + 1):
        assert post.there() == "regular"
        post.passed_s += IDLE_S - 1
        post.duty.acted("regular")
        if post.passed_s >= SHIFT_S:
            break
    assert post.there() is None
    assert post.told[-1].facts["cause"] == "shift_over"
