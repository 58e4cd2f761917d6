"""``vernix-gateway officer ...`` and ``vernix-gateway roster ...``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from evidence.credentials import Role, badge_digest, hash_pin, is_secret_of
from evidence.encoding import b64url_decode, json_object
from evidence.keys import Signer
from evidence.topics import Address, check_name
from evidence.webauthn import read_registration, registration_challenge
from gateway import key_offers, proof, roster
from gateway.config import Config
from gateway.doubles import Double, find_doubles
from gateway.officers import BADGE, PIN, WEBAUTHN, Account, Application, OfficerError
from gateway.store import Store
from gateway.terminal import operator, say, secret

Action = Callable[[Config, argparse.Namespace], int]
OK, FINDING = 0, 1


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextmanager
def _store(config: Config) -> Iterator[Store]:
    # Accounts are applied for before the gateway has run for the first time.
    with closing(Store(config.gateway.data / "gateway.db")) as store:
        yield store


def apply(config: Config, arguments: argparse.Namespace) -> int:
    """Apply for an officer's account; prints its id. It counts when every department has approved it."""
    asked = Application(
        arguments.name,
        arguments.department,
        arguments.post,
        arguments.phone,
        arguments.reason,
        arguments.code,
        Role(arguments.role),
        arguments.regular,
        arguments.valid_to,
        arguments.staff_number,
    )
    with _store(config) as store, store.transaction():
        officer = store.officers.apply(asked, arguments.by or arguments.name, _now(), arguments.id)
    needed = ", ".join(config.officers.approved_by)
    say(json.dumps({"id": officer}) if arguments.json else f"{officer}: applied for; approvals needed: {needed}")
    return OK


def approve(config: Config, arguments: argparse.Namespace) -> int:
    """Approve an account for a department, with the approver's password; two people of two departments must."""
    one = proof.approver(config.officers, arguments.by, arguments.department)
    with _store(config) as store:
        proven = proof.prove(store, one, secret(f"password of {one.name}"), _now())
        with store.transaction():
            complete = store.officers.approve(arguments.id, proven, config.officers, _now())
    said = "approved; it is in the next roster once it has a PIN or a security key" if complete else "still incomplete"
    say(json.dumps({"id": arguments.id, "complete": complete}) if arguments.json else f"{arguments.id}: {said}")
    return OK


def revoke(config: Config, arguments: argparse.Namespace) -> int:
    """End an account for good, or refuse an application. Units that are connected learn of it within a minute."""
    with _store(config) as store, store.transaction():
        store.officers.revoke(arguments.id, arguments.by, arguments.reason, _now())
    say(
        f"{arguments.id}: revoked; the running gateway tells units within a minute, at once: vernix-gateway roster send"
    )
    return OK


def give_pin(config: Config, arguments: argparse.Namespace) -> int:
    """Give an officer a PIN, 6 to 12 digits, typed or one line on standard input."""
    pin = secret("PIN")
    value = hash_pin(pin)
    with _store(config) as store:
        with store.transaction():
            namesakes = store.officers.namesakes(arguments.id, _now())
        # Only with theirs: were it held against everybody's, whoever sets a PIN would learn one that opens an account.
        pins = [(one.id, known) for one in namesakes for method, _, known in one.credentials if method == PIN]
        for other, known in pins:
            if is_secret_of(known, pin):
                raise OfficerError(f"PIN: {other} has the same name and the same PIN; nobody is two officers")
        with store.transaction():
            store.officers.set_credential(arguments.id, PIN, value, arguments.by, _now())
    say(f"{arguments.id}: has a PIN")
    return OK


def give_badge(config: Config, arguments: argparse.Namespace) -> int:
    """Give an officer a badge, scanned as a line on standard input; it needs the PIN beside it."""
    badge = secret("badge")
    with _store(config) as store, store.transaction():
        salt = b64url_decode(store.officers.badge_salt(roster.new_salt()))
        store.officers.set_credential(arguments.id, BADGE, badge_digest(badge, salt), arguments.by, _now())
    say(f"{arguments.id}: has a badge")
    return OK


def give_key(config: Config, arguments: argparse.Namespace) -> int:
    """Give an officer a security key: the one a unit offers under a code, or a browser's toJSON() on standard input."""
    site = config.gateway.site
    with _store(config) as store:
        if arguments.offer:
            offer = key_offers.find(store, site, arguments.id, arguments.offer)
            key, cose = offer.key, offer.cose
        else:
            registration = json_object(secret("registration").encode())
            key, cose = read_registration(registration, site, arguments.id)
        with store.transaction():
            store.officers.set_credential(arguments.id, WEBAUTHN, cose, arguments.by, _now(), key)
    say(f"{arguments.id}: has a security key")
    return OK


def list_offers(config: Config, arguments: argparse.Namespace) -> int:
    """Security keys that were registered at units and that no officer has been given yet, a line each."""
    with _store(config) as store:
        found = key_offers.offers(store, config.gateway.site)
        with store.transaction():
            given = {key for one in store.officers.accounts() for _, key, _ in one.credentials}
    for one in found:
        if one.key not in given:
            plain = {name: getattr(one, name) for name in ("code", "officer", "unit", "seq", "at", "vouched_by")}
            text = f"{one.code}  {one.officer:10} {one.at}  {one.unit} seq {one.seq}, vouched for by {one.vouched_by}"
            say(json.dumps(plain) if arguments.json else text)
    return OK


def challenge(config: Config, arguments: argparse.Namespace) -> int:
    """The challenge with which an officer's security key must be registered, base64url."""
    say(registration_challenge(config.gateway.site, arguments.id))
    return OK


def list_officers(config: Config, arguments: argparse.Namespace) -> int:
    """One line an account, with names: for the hospital's eyes."""
    with _store(config) as store, store.transaction():
        accounts = store.officers.accounts()
    doubles = find_doubles(accounts, _now())
    for one in accounts:
        say(json.dumps(_plain(one, doubles), ensure_ascii=False) if arguments.json else _line(one))
    _say_doubles(() if arguments.json else doubles)
    return OK


def _say_doubles(doubles: Iterable[Double]) -> None:
    for one in doubles:
        say(one.told)


def _plain(one: Account, doubles: Iterable[Double]) -> dict[str, Any]:
    named = ("id", "role", "code", "regular", "name", "department", "post", "phone", "reason", "applied", "approved")
    return {name: getattr(one, name) for name in (*named, "valid_to", "revoked", "staff_number")} | {
        "state": one.state(_now()),
        "left_out_for": next((double.first for double in doubles if double.second == one.id), None),
        "approvals": [list(pair) for pair in one.approvals],
        "credentials": [method for method, _, _ in one.credentials],
    }


def _line(one: Account) -> str:
    staff = "regular" if one.regular else "temporary"
    shown = ",".join(method for method, _, _ in one.credentials) or "no credentials"
    return (
        f"{one.id:10} {one.state(_now()):9} {one.role:9} {staff:9} {one.code:8} {one.name}  {one.department}  {shown}"
    )


def audit(config: Config, arguments: argparse.Namespace) -> int:
    """Who did what to officers' accounts and rosters, and when."""
    with _store(config) as store, store.transaction():
        entries = store.officers.audit(arguments.id)
    for one in entries:
        plain = {name: getattr(one, name) for name in type(one).__dataclass_fields__}
        text = f"{one.at}  {one.who}  {one.did}  {one.officer}  {one.about}"
        say(json.dumps(plain, ensure_ascii=False) if arguments.json else text)
    return OK


def list_rosters(config: Config, arguments: argparse.Namespace) -> int:
    """Every roster that was made: version, when, how many officers."""
    with _store(config) as store, store.transaction():
        made = store.officers.rosters()
    for version, when, content in made:
        count = len(json.loads(content)["officers"])
        plain = {"version": version, "made": when, "officers": count}
        say(json.dumps(plain) if arguments.json else f"{version}  {when}  {count} officers")
    return OK


def show_roster(config: Config, arguments: argparse.Namespace) -> int:
    """What the last roster, or VERSION, says of each officer; no verifiers. Exit 1 if there is none."""
    with _store(config) as store:
        body = roster.made(store, arguments.version)
    if body is None:
        sys.stderr.write("vernix-gateway: there is no such roster; vernix-gateway roster send makes one\n")
        return FINDING
    for entry in body["officers"]:
        plain = {**entry, "credentials": [one["method"] for one in entry["credentials"]]}
        text = "  ".join(str(plain[name]) for name in ("id", "role", "department", "regular", "valid_from"))
        text += f"  until {plain.get('valid_to', 'revoked')}  {','.join(plain['credentials'])}"
        say(json.dumps(plain) if arguments.json else text)
    return OK


def send_roster(open_signer: Callable[[Config], Signer]) -> Action:
    """Send who is an officer now to a unit, or to every unit; the running gateway does it."""

    def send(config: Config, arguments: argparse.Namespace) -> int:
        signer, now = open_signer(config), _now()
        with _store(config) as store:
            units = [check_name("unit", arguments.unit)] if arguments.unit else [one.unit for one in store.units()]
            if not units:
                raise OfficerError("no unit is known yet; name one with --unit")
            body = roster.latest(store, now)
            with store.transaction():
                doubles = find_doubles(store.officers.accounts(), now)
            for unit in units:
                roster.send(store, Address(config.gateway.site, unit), body, signer, operator(), now)
        say(f"roster {body['version']}, {len(body['officers'])} officers, is on its way to {', '.join(units)}")
        _say_doubles(doubles)
        return OK

    send.__doc__ = send_roster.__doc__
    return send


def _end_of_day(text: str) -> dt.datetime:
    """The first moment after the local day ``text``, written as YYYY-MM-DD."""
    return (dt.datetime.strptime(text, "%Y-%m-%d") + dt.timedelta(days=1)).astimezone(dt.UTC)


_end_of_day.__name__ = "day"  # what argparse calls it


def _add(group: Any, name: str, action: Action, *, prints: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, help=action.__doc__, description=action.__doc__)
    parser.set_defaults(action=action, json=False)
    if prints:
        parser.add_argument("--json", action="store_true", help="a line of JSON per result")
    return parser


def _add_apply(group: Any) -> None:
    parser = _add(group, "apply", apply)
    for name in ("name", "department", "post", "phone", "reason"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--code", required=True, help="the department as units know it, such as OBS")
    parser.add_argument("--staff-number", default="", help="工号; tells namesakes of one department apart")
    parser.add_argument("--role", choices=[str(role) for role in Role], default="officer")
    parser.add_argument("--regular", action="store_true", help="regular staff (正式工作人员); default: temporary")
    parser.add_argument("--valid-to", type=_end_of_day, metavar="DATE", help="last day; an inspector needs one")
    parser.add_argument("--id", help="as records will name the person; default: the next free one")
    parser.add_argument("--by", help="who hands the application in; default: the applicant")


def add_commands(commands: Any, open_signer: Callable[[Config], Signer]) -> None:
    """Add both groups to the command line."""
    summary = "officers' accounts: applications, approvals, credentials, audit"
    group = commands.add_parser("officer", help=summary, description=summary).add_subparsers(
        dest="what", required=True, metavar="COMMAND"
    )
    _add_apply(group)
    parser = _add(group, "approve", approve)
    parser.add_argument("id")
    parser.add_argument("--department", required=True)
    parser.add_argument("--by", required=True, help="the person who approves; the password is asked")
    parser = _add(group, "revoke", revoke, prints=False)
    parser.add_argument("id")
    parser.add_argument("--by", required=True)
    parser.add_argument("--reason", required=True)
    for name, action in (("pin", give_pin), ("badge", give_badge), ("key", give_key)):
        parser = _add(group, name, action, prints=False)
        parser.add_argument("id")
        parser.add_argument("--by", required=True)
        if name == "key":
            parser.add_argument("--offer", metavar="CODE", help="as the unit's screen has shown it")
    _add(group, "offers", list_offers)
    _add(group, "challenge", challenge, prints=False).add_argument("id")
    _add(group, "list", list_officers)
    _add(group, "audit", audit).add_argument("id", nargs="?")
    summary = "who may use the units: rosters made of the accounts"
    group = commands.add_parser("roster", help=summary, description=summary).add_subparsers(
        dest="what", required=True, metavar="COMMAND"
    )
    _add(group, "list", list_rosters)
    _add(group, "show", show_roster).add_argument("version", nargs="?", type=int)
    _add(group, "send", send_roster(open_signer), prints=False).add_argument("--unit", help="default: every unit")
