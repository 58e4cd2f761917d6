"""What the unit still knows of its checks: debts and what settles them, visits that are forgotten, room given free."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.check_id import new_check_id
from daemon.clock import KernelClock, UnitClock
from daemon.outbox import Outbox
from daemon.outbox.checks import SHOWN
from daemon.record_fields import settlement
from evidence.keys import Signer
from tests.daemon.support import SYNCHRONISED, Home, check_fields, now


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def ended(outbox: Outbox, outcome: str, visit: str, *, drill: bool = False, role: str = "mother") -> str:
    """A check that ended so; its id."""
    check, said = new_check_id(), {"visit": {"ref": visit, "source": "typed"}, "subject": {"role": role}}
    outbox.append({**check_fields(check, outcome), **said, "drill": drill})
    return check


def amended(outbox: Outbox, check: str, **said: Any) -> None:
    row = outbox.find_check(check)
    assert row is not None
    refers_to = {"seq": row.seq, "sha256": row.sha256}
    outbox.append({"kind": "addendum", "check": check, "refers_to": refers_to, "reason": "test", **said})


def settle(outbox: Outbox) -> list[tuple[str, str]]:
    """Settle what can be; (debt, check that settles it)."""
    found = outbox.settled()
    for one in found:
        outbox.append(settlement(one))
    return [(one.debt.check, one.by.check) for one in found]


def test_whether_she_is_a_child_is_known_later_where_a_document_told(outbox: Outbox) -> None:
    document = {"type": "resident_id_card", "findings": ["under_14"]}
    for said, child in (
        ({"document": document}, True),
        ({"document": {**document, "findings": []}}, False),
        ({}, None),
    ):
        check = new_check_id()
        outbox.append({**check_fields(check), **said})
        row = outbox.find_check(check)
        assert row is not None
        assert row.under_14 is child


def test_debt_is_shown_until_a_later_check_of_the_visit_settles_it(home: Home, outbox: Outbox) -> None:
    first, other = ended(outbox, "interrupted", "V-1"), ended(outbox, "unable", "V-2")
    assert [(row.check, row.visit) for row in outbox.owed] == [(other, "V-2"), (first, "V-1")]
    assert settle(outbox) == []
    later = ended(outbox, "refused", "V-1")
    assert settle(outbox) == [(first, later)]
    assert settle(outbox) == []
    assert [row.check for row in outbox.owed] == [other]
    addendum = home.opened(outbox)[-1].payload
    assert (addendum["check"], addendum["settled_by"]["check"], addendum["reason"]) == (first, later, "settled")
    assert home.verified(outbox).sound


def test_every_emergency_without_account_is_told_and_older_debts_on_asking(outbox: Outbox) -> None:
    """However many debts came since: it holds the door open."""
    emergency = ended(outbox, "emergency", "V-OLD")
    debts = [ended(outbox, "interrupted", f"V-{number}") for number in range(SHOWN + 5)]
    assert [row.check for row in outbox.owed] == [emergency, *reversed(debts[5:])]
    assert [row.check for row in outbox.older_debts(outbox.owed[-1].seq)] == list(reversed(debts[:5]))
    assert outbox.older_debts(1) == ()


def test_who_claims_the_certificate_settles_nothing_of_hers(outbox: Outbox) -> None:
    hers, theirs = ended(outbox, "unable", "V-1"), ended(outbox, "unable", "V-1", role="claimant")
    claimed = ended(outbox, "refused", "V-1", role="claimant")
    assert settle(outbox) == [(theirs, claimed)]
    later = ended(outbox, "refused", "V-1")
    assert settle(outbox) == [(hers, later)]


def test_another_debt_or_a_drill_settles_nothing(outbox: Outbox) -> None:
    ended(outbox, "interrupted", "V-1")
    ended(outbox, "unable", "V-1")
    ended(outbox, "refused", "V-1", drill=True)
    assert settle(outbox) == []


def test_drill_leaves_no_debt(outbox: Outbox) -> None:
    ended(outbox, "interrupted", "V-1", drill=True)
    assert outbox.owed == ()


def test_debts_outlive_a_restart(home: Home, outbox: Outbox) -> None:
    check = ended(outbox, "interrupted", "V-1")
    outbox.close()
    again = home.outbox()
    assert [row.check for row in again.owed] == [check]
    again.close()


def test_visit_that_is_linked_later_settles_its_debt(outbox: Outbox) -> None:
    emergency = ended(outbox, "emergency", "P-123")
    later = ended(outbox, "refused", "V-7")
    amended(outbox, emergency, visit={"ref": "V-7", "source": "typed"})
    assert settle(outbox) == [(emergency, later)]


def test_visit_rests_in_clear_only_while_something_is_owed(home: Home, outbox: Outbox) -> None:
    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in home.database.parent.iterdir() if path.is_file())

    ended(outbox, "refused", "V-NEVER-CLEAR")
    owed = ended(outbox, "emergency", "V-CLEAR-FOR-NOW")
    assert b"NEVER-CLEAR" not in on_disk()
    assert [row.visit for row in outbox.owed] == ["V-CLEAR-FOR-NOW"]
    ended(outbox, "refused", "V-CLEAR-FOR-NOW")
    settle(outbox)
    assert b"CLEAR-FOR-NOW" in on_disk(), "nobody has accounted for the emergency yet"
    amended(outbox, owed, accounts=True)
    row = outbox.find_check(owed)
    assert row is not None
    assert (row.visit, row.owed, row.unaccounted) == ("", False, False)
    outbox.close()
    assert b"CLEAR-FOR-NOW" not in on_disk()


def test_what_is_only_counted_gives_way_before_evidence(home: Home) -> None:
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    kept = ended(outbox, "interrupted", "V-1")
    for number in range(3):
        ended(outbox, "refused", f"V-9{number}")
    sealed = len(list(outbox.every_envelope()))
    today[0] += dt.timedelta(days=8)
    assert outbox.make_room(short=True) == 3
    assert len(list(outbox.every_envelope())) == sealed, "evidence gave way while there was something else"
    assert [row.check for row in outbox.owed] == [kept]
    assert home.verified(outbox).sound
    outbox.close()


class SlowSigner:
    """A token that needs its time, and says when it has begun."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.begun, self.go_on = threading.Event(), threading.Event()

    @property
    def kid(self) -> str:
        return self._signer.kid

    @property
    def protection(self) -> str:
        return self._signer.protection

    def sign(self, data: bytes) -> bytes:
        self.begun.set()
        assert self.go_on.wait(30)
        return self._signer.sign(data)


def test_what_the_screen_shows_does_not_wait_for_a_token(home: Home, outbox: Outbox) -> None:
    check = ended(outbox, "emergency", "V-1")
    outbox.close()
    slow = SlowSigner(home.identity().signer)
    again = home.outbox(signer=slow)
    writer = threading.Thread(target=again.append, args=(check_fields(),))
    writer.start()
    assert slow.begun.wait(30)
    begun_s = time.monotonic()
    shown = ([row.check for row in again.owed], [row.check for row in again.unaccounted], again.count_waiting())
    took_s = time.monotonic() - begun_s
    still_signing = not slow.go_on.is_set()
    slow.go_on.set()
    writer.join(30)
    again.close()
    assert shown == ([check], [check], 2)
    assert still_signing
    assert took_s < 20, "it waited for the token"


def test_a_clock_that_may_be_off_changes_nothing_of_how_long_it_took(home: Home) -> None:
    """No network has set it: a record's interval is half a minute wide then."""
    today, error = [now()], dt.timedelta(seconds=16)
    free = KernelClock(False, error)
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: free))
    begun_ms = int(today[0].timestamp() * 1000)
    check = f"{begun_ms:012x}"
    today[0] += dt.timedelta(seconds=25)
    outbox.append(check_fields(f"{check[:8]}-{check[8:]}{new_check_id()[13:]}"))
    (took_s,) = outbox.figures(7).durations_s
    assert took_s == pytest.approx(25, abs=0.1)
    outbox.close()
