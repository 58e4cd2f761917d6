"""Officers' accounts at the gateway: applied for, approved by two departments, and what of them goes to a unit."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from argon2 import PasswordHasher

from daemon.officers import Roster
from daemon.roster import read_body
from evidence import downlink
from evidence.credentials import Role
from evidence.health import parse_health
from evidence.topics import Address, Channel
from evidence.webauthn import KEY_OFFERED, key_code, registration_challenge
from gateway import command
from gateway.officers import MOST_KEYS, OfficerError
from gateway.roster import catch_up, latest
from gateway.store import Store
from tests.gateway.personnel import (
    FIRST,
    NAME,
    NEEDED,
    PASSWORD,
    SECOND,
    WHY,
    Bureau,
    application,
    applied,
    approve,
    approved,
    give,
)
from tests.gateway.support import NOW, Hospital
from tests.support.soft_key import SoftKey

DAY = dt.timedelta(days=1)


def ids(store: Store, now: dt.datetime = NOW) -> list[str]:
    return [one["id"] for one in latest(store, now)["officers"]]


def test_nobody_is_in_a_roster_without_both_approvals_and_a_credential(store: Store) -> None:
    officer = applied(store)
    give(store, officer, "$argon2id$v=19$x")
    assert ids(store) == []
    approve(store, officer)
    assert ids(store) == []
    approve(store, officer, NEEDED[1], SECOND)
    assert ids(store) == [officer]
    bare = applied(store)
    approve(store, bare)
    approve(store, bare, NEEDED[1], SECOND)
    give(store, bare, "d" * 43, "badge")
    assert ids(store) == [officer], "a badge alone proves nothing"


@pytest.mark.parametrize(
    ("department", "by", "why"),
    [
        (NEEDED[0], SECOND, "has approved already"),
        (NEEDED[1], FIRST, "two different people"),
        (NEEDED[1], f" {FIRST[0]} {FIRST[1:]}", "two different people"),
        (NEEDED[1], NAME, "nobody approves their own"),
    ],
)
def test_two_departments_and_two_people(department: str, by: str, why: str, store: Store) -> None:
    officer = applied(store)
    approve(store, officer)
    with pytest.raises(OfficerError, match=why):
        approve(store, officer, department, by)
    with store.transaction():
        assert store.officers.account(officer).state(NOW) == "applied"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("post", "x" * 201),
        ("reason", "  "),
        ("department", "\x00"),
        ("phone", "call me"),
        ("code", "产科"),
        ("valid_to", NOW),
    ],
)
def test_bad_input_is_named_and_not_repeated(field: str, value: Any, store: Store) -> None:
    with pytest.raises(OfficerError, match=f"^{field.replace('_', '-')}: ") as refused:
        applied(store, **{field: value})
    assert not value or str(value) not in str(refused.value)
    with store.transaction():
        assert store.officers.accounts() == []
        assert store.officers.audit() == []


def test_an_inspector_has_an_end(store: Store) -> None:
    with pytest.raises(OfficerError, match="an inspector's account needs a last day"):
        applied(store, role=Role.INSPECTOR)
    officer = approved(store, role=Role.INSPECTOR, valid_to=NOW + DAY)
    assert ids(store) == [officer]
    assert ids(store, NOW + DAY) == [], "over"


def test_an_id_is_given_once(store: Store) -> None:
    with store.transaction():
        store.officers.apply(application(), NAME, NOW, "o-1")
        with pytest.raises(OfficerError, match="given already"):
            store.officers.apply(application(), NAME, NOW, "O-1")
        with pytest.raises(OfficerError, match="id must be"):
            store.officers.apply(application(), NAME, NOW, "o 1")
        assert store.officers.apply(application(), NAME, NOW) == "g-0002"


def test_revoked_is_for_good(store: Store) -> None:
    officer = approved(store)
    before = latest(store, NOW)["version"]
    with store.transaction():
        store.officers.revoke(officer, "护理部主任", "离职", NOW)
    after = latest(store, NOW)
    assert after["officers"] == []
    assert after["version"] > before
    for again in (lambda: approve(store, officer), lambda: give(store, officer, "x")):
        with pytest.raises(OfficerError, match="revoked"):
            again()
    with store.transaction(), pytest.raises(OfficerError, match="revoked already"):
        store.officers.revoke(officer, "护理部主任", "离职", NOW)


def test_nobody_is_two_officers(store: Store) -> None:
    one, other = approved(store), approved(store)
    give(store, one, "d" * 43, "badge")
    give(store, one, "key", "webauthn", "id-1")
    for method, value, key in (("badge", "d" * 43, ""), ("webauthn", "another", "id-1")):
        with pytest.raises(OfficerError, match="nobody is two officers"):
            give(store, other, value, method, key)
    for number in range(2, MOST_KEYS + 1):
        give(store, one, "key", "webauthn", f"id-{number}")
    with pytest.raises(OfficerError, match="at most"):
        give(store, one, "key", "webauthn", "one-more")


def test_a_version_is_a_change(store: Store) -> None:
    approved(store)
    first = latest(store, NOW)
    assert latest(store, NOW + DAY) == first
    approved(store)
    second = latest(store, NOW)
    assert second["version"] > first["version"]
    assert second["badge_salt"] == first["badge_salt"]


def test_the_audit_says_who_and_when_and_is_only_added_to(store: Store) -> None:
    officer = approved(store)
    with store.transaction():
        entries = store.officers.audit(officer)
    assert [(one.who, one.did) for one in entries] == [
        (NAME, "applied"),
        (FIRST, "approved"),
        (SECOND, "approved"),
        ("信息科", "gave pin"),
    ]
    with closing(sqlite3.connect(store.path)) as db:
        for statement in ("UPDATE officer_audit SET who = 'nobody'", "DELETE FROM officer_audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                db.execute(statement)


# --- as an operator types it ---


def test_from_application_to_the_unit(bureau: Bureau) -> None:
    officer = bureau.officer("--regular")
    for department, by in zip(NEEDED, (FIRST, SECOND), strict=True):
        bureau.say("approver", "password", by, typed=f"{PASSWORD}\n")
        said = bureau.approve(officer, department, by)
    assert "is in the next roster" in said
    bureau.say("officer", "pin", officer, "--by", "信息科", typed="739104\n")
    bureau.say("officer", "badge", officer, "--by", "信息科", typed="NB-0047\n")
    assert "1 officers, is on its way to u1" in bureau.say("roster", "send", "--unit", "u1")
    with closing(bureau.store) as store:
        (sent,) = command.waiting(store)
    assert (sent.channel, sent.unit) == (Channel.ROSTER, "u1")
    for secret in (NAME, "139 0000", WHY, "739104", "NB-0047"):
        assert secret not in json.dumps(bureau.say("roster", "show", "--json"), ensure_ascii=False)
    address = Address(bureau.hospital.site, "u1")
    how: dict[str, Any] = {"last_counter": 0, "now": bureau.hospital.now}
    body = downlink.read(sent.token, Channel.ROSTER, address, bureau.hospital.key_for, **how).body
    assert not [one for one in (NAME, "139 0000", WHY) if one in json.dumps(body, ensure_ascii=False)]
    roster = Roster(read_body(body), lambda: dt.datetime.now(dt.UTC))
    assert roster.confirm(roster.officer_of_badge("NB-0047"), "739104", "ab" * 32, regular=True).officer == officer
    (line,) = map(json.loads, bureau.say("officer", "list", "--json").splitlines())
    assert (line["state"], line["credentials"], line["name"]) == ("approved", ["badge", "pin"], NAME)
    assert "sent roster" in bureau.say("officer", "audit")
    assert len(bureau.say("roster", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "typed", "why"),
    [
        (("officer", "pin", "nobody", "--by", "x"), "739104\n", "no officer with this id"),
        (("officer", "pin", "nobody", "--by", "x"), "", "PIN: standard input holds none"),
        (("officer", "revoke", "nobody", "--by", "x", "--reason", "y"), "", "no officer with this id"),
        (("roster", "send"), "", "no unit is known yet"),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], typed: str, why: str, bureau: Bureau) -> None:
    assert why in bureau.say(*words, status=2, typed=typed)


def test_a_bad_pin_is_not_repeated(bureau: Bureau) -> None:
    err = bureau.say("officer", "pin", "nobody", "--by", "x", status=3, typed="123456\n")
    assert "first that anybody tries" in err
    assert "123456" not in err


def test_departments_are_configured(bureau: Bureau) -> None:
    toml = bureau.hospital.gateway_toml
    text = toml.read_text("utf-8")
    try:
        for setting, why in (
            ('[officers]\napproved_by = ["医务处"]', "officers.approved_by: expected two departments"),
            ('[[officers.approvers]]\nname = "x"\ndepartment = "后勤科"', "officers.approvers[0]: expected a name"),
            ('[[officers.approvers]]\nname = " "\ndepartment = "医务科"', "officers.approvers[0]: expected a name"),
        ):
            toml.write_text(f"{text.partition('[[')[0]}\n{setting}\n", "utf-8")
            assert why in bureau.say("officer", "list", status=2)
    finally:
        toml.write_text(text, "utf-8")


def test_pins_are_as_hard_to_guess_as_provisioning_makes_them(bureau: Bureau) -> None:
    officer = bureau.officer()
    bureau.say("officer", "pin", officer, "--by", "信息科", typed="739104\n")
    with closing(bureau.store) as store, store.transaction():
        ((_, _, value),) = store.officers.account(officer).credentials
    assert value.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PasswordHasher().verify(value, "739104")


def test_a_security_key_is_registered_for_one_officer(bureau: Bureau) -> None:
    officer, other, key = bureau.officer(), bureau.officer(), SoftKey()
    challenge = bureau.say("officer", "challenge", officer).strip()
    typed = json.dumps(key.register(challenge)) + "\n"
    err = bureau.say("officer", "key", other, "--by", "信息科", typed=typed, status=3)
    assert "Wrong challenge" in err
    bureau.say("officer", "key", officer, "--by", "信息科", typed=typed)
    with closing(bureau.store) as store, store.transaction():
        kept = store.officers.account(officer).credentials
    assert kept == (("webauthn", key.id, key.credential()["key"]),)
    taken = json.dumps(key.register(bureau.say("officer", "challenge", other).strip())) + "\n"
    assert "nobody is two officers" in bureau.say("officer", "key", other, "--by", "信息科", typed=taken, status=2)
    assert "not JSON" in bureau.say("officer", "key", other, "--by", "信息科", typed="x\n", status=3)


# --- what goes by itself ---


def test_a_unit_with_an_older_roster_is_brought_the_present_one(store: Store, hospital: Hospital) -> None:
    """Never before somebody has sent a first one: until then the officers at units are provisioning's."""
    address = Address(hospital.site, "u1")

    def bring(has: int, now: dt.datetime = NOW) -> int | None:
        return catch_up(store, address, has, hospital.signer, now)

    officer = approved(store)
    assert bring(0) is None
    version = latest(store, NOW)["version"]
    assert bring(0) == version
    assert bring(version) is None
    with store.transaction():
        store.officers.revoke(officer, "护理部主任", "离职", NOW)
    newer = bring(version, NOW + DAY)
    assert newer is not None
    assert newer > version
    (laid,) = command.waiting(store)
    assert (laid.channel, laid.load().body["version"]) == (Channel.ROSTER, newer), "it took the older one's place"
    assert bring(version, NOW + DAY) is None, "it is on its way"
    with store.transaction():
        sent = [one.about for one in store.officers.audit() if one.did == "sent roster"]
    assert sent == [f"{version} to u1", f"{newer} to u1"]


def test_health_says_which_roster_a_unit_has(hospital: Hospital) -> None:
    unit = hospital.unit()
    unit.grow(2)
    said = [parse_health(one.payload.decode("ascii")).roster for one in (unit.health(2), unit.health(2, roster=7))]
    assert said == [None, 7], "older software does not say"


def offered(key: SoftKey, officer: str, **changes: Any) -> dict[str, Any]:
    registration = key.register(registration_challenge("s1", officer))
    event = {"type": KEY_OFFERED, "officer": officer, "vouched_by": "o-1", "registration": registration}
    return {"kind": "event", "event": {**event, **changes}}


def test_a_key_that_a_unit_offers_is_taken_by_its_code(bureau: Bureau) -> None:
    hospital, key, officer = bureau.hospital, SoftKey(), bureau.officer()
    unit = hospital.unit("door-2")
    unit.birth()
    for fields in (
        offered(key, officer),
        offered(SoftKey(), officer, registration={}),
        offered(SoftKey(), "another") | {"drill": True},
        {"kind": "event", "event": {"type": KEY_OFFERED}},
    ):
        unit.event(**fields)
    with closing(bureau.store) as store:
        hospital.intake(store).take([unit.message(record) for record in unit.records])
    listed = [json.loads(line) for line in bureau.say("officer", "offers", "--json").splitlines()]
    assert [(one["officer"], one["code"], one["vouched_by"]) for one in listed][:1] == [
        (officer, key_code(key.id), "o-1")
    ]
    assert len(listed) == 2
    code = listed[0]["code"].lower()
    refused = bureau.say("officer", "key", "another", "--by", "信息科", "--offer", code, status=2)
    assert "no key with this code was registered for this officer" in refused
    bureau.say("officer", "key", officer, "--by", "信息科", "--offer", code)
    assert code.upper() not in bureau.say("officer", "offers")
    assert "gave webauthn" in bureau.say("officer", "audit", officer)
