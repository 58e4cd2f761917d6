"""``vernix-gateway certificate``: as it is typed, from what units sent."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daemon.policy import pack_path
from gateway.cli import main
from tests.gateway.conftest import folder_in_memory
from tests.gateway.ward import BEGIN, Ward, WorkingUnit, document_of, id_of

SEEN_BY = ("g-0001", "g-0002")


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        use_pack(made)
        fill(made)
        yield made
        made.close()


def use_pack(ward: Ward) -> None:
    (ward.toml.parent / "pack.toml").write_text(pack_path("jiangxi").read_text("utf-8"), "utf-8")
    text = ward.toml.read_text("utf-8").replace('data = "data"', 'data = "data"\npolicy = "pack.toml"')
    ward.toml.write_text(text, "utf-8")


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
    assert "“出生医学证明签发”环节未通过核验，请补核，或由院方另行决定  not verified at: Birth" in out
    assert "紧急放行，待补核，请核验其本人，或由院方另行决定  emergency: the check is still owed; verify" in out
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


# --- what a wrong yes was made of ---


@pytest.fixture
def birth(capsys: pytest.CaptureFixture[str]) -> Iterator[Birth]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        use_pack(made)
        yield Birth(made, capsys)
        made.close()


class Birth:
    """A hospital of two units; an hour passes after each step."""

    def __init__(self, ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
        self.ward, self._capsys = ward, capsys
        self.one, self.other = ward.unit("u1"), ward.unit("u2")

    def check(self, unit: WorkingUnit, outcome: str, checkpoint: str, visit: str, **more: Any) -> tuple[str, int, str]:
        source = "provisional" if visit.startswith("P-") else "typed"
        done = unit.check(outcome, checkpoint=checkpoint, visit={"ref": visit, "source": source}, **more)
        self.later()
        return done

    def link(self, unit: WorkingUnit, check: tuple[str, int, str], visit: str) -> None:
        unit.later(check, visit={"ref": visit, "source": "typed"}, amends="visit")
        self.later()

    def later(self) -> None:
        for unit in self.ward.units:
            unit.deliver()
            unit.now += dt.timedelta(hours=1)
        self.ward.now = self.one.now

    def passes(self, visit: str, by: int = 1) -> None:
        """She is verified when she is admitted, and where the certificate is issued."""
        for place in ("admission", "certificate"):
            self.check(self.one, "passed", place, visit, document=document_of(by))

    def told(self, *visits: str) -> dict[str, Any]:
        for unit in self.ward.units:
            unit.tell_health()
        found: dict[str, Any] = json.loads(self.raw("--json", *visits))
        return found

    def raw(self, *arguments: str) -> str:
        """What is printed, from what was heard until now."""
        main(["--config", str(self.ward.toml), "certificate", *arguments])
        return self._capsys.readouterr().out

    def codes(self, *visits: str) -> list[str]:
        return [one["code"] for one in self.told(*visits)["reasons"]]


def test_a_given_visit_without_a_check_is_not_passed_over(birth: Birth) -> None:
    birth.passes("A-1")
    assert birth.codes("A-1") == []
    found = birth.told("A-9", "A-1", "a-1")["reasons"]
    assert [(one["code"], one["zh"][:4]) for one in found] == [("no_record", "所给第1"), ("no_record", "所给第3")]
    assert birth.codes(" Ａ-1 ", "A-1") == [], "blanks and width are no other reference"
    assert birth.codes("") == ["no_record"]


def test_links_that_contradict_each_other_count_in_every_visit_named(birth: Birth) -> None:
    birth.passes("C-2")
    failed = birth.check(birth.one, "failed", "delivery", "P-3", officers=SEEN_BY, document=document_of(1))
    birth.link(birth.other, failed, "C-1")
    birth.link(birth.one, failed, "C-2")
    for visit in ("C-1", "C-2"):
        assert failed[1] in [one["seq"] for one in birth.told(visit)["evidence"]]


def test_what_a_key_that_is_not_believed_says_of_other_records_does_not_count(birth: Birth) -> None:
    birth.passes("F-1")
    failed = birth.check(birth.one, "failed", "delivery", "P-1", officers=SEEN_BY, document=document_of(2))
    birth.check(birth.one, "emergency", "delivery", "F-1")
    since = birth.other.now
    birth.later()
    birth.link(birth.other, failed, "Q-1")
    birth.check(birth.other, "passed", "delivery", "F-1", document=document_of(1))
    assert [one["debt"] for one in birth.told("F-1")["evidence"]] == ["", "", "settled", ""]
    birth.ward.revoke(birth.other, since)
    assert [one["debt"] for one in birth.told("F-1")["evidence"]] == ["", "", "owed", ""]
    assert birth.codes("Q-1") == ["no_record"], "its link is none"


def test_what_she_failed_under_a_visit_that_is_not_given_counts(birth: Birth) -> None:
    birth.passes("U-1")
    birth.check(birth.one, "failed", "delivery", "P-8", officers=SEEN_BY, document=document_of(2))
    assert birth.codes("U-1") == [], "another woman's"
    failed = birth.check(birth.other, "failed", "delivery", "P-7", officers=SEEN_BY, document=document_of(1))
    found = birth.told("U-1")["reasons"]
    assert [(one["code"], one["unit"], one["seq"]) for one in found] == [
        ("special_case", "u2", failed[1]),
        ("not_passed", "u2", failed[1]),
    ]
    birth.check(birth.other, "passed", "delivery", "U-1", drill=True, document=document_of(1))
    birth.ward.revoke(birth.other, BEGIN)
    assert birth.codes("U-1") == [], "by a key that is not believed"


def test_a_unit_that_is_silent_is_named(birth: Birth) -> None:
    """What it recorded since it was last heard is not here, and holds nothing back."""
    birth.passes("O-1")
    birth.check(birth.other, "passed", "delivery", "O-2")
    birth.ward.now = birth.one.now = birth.other.now = dt.datetime.now(dt.UTC)
    birth.one.tell_health()
    found = birth.raw("--json", "O-1")
    assert json.loads(found)["silent"] == [{"unit": "u2", "heard": ""}]
    assert json.loads(found)["may_be_issued"]
    assert "设备 u2 上次联系 无，此后的记录可能尚未到达\n  unit u2 last heard never: its" in birth.raw("O-1")
    birth.other.tell_health()
    assert json.loads(birth.raw("--json", "O-1"))["silent"] == []
