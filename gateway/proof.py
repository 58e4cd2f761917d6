"""That an approver is who they say: the password, asked where they sit."""

from __future__ import annotations

import datetime as dt

from evidence.credentials import is_secret_of
from gateway.approvers import ApproverError, Proven
from gateway.config import Approver, Officers
from gateway.persons import name_key
from gateway.store import Store


def approver(rules: Officers, name: str, department: str | None = None) -> Approver:
    """The one whom ``gateway.toml`` calls ``name``; of ``department``, if one is said.

    Raises:
        ApproverError: there is none.
    """
    for one in rules.approvers:
        if name_key(one.name) == name_key(name) and department in (None, one.department):
            return one
    of = "" if department is None else " of this department"
    raise ApproverError(f"no approver{of} has this name; gateway.toml names them as [[officers.approvers]]")


def prove(store: Store, one: Approver, password: str, now: dt.datetime) -> Proven:
    """That ``one`` is here. A wrong password is counted whatever happens next.

    Raises:
        ApproverError: wrong password, none yet, or locked out.
    """
    with store.transaction():
        encoded = store.approvers.begin(one.name, now)
    right = is_secret_of(encoded, password)  # outside: it takes a while, and nobody else need wait for it
    with store.transaction():
        store.approvers.end(one.name, now, right=right)
    if not right:
        raise ApproverError("wrong password")
    return Proven(one.name, one.department, one.staff_number)
