"""One person has one account: what shows that two are one person is noticed, and namesakes are told apart."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest

from gateway.cli import main
from gateway.doubles import Double, find_doubles
from gateway.officers import OfficerError
from gateway.persons import Person
from gateway.roster import officers_now
from gateway.store import Store
from tests.gateway.personnel import NAME, Bureau, applied, approve, approved, give
from tests.gateway.support import NOW

ONE = Person(NAME, "产科", "139 0000 0001")
NUMBERED = replace(ONE, staff_number="N-1")


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (ONE, replace(ONE, name="别人", department="妇科", phone="+86 13900000001"), "phone"),
        (ONE, replace(ONE, name="别人", department="妇科", phone="0086-139-0000-0001"), "phone"),
        (ONE, replace(ONE, name="别人", department="妇科"), "phone"),
        (ONE, replace(ONE, phone="139 0000 0002"), "name and department"),
        (ONE, replace(ONE, name=f"{NAME[0]} {NAME[1:]}", phone="139 0000 0002"), "name and department"),
        (NUMBERED, Person("别人", "妇科", "139 0000 0002", "Ｎ-１"), "staff-number"),
        (NUMBERED, replace(ONE, phone="139 0000 0002"), "name and department"),
        (NUMBERED, replace(NUMBERED, phone="139 0000 0002", staff_number="N-2"), None),
        (ONE, Person(NAME, "妇科", "139 0000 0002"), None),
        (ONE, Person("别人", "产科", "139 0000 0002"), None),
        (Person(NAME, "产科", "86 0791 5550"), Person("别人", "产科", "0791 5550"), None),
    ],
)
def test_what_two_people_do_not_have_in_common(one: Person, other: Person, shared: str | None) -> None:
    assert one.shared_with(other) == other.shared_with(one) == shared


def test_nobody_applies_twice(store: Store) -> None:
    first = applied(store, phone="139 0000 9001")
    with pytest.raises(OfficerError, match=f"^phone: the same as that of {first}; .* nobody can be both officers"):
        applied(store, name="别人", phone="+86 139 0000 9001")
    with store.transaction():
        assert len(store.officers.accounts()) == 1
        store.officers.revoke(first, "护理部主任", "离职", NOW)
    assert applied(store, phone="139 0000 9001") != first, "who begins anew may"


def test_an_application_of_before_is_not_approved_beside_another(store: Store) -> None:
    first, second = applied(store, phone="139 0000 9001"), applied(store)
    with store.transaction():
        store.officers._db.execute("UPDATE officers SET phone = '13900009001' WHERE id = ?", (second,))
    with pytest.raises(OfficerError, match=f"the same as that of {first}"):
        approve(store, second)


def entered(store: Store) -> tuple[str, str]:
    """Two accounts that are approved and in the roster."""
    return approved(store, phone="139 0000 9001"), approved(store)


@pytest.mark.parametrize(
    ("shared", "sql"),
    [
        ("phone", "UPDATE officers SET phone = '+86 13900009001' WHERE id = ?"),
        ("badge", "INSERT INTO credentials SELECT ?, method, id, value FROM credentials WHERE method = 'badge'"),
        ("webauthn", "INSERT INTO credentials SELECT ?, method, id, 'x' FROM credentials WHERE method = 'webauthn'"),
    ],
)
def test_of_two_accounts_of_before_that_are_one_persons_the_first_counts(shared: str, sql: str, store: Store) -> None:
    first, second = entered(store)
    give(store, first, "d" * 43, "badge")
    give(store, first, "c" * 43, "webauthn", "k" * 22)
    assert [one["id"] for one in officers_now(store, NOW)["officers"]] == [first, second]
    with store.transaction():
        store.officers._db.execute(sql, (second,))
        (found,) = find_doubles(store.officers.accounts(), NOW)
    assert found == Double(first, second, shared)
    assert [one["id"] for one in officers_now(store, NOW)["officers"]] == [first]
    with store.transaction():
        store.officers.revoke(first, "护理部主任", "重复", NOW)
    assert [one["id"] for one in officers_now(store, NOW)["officers"]] == [second]


def test_namesakes_of_before_stay(store: Store) -> None:
    entered(store)
    with store.transaction():
        store.officers._db.execute("UPDATE officers SET staff_number = ''")
    assert len(officers_now(store, NOW)["officers"]) == 2


def test_operators_are_told_of_two_accounts(bureau: Bureau) -> None:
    with closing(bureau.store) as store:
        first, second = entered(store)
        with store.transaction():
            store.officers._db.execute("UPDATE officers SET phone = '13900009001' WHERE id = ?", (second,))
    words = f"同一人两个账户 one person, two accounts  {first}  {second}  same phone: the roster leaves out {second}"
    assert words in bureau.say("officer", "list")
    assert words in bureau.say("roster", "send", "--unit", "u1")
    plain = [json.loads(one)["left_out_for"] for one in bureau.say("officer", "list", "--json").splitlines()]
    assert plain == [None, first]
    assert main(["--config", str(bureau.hospital.gateway_toml), "status"]) == 1
    assert words in bureau.capsys.readouterr().out


def test_namesakes_have_not_one_pin(bureau: Bureau) -> None:
    """Of others nothing is told: who sets a PIN would learn by it which one opens somebody else's account."""
    one, namesake, other = bureau.officer(), bureau.officer("--department", "妇科"), bureau.officer("--name", "别人")
    bureau.say("officer", "pin", one, "--by", "信息科", typed="739104\n")
    refused = bureau.say("officer", "pin", namesake, "--by", "信息科", typed="739104\n", status=2)
    assert f"{one} has the same name and the same PIN" in refused
    assert "739104" not in refused
    bureau.say("officer", "pin", one, "--by", "信息科", typed="739104\n")
    bureau.say("officer", "pin", other, "--by", "信息科", typed="739104\n")
    bureau.say("officer", "pin", namesake, "--by", "信息科", typed="480273\n")
