"""From officers' accounts to the roster of a unit: ids, roles, validity and verifiers; nobody's name."""

from __future__ import annotations

import datetime as dt
import json
import logging
import secrets
from typing import Any

from evidence.credentials import SALT_BYTES
from evidence.downlink import counter_at
from evidence.encoding import b64url_encode, json_bytes
from evidence.instants import write_instant
from evidence.keys import Signer
from evidence.topics import Address, Channel
from gateway import command
from gateway.doubles import find_doubles
from gateway.officers import BADGE, PIN, Account
from gateway.store import Store

log = logging.getLogger(__name__)

Body = dict[str, Any]


def _credential(method: str, key: str, value: str) -> Body:
    if method == PIN:
        return {"method": method, "argon2id": value}
    return {"method": method, "digest": value} if method == BADGE else {"method": method, "id": key, "key": value}


def _entry(account: Account) -> Body:
    entry: Body = {
        "id": account.id,
        "role": account.role,
        "department": account.code,
        "regular": account.regular,
        "valid_from": account.approved,
        "credentials": [_credential(*one) for one in account.credentials],
    }
    return entry if account.valid_to is None else entry | {"valid_to": account.valid_to}


def _proves_something(account: Account) -> bool:
    """A badge alone only says who somebody claims to be."""
    return any(method != BADGE for method, _, _ in account.credentials)


def new_salt() -> str:
    """A fresh salt for badges."""
    return b64url_encode(secrets.token_bytes(SALT_BYTES))


def officers_now(store: Store, now: dt.datetime) -> Body:
    """Who belongs into a roster at ``now``: both approvals, not over, a credential, and once. Without a version."""
    with store.transaction():
        accounts, salt = store.officers.accounts(), store.officers.badge_salt(new_salt())
    again = {one.second for one in find_doubles(accounts, now)}
    approved = [one for one in accounts if one.state(now) == "approved" and one.id not in again]
    chosen = [one for one in approved if _proves_something(one)]
    return {"badge_salt": salt, "officers": [_entry(one) for one in chosen]}


def latest(store: Store, now: dt.datetime) -> Body:
    """The roster's body as it is to be sent now; a change since the last one makes a new version.

    Versions are milliseconds of Unix time, so that they go on rising also in a gateway restored from a backup.
    """
    content = officers_now(store, now)
    text = json_bytes(content).decode()
    with store.transaction():
        made = store.officers.rosters()
        if made and made[-1][2] == text:
            return {"version": made[-1][0], **content}
        version = max(counter_at(now), made[-1][0] + 1 if made else 1)
        store.officers.add_roster(version, write_instant(now), text)
        for one in find_doubles(store.officers.accounts(), now):
            log.warning("%s", one.told)
    return {"version": version, **content}


def made(store: Store, version: int | None = None) -> Body | None:
    """The body of the roster ``version``, or of the last one; None where there is none."""
    with store.transaction():
        found = [one for one in store.officers.rosters() if version in (None, one[0])]
    return {"version": found[-1][0], **json.loads(found[-1][2])} if found else None


def catch_up(store: Store, address: Address, has: int, signer: Signer, now: dt.datetime) -> int | None:
    """Lay the present roster down for a unit that ``has`` an older one; its version, or None if it has not or
    that roster is on its way.

    Until somebody has sent a first roster by hand, the units' officers are those of provisioning: an empty register
    must not lock everybody out.
    """
    if made(store) is None:
        return None
    body = latest(store, now)
    if body["version"] <= has or command.is_waiting(store, Channel.ROSTER, address.unit, body):
        return None
    send(store, address, body, signer, "gateway", now)
    return int(body["version"])


def send(store: Store, address: Address, body: Body, signer: Signer, by: str, now: dt.datetime) -> None:
    """Lay ``body`` down for the unit at ``address``; the running gateway sends it.

    Raises:
        MalformedError: the roster would break the schema, with too many officers for instance.
        OSError: the folder cannot be written.
    """
    command.lay(store, Channel.ROSTER, address, body, signer, now)
    with store.transaction():
        store.officers.note_sent(body["version"], address.unit, by, now)
