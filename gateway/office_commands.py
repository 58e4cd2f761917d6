"""``vernix-gateway alert ...`` and ``case ...``: what the hospital's office has in hand, and what nobody has."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from evidence.credentials import Role
from evidence.instants import local_text, read_instant, write_instant
from gateway import proof
from gateway.config import Config
from gateway.office import Alert, Closed
from gateway.officers import Account, OfficerError, check_text
from gateway.statistics.commands import looked_at
from gateway.statistics.facts import Check, payload_of
from gateway.statistics.survey import EVER
from gateway.statistics.words import CASES, CHECKPOINTS, OUTCOMES, checkpoint_title, title
from gateway.store import Store
from gateway.terminal import secret

OK, FINDING = 0, 1


@contextmanager
def _store(config: Config) -> Iterator[Store]:
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        yield store


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _acting(store: Store, officer: str, now: dt.datetime, *roles: Role) -> Account:
    """The account of an officer, where it counts and has one of these roles. Inside a transaction.

    Raises:
        OfficerError: there is no such account.
    """
    account, wanted = store.officers.account(officer), " or ".join(roles)
    if account.state(now) != "approved":
        raise OfficerError(f"by: expected an approved account of role {wanted}; {officer} is {account.state(now)}")
    if account.role not in roles:
        raise OfficerError(f"by: expected an approved account of role {wanted}; {officer} has role {account.role}")
    return account


# --- alerts ---


def alert_list(config: Config, arguments: argparse.Namespace) -> int:
    """Alerts that nobody has in hand, the most urgent first. Exit 1 if the policy's time is over for one."""
    now = dt.datetime.now(dt.UTC)
    with _store(config) as store, store.transaction():
        found = store.office.alerts(all_of_them=arguments.all)
    for one in found:
        overdue = one.is_overdue(now)
        _say(json.dumps(asdict(one) | {"overdue": overdue}) if arguments.json else _alert_line(one, overdue))
    return FINDING if any(one.is_overdue(now) for one in found) else OK


def _alert_line(one: Alert, overdue: bool) -> str:
    what = f"{title(OUTCOMES, one.outcome)[0]} {one.outcome}  {title(CHECKPOINTS, one.checkpoint)[0]} {one.checkpoint}"
    waits = "超时无人处理 overdue" if overdue else "待处理 open"
    state = f"{one.taken_by} 已处理 in hand" if one.taken_by else waits
    return f"{one.unit:16} {one.seq:>7}  {what}  {one.told}  {local_text(read_instant(one.due))}  {state}"


def alert_take(config: Config, arguments: argparse.Namespace) -> int:
    """An officer has an alert in hand: who was to be told is told. It is not said again."""
    now = dt.datetime.now(dt.UTC)
    with _store(config) as store, store.transaction():
        officer = _acting(store, arguments.by, now, Role.OFFICER, Role.OFFICE).id
        if not store.office.take(arguments.unit, arguments.seq, officer, now):
            raise OfficerError(f"{arguments.unit} {arguments.seq}: no alert that nobody has in hand; see alert list")
        store.officers.note(now, officer, "took alert", "", f"{arguments.unit} {arguments.seq}")
    _say(f"{arguments.unit} {arguments.seq}: in hand by {officer}")
    return OK


# --- special cases ---


def case_list(config: Config, arguments: argparse.Namespace) -> int:
    """Special cases (专案管理) that are open, by the policy pack; exit 1 if there is one."""
    config.needed_rules()
    states = ("open", "closed") if arguments.all else ("open",)
    with _store(config) as store, looked_at(config, store) as survey:
        found = sorted((one for one in survey.checks(EVER) if one.case in states), key=lambda one: one.at)
        with store.transaction():
            closed = store.office.closed_cases()
    for one in found:
        by = closed.get(one.check) if one.case == "closed" else None
        _say(json.dumps(_case(one, by), ensure_ascii=False) if arguments.json else _case_line(one, by))
    return FINDING if any(one.case == "open" for one in found) else OK


def _case(one: Check, closed: Closed | None) -> dict[str, Any]:
    record = {"check": one.check, "unit": one.unit, "seq": one.seq, "at": one.local, "checkpoint": one.checkpoint}
    by = {} if closed is None else {"closed_by": closed.officer, "closed": closed.at, "reason": closed.reason}
    return record | {"outcome": one.outcome, "state": one.case} | by


def _case_line(one: Check, closed: Closed | None) -> str:
    place, outcome = checkpoint_title(one.policy, one.checkpoint), title(OUTCOMES, one.outcome)
    state = " ".join(CASES[one.case])
    by = "" if closed is None else f"  {closed.officer}  {local_text(read_instant(closed.at))}  {closed.reason}"
    return f"{one.check}  {one.unit} {one.seq}  {one.local}  {place[0]} {place[1]}  {' '.join(outcome)}  {state}{by}"


def _check_apart(store: Store, check: str, officer: Account) -> None:
    """Who signed a check, or an addendum to it, does not judge it; under no other account either.

    Raises:
        OfficerError: the officer did.
    """
    said = [payload_of(held.jws) for held in store.of_check(check)]
    signed = {signer["id"] for one in said for signer in one.get("officers", ())}
    for one in store.officers.accounts():
        if one.id in signed and (one.id == officer.id or one.person.shared_with(officer.person)):
            raise OfficerError(f"by: {one.id} signed this check; another officer of the office closes its case")


def case_close(config: Config, arguments: argparse.Namespace) -> int:
    """Close the special case that a check opened: the office's officer, with PIN and reason; not who signed it."""
    config.needed_rules()
    now, reason = dt.datetime.now(dt.UTC), check_text("reason", arguments.reason)
    with _store(config) as store:
        with looked_at(config, store) as survey:
            found = next((one for one in survey.checks(EVER) if one.check == arguments.check), None)
        if found is None or found.case != "open":
            raise OfficerError("check: is no special case that is open; see case list")
        with store.transaction():
            officer = _acting(store, arguments.by, now, Role.OFFICE)
            _check_apart(store, found.check, officer)
        proof.prove_officer(store, officer, secret(f"PIN of {officer.id}"), now)
        with store.transaction():
            if not store.office.close_case(Closed(found.check, officer.id, reason, write_instant(now))):
                raise OfficerError("check: somebody has closed this case just now; see case list --all")
            store.officers.note(now, officer.id, "closed case", "", f"{found.check}: {reason}")
    _say(f"{found.check}: the special case is closed by {officer.id}")
    return OK


def case_reopen(config: Config, arguments: argparse.Namespace) -> int:
    """Open a special case again that was closed: the office's officer, with PIN and reason."""
    now, reason = dt.datetime.now(dt.UTC), check_text("reason", arguments.reason)
    with _store(config) as store:
        with store.transaction():
            officer = _acting(store, arguments.by, now, Role.OFFICE)
            known = store.office.closed_cases()
        if arguments.check not in known:
            raise OfficerError("check: is no special case that is closed; see case list --all")
        proof.prove_officer(store, officer, secret(f"PIN of {officer.id}"), now)
        with store.transaction():
            if not store.office.reopen_case(arguments.check):
                raise OfficerError("check: somebody has opened this case again just now; see case list")
            store.officers.note(now, officer.id, "reopened case", "", f"{arguments.check}: {reason}")
    _say(f"{arguments.check}: the special case is opened again by {officer.id}")
    return OK


# --- the command line ---


def add_commands(commands: Any, seq: Any) -> None:
    """Add both groups to the command line; ``seq`` reads a number."""

    def group(name: str, about: str) -> Any:
        parser = commands.add_parser(name, help=about, description=about)
        return parser.add_subparsers(dest="what", required=True, metavar="COMMAND")

    def add(to: Any, name: str, action: Callable[[Config, argparse.Namespace], int]) -> Any:
        parser = to.add_parser(name, help=action.__doc__, description=action.__doc__)
        parser.set_defaults(action=action, json=False)
        return parser

    alerts, cases = group("alert", "alerts, and who has them in hand"), group("case", "special cases (专案管理)")
    for to, action in ((alerts, alert_list), (cases, case_list)):
        listing = add(to, "list", action)
        listing.add_argument("--all", action="store_true", help="those that are done with, too")
        listing.add_argument("--json", action="store_true", help="a line of JSON per result")
    taking = add(alerts, "take", alert_take)
    taking.add_argument("unit")
    taking.add_argument("seq", type=seq)
    judging = [add(cases, "close", case_close), add(cases, "reopen", case_reopen)]
    for parser in judging:
        parser.add_argument("check", help="the id of the check that opened it")
        parser.add_argument("--reason", required=True, help="why; kept in the audit")
    for parser in (taking, *judging):
        parser.add_argument("--by", required=True, metavar="ID", help="the officer's account")
