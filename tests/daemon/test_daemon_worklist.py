"""The worklist on the unit: in memory only, compared with what is read, and nobody's name on the idle screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.delivery import Delivery
from daemon.desk import Desk
from daemon.events import CardRead, Closed, Consented, Document, DocumentEntered
from daemon.kiosk.view import view
from daemon.liveness.eyes import Eyes
from daemon.outbox import Outbox
from daemon.policy import load_policy
from daemon.state import State, Step
from daemon.worklist import NAME_DIFFERS, NUMBER_DIFFERS, Expected, Worklist, differences
from evidence.errors import SignatureError
from evidence.topics import Channel
from evidence.worklist import seal
from tests.daemon.support import Home
from tests.daemon.test_daemon_unit import Running

NAME, NUMBER = "示例产妇", "990000199003070521"
EXPECTED = {"name": NAME, "number": NUMBER}
ENTRY = {"visit": "V-0001", "checkpoint": "delivery", "expected": EXPECTED, "owed": ["admission"]}


def content(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"v": 1, "entries": list(entries)}


def document(name: str = NAME, number: str = NUMBER) -> Document:
    return Document({"type": "resident_id_card", "name": name, "number": number}, ("expired",), {}, "0" * 64)


@pytest.mark.parametrize(
    ("name", "number", "found"),
    [
        (NAME, NUMBER, ()),
        ("另一人", NUMBER, (NAME_DIFFERS,)),
        (NAME, "990000199003070548", (NUMBER_DIFFERS,)),
        ("另一人", "990000199003070548", (NUMBER_DIFFERS, NAME_DIFFERS)),
        ("", "", ()),
    ],
)
def test_name_and_number_are_compared(name: str, number: str, found: tuple[str, ...]) -> None:
    assert differences(Expected("V", name=NAME, number=NUMBER), {"name": name, "number": number}) == found


@pytest.mark.parametrize(
    ("expected", "read"),
    [
        ("买买提·艾力", "买买提•艾力"),
        ("Anna-Maria  Berg", "ANNA MARIA BERG"),
        ("ＡＮＮＡ", "Anna"),
        (" 示例产妇 ", "示例产妇"),
    ],
)
def test_ways_to_write_one_name(expected: str, read: str) -> None:
    assert differences(Expected("V", name=expected), {"name": read}) == ()


def test_ways_to_write_one_number() -> None:
    assert differences(Expected("V", number="99000019900307051x"), {"number": "99000019900307051X"}) == ()
    assert differences(Expected("V", number="e1234-567"), {"number": "Ｅ 1234567"}) == ()


def test_what_is_not_known_is_not_compared() -> None:
    assert differences(Expected("V"), {"name": NAME, "number": NUMBER}) == ()
    assert differences(Expected("V", name=NAME, number=NUMBER), {"type": "passport"}) == ()


def test_a_document_is_held_against_its_own_visit() -> None:
    worklist = Worklist()
    worklist.take(seal(content(ENTRY, {"visit": "V-0002"}), worklist.key))
    wrong = document(name="另一人")
    for event in (CardRead("c", wrong, photo=True), DocumentEntered(wrong)):
        compared = worklist.compared(event, "V-0001")
        assert isinstance(compared, CardRead | DocumentEntered)
        assert compared.document.findings == ("expired", NAME_DIFFERS)
        for visit in ("V-0002", "V-0003", None):
            assert worklist.compared(event, visit) == event
    assert worklist.compared(Closed(), "V-0001") == Closed()


def test_the_next_list_replaces_this_one_and_a_bad_one_does_not() -> None:
    worklist, other = Worklist(), Worklist()
    worklist.take(seal(content(ENTRY), worklist.key))
    with pytest.raises(SignatureError, match="started since"):
        worklist.take(seal(content(), other.key))
    assert [one.visit for one in worklist.entries] == ["V-0001"]
    worklist.take(seal(content({"visit": "V-0002"}), worklist.key))
    assert [one.visit for one in worklist.entries] == ["V-0002"]


def test_the_idle_screen_has_no_person() -> None:
    worklist = Worklist()
    worklist.take(seal(content(ENTRY), worklist.key))
    shown = view(
        Desk(State(load_policy("neutral"))), waiting=0, online=True, why_offline=None, expected=worklist.entries
    )
    assert shown["worklist"] == [{"visit": "V-0001", "checkpoint": "delivery", "owed": ["admission"]}]
    for secret in (NAME, NUMBER):
        assert secret not in json.dumps(shown, ensure_ascii=False)
        assert secret not in repr(worklist.entries)


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def test_by_message_and_nothing_on_the_disk(home: Home, outbox: Outbox) -> None:
    worklist, identity = Worklist(), home.identity()
    delivery = Delivery(
        outbox,
        home.config().address,
        identity.signer,
        identity.gateway_key,
        publish=lambda _channel, _payload: True,
        worklist=worklist.take,
    )
    body = seal(content(ENTRY), worklist.key)
    delivery.receive(Channel.WORKLIST, home.downlink(Channel.WORKLIST, body, 1))
    assert [one.name for one in worklist.entries] == [NAME]
    delivery.receive(Channel.WORKLIST, home.downlink(Channel.WORKLIST, seal(content(), Worklist().key), 2))
    assert (len(worklist.entries), delivery.refused) == (1, 1)
    for path in home.config().unit.data.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert NAME.encode() not in data
            assert NUMBER.encode() not in data


def test_a_difference_is_a_finding_on_screen_and_officers_are_asked(home: Home, eyes: Eyes) -> None:
    worklist = Worklist()
    worklist.take(seal(content(ENTRY), worklist.key))
    running = Running(home, eyes, home.config())
    running.unit.compared = lambda event, begin: worklist.compared(event, begin.visit)
    try:
        check = running.begin()  # of visit V-0001
        other = document(number="990000199003070548")
        running.post(Consented("2026-11-21T08:00:00.000Z"), CardRead(check, other, photo=False))
        state = running.at(Step.DECISION)
        shown = view(Desk(state), waiting=0, online=True, why_offline=None)
        assert shown["findings"] == ["expired", NUMBER_DIFFERS]
    finally:
        running.close()
