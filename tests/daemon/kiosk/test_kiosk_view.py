"""What a view holds of a person: masked, on every screen."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from daemon.cards import to_document
from daemon.check_id import new_check_id
from daemon.demo.people import ANNA, document_of
from daemon.desk import Desk
from daemon.documents.entry import entered
from daemon.events import Begin, Document
from daemon.kiosk.view import view
from daemon.policy import load_policy
from tests.daemon.kiosk.support import states

POLICY = load_policy("jiangxi")
TODAY = dt.date(2026, 11, 22)
CARD = to_document(document_of(ANNA, TODAY), TODAY)
PASSPORT = entered(
    {
        "type": "passport",
        "number": "L898902C3",
        "name": "ERIKSSON ANNA MARIA",
        "birth": "1990-03-07",
        "sex": "female",
        "valid_to": "2030-12-31",
        "nationality": "UTO",
    },
    TODAY,
)
PHONE = "13900000001"


def shown(read: Document, name: str, *, parked: bool) -> str:
    """All that the page is told with ``read`` as her document, on the screen or parked."""
    begin = Begin(new_check_id(), "delivery", "V-1", "typed")
    state = replace(states(POLICY)[name], begin=begin, document=read, phone=PHONE)
    desk = replace(Desk.of(POLICY), parked=(state,)) if parked else replace(Desk.of(POLICY), active=state)
    return repr(view(desk, waiting=0, online=True, why_offline=None))


@pytest.mark.parametrize("read", [CARD, PASSPORT], ids=["card", "passport"])
@pytest.mark.parametrize("name", states(POLICY))
def test_no_view_holds_more_than_a_masked_document(name: str, read: Document) -> None:
    secret = [read.facts["number"], read.facts["name"], read.facts["birth"], PHONE]
    secret += [read.facts[each] for each in ("address", "issuer") if each in read.facts]
    for told in (shown(read, name, parked=False), shown(read, name, parked=True)):
        assert [each for each in secret if each in told] == []
    assert read.display["number"] in shown(read, name, parked=False), "the page was told nothing at all"
