"""The screen's server over real HTTP: who may touch, what is refused, and what a page is told."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psutil
import pytest

from daemon import record_fields
from daemon.config import Kiosk
from daemon.desk import Desk
from daemon.effects import SealRecord
from daemon.environment import EnvironmentUnusable
from daemon.events import (
    Begin,
    Closed,
    Confirmed,
    Consented,
    Declined,
    Emergency,
    Explained,
    Left,
    Proposed,
    Withdrawn,
)
from daemon.kiosk.prepared import LIFETIME
from daemon.kiosk.server import KioskServer
from daemon.kiosk.touches import Touches
from daemon.kiosk.view import view
from daemon.officers import Roster, read_roster
from daemon.outbox.known_events import of_screen
from daemon.policy import load_policy
from daemon.session import step
from daemon.state import State
from evidence.instants import write_instant
from evidence.record import Outcome
from evidence.webauthn import challenge_of
from tests.daemon.kiosk_screen import OFFICER, PATIENCE_S, POLICY, Screen
from tests.daemon.support import PINS, Home, now

RELATIONS = ",".join(POLICY.relations)


@pytest.fixture
def screen(home: Home) -> Iterator[Screen]:
    made = Screen(home)
    yield made
    made.close()


def shown(screen: Screen) -> dict[str, str]:
    assert screen.state.statement is not None
    return {"statement": screen.state.statement.sha256, "officer": OFFICER, "pin": PINS[OFFICER]}


def at_confirm(screen: Screen, outcome: Outcome = Outcome.REFUSED) -> None:
    """Bring the check to a pending statement."""
    for event in (Begin("check-1", "delivery", "V-1", "typed"), Declined("refuse")):
        screen.state, _ = step(screen.state, event)
    assert screen.touch("propose", {"outcome": outcome.value, "reason": "she refuses"}) == (202, None)
    screen.state, _ = step(screen.state, screen.told())
    assert screen.state.statement is not None


def test_every_touch_becomes_its_event(screen: Screen) -> None:
    expected: list[tuple[str, dict[str, Any], type]] = [
        ("begin", {"visit": "V-1"}, Begin),
        ("consent", {}, Consented),
        ("consent", {"by": "delegate", "relation": "spouse"}, Consented),
        ("decline", {"wish": "other_way"}, Declined),
        ("emergency", {}, Emergency),
        ("left", {}, Left),
        ("close", {}, Closed),
        ("withdraw", {}, Withdrawn),
        ("propose", {"outcome": "unable", "reason": "unconscious"}, Proposed),
    ]
    for name, values, kind in expected:
        assert screen.touch(name, values) == (202, None)
        assert type(screen.told()) is kind
    at_confirm(screen)
    assert screen.touch("confirm", shown(screen)) == (202, None)
    confirmed = screen.told()
    assert isinstance(confirmed, Confirmed)
    assert screen.state.statement is not None
    assert confirmed.confirmation.statement_sha256 == screen.state.statement.sha256
    account = {"officer": OFFICER, "pin": PINS[OFFICER], "reason": "birth"}
    assert screen.touch("explain", account) == (409, "nothing_to_explain")
    screen.state = replace(screen.state, outcome=Outcome.EMERGENCY)
    assert screen.touch("explain", account) == (202, None)
    assert isinstance(screen.told(), Explained)


@pytest.mark.parametrize(
    ("press", "age_ms", "known", "late"),
    [
        ("1f", "61000", of_screen(0x1F), True),
        ("1f", "20", of_screen(0x1F), False),
        ("0", "-3", None, False),
        ("'; DROP", "9" * 40, None, False),
        ("f" * 13, "NaN", None, False),
        ("", "", None, False),
    ],
)
def test_an_emergency_says_which_press_and_how_long_ago(
    press: str, age_ms: str, known: tuple[int, int] | None, late: bool, screen: Screen
) -> None:
    """What a page says beside it is never a reason to refuse one."""
    said = {"X_Vernix_Press": press, "X_Vernix_Age_Ms": age_ms}
    assert screen.touch("emergency", b"no body is read", **said) == (202, None)
    event = screen.told()
    assert isinstance(event, Emergency)
    claimed = write_instant(screen.time - dt.timedelta(seconds=61)) if late else None
    assert (event.press, event.claimed_at) == (known, claimed)


def test_no_answer_waits_for_the_one_before_it_to_be_acknowledged(screen: Screen) -> None:
    """Nagle's algorithm: a browser acknowledges up to 40 ms late, and each answer and view is several small packets."""
    ours = psutil.Process()
    with closing(socket.create_connection((screen.host, screen.port), PATIENCE_S)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(12) == b"HTTP/1.1 200"
        (held,) = (one.fd for one in ours.net_connections("tcp") if one.raddr == line.getsockname())
        with socket.socket(fileno=os.dup(held)) as answering:
            assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_emergency_is_taken_only_when_no_cut_can_lose_it(screen: Screen) -> None:
    """The unit hears of it at once; the page goes on telling as long as the answer is not that it is kept."""
    screen.kept = False
    assert screen.touch("emergency", X_Vernix_Press="1f") == (503, "not_kept_yet")
    assert isinstance(screen.told(), Emergency)
    assert screen.touch("emergency") == (202, None), "without a number nobody tells it again"
    screen.kept = True
    assert screen.touch("emergency", X_Vernix_Press="1f") == (202, None)


def test_check_without_a_visit_gets_a_provisional_reference(screen: Screen) -> None:
    screen.touch("begin")
    begun = screen.told()
    assert isinstance(begun, Begin)
    assert (begun.visit, begun.visit_source) == (f"P-{begun.check[-12:]}", "provisional")
    screen.touch("begin", {"visit": " V-7 ", "drill": True, "checkpoint": "admission"})
    begun = screen.told()
    assert isinstance(begun, Begin)
    assert (begun.visit, begun.visit_source, begun.drill, begun.checkpoint) == ("V-7", "typed", True, "admission")


def test_who_is_verified_is_the_policys_word(screen: Screen) -> None:
    for checkpoint in ("delivery", "certificate"):
        screen.touch("begin", {"checkpoint": checkpoint})
        begun = screen.told()
        assert isinstance(begun, Begin)
        assert (begun.checkpoint, begun.role) == (checkpoint, "mother")
    screen.touch("begin", {"checkpoint": "certificate", "role": "claimant"})
    begun = screen.told()
    assert isinstance(begun, Begin)
    state, _ = step(screen.state, begun)
    assert record_fields.check(state, Outcome.REFUSED, None)["subject"] == {"role": "claimant"}
    seal = step(State(load_policy("jiangxi")), Emergency("check-2", "art_transfer"))[1][-1]
    assert isinstance(seal, SealRecord)
    assert seal.fields["subject"] == {"role": "patient"}, "who lies there is nobody's mother yet"


REFUSED: dict[str, tuple[str, object, int, str]] = {
    "unknown touch": ("open_sesame", {}, 404, "unknown_touch"),
    "inherited name": ("__class__", {}, 404, "unknown_touch"),
    "not json": ("begin", b"{", 400, "not_json"),
    "not an object": ("begin", b"[1]", 400, "not_json"),
    "not utf-8": ("begin", b'{"visit": "\xff"}', 400, "not_json"),
    "name twice": ("begin", b'{"visit": "a", "visit": "b"}', 400, "not_json"),
    "lone surrogate": ("begin", b'{"visit": "\\ud800"}', 400, "not_json"),
    "nested": ("begin", b'{"a":' * 500 + b"1" + b"}" * 500, 400, "not_json"),
    "too large": ("begin", b'{"visit": "' + b"x" * 90_000 + b'"}', 413, "too_large"),
    "visit a number": ("begin", {"visit": 5}, 400, "visit_must_be_text"),
    "visit a list": ("begin", {"visit": ["V"]}, 400, "visit_must_be_text"),
    "visit with a line feed": ("begin", {"visit": "V\n1"}, 400, "visit_must_be_text"),
    "visit too long": ("begin", {"visit": "v" * 129}, 400, "visit_too_long"),
    **{
        f"visit is an ID number: {number}": ("begin", {"visit": number}, 400, "visit_looks_like_an_id_number")
        for number in (
            "990000199001010012",
            "99000019900101002X",
            "990000 19900101 002x",
            "990000-19900101-0012",
            "V 7/990000.19900101.0012",
            "9 9 0 0 0 0 1 9 9 0 0 1 0 1 0 0 1 2 8",
            "990000_1990_0101_002X",
        )
    },
    "checkpoint unknown": ("begin", {"checkpoint": "moon"}, 400, "unknown_checkpoint"),
    "claimant at a delivery": ("begin", {"role": "claimant"}, 400, "role_must_be_one_of:mother"),
    "drill a text": ("begin", {"drill": "yes"}, 400, "drill_must_be_true_or_false"),
    "wish missing": ("decline", {}, 400, "wish_must_be_one_of:refuse,other_way"),
    "wish a list": ("decline", {"wish": ["refuse"]}, 400, "wish_must_be_one_of:refuse,other_way"),
    "consent by a stranger": ("consent", {"by": "stranger"}, 400, "by_must_be_one_of:subject,delegate"),
    "consent by an unrelated delegate": ("consent", {"by": "delegate"}, 400, f"relation_must_be_one_of:{RELATIONS}"),
    "a finger's by an unrelated delegate": (
        "finger_consent",
        {"purpose": "compare", "by": "delegate", "relation": "self"},
        400,
        f"relation_must_be_one_of:{RELATIONS}",
    ),
    **{
        f"reason with {found}": ("propose", {"outcome": "refused", "reason": told}, 400, f"reason_has_{found}")
        for found, told in (
            ("id_number", "本人 990000 19900307 0521 不愿"),
            ("mobile_number", "call 139 0000 0001"),
            ("document_number", "护照 EA1234567"),
        )
    },
    "emergency as a decision": (
        "propose",
        {"outcome": "emergency", "reason": "x"},
        400,
        "outcome_must_be_one_of:passed,failed,refused,unable,manual,device_fault",
    ),
    "no reason": ("propose", {"outcome": "failed"}, 400, "reason_is_missing"),
    "blank reason": ("propose", {"outcome": "failed", "reason": "  "}, 400, "reason_is_missing"),
    "reason too long": ("propose", {"outcome": "failed", "reason": "x" * 501}, 400, "reason_must_be_text"),
    "nothing to confirm": ("confirm", {"officer": OFFICER, "pin": PINS[OFFICER]}, 409, "nothing_to_confirm"),
    "nothing to explain": ("explain", {"officer": OFFICER, "pin": "x", "reason": "y"}, 409, "nothing_to_explain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_touch_is_refused(name: str, screen: Screen) -> None:
    touch, values, status, cause = REFUSED[name]
    assert screen.touch(touch, values) == (status, cause)
    assert screen.events.empty()
    assert screen.touch("left") == (202, None), "the next one is served"


def test_statement_expires(screen: Screen) -> None:
    at_confirm(screen)
    screen.time += LIFETIME * 1.01
    assert screen.touch("confirm", shown(screen)) == (409, "statement_expired")


def test_a_parked_decision_waits_as_long_as_a_check_may_be_parked(home: Home) -> None:
    """The office is called for it: whoever comes in the last minute confirms what the first officer has confirmed."""
    limits = home.config().limits
    assert limits.statement_s == limits.parked_s + 2 * limits.decision_s
    screen = Screen(home, waits=dt.timedelta(seconds=limits.statement_s))
    try:
        at_confirm(screen)
        screen.time += dt.timedelta(seconds=limits.parked_s + limits.decision_s)
        assert screen.touch("confirm", shown(screen)) == (202, None)
        screen.time += dt.timedelta(seconds=limits.decision_s + 1)
        assert screen.touch("confirm", shown(screen)) == (409, "statement_expired")
    finally:
        screen.close()


class Stream:
    """The stream of views, as a browser reads it."""

    def __init__(self, screen: Screen) -> None:
        self._socket = socket.create_connection((screen.host, screen.port), PATIENCE_S)
        self._socket.sendall(b"GET /views HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self._file = self._socket.makefile("rb")

    def next(self) -> dict[str, Any]:
        while line := self._file.readline():
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                return found
        raise EOFError

    def rest(self) -> list[dict[str, Any]]:
        """What still comes until the server ends the stream."""
        return [json.loads(line[6:]) for line in self._file if line.startswith(b"data: ")]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def test_page_is_told_at_once_and_of_every_change(screen: Screen) -> None:
    screen.server.show({"step": "idle"})
    first, second = Stream(screen), Stream(screen)
    assert [stream.next() for stream in (first, second)] == [{"step": "idle"}] * 2
    visit = "<script>alert('V')</script>"
    screen.server.show({"step": "notice", "visit": visit})
    assert [stream.next()["visit"] for stream in (first, second)] == [visit] * 2
    first.close()
    screen.server.show({"step": "card"})
    assert second.next() == {"step": "card"}
    second.close()


def test_closing_ends_open_pages(home: Home) -> None:
    screen = Screen(home)
    screen.server.show({"step": "idle"})
    stream = Stream(screen)
    stream.next()
    screen.close()
    assert stream.rest() in ([], [{"step": "idle"}]), "nothing comes but the last view, if it was on its way"
    stream.close()
    screen.server.show({"step": "card"})
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((screen.host, screen.port), 1)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 9\r\n\r\n{",
        b"Content-Length: 9\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    ],
)
def test_page_that_goes_away_in_the_middle_is_no_error(
    rest: bytes, screen: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST /touch/left HTTP/1.1\r\nHost: localhost\r\nX-Vernix-Token: {screen.token}\r\n"
    with socket.create_connection((screen.host, screen.port), PATIENCE_S) as half:
        half.sendall(head.encode() + rest)
        time.sleep(0.2)
    assert screen.touch("withdraw") == (202, None)
    assert isinstance(screen.told(), Withdrawn)
    screen.close()  # whatever the server had to say of it is said
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    assert screen.events.empty()


VISITS = ["V-2026-11-21-0001", "2026112100010000", "MRN 1234567890", "20261121/000123/45", "990000 19901301 0012"]


@pytest.mark.parametrize("visit", VISITS)
def test_number_that_is_no_id_number_may_be_a_visit(visit: str, screen: Screen) -> None:
    assert screen.touch("begin", {"visit": visit}) == (202, None)


def test_half_a_request_harms_nobody(screen: Screen) -> None:
    for piece in (
        b"",
        b"GET",
        b"\x00\xff" * 50,
        b"POST /touch/left HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n",
    ):
        with socket.create_connection((screen.host, screen.port), PATIENCE_S) as half:
            half.sendall(piece)
    started = (
        f"POST /touch/left HTTP/1.1\r\nHost: localhost\r\nX-Vernix-Token: {screen.token}\r\nContent-Length: 9\r\n\r\n{{"
    )
    with socket.create_connection((screen.host, screen.port), PATIENCE_S) as half:
        half.sendall(started.encode())
        time.sleep(0.2)
    assert screen.touch("left") == (202, None)
    assert isinstance(screen.told(), Left)
    assert screen.events.empty()


def test_ipv6_serves_too(home: Home) -> None:
    screen = Screen(home, "::1")
    assert screen.server.url.startswith("http://[::1]:")
    assert screen.touch("left") == (202, None)
    screen.close()


def test_taken_port_is_an_error(screen: Screen, home: Home) -> None:
    roster = Roster(read_roster(home.config().unit.officers), now)
    touches = Touches(POLICY, "delivery", roster, lambda: screen.state, now, screen.rows.get)
    with pytest.raises(EnvironmentUnusable, match=f"kiosk.port: .* port {screen.port}: Address already in use"):
        KioskServer(Kiosk("127.0.0.1", screen.port), touches, screen, {})


def test_view_of_every_step_is_plain_and_masked(screen: Screen) -> None:
    at_confirm(screen)
    shown = view(Desk(screen.state), waiting=3, online=False, why_offline="no network")
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["step"], shown["waiting"], shown["why_offline"]) == ("confirm", 3, "no network")
    assert screen.state.statement is not None
    assert shown["decision"].pop("challenge") == challenge_of(shown["decision"].pop("statement"))
    assert shown["decision"].pop("expires") == screen.state.statement.expires
    said = {"outcome": "refused", "reason": "she refuses", "confirmed": [], "findings": [], "needed": 1}
    assert shown["decision"] == said
