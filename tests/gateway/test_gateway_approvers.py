"""Approvers have passwords: asked without an echo, locked after failures, and no approval without one."""

from __future__ import annotations

import datetime as dt
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from evidence.errors import MalformedError
from gateway.approvers import LOCKED_FOR, TRIES, ApproverError, Proven, hash_password
from gateway.cli import main
from gateway.proof import approver, prove
from gateway.schema import MIGRATIONS
from gateway.store import Store
from tests.gateway.personnel import FIRST, NEEDED, PASSWORD, RULES, SECOND, Bureau, application
from tests.gateway.support import NOW, Waiting
from tests.support import ROOT

ONE = approver(RULES, FIRST, NEEDED[0])
WRONG = "incorrect horse"


@pytest.fixture(scope="module")
def encoded() -> str:
    return hash_password(PASSWORD, FIRST)


@pytest.fixture
def enrolled(store: Store, encoded: str) -> Store:
    with store.transaction():
        store.approvers.set_password(FIRST, encoded, "root", NOW)
    return store


def state(store: Store, now: dt.datetime = NOW) -> str:
    with store.transaction():
        return store.approvers.state(FIRST, now)


def refused(store: Store, password: str, now: dt.datetime = NOW) -> str:
    with pytest.raises(ApproverError) as error:
        prove(store, ONE, password, now)
    assert password not in str(error.value)
    return str(error.value)


def test_who_types_the_password_is_the_approver(enrolled: Store) -> None:
    assert prove(enrolled, ONE, PASSWORD, NOW) == Proven(FIRST, NEEDED[0])
    assert refused(enrolled, WRONG) == "wrong password"


def test_no_password_no_approval(store: Store) -> None:
    assert "has no password yet" in refused(store, PASSWORD)


def test_wrong_passwords_lock_and_the_lock_ends(enrolled: Store) -> None:
    for _ in range(TRIES):
        assert refused(enrolled, WRONG) == "wrong password"
    assert state(enrolled) == "locked"
    assert "locked until" in refused(enrolled, PASSWORD), "not even the right one"
    later = NOW + LOCKED_FOR
    assert refused(enrolled, WRONG, later) == "wrong password", "counted from the beginning again"
    assert prove(enrolled, ONE, PASSWORD, later)
    with enrolled.transaction():
        assert [one.did for one in enrolled.officers.audit()] == ["set a password", "was locked out"]


def test_a_right_password_forgives_the_wrong_ones(enrolled: Store) -> None:
    for _ in range(2):
        for _ in range(TRIES - 1):
            refused(enrolled, WRONG)
        prove(enrolled, ONE, PASSWORD, NOW)
    assert state(enrolled) == "ready"


def test_a_try_counts_before_it_is_looked_at(enrolled: Store) -> None:
    """So many guesses at once, each in a process of its own, are no more than one after the other."""
    for _ in range(TRIES):
        with enrolled.transaction():
            enrolled.approvers.begin(FIRST, NOW)
    assert "locked until" in refused(enrolled, PASSWORD)


@pytest.mark.parametrize(
    "password", ["short", "x" * 129, "abababababab", "aaaaaaaaaaaa", f"{FIRST}12345678", "a\nbcdefghij"]
)
def test_passwords_that_anybody_guesses(password: str) -> None:
    with pytest.raises(ApproverError, match=r"^password: ") as error:
        hash_password(password, FIRST)
    assert password not in str(error.value)


def test_a_short_name_stands_in_many_words() -> None:
    hash_password("correct horse amy battery", "Amy")
    with pytest.raises(ApproverError):
        hash_password("correct horse anna battery", "Anna")


def test_every_keyboard_gives_the_same_password(enrolled: Store) -> None:
    wide = "".join(chr(ord(one) + 0xFEE0) if one != " " else "\u3000" for one in PASSWORD)
    assert prove(enrolled, ONE, wide, NOW)
    with enrolled.transaction():
        known = enrolled.approvers.known(FIRST)
        enrolled.approvers.set_password(FIRST, hash_password(wide, FIRST), "root", NOW, replaces=known)
    assert prove(enrolled, ONE, PASSWORD, NOW)


def test_a_lockout_is_one_line_however_many_tried_at_once(enrolled: Store) -> None:
    with enrolled.transaction():
        for _ in range(TRIES):
            enrolled.approvers.begin(FIRST, NOW)
        for _ in range(TRIES):
            enrolled.approvers.end(FIRST, NOW, right=False)
        assert [one.did for one in enrolled.officers.audit()] == ["set a password", "was locked out"]
    assert "locked until 2026-11-21 16:15:00 +08:00" in refused(enrolled, PASSWORD)


def test_only_a_hash_is_kept_and_a_damaged_one_is_named(enrolled: Store) -> None:
    assert PASSWORD.encode() not in enrolled.path.read_bytes()
    with closing(sqlite3.connect(enrolled.path)) as db:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("UPDATE approver_passwords SET argon2id = 'x'")
        db.execute("UPDATE approver_passwords SET argon2id = '$argon2id$x'")
        db.commit()
    with pytest.raises(MalformedError, match="set the PIN or password anew"):
        prove(enrolled, ONE, PASSWORD, NOW)


def of_version_6(path: Path) -> None:
    """With an account that was approved by names alone, and one that half was."""
    with closing(sqlite3.connect(path)) as db:
        for script in MIGRATIONS[:6]:
            db.executescript(script)
        for officer, done in (("g-0001", NOW.isoformat()), ("g-0002", None)):
            person = ("示例核验员", "产科", "护师", f"139 0000 {officer[2:]}", "夜班", "2026-11-01T00:00:00.000Z", done)
            db.execute(
                "INSERT INTO officers VALUES (?, 'officer', 'OBS', 1, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (officer, *person),
            )
            db.execute("INSERT INTO approvals VALUES (?, ?, ?, '2026-11-01')", (officer, NEEDED[0], FIRST))
        db.execute("INSERT INTO approvals VALUES ('g-0001', ?, ?, '2026-11-01')", (NEEDED[1], SECOND))
        db.execute("PRAGMA user_version=6")
        db.commit()


def test_a_store_of_before_keeps_its_accounts(memory: Path) -> None:
    path = memory / "gateway.db"
    of_version_6(path)
    with closing(Store(path)) as store, store.transaction():
        whole, half = store.officers.accounts()
        assert (whole.state(NOW), dict(whole.approvals)) == ("approved", {NEEDED[0]: FIRST, NEEDED[1]: SECOND})
        assert (half.state(NOW), half.approvals, half.staff_number) == ("applied", (), "")
        store.officers.revoke("g-0001", "root", "the same person", NOW)
        assert not store.officers.approve("g-0002", Proven(FIRST, NEEDED[0]), RULES, NOW), "once more, by password"
        assert store.officers.approve("g-0002", Proven(SECOND, NEEDED[1]), RULES, NOW)


# --- as it is typed ---


def test_set_changed_and_taken_away(bureau: Bureau) -> None:
    assert "no password" in bureau.say("approver", "list")
    bureau.say("approver", "password", FIRST, typed=f"{PASSWORD}\n")
    refused = bureau.say("approver", "password", FIRST, typed=f"{WRONG}\n{WRONG} 2\n", status=2)
    assert "wrong password" in refused
    bureau.say("approver", "password", FIRST, typed=f"{PASSWORD}\nanother {PASSWORD}\n")
    officer = bureau.officer()
    assert "wrong password" in bureau.approve(officer, NEEDED[0], FIRST, status=2)
    bureau.approve(officer, NEEDED[0], FIRST, f"another {PASSWORD}")
    bureau.say("approver", "reset", FIRST)
    assert "has no password" in bureau.say("approver", "reset", FIRST, status=2)
    assert "has no password yet" in bureau.approve(officer, NEEDED[1], FIRST, status=2)
    audit = bureau.say("officer", "audit")
    for did in ("set a password", "changed a password", "approved", "took a password away"):
        assert did in audit
    assert PASSWORD not in audit


def test_a_prompt_that_waited_overwrites_no_password(
    bureau: Bureau, encoded: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def another_does() -> None:
        with closing(bureau.store) as store, store.transaction():
            store.approvers.set_password(FIRST, encoded, "root", NOW)

    monkeypatch.setattr("sys.stdin", Waiting(f"{WRONG}\n", another_does))
    assert main(["--config", str(bureau.hospital.gateway_toml), "approver", "password", FIRST]) == 2
    assert "set or taken away just now" in capsys.readouterr().err
    with closing(bureau.store) as store:
        assert prove(store, ONE, PASSWORD, NOW)


def test_a_stranger_is_refused_before_a_password_is_asked(bureau: Bureau) -> None:
    assert "no approver has this name" in bureau.say("approver", "password", "生人", status=2)
    assert "of this department" in bureau.approve("g-0001", NEEDED[0], SECOND, status=2)
    assert "of this department" in bureau.approve("g-0001", "后勤科", FIRST, status=2)


def test_a_terminal_asks_twice_and_shows_nothing_of_it(bureau: Bureau) -> None:
    """A real one, and a process of its own."""
    ours, theirs = pty.openpty()
    words = [
        sys.executable,
        "-m",
        "gateway.cli",
        "--config",
        bureau.hospital.gateway_toml,
        "approver",
        "password",
        FIRST,
    ]
    with subprocess.Popen(words, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as child:
        os.close(theirs)
        shown = ""
        for answer in (PASSWORD, WRONG):
            while not shown.endswith(": "):
                shown += os.read(ours, 4096).decode()
            os.write(ours, f"{answer}\n".encode())
            shown += os.read(ours, 1).decode()
        assert child.wait(20) == 2
    shown += os.read(ours, 4096).decode()
    os.close(ours)
    assert "once more" in shown
    assert "the two are not the same" in shown
    assert PASSWORD not in shown
    assert WRONG not in shown


def test_what_is_typed_as_an_argument_is_no_password(bureau: Bureau) -> None:
    with pytest.raises(SystemExit):
        bureau.say("officer", "approve", "g-0001", "--department", NEEDED[0], "--by", FIRST, "--password", PASSWORD)


def test_the_name_may_be_written_otherwise(enrolled: Store) -> None:
    assert (
        prove(enrolled, approver(RULES, f" {FIRST[0]} {FIRST[1:]}", NEEDED[1]), PASSWORD, NOW).department == NEEDED[1]
    )


def test_nobody_approves_their_own_account_under_another_name(store: Store) -> None:
    with store.transaction():
        officer = store.officers.apply(application(staff_number="s-7"), "x", NOW)
        with pytest.raises(Exception, match="nobody approves their own"):
            store.officers.approve(officer, Proven("审批人丁", NEEDED[1], "S-7"), RULES, NOW)
