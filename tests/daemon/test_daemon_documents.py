"""What officers enter: by zone or typed, findings by name, two officers always; and checks done elsewhere."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import events as ev
from daemon import face_events as fa
from daemon import session
from daemon.documents.entry import KIND_DIFFERS, EntryRefused, entered
from daemon.documents.numbers import ENTERED
from daemon.effects import SealRecord
from daemon.events import Document
from daemon.kiosk.touches import Touches
from daemon.officers import Roster
from daemon.policy import load_policy, shipped_names
from daemon.state import State, Step
from daemon.worklist import NAME_DIFFERS, Expected, differences
from evidence import schema
from evidence.record import Outcome
from tests.support import ROOT

TODAY = dt.date(2026, 11, 22)
SPECIMENS = json.loads((ROOT / "tests/vectors/mrz/icao_9303.json").read_text("utf-8"))["specimens"]
PASSPORT = {"type": "passport", "mrz": SPECIMENS[0]["lines"]}
TYPED = {
    "type": "temporary_id_card",
    "number": "990000 19900307 0523",
    "name": "示例产妇",
    "birth": "1990-03-07",
    "sex": "female",
    "valid_to": "2026年12月31日",
}
FOREIGN = {**TYPED, "type": "passport", "number": "l898902c3", "nationality": "uto"}


def findings(**values: Any) -> set[str]:
    return set(entered({**TYPED, "number": "990000199003070523", **values}, TODAY).findings)


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(EntryRefused) as error:
        entered(values, TODAY)
    return error.value.cause


def test_a_passport_by_its_zone() -> None:
    made = entered(PASSPORT, TODAY)
    assert made.facts == {
        "type": "passport",
        "method": "mrz",
        "number": "L898902C3",
        "name": "ERIKSSON ANNA MARIA",
        "sex": "2",
        "birth": "19740812",
        "valid_to": "20120415",
        "nationality": "UTO",
        "issuing_state": "UTO",
    }
    assert made.findings == ("expired",)
    assert made.display == {"type": "passport", "name": "E" + "*" * 18, "number": "L89****C3"}
    assert not made.from_chip
    assert not re.search("ERIKSSON|L898902C3|1974", repr(made))


def test_a_permit_has_her_chinese_name_too() -> None:
    """The name that the hospital knows; the zone's is kept beside it, and either one may be the visit's."""
    made = entered({"type": "hk_mo_tw_travel_permit", "mrz": SPECIMENS[1]["lines"], "name": " 示例甲 "}, TODAY)
    assert (made.facts["name"], made.facts["name_latin"]) == ("示例甲", "ERIKSSON ANNA MARIA")
    for name, found in (("示例甲", ()), ("Eriksson Anna Maria", ()), ("示例乙", (NAME_DIFFERS,))):
        assert differences(Expected("V-1", name=name), made.facts) == found


def test_a_cut_name_need_only_begin_as_the_visits_does() -> None:
    facts = {"name": "NILAVADHANANANDA CHAYAPA DEJTHAMRONG K"}
    whole = Expected("V-1", name="Nilavadhanananda Chayapa Dejthamrong Krasuang")
    assert differences(whole, facts, cut=True) == ()
    assert differences(whole, facts) == (NAME_DIFFERS,)
    assert differences(Expected("V-1", name="Chayapa"), facts, cut=True) == (NAME_DIFFERS,)


def test_another_kind_than_was_chosen_is_a_finding() -> None:
    assert KIND_DIFFERS in entered({**PASSPORT, "type": "foreigner_residence_permit"}, TODAY).findings
    assert KIND_DIFFERS in entered({**PASSPORT, "mrz": SPECIMENS[1]["lines"]}, TODAY).findings
    visa = {"type": "foreigner_residence_permit", "mrz": SPECIMENS[3]["lines"]}
    assert KIND_DIFFERS not in entered(visa, TODAY).findings


@pytest.mark.parametrize(
    ("kind", "number", "right"),
    [
        ("passport", "L898902C3", True),
        ("passport", "E12", False),
        ("hk_mo_tw_travel_permit", "H12345678", True),
        ("hk_mo_tw_travel_permit", "M1234567802", True),
        ("hk_mo_tw_travel_permit", "12345678", True),
        ("hk_mo_tw_travel_permit", "1234567801(B)", True),
        ("hk_mo_tw_travel_permit", "K12345678", False),
        ("hk_mo_tw_travel_permit", "H1234567", False),
        ("foreigner_residence_permit", "123456789", True),
        ("foreigner_residence_permit", "12345", False),
        ("temporary_id_card", "99000019900307052", False),
        ("resident_id_card", "990000199003070523", True),
    ],
)
def test_numbers_by_their_form(kind: str, number: str, *, right: bool) -> None:
    found = findings(type=kind, number=number, nationality="UTO")
    assert ("number_malformed" in found) is not right


def test_findings_of_an_id_number() -> None:
    assert findings() == set()
    assert findings(number="990000199003070520") == {"check_digit_wrong"}
    assert findings(birth="19900308") == {"birth_differs_from_number"}
    assert findings(sex="male") == {"sex_differs_from_number"}
    assert findings(sex="unspecified") == set()


def test_validity() -> None:
    assert findings(valid_to="20261122") == set(), "its last valid day"
    assert findings(valid_to="20261121") == {"expired"}
    assert findings(valid_to="长期") == set()
    assert "birth_in_future" in findings(birth="20261123")


def test_a_document_expires_by_the_day_in_china() -> None:
    """Half an hour after midnight there; in UTC, which is the unit's own zone, it is the day before."""
    night, policy = dt.datetime(2026, 12, 31, 16, 30, tzinfo=dt.UTC), load_policy("neutral")
    touches = Touches(
        policy, "delivery", Roster((), lambda: night), lambda: State(policy), lambda: night, lambda _: None
    )
    event = touches.event("document", {**TYPED, "valid_to": "20261231"})
    assert isinstance(event, ev.DocumentEntered)
    assert "expired" in event.document.findings


@pytest.mark.parametrize("name", ["A" * 46, "买买提·艾力", "\U00020bb7野花", "Nguyễn Thị Ánh"])
def test_names_of_any_kind(name: str) -> None:
    made = entered({**TYPED, "name": name}, TODAY)
    assert made.facts["name"] == name
    assert made.display["name"] == name[0] + "*" * (len(name) - 1)


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"type": "hk_mo_tw_residence_permit"}, "type_must_be_one_of:"),
        ({"type": None}, "type_must_be_one_of:"),
        ({"number": " -- "}, "number_is_missing"),
        ({"number": 5}, "number_must_be_text"),
        ({"number": "9" * 33}, "number_must_be_text"),
        ({"name": ""}, "name_is_missing"),
        ({"name": "a\x00b"}, "name_must_be_text"),
        ({"name": "\ud800"}, "name_must_be_text"),
        ({"sex": "F"}, "sex_is_missing"),
        ({"sex": []}, "sex_is_missing"),
        ({"type": {}}, "type_must_be_one_of:"),
        ({"birth": "19900231"}, "birth_must_be_a_date"),
        ({"birth": "长期"}, "birth_must_be_a_date"),
        ({"valid_to": "soon"}, "valid_to_must_be_a_date"),
        ({"type": "passport"}, "nationality_is_missing"),
        ({"type": "passport", "nationality": "U1"}, "nationality_must_be_a_code"),
        ({"mrz": SPECIMENS[0]["lines"]}, "mrz_not_on_this_document"),
        ({"type": "passport", "mrz": "text"}, "mrz_lines_missing"),
        ({"type": "passport", "mrz": ["a"] * 4}, "mrz_lines_missing"),
        ({"type": "passport", "mrz": [5]}, "mrz_lines_missing"),
        ({"type": "passport", "mrz": [SPECIMENS[0]["lines"][0]]}, "mrz_lines_missing"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], cause: str) -> None:
    assert refused({**TYPED, **values}).startswith(cause)


@given(st.dictionaries(st.sampled_from([*TYPED, "mrz", "nationality"]), st.text() | st.lists(st.text()) | st.none()))
@settings(max_examples=100, deadline=None)
def test_anything_is_entered_or_refused(values: dict[str, Any]) -> None:
    cause = ""
    try:
        entered({**FOREIGN, **values}, TODAY)
    except EntryRefused as error:
        cause = error.cause
    assert re.fullmatch("[a-z_:0-9,]*", cause)


# --- in a check ------------------------------------------------------------------------------------------------------

EXPIRES = "2100-01-01T00:00:00.000Z"
BEGIN = ev.Begin("019a0000-0000-7000-8000-000000000001", "delivery", "V-1", "typed")
CONSENT = ev.Consented(EXPIRES)
MATCH = fa.FaceFinding("match", 0.9, 0.4, 3, {}, None, fa.Liveness("live"))
CARD = Document({"type": "resident_id_card", "method": "chip"}, ("expired",), {}, "ab" * 32)


def told(state: State, *events: ev.Event) -> State:
    for event in events:
        state, _ = session.step(state, event)
    return state


def confirmed(state: State, officer: str) -> tuple[State, tuple[Any, ...]]:
    assert state.statement is not None
    return session.step(state, ev.Confirmed(ev.Confirmation(officer, "officer", "pin", state.statement.sha256)))


def recorded(state: State, outcome: Outcome, reason: str = "why") -> dict[str, Any]:
    """The record's fields, decided by two officers, of whom one is not enough."""
    state = told(state, ev.Proposed(outcome, reason, EXPIRES))
    state, effects = confirmed(state, "o-1")
    assert (state.step, state.trouble, effects) == (Step.CONFIRM, "second_officer_pending", ())
    state, effects = confirmed(state, "o-2")
    if state.step is Step.SIGN:
        state, effects = session.step(state, ev.SignedLater())
    (seal,) = [one for one in effects if isinstance(one, SealRecord)]
    return dict(seal.fields)


@pytest.mark.parametrize("pack", shipped_names())
@pytest.mark.parametrize("kind", ENTERED)
@pytest.mark.parametrize("outcome", [Outcome.MANUAL, Outcome.FAILED, Outcome.REFUSED])
def test_two_officers_whatever_the_pack_says(pack: str, kind: str, outcome: Outcome) -> None:
    policy = load_policy(pack)
    one = replace(policy, officers=replace(policy.officers, manual=1, failed=1, refused=1))
    values = {**FOREIGN, "type": kind}
    fields = recorded(told(State(one), BEGIN, ev.DocumentEntered(entered(values, TODAY))), outcome)
    assert fields["document"]["method"] == "typed"
    schema.check("record-v1", {**_FRAME, **fields})


_FRAME = {
    "v": 1,
    "unit": "u",
    "site": "s",
    "seq": 2,
    "prev": "ab" * 32,
    "boot": 1,
    "salt": "A" * 22,
    "time": {"earliest": EXPIRES, "latest": EXPIRES, "source": "clock"},
    "software": {"version": "0"},
}
JIANGXI = load_policy("jiangxi")


def test_a_passport_after_a_matching_card_takes_nothing_over() -> None:
    """Her card had expired, her face was that card's; a passport rests on the officers alone."""
    judged = told(
        State(JIANGXI), BEGIN, CONSENT, ev.CardRead(BEGIN.check, CARD, True), fa.FaceCompared(BEGIN.check, MATCH)
    )
    assert (judged.step, judged.matched) == (Step.DECISION, True)
    now = told(judged, ev.DocumentEntered(entered(PASSPORT, TODAY)))
    assert told(now, ev.Proposed(Outcome.PASSED, "why", EXPIRES)).trouble == "outcome_not_open"
    assert not {"face", "liveness"} & recorded(now, Outcome.MANUAL).keys()


def test_a_check_done_elsewhere() -> None:
    app = ev.CheckedElsewhere("ganfutong", "GFT-1")
    judged = told(
        State(JIANGXI), BEGIN, CONSENT, ev.CardRead(BEGIN.check, CARD, True), fa.FaceCompared(BEGIN.check, MATCH)
    )
    now = told(judged, app)
    assert (now.step, now.trouble) == (Step.DECISION, "checked_elsewhere")
    assert told(now, ev.Proposed(Outcome.PASSED, "why", EXPIRES)).trouble == "outcome_not_open"
    fields = recorded(now, Outcome.MANUAL, "x" * 500)
    assert (fields["channel"], fields["channel_reference"]) == ("ganfutong", "GFT-1")
    assert fields["decision"]["reason"].startswith("赣服通 GFT-1: xxx")
    assert not {"face", "liveness"} & fields.keys()
    schema.check("record-v1", {**_FRAME, **fields})


@pytest.mark.parametrize("event", [ev.Left(), ev.Emergency("other", "delivery")])
def test_what_was_not_decided_counts_for_no_channel(event: ev.Event) -> None:
    now = told(State(JIANGXI), BEGIN, ev.CheckedElsewhere("ganfutong", "GFT-1"))
    _, effects = session.step(now, event)
    (seal,) = [one for one in effects if isinstance(one, SealRecord)]
    assert (seal.fields["channel"], "channel_reference" in seal.fields) == ("unit", False)


def test_only_channels_of_the_pack() -> None:
    now = told(State(load_policy("neutral")), BEGIN, ev.CheckedElsewhere("ganfutong", "GFT-1"))
    assert (now.step, now.trouble, now.elsewhere) == (Step.NOTICE, "unknown_channel", None)
