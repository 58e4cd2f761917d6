"""Officers' accounts: applied for, approved by two departments, given credentials, and all of it in an audit.

Names, telephone numbers and reasons stay here; a unit gets ids, roles, validity and verifiers (:mod:`gateway.roster`).
An account counts once everybody who must approve it has, and until it is revoked or its time is over.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final

from evidence.credentials import Role
from evidence.errors import MalformedError
from evidence.instants import read_instant, write_instant
from evidence.topics import check_name
from gateway.approvers import Proven
from gateway.config import Officers
from gateway.persons import Person, name_key

SCHEMA: Final = """
    CREATE TABLE officers (
        id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        code TEXT NOT NULL,
        regular INTEGER NOT NULL,
        name TEXT NOT NULL,
        department TEXT NOT NULL,
        post TEXT NOT NULL,
        phone TEXT NOT NULL,
        reason TEXT NOT NULL,
        applied TEXT NOT NULL,
        approved TEXT,
        valid_to TEXT,
        revoked TEXT
    ) STRICT;
    CREATE TABLE approvals (
        officer TEXT NOT NULL REFERENCES officers (id),
        department TEXT NOT NULL,
        approver TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (officer, department),
        UNIQUE (officer, approver)
    ) STRICT;
    CREATE TABLE credentials (
        officer TEXT NOT NULL REFERENCES officers (id),
        method TEXT NOT NULL,
        id TEXT NOT NULL DEFAULT '',
        value TEXT NOT NULL,
        PRIMARY KEY (officer, method, id)
    ) STRICT;
    CREATE TABLE rosters (version INTEGER PRIMARY KEY, made TEXT NOT NULL, content TEXT NOT NULL) STRICT;
    CREATE TABLE badge_salt (one INTEGER PRIMARY KEY CHECK (one = 1), salt TEXT NOT NULL) STRICT;
    CREATE TABLE officer_audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        did TEXT NOT NULL,
        officer TEXT NOT NULL,
        about TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON officer_audit
    BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON officer_audit
    BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
"""
PIN, BADGE, WEBAUTHN = "pin", "badge", "webauthn"
MOST_KEYS: Final = 6
"""Security keys of one officer; the roster takes eight credentials."""
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,30}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,16}")
_LONGEST = 200
_COUNTING = ("applied", "approved")
"""States of an account by which somebody is, or may become, an officer."""


class OfficerError(Exception):
    """This cannot be done with an officer's account; says what was expected."""


@dataclass(frozen=True, slots=True)
class Application:
    """What is asked for. ``code`` stands for the department on units; ``valid_to`` is the first instant it is over."""

    name: str = field(repr=False)
    department: str
    post: str
    phone: str = field(repr=False)
    reason: str = field(repr=False)
    code: str
    role: Role = Role.OFFICER
    regular: bool = False
    valid_to: dt.datetime | None = None
    staff_number: str = field(default="", repr=False)

    @property
    def person(self) -> Person:
        """Who asks for it."""
        return Person(self.name, self.department, self.phone, self.staff_number)

    def check(self, now: dt.datetime) -> None:
        """Hold the fields against what they must be.

        Raises:
            OfficerError: names the field, never what is in it.
        """
        for what in ("name", "department", "post", "reason"):
            check_text(what, getattr(self, what))
        if not _PHONE.fullmatch(self.phone):
            raise OfficerError("phone: expected a telephone number: digits, blanks and hyphens")
        if not _CODE.fullmatch(self.code):
            raise OfficerError("code: expected 1 to 16 letters, digits or hyphens, such as OBS")
        if self.staff_number:
            check_text("staff-number", self.staff_number)
        if self.valid_to is not None and self.valid_to <= now:
            raise OfficerError("valid-to: that day is over")
        if self.role is Role.INSPECTOR and self.valid_to is None:
            raise OfficerError("valid-to: an inspector's account needs a last day")


@dataclass(frozen=True, slots=True)
class Account:
    """One officer as the register knows them; ``credentials`` are (method, id, verifier)."""

    id: str
    role: str
    code: str
    regular: bool
    name: str = field(repr=False)
    department: str
    post: str
    phone: str = field(repr=False)
    reason: str = field(repr=False)
    applied: str
    approved: str | None
    valid_to: str | None
    revoked: str | None
    staff_number: str = field(repr=False)
    approvals: tuple[tuple[str, str], ...]
    credentials: tuple[tuple[str, str, str], ...] = field(repr=False)

    @property
    def person(self) -> Person:
        """Whose it is."""
        return Person(self.name, self.department, self.phone, self.staff_number)

    def state(self, now: dt.datetime) -> str:
        """``revoked``, ``ended``, ``applied`` (an approval is missing) or ``approved``."""
        if self.revoked:
            return "revoked"
        if self.valid_to is not None and read_instant(self.valid_to) <= now:
            return "ended"
        return "approved" if self.approved else "applied"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit."""

    at: str
    who: str
    did: str
    officer: str
    about: str


_COLUMNS = (
    "id, role, code, regular, name, department, post, phone, reason, applied, approved, valid_to, revoked, staff_number"
)


def check_text(what: str, text: str) -> str:
    """``text`` if a person can have written it there.

    Raises:
        OfficerError: empty, too long, or with characters that cannot be printed.
    """
    if not text.strip() or len(text) > _LONGEST or not text.isprintable():
        raise OfficerError(f"{what}: expected 1 to {_LONGEST} printable characters")
    return text.strip()


class Register:
    """The tables of :data:`SCHEMA` in the store's database. Its owner holds the lock and the transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # --- reading -------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        """All of them, by id."""
        return [self._account(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM officers ORDER BY id")]

    def account(self, officer: str) -> Account:
        """The one called ``officer``.

        Raises:
            OfficerError: there is none.
        """
        row = self._db.execute(f"SELECT {_COLUMNS} FROM officers WHERE id = ?", (officer,)).fetchone()
        if row is None:
            raise OfficerError("there is no officer with this id; see officer list")
        return self._account(row)

    def _account(self, row: tuple[Any, ...]) -> Account:
        # What was only claimed by name, before approvers had passwords, counts where it was complete by then.
        sql = (
            "SELECT department, approver FROM approvals WHERE officer = ? AND (proven = 1 OR ?) ORDER BY at, department"
        )
        approvals = self._db.execute(sql, (row[0], row[10] is not None))
        shown = self._db.execute(
            "SELECT method, id, value FROM credentials WHERE officer = ? ORDER BY method, id", (row[0],)
        )
        named: dict[str, Any] = dict(zip(_COLUMNS.split(", "), row, strict=True)) | {"regular": bool(row[3])}
        return Account(**named, approvals=tuple(approvals.fetchall()), credentials=tuple(shown.fetchall()))

    def audit(self, officer: str | None = None) -> list[Entry]:
        """What was done, oldest first; to one officer or to all."""
        sql = "SELECT at, who, did, officer, about FROM officer_audit WHERE officer = coalesce(?, officer) ORDER BY id"
        return [Entry(*row) for row in self._db.execute(sql, (officer,))]

    # --- applying, approving, revoking ---------------------------------------------------------------------------

    def apply(self, asked: Application, who: str, now: dt.datetime, officer: str | None = None) -> str:
        """Note an application; the id that it gets, or the one asked for.

        Raises:
            OfficerError: a field is not what it must be, the id is given, or the person has an account.
        """
        asked.check(now)
        self._check_alone(asked.person, now)
        who = check_text("by", who)
        officer = officer or self._next_id()
        try:
            check_name("id", officer)
        except MalformedError as error:
            raise OfficerError(str(error)) from None
        if self._db.execute("SELECT 1 FROM officers WHERE id = ? COLLATE NOCASE", (officer,)).fetchone():
            raise OfficerError("id: is given already; an id stays with its person, because records name it")
        until = None if asked.valid_to is None else write_instant(asked.valid_to)
        person = (asked.name.strip(), asked.department.strip(), asked.post.strip(), asked.phone, asked.reason.strip())
        dates = (write_instant(now), None, until, None)
        values = (officer, asked.role.value, asked.code, asked.regular, *person, *dates, asked.staff_number.strip())
        self._db.execute(f"INSERT INTO officers ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
        self.note(now, who, "applied", officer, f"{asked.role} {'regular' if asked.regular else 'temporary'}")
        return officer

    def _next_id(self) -> str:
        number = self._db.execute("SELECT count(*) FROM officers").fetchone()[0]
        while True:
            number += 1
            if not self._db.execute("SELECT 1 FROM officers WHERE id = ?", (f"g-{number:04d}",)).fetchone():
                return f"g-{number:04d}"

    def _check_alone(self, person: Person, now: dt.datetime, officer: str = "") -> None:
        """No account that counts, but ``officer`` itself, is of the same person.

        Raises:
            OfficerError: one is; says which, and by what that shows.
        """
        for one in self.accounts():
            shared = one.person.shared_with(person) if one.id != officer and one.state(now) in _COUNTING else None
            if shared:
                raise OfficerError(
                    f"{shared}: the same as that of {one.id}; a person has one account, so that nobody can be both"
                    " officers. Two people have telephone numbers of their own, and namesakes of one department staff"
                    " numbers (--staff-number); to begin anew, revoke the other account first"
                )

    def approve(self, officer: str, proven: Proven, rules: Officers, now: dt.datetime) -> bool:
        """Note that who has ``proven`` to be an approver approves; whether all that ``rules`` want have approved now.

        Raises:
            OfficerError: the department has approved, the person has, is the applicant, or the applicant has another
                account.
        """
        account, by, department = self.account(officer), proven.name, proven.department
        if account.state(now) in ("revoked", "ended"):
            raise OfficerError(f"the account is {account.state(now)}; it cannot be approved any more")
        if department in {one for one, _ in account.approvals}:
            raise OfficerError("department: has approved already")
        if name_key(by) in {name_key(one) for _, one in account.approvals}:
            raise OfficerError("by: this person has approved for another department; two different people must")
        own_number = name_key(proven.staff_number) and name_key(proven.staff_number) == name_key(account.staff_number)
        if own_number or name_key(by) == name_key(account.name):
            raise OfficerError("by: nobody approves their own account")
        self._check_alone(account.person, now, officer)
        moment = write_instant(now)
        self._db.execute("INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, 1)", (officer, department, by, moment))
        self.note(now, by, "approved", officer, f"{department}, by password")
        complete = set(rules.approved_by) <= {department, *(one for one, _ in account.approvals)}
        if complete and account.approved is None:
            self._db.execute("UPDATE officers SET approved = ? WHERE id = ?", (moment, officer))
        return complete

    def revoke(self, officer: str, by: str, reason: str, now: dt.datetime) -> None:
        """End an account, or refuse an application, for good.

        Raises:
            OfficerError: it is revoked already, or a field is empty.
        """
        account = self.account(officer)
        by, reason = check_text("by", by), check_text("reason", reason)
        if account.revoked:
            raise OfficerError("the account is revoked already")
        self._db.execute("UPDATE officers SET revoked = ? WHERE id = ?", (write_instant(now), officer))
        self._db.execute("DELETE FROM credentials WHERE officer = ?", (officer,))
        self.note(now, by, "revoked", officer, reason)

    # --- credentials ---------------------------------------------------------------------------------------------

    def set_credential(self, officer: str, method: str, value: str, by: str, now: dt.datetime, key: str = "") -> None:
        """Keep what recognises an officer: a PIN or badge replaces the one before, a security key is added.

        Args:
            officer, method: whose, and which kind.
            value: Argon2id hash of a PIN, digest of a badge, or COSE public key.
            by, now: who does it, and when.
            key: credential id of a security key.

        Raises:
            OfficerError: the account is over, the badge or key is another's, or there are too many keys.
        """
        account, by = self.account(officer), check_text("by", by)
        if account.state(now) in ("revoked", "ended"):
            raise OfficerError(f"the account is {account.state(now)}; it gets no credentials")
        same = ("id", key) if method == WEBAUTHN else ("value", value)
        sql = f"SELECT officer FROM credentials WHERE method = ? AND {same[0]} = ? AND officer <> ?"
        if method != PIN and self._db.execute(sql, (method, same[1], officer)).fetchone():
            raise OfficerError(f"{method}: is another officer's; nobody is two officers")
        if method == WEBAUTHN and sum(one[0] == WEBAUTHN for one in account.credentials) >= MOST_KEYS:
            raise OfficerError(f"webauthn: an officer has at most {MOST_KEYS} security keys")
        self._db.execute("INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)", (officer, method, key, value))
        self.note(now, by, f"gave {method}", officer, key)

    def namesakes(self, officer: str, now: dt.datetime) -> list[Account]:
        """Other accounts that count and bear the name of ``officer``.

        Raises:
            OfficerError: there is no such officer.
        """
        name = name_key(self.account(officer).name)
        return [
            one
            for one in self.accounts()
            if one.id != officer and one.state(now) in _COUNTING and name_key(one.name) == name
        ]

    def badge_salt(self, fresh: str) -> str:
        """The salt of all badges' digests: ``fresh`` becomes it where there is none yet."""
        self._db.execute("INSERT OR IGNORE INTO badge_salt VALUES (1, ?)", (fresh,))
        return str(self._db.execute("SELECT salt FROM badge_salt").fetchone()[0])

    # --- rosters -------------------------------------------------------------------------------------------------

    def rosters(self) -> list[tuple[int, str, str]]:
        """Version, time and content of every roster that was made, oldest first."""
        return self._db.execute("SELECT version, made, content FROM rosters ORDER BY version").fetchall()

    def add_roster(self, version: int, made: str, content: str) -> None:
        """Keep a new one."""
        self._db.execute("INSERT INTO rosters VALUES (?, ?, ?)", (version, made, content))

    def note(self, now: dt.datetime, who: str, did: str, officer: str, about: str) -> None:
        """Add a line to the audit."""
        self._db.execute(
            "INSERT INTO officer_audit (at, who, did, officer, about) VALUES (?, ?, ?, ?, ?)",
            (write_instant(now), who, did, officer, about),
        )

    def note_export(self, by: str, about: str, now: dt.datetime, *, done: bool) -> None:
        """Records are taken out of here, by whom and what: noted before the first is read, and when it is done."""
        self.note(now, check_text("by", by), "exported" if done else "begins to export", "", about)

    def note_sent(self, version: int, unit: str, by: str, now: dt.datetime) -> None:
        """Roster ``version`` was laid down for ``unit``."""
        self.note(now, by, "sent roster", "", f"{version} to {unit}")
