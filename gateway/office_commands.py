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

from evidence.instants import local_text, read_instant, write_instant
from gateway.config import Config
from gateway.office import Alert, Closed
from gateway.officers import OfficerError, Role, check_text
from gateway.statistics.commands import looked_at
from gateway.statistics.facts import Check
from gateway.statistics.survey import EVER
from gateway.statistics.words import CASES, CHECKPOINTS, OUTCOMES, checkpoint_title, title
from gateway.store import Store

OK, FINDING = 0, 1


@contextmanager
def _store(config: Config) -> Iterator[Store]:
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        yield store


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _acting(store: Store, officer: str, now: dt.datetime, *roles: Role) -> str:
    """The id of an officer whose account counts, in one of these roles (none: in any). Inside a transaction.

    Raises:
        OfficerError: there is no such account.
    """
    account = store.officers.account(officer)
    if account.state(now) != "approved" or (roles and account.role not in roles):
        wanted = f" of role {', '.join(roles)}" if roles else ""
        raise OfficerError(f"by: expected the id of an approved account{wanted}; {officer} is {account.state(now)}")
    return account.id


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
        officer = _acting(store, arguments.by, now)
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
    for one in found:
        _say(json.dumps(_case(one), ensure_ascii=False) if arguments.json else _case_line(one))
    return FINDING if any(one.case == "open" for one in found) else OK


def _case(one: Check) -> dict[str, Any]:
    record = {"check": one.check, "unit": one.unit, "seq": one.seq, "at": one.local, "checkpoint": one.checkpoint}
    return record | {"outcome": one.outcome, "state": one.case}


def _case_line(one: Check) -> str:
    place, outcome = checkpoint_title(one.policy, one.checkpoint), title(OUTCOMES, one.outcome)
    state = " ".join(CASES[one.case])
    return f"{one.check}  {one.unit} {one.seq}  {one.local}  {place[0]} {place[1]}  {' '.join(outcome)}  {state}"


def case_close(config: Config, arguments: argparse.Namespace) -> int:
    """Close the special case that a check opened: an officer of the hospital's office, with the reason."""
    config.needed_rules()
    now = dt.datetime.now(dt.UTC)
    with _store(config) as store:
        with looked_at(config, store) as survey:
            found = next((one for one in survey.checks(EVER) if one.check == arguments.check), None)
        if found is None or found.case != "open":
            raise OfficerError("check: is no special case that is open; see case list")
        with store.transaction():
            officer = _acting(store, arguments.by, now, Role.OFFICE)
            reason = check_text("reason", arguments.reason)
            store.office.close_case(Closed(found.check, officer, reason, write_instant(now)))
            store.officers.note(now, officer, "closed case", "", f"{found.check}: {reason}")
    _say(f"{found.check}: the special case is closed by {officer}")
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
    closing_one = add(cases, "close", case_close)
    closing_one.add_argument("check", help="the id of the check that opened it")
    closing_one.add_argument("--reason", required=True, help="why; kept in the audit")
    for parser in (taking, closing_one):
        parser.add_argument("--by", required=True, metavar="ID", help="the officer's account")
