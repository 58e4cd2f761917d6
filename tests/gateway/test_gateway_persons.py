"""One person has one account: what shows that two are one person is noticed, and namesakes are told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.officers import OfficerError
from gateway.persons import Person
from gateway.store import Store
from tests.gateway.personnel import NAME, Bureau, applied, approve
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
