"""``vernix-gateway certificate``: what speaks for a birth certificate, what against it, and on what evidence."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daemon.policy import pack_path
from evidence.policy import Rules, load_rules
from evidence.record import Outcome
from gateway.certificate import Answer, Hole, answer
from gateway.cli import main
from gateway.statistics.facts import NOTHING, Check, Later, check_of
from tests.gateway.conftest import folder_in_memory
from tests.gateway.ward import BEGIN, Ward, check_id, document_of, id_of

SEEN_BY = ("g-0001", "g-0002")
MIN = dt.timedelta(minutes=1)
RULES = {name: load_rules(pack_path(name)) for name in ("jiangxi", "hainan", "chongqing_yubei", "neutral")}
"""Of the shipped packs."""
NOBODY = Later(nobody=True)


def check(at: int, outcome: str, checkpoint: str, *, by: int = 1, later: Later = NOTHING, **more: Any) -> Check:
    """A check ``at`` minutes, of the woman whose document has number ``by``; keywords are fields of its record."""
    moment = (BEGIN + at * MIN).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    unit, believed, case = more.pop("unit", "u1"), more.pop("believed", True), more.pop("case", "")
    said = {
        "unit": unit,
        "seq": at + 2,
        "check": check_id(BEGIN + at * MIN),
        "time": {"earliest": moment, "latest": moment, "source": "network"},
        "policy": {"id": "jiangxi", "version": "2024-2"},
        "checkpoint": checkpoint,
        "outcome": outcome,
        "subject": {"role": "mother"},
        "visit": {"ref": "V-1", "source": "typed"},
        "channel": "unit",
        "officers": [],
        **({"document": document_of(by)} if outcome in ("passed", "manual", "failed") else {}),
        **more,
    }
    return check_of(said, "0" * 64, later, settled_elsewhere=False, believed=believed, case=case)


def claimed(at: int, outcome: str, **more: Any) -> Check:
    return check(at, outcome, "certificate", subject={"role": "claimant"}, **{"by": 9, **more})


def asked(rules: str | Rules, *checks: Check, missing: tuple[Hole, ...] = ()) -> Answer:
    return answer(RULES[rules] if isinstance(rules, str) else rules, checks, missing, ())


def codes(rules: str | Rules, *checks: Check) -> list[str]:
    return [one.code for one in asked(rules, *checks).reasons]


PASSED = check(10, "passed", "delivery")


def test_a_pass_of_mother_or_claimant_where_the_certificate_is_issued() -> None:
    found = asked("jiangxi", PASSED, check(20, "passed", "certificate"))
    assert found.may_be_issued
    assert found.name_in is found.checks[1] is found.needs[0].by
    by_another = asked("jiangxi", PASSED, claimed(20, "passed"))
    assert (by_another.may_be_issued, by_another.name_in) == (True, PASSED), "issued under the mother's name"
    assert asked("neutral", check(20, "manual", "certificate")).may_be_issued, "the way without biometrics is equal"


def test_who_claims_it_is_not_the_mother() -> None:
    assert codes("jiangxi", claimed(20, "passed")) == ["mother_not_verified"]
    man = document_of(3) | {"sex": "1"}
    assert codes("jiangxi", check(20, "passed", "certificate", document=man)) == ["mother_not_verified"]
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
    before, since = check(1, "passed", "admission"), check(20, "passed", "certificate")
    assert codes("jiangxi", before, owed, claimed(30, "passed")) == ["owed"], "a claimant's check settles nothing"
    assert asked("jiangxi", owed, since).may_be_issued
    nobody = check(25, outcome, "delivery", later=NOBODY, visit={"ref": "P-1", "source": "provisional"})
    if outcome in ("emergency", "interrupted"):
        assert asked("jiangxi", nobody, since).may_be_issued
    settled = check(5, outcome, "admission"), check(1, "passed", "antenatal"), check(20, "passed", "delivery")
    assert asked("hainan", *settled).may_be_issued, "made up for at a later checkpoint"
    assert codes("hainan", settled[1], check(5, outcome, "admission"), check(9, "failed", "admission")) == [
        "not_verified:admission",
        "owed",
        "not_passed",
    ]


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_what_did_not_pass_counts_until_she_is_verified(outcome: str) -> None:
    assert codes("neutral", PASSED, check(20, outcome, "certificate")) == ["not_verified:certificate", "not_passed"]
    assert asked("neutral", check(5, outcome, "delivery"), check(20, "passed", "certificate")).may_be_issued
    assert codes("neutral", check(5, outcome, "delivery"), check(4, "passed", "certificate")) == ["not_passed"]


def test_two_units_clocks_that_may_be_off() -> None:
    """What seems later by a clock that nobody answers for is not."""
    failed = check(5, "failed", "delivery", unit="u2")
    wide = dict(failed.payload["time"]) | {"latest": "2027-01-01T00:00:00.000Z", "source": "floor"}
    assert asked("neutral", failed, check(20, "passed", "certificate")).may_be_issued
    unsure = check(5, "failed", "delivery", unit="u2", time=wide)
    assert codes("neutral", unsure, check(20, "passed", "certificate")) == ["not_passed"]


def test_an_open_special_case_and_a_closed_one() -> None:
    opened, since = check(5, "failed", "delivery", case="open"), check(20, "passed", "certificate")
    assert codes("jiangxi", opened, since) == ["special_case"]
    assert asked("jiangxi", check(5, "failed", "delivery", case="closed"), since).may_be_issued
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
    assert asked("jiangxi", check(20, "passed", "certificate"), against).may_be_issued


def test_what_is_not_here_may_be_of_her() -> None:
    found = asked("neutral", check(20, "passed", "certificate"), missing=(Hole("u2", 7, 9),))
    assert [(one.code, "u2 7–9" in one.words[0]) for one in found.reasons] == [("records_missing", True)]
    assert codes("neutral") == ["no_record"]


def test_every_outcome_but_a_verified_one_is_no() -> None:
    for name, rules in RULES.items():
        for outcome in Outcome:
            everywhere = [check(at, outcome, one.id) for at, one in enumerate(rules.checkpoints)]
            assert asked(rules, *everywhere).may_be_issued is (outcome in ("passed", "manual")), f"{name} {outcome}"


# --- as it is typed, from what units sent ---


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        (made.toml.parent / "pack.toml").write_text(pack_path("jiangxi").read_text("utf-8"), "utf-8")
        text = made.toml.read_text("utf-8").replace('data = "data"', 'data = "data"\npolicy = "pack.toml"')
        made.toml.write_text(text, "utf-8")
        fill(made)
        yield made
        made.close()


def fill(ward: Ward) -> None:
    """The two visits of one birth, a drill, another woman's failed check, and a visit that was linked later."""
    one, other = ward.unit("u1"), ward.unit("u2")
    first, second, another = ({"ref": name, "source": "typed"} for name in ("V-1", "V-2", "V-3"))
    one.check("passed", checkpoint="admission", document=document_of(1), visit=first)
    linked = one.check("emergency", visit={"ref": "P-0", "source": "provisional"})
    one.later(linked, visit=first, amends="visit")
    one.check("failed", drill=True, visit=first)
    other.check("failed", officers=SEEN_BY, visit=another)
    for unit in (one, other):
        unit.now += dt.timedelta(hours=3)
    other.check("passed", checkpoint="certificate", document=document_of(1), visit=second)
    for unit in (one, other):
        unit.deliver()
        unit.tell_health()


@pytest.fixture
def say(ward: Ward, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["--config", str(ward.toml), *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


Say = Callable[..., tuple[int, str, str]]


def told(say: Say, *visits: str, status: int) -> dict[str, Any]:
    done, out, err = say("certificate", "--json", *visits)
    assert done == status, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_all_visits_of_the_birth_together(say: Say) -> None:
    found = told(say, "V-1", "V-2", status=0)
    assert (found["may_be_issued"], found["reasons"]) == (True, [])
    assert found["policy"] == {"id": "jiangxi", "version": "2024-2"}
    assert found["name_in"] == found["needs"][0]["by"] == {"unit": "u2", "seq": 3}
    assert [(one["outcome"], one["signature"]) for one in found["evidence"]] == [
        ("passed", "verified"),
        ("emergency", "verified"),
        ("passed", "verified"),
    ], "no drill"
    only = told(say, "V-1", status=1)
    assert [one["code"] for one in only["reasons"]] == ["not_verified", "owed"]
    assert [one["code"] for one in told(say, "V-3", status=1)["reasons"]] == [
        "not_verified",
        "mother_not_verified",
        "special_case",
        "not_passed",
    ]


def test_nobody_is_named(say: Say) -> None:
    for visits in (("V-1", "V-2"), ("V-3",)):
        for form in ((), ("--json",)):
            _, out, err = say("certificate", *form, *visits)
            assert not any(word in out + err for word in (id_of(1), "示例", *visits))


def test_people_read_both_languages(say: Say) -> None:
    status, out, _ = say("certificate", "V-1")
    assert status == 1
    assert "出生医学证明：不予签发  birth certificate: not to be issued  (jiangxi 2024-2)" in out
    assert "“出生医学证明签发”环节未通过核验  not verified at: Birth certificate issue" in out
    assert "紧急放行，待补核  emergency: the check is still owed  [u1 3]" in out
    assert "产妇姓名以此记录为准  the mother's name is that of [u1 2]" in out
    assert "可以签发  birth certificate: may be issued" in say("certificate", "V-1", "V-2")[1]


def test_without_a_pack_there_is_no_answer(ward: Ward, say: Say) -> None:
    text = ward.toml.read_text("utf-8")
    ward.toml.write_text(text.replace('policy = "pack.toml"\n', ""), "utf-8")
    status, out, err = say("certificate", "V-1")
    ward.toml.write_text(text, "utf-8")
    assert (status, out) == (2, "")
    assert "gateway.policy: missing; name the pack's file" in err


def test_nothing_is_said_over_a_hole_until_it_is_given_up(ward: Ward, say: Say) -> None:
    unit = ward.unit("u3")
    for _ in range(2):
        unit.check("passed")
    unit.deliver(but=2)
    found = told(say, "V-1", "V-2", status=1)
    assert [(one["code"], one["en"].split(" have")[0]) for one in found["reasons"]] == [
        ("records_missing", "records u3 2–3")
    ]
    assert say("accept-gap", "u3", 2, 2, "--by", "王主任", "--reason", "disk lost")[0] == 0
    assert told(say, "V-1", "V-2", status=0)["given_up"] == ["u3 2"]
    other = ward.unit("u4")
    for _ in range(2):
        other.check("passed")
    other.deliver(but=2)
    (alone,) = told(say, "V-1", "V-2", status=1)["reasons"]
    assert alone["zh"] == "记录 u4 2–3 尚未到达或已损坏，请稍后再查", "another unit's gap is not this one's"
