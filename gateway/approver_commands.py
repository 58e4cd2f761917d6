"""``vernix-gateway approver ...``: passwords of those who approve officers' accounts."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from contextlib import closing
from typing import Any

from gateway import proof
from gateway.approvers import hash_password
from gateway.config import Config
from gateway.store import Store
from gateway.terminal import new_secret, operator, say, secret

OK = 0


def _open(config: Config) -> closing[Store]:
    return closing(Store(config.gateway.data / "gateway.db"))


def list_approvers(config: Config, arguments: argparse.Namespace) -> int:
    """Whom gateway.toml names, and whether each has a password: ready, locked, or no password."""
    now = dt.datetime.now(dt.UTC)
    with _open(config) as store, store.transaction():
        states = [(one, store.approvers.state(one.name, now)) for one in config.officers.approvers]
    for one, state in states:
        plain = {"name": one.name, "department": one.department, "state": state}
        say(json.dumps(plain, ensure_ascii=False) if arguments.json else f"{one.name}  {one.department}  {state}")
    return OK


def set_password(config: Config, arguments: argparse.Namespace) -> int:
    """Set an approver's password, typed by the approver; who has one types the present one first."""
    one, now = proof.approver(config.officers, arguments.name), dt.datetime.now(dt.UTC)
    with _open(config) as store:
        with store.transaction():
            known = store.approvers.known(one.name)
        if known is not None:
            proof.prove(store, one, secret(f"present password of {one.name}"), now)
        encoded = hash_password(new_secret(f"new password of {one.name}"), one.name)
        with store.transaction():
            store.approvers.set_password(one.name, encoded, operator(), now, replaces=known)
    say(f"{one.name}: has a new password")
    return OK


def reset(config: Config, arguments: argparse.Namespace) -> int:
    """Take an approver's password away, as when it is forgotten; the audit names the operating system's user."""
    with _open(config) as store, store.transaction():
        store.approvers.reset(arguments.name, operator(), dt.datetime.now(dt.UTC))
    say(f"{arguments.name}: has no password any more; vernix-gateway approver password sets a new one")
    return OK


def add_commands(commands: Any) -> None:
    """Add the group to the command line."""
    summary = "who approves officers' accounts: their passwords"
    parser = commands.add_parser("approver", help=summary, description=summary)
    group = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    for name, action in (("list", list_approvers), ("password", set_password), ("reset", reset)):
        one = group.add_parser(name, help=action.__doc__, description=action.__doc__)
        one.set_defaults(action=action, json=False)
        if action is list_approvers:
            one.add_argument("--json", action="store_true", help="a line of JSON per result")
        else:
            one.add_argument("name", help="as gateway.toml writes it")
