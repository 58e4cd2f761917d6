"""One document for two visits in a shift: noticed, by keyed digests only, and forgotten with the shift."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from daemon.duty import SHIFT_S, Duty
from daemon.events import Begin, CardRead, Closed, Document, DocumentEntered
from daemon.officers import Roster, read_roster
from daemon.seen import READ_FOR_ANOTHER_VISIT, SeenDocuments, masked
from tests.daemon.support import PINS, Home, now

NUMBER = "99000019900307052X"
ONE = Begin("c", "delivery", "V-0001", "scanned")
OTHER = replace(ONE, visit="V-0002")
FIRST, SECOND = PINS


class Shift:
    """A unit's memory; shift and clock are the test's."""

    def __init__(self) -> None:
        self.number, self.at_s = 0, 0.0
        self.seen = SeenDocuments(lambda: self.number, lambda: self.at_s)

    def found(self, begin: Begin, number: str = NUMBER) -> tuple[str, ...]:
        document = Document({"number": number}, ("expired",), {}, "0" * 64)
        event = self.seen.compared(CardRead("c", document, photo=True), begin)
        assert isinstance(event, CardRead)
        assert event.document.findings[:1] == ("expired",)
        return event.document.findings[1:]


def test_two_visits_are_noticed_each_time_and_one_never() -> None:
    shift = Shift()
    assert shift.found(ONE) == shift.found(ONE) == ()
    assert shift.found(OTHER) == shift.found(OTHER) == (READ_FOR_ANOTHER_VISIT,)
    assert shift.found(ONE) == ()
    assert shift.found(OTHER, NUMBER[:-1] + "1") == ()


def test_also_when_an_officer_enters_the_number() -> None:
    shift = Shift()
    assert shift.found(ONE) == ()
    typed = Document({"number": NUMBER.lower()}, (), {}, "0" * 64)
    event = shift.seen.compared(DocumentEntered(typed), OTHER)
    assert isinstance(event, DocumentEntered)
    assert event.document.findings == (READ_FOR_ANOTHER_VISIT,)


@pytest.mark.parametrize("begin", [replace(OTHER, drill=True), replace(OTHER, visit="P-1", visit_source="provisional")])
def test_drills_and_unknown_visits_do_not_count(begin: Begin) -> None:
    shift = Shift()
    assert shift.found(begin) == ()
    assert len(shift.seen) == 0
    assert shift.found(ONE) == ()
    assert shift.found(begin) == ()
    assert shift.found(OTHER, "") == ()
    assert shift.seen.compared(Closed(), OTHER) == Closed()


def test_gone_with_the_shift_and_after_the_longest_one() -> None:
    shift = Shift()
    shift.found(ONE)
    assert len(shift.seen) == 1
    shift.number += 1
    assert len(shift.seen) == 0
    assert shift.found(OTHER) == ()
    shift.at_s += SHIFT_S
    assert len(shift.seen) == 0


def test_no_number_and_no_visit_rest_in_memory() -> None:
    shift = Shift()
    shift.found(ONE)
    held = repr({name: getattr(shift.seen, name) for name in ("_visit_of", "_of", "_since_s")})
    assert NUMBER not in held
    assert ONE.visit not in held
    again = Shift()
    again.found(ONE)
    assert held != repr({name: getattr(again.seen, name) for name in ("_visit_of", "_of", "_since_s")})


def test_a_checks_visit_is_shown_masked_and_for_its_shift_only() -> None:
    shift = Shift()
    shift.found(ONE)
    assert shift.seen.visit_of(ONE.check) == "***001"
    shift.found(replace(ONE, check="p", visit="P-1", visit_source="provisional"))
    assert shift.seen.visit_of("p") == ""
    assert ONE.visit not in repr(shift.seen._shown)
    shift.number += 1
    assert shift.seen.visit_of(ONE.check) == ""


@pytest.mark.parametrize(
    ("visit", "shown"), [("V-2026-0042", "***0042"), ("V-0042", "***042"), ("42", "***2"), ("4", "***")]
)
def test_no_more_than_half_of_a_visit_is_shown(visit: str, shown: str) -> None:
    assert masked(visit) == shown


def test_when_a_shift_ends(home: Home) -> None:
    """Somebody else takes over, or the officer goes. Idle time alone ends none."""
    at_s = 0.0
    roster = Roster(read_roster(home.config().unit.officers), now)
    duty = Duty(roster, lambda: dt.datetime.now(dt.UTC), 60.0, lambda: at_s)
    begun = duty.shift
    duty.log_in(roster.identify(FIRST, PINS[FIRST]))
    first = duty.shift
    at_s += 100.0
    assert duty.current is None
    assert duty.shift == first
    duty.log_in(roster.identify(FIRST, PINS[FIRST]))
    assert duty.shift == first != begun
    duty.log_in(roster.identify(SECOND, PINS[SECOND]))
    second = duty.shift
    duty.log_out()
    assert len({begun, first, second, duty.shift}) == 4


def test_whose_document_a_check_read_is_known_for_the_shift() -> None:
    """Also where the visit is not known yet: it is held against the visit that it is linked to."""
    shift = Shift()
    shift.found(replace(ONE, visit="P-1", visit_source="provisional"))
    assert not shift.seen.is_another(ONE.check, NUMBER.lower())
    assert shift.seen.is_another(ONE.check, NUMBER[:-1] + "1")
    assert not shift.seen.is_another(ONE.check, None), "nobody is expected for that visit"
    assert not shift.seen.is_another("another check", NUMBER)
    shift.number += 1
    assert not shift.seen.is_another(ONE.check, NUMBER[:-1] + "1")
