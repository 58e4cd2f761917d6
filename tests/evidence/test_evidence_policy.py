"""What of a pack the hospital's side goes by: read from the shipped files, and as the unit's side reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.policy import load_policy, pack_path, shipped_names
from evidence.policy import Kind, Place, Weeks, load_rules
from evidence.record import Outcome
from evidence.tree import TreeError


@pytest.mark.parametrize("name", shipped_names())
def test_both_sides_read_the_same_of_a_shipped_pack(name: str) -> None:
    rules, policy = load_rules(pack_path(name)), load_policy(name)
    assert (rules.id, rules.version, rules.certificate) == (policy.id, policy.version, policy.certificate)
    assert rules.staff.approved_by == policy.staff.approved_by
    for own in policy.checkpoints:
        place = rules.place(own.id)
        assert place is not None
        assert (place.kind, place.weeks, place.title) == (own.kind, own.weeks, own.title)
        for outcome in Outcome:
            assert rules.is_special_case(own.id, outcome) == policy.is_special_case(own.id, outcome)
    assert rules.register is not None
    assert (rules.register.due_day, rules.register.checkpoints) == (4, policy.registers[0].checkpoints)


def test_a_checkpoint_that_the_pack_does_not_know_is_maternity_care() -> None:
    rules = load_rules(pack_path("jiangxi"))
    assert rules.place("nowhere") is None
    assert rules.is_special_case("nowhere", "failed")
    assert not rules.is_special_case("nowhere", "passed")


def test_weeks() -> None:
    place = Place("antenatal", "孕期", "Pregnancy", "hn 1", Kind.MATERNITY, weeks=Weeks(20, 36))
    assert [week for week in (19, 20, 36, 37) if place.due(week)] == [20, 36]
    assert place.due(None)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("needs = [", "needs = 7 # [", "certificate.needs"),
        ("due_day = 4", "due_day = 31", r"forms\[3\].due_day"),
        ('approved_by = ["医务科", "护理部"]', 'approved_by = ["医务科"]', "staff.approved_by"),
        ('kinds = ["maternity"]', 'kinds = ["all"]', r"special_case.kinds\[0\]"),
    ],
)
def test_a_mistake_in_its_part_is_named(old: str, new: str, path: str, tmp_path: Path) -> None:
    text = pack_path("jiangxi").read_text("utf-8")
    assert old in text
    (tmp_path / "pack.toml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(TreeError, match=path):
        load_rules(tmp_path / "pack.toml")
