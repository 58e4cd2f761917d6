"""Counting: each check once with what came later, drills never, and nothing that is not in the chain."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from daemon.policy import load_policy
from daemon.policy import words as policy_words
from evidence.instants import write_instant
from evidence.progress import bar, watched
from evidence.record import Outcome
from gateway.cli import main
from gateway.officers import Account, Entry
from gateway.snapshot import snapshot
from gateway.statistics import words
from gateway.statistics.counts import Counts
from gateway.statistics.facts import NOTHING, Later, check_of
from gateway.statistics.page import Facts
from gateway.statistics.report import roster_of
from gateway.statistics.survey import Period, Survey
from tests.gateway.conftest import folder_in_memory
from tests.gateway.ward import BEGIN, RARE, Ward, check_id, document_of

Say = Callable[..., str]
QUARTER = ("--from", "2026-07-01", "--to", "2026-09-30")


def fill(ward: Ward) -> None:
    """Two units, a summer, and everything that can happen to a check."""
    one, other = ward.unit("u1"), ward.unit("u2")
    one.check("passed", checkpoint="registration")  # 1 July in China, 30 June in UTC
    one.now += dt.timedelta(days=1)
    one.check("unable", visit={"ref": "V-9", "source": "typed"})
    settled = one.check("interrupted")
    one.later(settled, reason="settled", settled_by={"check": settled[0], "seq": 1, "sha256": "0" * 64})
    one.check("device_fault")
    mistaken, explained = one.check("emergency"), one.check("emergency")
    one.check("interrupted", step_reached="emergency")
    one.later(mistaken, reason="mistaken_emergency: touched", accounts=True, amends="mistaken_emergency")
    one.later(explained, reason="explanation: 大出血", accounts=True)
    one.check("passed", drill=True)
    one.check("failed", officers=("g-0001", "g-0002"), checkpoint="admission")
    linked = one.check("refused", visit={"ref": "P-000", "source": "provisional"})
    one.later(linked, reason="visit", visit={"ref": "V-77", "source": "typed"}, amends="visit")
    one.later(linked, reason="signature", subject_sign={"by": "delegate", "relation": "spouse", "sha256": "0" * 64})
    face = {"score": 0.1, "threshold": 0.36, "decision": "no_match", "frames": 3}
    face |= {"model": {"detector": "0" * 64, "embedding": "0" * 64}}
    child = {**document_of(77), "findings": ["under_14"]}
    young = one.check("passed", officers=("g-0001",), face=face, document=child)
    one.later(young, reason="signature", subject_sign={"by": "subject", "relation": "self", "sha256": "0" * 64})
    other.now = one.now + dt.timedelta(days=40)
    other.check("passed", visit={"ref": "V-9", "source": "typed"}, document=document_of(5, RARE))
    passport = document_of(6, "=HYPERLINK(1)", "passport")
    other.check("manual", document=passport, officers=("g-0001", "g-0002"), channel="ganfutong", took_s=90)
    other.now = dt.datetime(2026, 9, 30, 15, 59, 59, tzinfo=dt.UTC)
    other.check("passed", on_duty={"id": "g-0003", "role": "officer", "since": "2026-09-30T00:00:00.000Z"} | ATTESTED)
    other.now += dt.timedelta(seconds=1)
    other.check("passed")  # 1 October in China
    for unit in (one, other):
        unit.now = dt.datetime.now(dt.UTC)
        unit.deliver()
        unit.tell_health()


ATTESTED = {"attested_by": "unit"}


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with folder_in_memory() as folder:
        made = Ward(folder)
        fill(made)
        yield made
        made.close()


@pytest.fixture
def say(ward: Ward, capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: object, status: int = 0) -> str:
        done = main(["--config", str(ward.toml), *map(str, arguments)])
        out, err = capsys.readouterr()
        assert done == status, err
        return out + err

    return run


def counted(say: Say, *arguments: object, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(say("statistics", *(arguments or QUARTER), "--json", status=status))
    return found


def test_every_check_counts_once_with_what_came_later(say: Say) -> None:
    found = counted(say)
    assert found["checks"] == 13
    assert found["drills"] == 1
    assert found["outcomes"] == {
        "passed": 4,
        "unable": 1,
        "interrupted": 2,
        "device_fault": 1,
        "emergency": 2,
        "failed": 1,
        "refused": 1,
        "manual": 1,
    }
    assert (found["debts"], found["debts_settled"], found["debts_owed"]) == (6, 2, 4)
    emergencies = (found["emergencies"], found["emergencies_mistaken"], found["emergencies_unexplained"])
    assert emergencies == (3, 1, 1)
    assert (found["manual"], found["other_channels"], found["passed_despite_face"]) == (1, 1, 1)
    assert (found["decided_by_officers"], found["linked_later"], found["unsigned"]) == (3, 1, 12)
    assert (found["seconds_median"], found["seconds_p95"]) == (40, 90)


def test_a_clock_that_may_be_off_changes_nothing_of_how_long_it_took() -> None:
    """The interval of a record is as wide as the clock's possible error; the check's id is by the clock itself."""
    ended = dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)
    place: dict[str, Any] = {
        "unit": "u1",
        "seq": 7,
        "policy": {"id": "neutral"},
        "checkpoint": "delivery",
        "channel": "unit",
    }
    said = place | {"outcome": "passed", "officers": [], "check": check_id(ended - dt.timedelta(seconds=20))}
    for error_s in (0, 13):
        bounds = [write_instant(ended + dt.timedelta(seconds=error)) for error in (-error_s, error_s)]
        said["time"] = {"earliest": bounds[0], "latest": bounds[1], "source": "clock"}
        assert check_of(said, "0" * 64, NOTHING, settled_elsewhere=False).seconds == 20


PROVISIONAL, KNOWN = {"ref": "P-1", "source": "provisional"}, {"ref": "V-1", "source": "typed"}
BY_MISTAKE = {"amends": "mistaken_emergency", "accounts": True, "reason": "mistaken_emergency: x"}
NOBODY = {"amends": "nobody_checked", "reason": "nobody_checked: x"}


@pytest.mark.parametrize(
    ("said", "addendum", "officers", "debt"),
    [
        ({"outcome": "emergency", "visit": PROVISIONAL}, BY_MISTAKE, ("g-1",), "settled"),
        ({"outcome": "emergency", "visit": KNOWN}, BY_MISTAKE, ("g-1",), "owed"),
        (
            {"outcome": "emergency", "visit": PROVISIONAL, "document": {"type": "passport"}},
            BY_MISTAKE,
            ("g-1",),
            "owed",
        ),
        ({"outcome": "interrupted", "visit": PROVISIONAL, "step_reached": "notice"}, NOBODY, ("g-1", "g-2"), "settled"),
        ({"outcome": "interrupted", "visit": PROVISIONAL, "step_reached": "notice"}, NOBODY, ("g-1", "g-1"), "owed"),
        ({"outcome": "interrupted", "visit": PROVISIONAL, "step_reached": "card"}, NOBODY, ("g-1", "g-2"), "owed"),
        ({"outcome": "unable", "visit": PROVISIONAL}, NOBODY, ("g-1", "g-2"), "owed"),
    ],
)
def test_nobody_is_owed_where_nobody_was(
    said: dict[str, Any], addendum: dict[str, Any], officers: tuple[str, ...], debt: str
) -> None:
    """By one officer's word of a touch, by two officers' of a check; never where a visit or a document was there."""
    later = Later()
    later.take({**addendum, "officers": [{"id": one} for one in officers]})
    rest = {"unit": "u", "seq": 2, "check": check_id(BEGIN), "policy": {"id": "neutral"}, "checkpoint": "delivery"}
    time = {"earliest": write_instant(BEGIN), "latest": write_instant(BEGIN), "source": "clock"}
    whole = {**rest, "time": time, "channel": "unit", "officers": [], **said}
    assert check_of(whole, "0" * 64, later, settled_elsewhere=False).debt == debt


def test_who_claims_the_certificate_settles_nothing_of_hers() -> None:
    of = {"visit": {"ref": "V-1", "source": "typed"}}
    claimed = of | {"subject": {"role": "claimant"}, "checkpoint": "certificate"}
    with folder_in_memory() as folder, closing(Ward(folder)) as ward:
        unit = ward.unit("u1")
        for outcome, said in (("unable", of), ("unable", claimed), ("passed", claimed)):
            unit.now += dt.timedelta(hours=1)
            unit.check(outcome, **said)
        unit.deliver()
        with snapshot(ward.store) as shot:
            found = [one.debt for one in Survey(shot, ward.authority).checks(Period("2000", "2100"))]
    assert found == ["owed", "settled", ""]


def test_by_everything(say: Say) -> None:
    by = counted(say)["by"]
    assert [(row["key"], row["total"]) for row in by["day"]] == [
        ("2026-07-01", 1),
        ("2026-07-02", 9),
        ("2026-08-11", 2),
        ("2026-09-30", 1),
    ]
    titles = {row["key"]: (row["title"], row["total"]) for row in by["checkpoint"]}
    assert titles == {
        "jiangxi/delivery": ("分娩", 11),
        "jiangxi/registration": ("建册", 1),
        "jiangxi/admission": ("入院", 1),
    }
    assert {row["key"]: row["total"] for row in by["officer"]} == {"g-0001": 3, "g-0002": 2, "g-0003": 1, "": 9}
    assert {row["title"]: row["total"] for row in by["document"]} == {"无": 8, "居民身份证": 4, "护照": 1}
    assert all(sum(row["total"] for row in by[name]) == 13 for name in ("day", "checkpoint", "outcome", "document"))


def test_days_are_days_in_china(say: Say) -> None:
    assert counted(say, "--from", "2026-10-01", "--to", "2026-10-01")["checks"] == 1
    assert counted(say, "--from", "2026-06-30", "--to", "2026-06-30")["checks"] == 0


def test_text(say: Say) -> None:
    text = say("statistics", *QUARTER, "--by", "officer")
    assert re.search(r"^checks +13 +核验总数$", text, re.M)
    assert re.search(r"^g-0001 +3 ", text, re.M)
    assert re.search(r"^drills \(never counted\) +1 ", text, re.M)
    assert "u1: verified to 18, signed head 18" in text
    assert "missing: none" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("statistics", "--from", "2026-07-02", "--to", "2026-07-01"), "--to is before --from"),
        (("export", "--format", "csv"), "--from, --to and --out"),
        (("export", "u1"), "UNIT and FILE"),
        (("export", "--format", "csv", *QUARTER, "--out", "x", "--names"), "need --by"),
    ],
)
def test_what_does_not_go_together_is_usage(say: Say, arguments: tuple[str, ...], said: str) -> None:
    assert said in say(*arguments, status=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("statistics", "--from", "0001-01-01"),
        ("statistics", "--to", "9999-12-31"),
        ("report", "--quarter", "9999Q4", "--out", "x"),
        ("report", "--quarter", "0001Q1", "--out", "x"),
        ("report", "--quarter", "10000Q1", "--out", "x"),
        ("register", "--month", "9999-12", "--out", "x"),
        ("register", "--month", "0001-01", "--out", "x"),
    ],
)
def test_days_at_the_ends_of_the_calendar_are_usage(
    ward: Ward, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(ward.toml), *arguments])
    assert ended.value.code == 2
    assert f"invalid {arguments[1].strip('-').replace('from', 'day').replace('to', 'day')}" in capsys.readouterr().err


def changed(ward: Ward, sql: str, *values: object) -> Callable[[], None]:
    """Somebody writes into the store; what takes it back."""
    with closing(sqlite3.connect(ward.store.path, isolation_level=None)) as db:
        before = db.execute("SELECT * FROM records WHERE unit = 'u1' AND seq = 3").fetchone()
        db.execute(sql, values)

    def restore() -> None:
        with closing(sqlite3.connect(ward.store.path, isolation_level=None)) as db:
            db.execute(f"INSERT OR REPLACE INTO records VALUES ({','.join('?' * len(before))})", before)

    return restore


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM records WHERE unit = 'u1' AND seq = 3", "missing: 3 to 3"),
        ("UPDATE records SET jws = substr(jws, 2) WHERE unit = 'u1' AND seq = 3", "seq 3 is left out: its bytes"),
        (
            "UPDATE records SET (sha256, jws) = (SELECT sha256, jws FROM records WHERE unit = 'u2' AND seq = 2)"
            " WHERE unit = 'u1' AND seq = 3",
            "seq 3 is left out: is linked to another record",
        ),
    ],
    ids=["deleted", "damaged", "replaced"],
)
def test_record_that_was_tampered_with_is_named_and_not_counted(ward: Ward, say: Say, sql: str, said: str) -> None:
    restore = changed(ward, sql)
    try:
        text = say("statistics", *QUARTER, status=1)
        assert said in text
        assert "missing: 3 to 3" in text
        assert re.search(r"^checks +12 ", text, re.M)
        assert text.count("left out") == ("left out" in said)
    finally:
        restore()


def test_words_are_those_of_the_packs() -> None:
    assert set(words.OUTCOMES) == set(Outcome)
    for name in ("jiangxi", "hainan", "chongqing_yubei"):
        policy = load_policy(name)
        for one in policy.checkpoints:
            assert words.checkpoint_title(name, one.id) == (one.title, one.title_en)
        for channel in policy.channels:
            assert words.title(words.CHANNELS, channel.id) == (channel.title, channel.title_en)
    shown = {str(kind): title for kind, title in policy_words.DOCUMENTS.items()}
    assert {key: title for key, title in words.DOCUMENTS.items() if key} == shown
    assert words.checkpoint_title("own_pack", "own_place") == ("own_place", "own_place")


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_need_nothing_and_everybody_can_read_them(say: Say, browser: Browser, tmp_path: Path) -> None:
    say("statistics", *QUARTER, "--html", tmp_path / "statistics.html")
    say("report", "--quarter", "2026Q3", "--out", tmp_path / "report.html", status=1)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text))
    for name in ("statistics", "report"):
        page.goto((tmp_path / f"{name}.html").as_uri())
        assert page.locator("h1").inner_text().startswith(("核验结果统计", "身份核验季度自查报告 2026Q3"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="English").click()
        assert page.evaluate("document.documentElement.lang") == "en"
        assert "Drills (not counted): 1" in page.locator("main").inner_text()
        assert page.locator("svg").count() == 6
        assert Axe().run(page).response["violations"] == []
    assert asked == [(tmp_path / f"{name}.html").as_uri() for name in ("statistics", "report")]


def test_quarterly_report_names_what_was_found(say: Say, tmp_path: Path) -> None:
    said = json.loads(say("report", "--quarter", "2026Q3", "--out", tmp_path / "r.html", "--json", status=1))
    assert said["findings"] == [
        "1 emergencies without an explanation",
        "4 checks are still owed",
        "1 checks passed although the face did not match",
        "officers in records who have no account here: g-0001, g-0002, g-0003",
    ]
    text = (tmp_path / "r.html").read_text("utf-8")
    assert text.count("<td>u1</td>") == 6  # once for its records, four debts, one emergency
    for personal in ("99000019900101", RARE, "示例甲", "V-77", "大出血"):
        assert personal not in text


def test_officers_are_as_they_were_at_the_end_of_the_quarter() -> None:
    made = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    facts = Facts("s1", dt.date(2026, 7, 1), dt.date(2026, 9, 30), made, Counts(), [])
    person = ("officer", "OBS", True, "某", "产科", "护士", "123456", "work")
    approved = "2026-06-01T00:00:00.000Z"

    def account(name: str, applied: str = approved, revoked: str | None = None) -> Account:
        return Account(name, *person, applied, approved, None, revoked, "", (), ())

    accounts = [
        account("g-1", revoked="2026-10-05T00:00:00.000Z"),
        account("g-2", revoked="2026-09-05T00:00:00.000Z"),
        account("g-3", applied="2026-10-01T00:00:00.000Z"),
    ]
    changes = [Entry("2026-09-05T00:00:00.000Z", "w", "revoked", "g-2", ""), Entry(approved, "w", "applied", "g-2", "")]
    lines = roster_of(accounts, changes, facts)
    assert [(one.id, one.state, one.changes) for one in lines] == [("g-1", "approved", 0), ("g-2", "revoked", 1)]


# --- the bar ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Somebody watches."""

    def isatty(self) -> bool:
        return True


def test_bar_is_for_terminals() -> None:
    watching, nobody = Terminal(), io.StringIO()
    assert list(watched(range(5), 5, "writing", watching)) == list(watched(range(5), 5, "writing", nobody))
    assert watching.getvalue().endswith(f"\rwriting {bar(5, 5)}\n")
    assert nobody.getvalue() == ""
    assert bar(50, 100) == f"[{'#' * 15}{'-' * 15}]  50% 50 of 100"
    assert bar(0, 0).endswith("0 of 0")


def test_begin_is_july_in_china() -> None:
    """What the first check's day rests on."""
    assert (BEGIN.day, BEGIN.astimezone(dt.timezone(dt.timedelta(hours=8))).day) == (30, 1)
