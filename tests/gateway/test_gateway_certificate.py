"""Whether a birth certificate may be issued: what speaks for it, and what against it."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.policy import pack_path
from evidence.policy import load_rules
from evidence.record import Outcome
from gateway.certificate import Hole, mothers_numbers
from gateway.statistics.facts import Later
from tests.gateway.births import RULES, asked, check, claimed, codes
from tests.gateway.ward import document_of

NOBODY = Later(nobody=True)
PASSED = check(10, "passed", "delivery")
BEFORE, SINCE = check(1, "passed", "admission"), check(20, "passed", "certificate")
MAN = document_of(3) | {"sex": "1"}


def test_a_pass_of_mother_or_claimant_where_the_certificate_is_issued() -> None:
    found = asked("jiangxi", PASSED, check(20, "passed", "certificate"))
    assert found.may_be_issued
    assert found.name_in is found.checks[1] is found.needs[0].by
    by_another = asked("jiangxi", PASSED, claimed(20, "passed"))
    assert (by_another.may_be_issued, by_another.name_in) == (True, PASSED), "issued under the mother's name"
    assert asked("neutral", PASSED, check(20, "manual", "certificate")).may_be_issued, (
        "the way without biometrics is equal"
    )


def test_who_claims_it_is_not_the_mother() -> None:
    assert codes("jiangxi", claimed(20, "passed")) == ["mother_not_verified"]
    by_man = check(20, "passed", "certificate", document=MAN)
    assert codes("jiangxi", by_man) == ["not_verified:certificate", "mother_not_verified"]
    another = check(9, "passed", "admission", by=9, subject={"role": "claimant"})
    assert codes("hainan", check(1, "passed", "antenatal"), another) == ["not_verified:admission"]
    assert codes("hainan", claimed(20, "passed"))[:2] == ["not_verified:antenatal", "not_verified:admission"]


def test_each_checkpoint_of_the_gate() -> None:
    antenatal, admission = check(1, "passed", "antenatal"), check(9, "manual", "admission")
    assert codes("hainan", antenatal) == ["not_verified:admission"]
    assert codes("hainan", admission) == ["not_verified:antenatal"]
    assert asked("hainan", antenatal, admission).may_be_issued
    early = check(1, "passed", "antenatal", gestation_week=12)
    assert codes("hainan", early, admission) == ["not_verified:antenatal"], "before the weeks in which it is due"
    places = RULES["chongqing_yubei"].certificate
    assert places is not None
    everywhere = [check(at, "passed", place) for at, place in enumerate(places.needs)]
    assert asked("chongqing_yubei", *everywhere).may_be_issued
    assert codes("chongqing_yubei", *everywhere[1:]) == ["not_verified:registration"]


def test_a_pack_may_let_another_checkpoint_stand_for_one_where_she_never_was(tmp_path: Any) -> None:
    text = pack_path("jiangxi").read_text("utf-8").replace('needs = ["certificate"]', 'needs = ["registration"]')
    (tmp_path / "own.toml").write_text(text, "utf-8")
    own = load_rules(tmp_path / "own.toml")
    assert asked(own, PASSED).may_be_issued, "first seen in labour: the delivery's rules hold"
    assert codes(own, check(1, "refused", "registration"), PASSED) == ["not_verified:registration"]


@pytest.mark.parametrize("outcome", ["emergency", "unable", "interrupted", "device_fault"])
def test_what_is_owed_is_owed_until_she_is_verified(outcome: str) -> None:
    owed = check(5, outcome, "delivery")
    assert codes("jiangxi", BEFORE, owed, claimed(30, "passed")) == ["owed"], "a claimant's check settles nothing"
    assert asked("jiangxi", BEFORE, owed, SINCE).may_be_issued
    told = check(5, outcome, "delivery", later=Later(settled=True))
    assert codes("jiangxi", BEFORE, told, claimed(30, "passed")) == ["owed"], "by her own check, not by a word of one"
    nobody = check(25, outcome, "delivery", later=NOBODY, visit={"ref": "P-1", "source": "provisional"})
    if outcome in ("emergency", "interrupted"):
        assert asked("jiangxi", BEFORE, SINCE, nobody).may_be_issued
    settled = check(5, outcome, "admission"), check(1, "passed", "antenatal"), check(20, "passed", "delivery")
    nobody_decided = ["not_verified:admission"] if outcome == "interrupted" else []
    assert codes("hainan", *settled) == nobody_decided, "made up for at a later checkpoint, where it did not break off"
    assert codes("hainan", settled[1], check(5, outcome, "admission"), check(9, "failed", "admission")) == [
        "not_verified:admission",
        "owed",
        "not_passed",
    ]


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_what_did_not_pass_counts_until_she_is_verified(outcome: str) -> None:
    assert codes("neutral", PASSED, check(20, outcome, "certificate")) == ["not_verified:certificate", "not_passed"]
    assert asked("neutral", BEFORE, check(5, outcome, "delivery"), SINCE).may_be_issued
    assert codes("neutral", BEFORE, check(5, outcome, "delivery"), check(4, "passed", "certificate")) == ["not_passed"]


def test_two_units_clocks_that_may_be_off() -> None:
    """What seems later by a clock that nobody answers for is not."""
    failed = check(5, "failed", "delivery", unit="u2")
    wide = dict(failed.payload["time"]) | {"latest": "2027-01-01T00:00:00.000Z", "source": "floor"}
    assert asked("neutral", BEFORE, failed, SINCE).may_be_issued
    unsure = check(5, "failed", "delivery", unit="u2", time=wide)
    assert codes("neutral", BEFORE, unsure, SINCE) == ["not_passed"]


def test_an_open_special_case_and_a_closed_one() -> None:
    opened = check(5, "failed", "delivery", case="open")
    assert codes("jiangxi", BEFORE, opened, SINCE) == ["special_case"]
    assert asked("jiangxi", BEFORE, check(5, "failed", "delivery", case="closed"), SINCE).may_be_issued
    (withheld,) = asked("hainan", opened, check(1, "passed", "antenatal"), check(9, "passed", "admission")).reasons
    assert "公安机关调查期间不予签发" in withheld.words[0]
    assert "while the police investigate" in withheld.words[1]


def test_two_women_are_not_one() -> None:
    found = asked("hainan", check(1, "passed", "antenatal", by=1), check(9, "passed", "admission", by=2))
    assert [one.code for one in found.reasons] == ["two_documents"]
    assert found.name_in is None


def test_a_revoked_keys_record_speaks_neither_for_nor_against_and_is_shown() -> None:
    forged = check(20, "passed", "certificate", believed=False)
    found = asked("jiangxi", PASSED, forged)
    assert [one.code for one in found.reasons] == ["not_verified:certificate"]
    assert forged in found.checks
    against = check(30, "failed", "delivery", believed=False)
    assert asked("jiangxi", PASSED, SINCE, against).may_be_issued


def test_what_is_not_here_may_be_of_her() -> None:
    found = asked("neutral", PASSED, SINCE, missing=(Hole("u2", 7, 9),))
    assert [(one.code, "u2 7–9" in one.words[0]) for one in found.reasons] == [("records_missing", True)]
    assert codes("neutral") == ["no_record"]


# --- what a wrong yes was made of ---


def test_a_man_recorded_as_mother_meets_none_of_her_needs_and_settles_nothing_of_hers() -> None:
    antenatal = check(0, "passed", "antenatal")
    assert codes("hainan", antenatal, check(9, "passed", "admission", document=MAN)) == ["not_verified:admission"]
    failed, by_man = check(5, "failed", "delivery"), check(20, "passed", "delivery", document=MAN)
    early = BEFORE, check(2, "passed", "certificate")
    assert codes("neutral", *early, failed, by_man) == ["not_passed"]
    assert codes("neutral", *early, check(5, "unable", "delivery"), by_man) == ["owed"]


@pytest.mark.parametrize("outcome", ["failed", "unable", "refused"])
def test_what_another_document_left_open_hers_does_not_settle(outcome: str) -> None:
    """The surrogate's card failed, and the buyer's passes at the desk."""
    by_another = check(10, outcome, "delivery", document=document_of(9))
    left = "owed" if outcome == "unable" else "not_passed"
    assert codes("jiangxi", BEFORE, by_another, SINCE) == ["two_documents", left]
    (first, _) = asked("jiangxi", BEFORE, by_another, SINCE).reasons
    assert first.check is by_another
    assert "院方另行决定" in first.words[0]


def test_who_is_seen_only_where_the_certificate_is_issued_may_be_anybody() -> None:
    assert codes("jiangxi", SINCE) == ["not_verified_before_birth"]
    assert codes("jiangxi", check(10, "emergency", "delivery"), SINCE) == ["not_verified_before_birth"]
    assert codes("jiangxi", check(1, "passed", "art_file"), SINCE) == ["not_verified_before_birth"], "years before"
    (reason,) = asked("neutral", SINCE).reasons
    assert "outside of this answer" in reason.words[1]


def test_whose_pass_makes_up_for_a_claimants_failure() -> None:
    failed, mother, another = claimed(20, "failed", by=8), check(30, "passed", "certificate"), claimed(30, "passed")
    assert codes("neutral", PASSED, failed, mother) == []
    assert codes("neutral", PASSED, failed, claimed(30, "passed", by=8)) == []
    assert codes("neutral", PASSED, failed, another) == ["not_passed"]
    assert codes("jiangxi", PASSED, claimed(20, "refused", case="open"), another) == ["special_case", "not_passed"]
    assert codes("jiangxi", PASSED, claimed(20, "failed", by=8, case="closed"), another) == []
    assert codes("neutral", PASSED, claimed(20, "unable"), another) == [], "nobody's number was read"


def test_one_number_spelled_in_two_ways_is_one() -> None:
    one, other = (document_of(1, kind="passport") | {"number": text} for text in ("e1234-567", "Ｅ 1234567"))
    first, last = check(10, "manual", "delivery", document=one), check(20, "manual", "certificate", document=other)
    assert codes("neutral", first, last) == []


def test_what_she_left_open_under_another_visit_counts() -> None:
    other = {"ref": "V-9", "source": "typed"}
    failed, passed = (check(at, outcome, "delivery", visit=other) for at, outcome in ((12, "failed"), (14, "passed")))
    first = PASSED, check(11, "passed", "certificate")
    found = asked("jiangxi", *first, failed)
    assert [(one.code, one.check) for one in found.reasons] == [("not_passed", failed)]
    assert found.reasons[0].words[0].startswith("另一就诊号下同一证件号码：")
    assert codes("jiangxi", *first, failed, SINCE) == codes("jiangxi", *first, failed, passed) == []
    assert codes("jiangxi", PASSED, check(12, "unable", "certificate"), passed) == ["not_verified:certificate", "owed"]
    assert codes("jiangxi", check(1, "passed", "delivery", visit=other), SINCE) == ["not_verified_before_birth"]


def test_whose_numbers_are_looked_for_elsewhere() -> None:
    forged, of_man = check(3, "passed", "delivery", by=4, believed=False), check(4, "passed", "delivery", document=MAN)
    checks = PASSED, forged, of_man, claimed(20, "passed"), check(5, "failed", "delivery", by=6)
    assert mothers_numbers(checks) == {document_of(1)["number"]}


def test_of_links_from_several_units_the_last_by_time_is_the_visit() -> None:
    later = Later()
    for day, visit in (("03", "V-3"), ("02", "V-2")):
        later.take({"visit": {"ref": visit}, "time": {"earliest": f"2026-07-{day}T00:00:00.000Z"}})
    linked = check(1, "emergency", "delivery", later=later)
    assert linked.visit == "V-3"
    assert linked.visits == {"V-1", "V-2", "V-3"}


def test_every_outcome_but_a_verified_one_is_no() -> None:
    for name, rules in RULES.items():
        for outcome in Outcome:
            everywhere = [check(at, outcome, one.id) for at, one in enumerate(rules.checkpoints)]
            assert asked(rules, *everywhere).may_be_issued is (outcome in ("passed", "manual")), f"{name} {outcome}"
