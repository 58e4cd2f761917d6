"""The site's list of revoked keys: held against every record as it comes, and read again without a restart."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evidence.chain import Head
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revoked, sign_revocations
from gateway.cli import main
from gateway.intake import Intake
from gateway.revocations import RevocationList
from gateway.store import Store
from tests.gateway.conftest import Desk
from tests.gateway.support import NOW, Hospital, Unit, digests

HOUR = dt.timedelta(hours=1)


@dataclass
class Office:
    """A gateway whose list lies in a file; its clock goes on by :meth:`later`."""

    hospital: Hospital
    store: Store
    path: Path
    number: int = 0
    entries: list[Revoked] = field(default_factory=list)
    hours: int = 0

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start the gateway (again)."""
        hospital = self.hospital
        self.list = RevocationList(self.store, hospital.authority, self.path)
        intake = Intake(
            self.store, hospital.site, hospital.authority, hospital.key, lambda: self.now, revocations=self.list
        )
        self.desk = Desk(intake, self.store)

    @property
    def now(self) -> dt.datetime:
        return NOW + self.hours * HOUR

    def later(self, unit: Unit) -> None:
        """An hour passes, here and at the unit."""
        self.hours += 1
        unit.now = self.now

    def revoke(self, unit: Unit, reason: Reason, since: dt.datetime, last: Head | None = None) -> None:
        """Lay down a new list."""
        serial = f"{unit.certificate.serial_number:x}"
        self.entries.append(Revoked(unit.signer.kid, serial, since, reason, last))
        self.number += 1
        self.lay(self.number, self.entries)

    def lay(self, number: int, entries: list[Revoked], authority: Hospital | None = None) -> None:
        by = authority or self.hospital
        self.path.write_text(sign_revocations(by.site, number, entries, self.now, KeySigner(by.authority_key)))


@pytest.fixture
def office(hospital: Hospital, store: Store, memory: Path) -> Office:
    return Office(hospital, store, memory / "revocations.jws")


def test_compromised_key_is_believed_as_of_before(office: Office, unit: Unit) -> None:
    desk, records = office.desk, unit.grow(3)
    assert desk.take(*map(unit.message, records[:2])) == digests(records[:2])
    office.later(unit)
    office.revoke(unit, Reason.COMPROMISED, office.now)
    # Made before, by its own word; but whoever has the key writes that time.
    assert desk.take(unit.message(records[2])) == {}
    assert desk.reasons() == ["seq 3: the key is revoked (compromised) since 2026-11-21T09:00:00.000Z"]
    assert desk.store.jws("u1", 3) is None
    # What was received in good time stays, and is receipted when it comes again.
    assert desk.take(unit.message(records[1])) == digests(records[1:2])


def test_record_that_waits_above_a_hole_came_in_good_time(office: Office, unit: Unit) -> None:
    desk, records = office.desk, unit.grow(3)
    desk.take(unit.message(records[0]), unit.message(records[2]))
    office.later(unit)
    office.revoke(unit, Reason.COMPROMISED, office.now, Head(2, records[1].sha256))
    assert desk.take(unit.message(records[1])) == digests(records[1:2])
    assert desk.reasons() == ["seq 3: the key is revoked (compromised); seq 2 is its last record"]


@pytest.mark.parametrize("reason", [Reason.RETIRED, Reason.REPLACED])
def test_backlog_of_a_retired_key_is_believed_however_late(office: Office, unit: Unit, reason: Reason) -> None:
    desk, records = office.desk, unit.grow(2)
    office.later(unit)
    office.revoke(unit, reason, office.now)
    assert desk.take(*map(unit.message, records)) == digests(records)
    unit.event()  # made after that
    assert desk.take(unit.message(unit.records[-1])) == {}
    assert f"({reason})" in desk.reasons()[0]


def test_rotation_after_a_compromise_goes_on(office: Office, hospital: Hospital, unit: Unit) -> None:
    """The last record to be believed is named, so nothing is missing before the key record."""
    desk, records = office.desk, unit.grow(3)
    desk.take(unit.message(records[0]))
    stolen, last = unit.signer, unit.head
    office.later(unit)
    office.revoke(unit, Reason.COMPROMISED, NOW, last)
    forged = unit.make(signer=stolen, kind="event", event={"type": "start"})
    unit.rotate(hospital)
    unit.event()
    assert desk.take(unit.message(forged)) == {}
    assert desk.take(*map(unit.message, unit.records)) == digests(unit.records)
    assert [reason.partition(":")[0] for reason in desk.reasons()] == ["seq 4"]
    desk.take(unit.health(5))
    assert desk.store.units()[0].claimed.seq == 5


def test_replaced_board(office: Office, hospital: Hospital, unit: Unit) -> None:
    """The old board's records are believed as of before, the new board begins a chain of its own."""
    desk, records = office.desk, unit.grow(2)
    office.revoke(unit, Reason.LOST, NOW, unit.head)
    office.later(unit)
    assert desk.take(*map(unit.message, records)) == digests(records)
    found = unit.event()
    assert desk.take(unit.message(found)) == {}
    heir = hospital.unit("u1b")
    der_head = {"unit": "u1", "seq": 2, "sha256": records[1].sha256}
    birth = heir.birth(replaces=der_head)
    assert desk.take(heir.message(birth)) == digests([birth])


def test_health_of_a_revoked_key_says_nothing(office: Office, unit: Unit) -> None:
    unit.grow(1)
    office.desk.take(unit.message(unit.records[0]))
    office.revoke(unit, Reason.COMPROMISED, office.now)
    office.desk.take(unit.health(1))
    assert office.desk.reasons() == ["the health message is signed by a revoked key"]
    assert office.store.units()[0].claimed.seq == 0


def test_list_is_read_again_without_a_restart_and_kept_over_one(office: Office, unit: Unit) -> None:
    unit.grow(2)
    office.desk.take(unit.message(unit.records[0]))
    assert office.list.current is None
    office.revoke(unit, Reason.COMPROMISED, office.now)
    assert office.desk.take(unit.message(unit.records[1])) == {}
    assert office.list.current is not None
    office.path.unlink()
    office.begin()
    assert office.desk.take(unit.message(unit.records[1])) == {}
    assert "is gone" in str(office.list.problem)


def _older(office: Office, _stranger: Hospital) -> None:
    office.lay(1, office.entries)


def _shorter(office: Office, _stranger: Hospital) -> None:
    office.lay(office.number + 1, [])


def _of_a_stranger(office: Office, stranger: Hospital) -> None:
    office.lay(office.number + 1, [], stranger)


def _garbage(office: Office, _stranger: Hospital) -> None:
    office.path.write_bytes(b"\xff\x00")


def _folder(office: Office, _stranger: Hospital) -> None:
    office.path.unlink()
    office.path.mkdir()


def _gone(office: Office, _stranger: Hospital) -> None:
    office.path.unlink()


@pytest.mark.parametrize("harm", [_older, _shorter, _of_a_stranger, _garbage, _folder, _gone])
def test_bad_list_takes_nothing_back(
    office: Office, unit: Unit, stranger: Hospital, harm: Callable[[Office, Hospital], None]
) -> None:
    unit.grow(1)
    office.revoke(hospital_unit(office), Reason.RETIRED, NOW)
    office.revoke(unit, Reason.COMPROMISED, NOW)
    office.list.refresh()
    harm(office, stranger)
    assert office.desk.take(unit.message(unit.records[0])) == {}
    assert office.list.current is not None
    assert office.list.current.number == 2
    assert office.list.problem is not None


def hospital_unit(office: Office) -> Unit:
    return office.hospital.unit("u9")


def test_show_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hospital = Hospital.of_site(tmp_path)
    unit = hospital.unit()
    records = unit.grow(2)
    with_list = tmp_path / "site/gateway/revocations.jws"
    store = Store(tmp_path / "site/gateway/data/gateway.db")
    intake = Intake(
        store,
        hospital.site,
        hospital.authority,
        hospital.key,
        lambda: hospital.now,
        revocations=RevocationList(store, hospital.authority, with_list),
    )
    intake.take([unit.message(records[0])])
    hospital.now += HOUR
    entry = Revoked(unit.signer.kid, "ab", hospital.now, Reason.COMPROMISED)
    with_list.write_text(sign_revocations("s1", 1, [entry], hospital.now, KeySigner(hospital.authority_key)))
    intake.take([unit.message(records[1])])
    store.close()

    def show(seq: int) -> tuple[int, str, str]:
        status = main(["--config", str(hospital.gateway_toml), "show", "--json", "u1", str(seq)])
        said = capsys.readouterr()
        return status, said.out, said.err

    status, out, err = show(1)
    assert (status, json.loads(out)["seq"]) == (0, 1)
    assert "is believed; its key was revoked later (compromised)" in err
    status, out, err = show(2)
    assert (status, out) == (1, "")
    assert "kept apart, seq 2: the key is revoked (compromised) since" in err


def test_show_of_a_record_that_is_not_believed_any_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The theft is found out later than the records came."""
    hospital = Hospital.of_site(tmp_path)
    unit = hospital.unit()
    store = Store(tmp_path / "site/gateway/data/gateway.db")
    hospital.intake(store).take([unit.message(record) for record in unit.grow(1)])
    entry = Revoked(unit.signer.kid, "ab", hospital.now - HOUR, Reason.COMPROMISED)
    store.set_revocations(sign_revocations("s1", 1, [entry], hospital.now, KeySigner(hospital.authority_key)))
    store.close()
    assert main(["--config", str(hospital.gateway_toml), "show", "u1", "1"]) == 1
    assert "is NOT believed: the key is revoked (compromised)" in capsys.readouterr().err
