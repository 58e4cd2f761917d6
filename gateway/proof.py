"""That somebody is who they say: an approver by the password, an officer by the PIN, asked where they sit."""

from __future__ import annotations

import datetime as dt

from evidence.credentials import is_secret_of
from evidence.instants import read_instant
from gateway.approvers import LOCKED_FOR, TRIES, ApproverError, Proven, as_typed_anywhere
from gateway.config import Approver, Officers
from gateway.officers import PIN, Account, OfficerError
from gateway.persons import name_key
from gateway.store import Store

_TYPES, _SHOWED = "types a PIN", "showed the PIN"


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
    right = is_secret_of(
        encoded, as_typed_anywhere(password)
    )  # outside: it takes a while, and nobody else need wait for it
    with store.transaction():
        store.approvers.end(one.name, now, right=right)
    if not right:
        raise ApproverError("wrong password")
    return Proven(one.name, one.department, one.staff_number)


def prove_officer(store: Store, account: Account, pin: str, now: dt.datetime) -> None:
    """That the officer of ``account`` is here. A try stands in the audit before it is looked at, as with passwords.

    Raises:
        OfficerError: wrong PIN, none yet, or too many wrong ones.
    """
    encoded = next((value for method, _, value in account.credentials if method == PIN), None)
    if encoded is None:
        raise OfficerError(f"by: {account.id} has no PIN; vernix-gateway officer pin {account.id} sets one")
    with store.transaction():
        if _tries(store, account.id, now) >= TRIES:
            minutes = int(LOCKED_FOR.total_seconds()) // 60
            raise OfficerError(f"by: too many wrong PINs of {account.id}; try again in {minutes} minutes")
        store.officers.note(now, account.id, _TYPES, account.id, "at the gateway")
    if not is_secret_of(encoded, pin):
        raise OfficerError("wrong PIN")
    with store.transaction():
        store.officers.note(now, account.id, _SHOWED, account.id, "at the gateway")


def _tries(store: Store, officer: str, now: dt.datetime) -> int:
    """How many PINs were typed for ``officer`` lately, after the last right one."""
    count = 0
    for one in store.officers.audit(officer):
        if one.did == _SHOWED:
            count = 0
        elif one.did == _TYPES and now - LOCKED_FOR < read_instant(one.at) <= now:
            count += 1
    return count
