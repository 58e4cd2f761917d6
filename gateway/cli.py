"""``vernix-gateway``: run the gateway, and look at what it has verified and stored."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evidence import jws, record
from evidence.certificates import Profile, check_certificate, load_certificate
from evidence.console import quietly, stopped_by_signal
from evidence.errors import EvidenceError, KeyUnusableError, RevokedError
from evidence.forms.fonts import FontMissing
from evidence.forms.render import FormUnusable
from evidence.instants import read_instant
from evidence.keys import Signer, load_private_key, open_signer, thumbprint
from evidence.record import Kind, Record
from evidence.topics import Address, check_name
from evidence.tree import TreeError
from evidence.verify import read_record
from gateway import (
    approver_commands,
    certificate_commands,
    command,
    forms,
    gap_commands,
    office_commands,
    officer_commands,
    schema,
    worklist_commands,
)
from gateway.approvers import ApproverError
from gateway.config import Config, load
from gateway.connection import TlsFileError
from gateway.intake import Intake
from gateway.officers import OfficerError
from gateway.receiver import Receiver
from gateway.revocations import RevocationList, stored_list
from gateway.statistics import commands as statistics_commands
from gateway.statistics.commands import ArgumentsWrong
from gateway.status import status
from gateway.store import Store, StoreDamaged, StoreMissing

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3


class StoreFailed(Exception):
    """The store failed while the gateway ran: a full disk, mostly. Nothing that was not stored was acknowledged."""


def _open_store(config: Config, *, create: bool = False) -> Store:
    return Store(config.gateway.data / "gateway.db", create=create)


def _signer(config: Config) -> Signer:
    certificate = load_certificate(config.keys.signing_certificate)
    scheme, _, path = config.keys.signing.partition(":")
    signer = open_signer(f"{scheme}:{config.keys.authority.parent / path}" if scheme == "file" else config.keys.signing)
    key = check_certificate(
        certificate, load_certificate(config.keys.authority), Profile.GATEWAY, dt.datetime.now(dt.UTC)
    )
    if thumbprint(key) != signer.kid:
        raise KeyUnusableError(f"{config.keys.signing_certificate}: not the certificate of {config.keys.signing}")
    return signer


def run(config: Config, _arguments: argparse.Namespace) -> int:
    """Receive until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signer, authority = _signer(config), load_certificate(config.keys.authority)
    encryption = load_private_key(config.keys.encryption)
    with closing(_open_store(config, create=True)) as store:
        revocations = RevocationList(store, authority, config.keys.revocations)
        intake = Intake(store, config.gateway.site, authority, encryption, revocations=revocations)
        receiver = Receiver(config.broker, config.gateway.site, intake, store, signer)
        try:
            with stopped_by_signal(receiver.stop):
                receiver.run()
        except sqlite3.Error as error:
            raise StoreFailed(
                f"{config.gateway.data}: the store failed: {error}; make room or repair the disk and start again:"
                " nothing was acknowledged that was not stored, the broker and the units send it again"
            ) from error
    return OK


def list_records(config: Config, arguments: argparse.Namespace) -> int:
    """One line a record: number, kind, outcome, checkpoint, time, state."""
    with closing(_open_store(config)) as store:
        rows = store.rows(arguments.unit, arguments.limit)
    if arguments.json:
        for row in rows:
            print(json.dumps(asdict(row), ensure_ascii=False))
        return OK
    for row in rows:
        state = "verified" if row.chained else "waits for earlier records"
        print(
            f"{row.unit:16} {row.seq:>7}  {row.kind:9} {row.outcome or '-':12} {row.checkpoint or '-':14} "
            f"{row.happened}  {state}{'  alert' if row.alert else ''}"
        )
    return OK


def show(config: Config, arguments: argparse.Namespace) -> int:
    """The content of one record. Exit 1 where it is not here, or not believed since its key was revoked before."""
    unit, seq = arguments.unit, arguments.seq
    with closing(_open_store(config)) as store:
        token = store.jws(unit, seq)
        apart = [one.reason for one in store.kept_apart() if one.unit == unit and one.reason.startswith(f"seq {seq}: ")]
        item = read_record(token) if token is not None else None
        word, believed = ("", False) if item is None else _standing(config, store, unit, item)
    if item is not None:
        print(json.dumps(item.payload, ensure_ascii=False, indent=None if arguments.json else 2))
    else:
        print(f"vernix-gateway: no record {seq} of {unit}", file=sys.stderr)
    for reason in filter(None, (word, *(f"kept apart, {reason}" for reason in apart))):
        print(f"vernix-gateway: {unit} {reason}", file=sys.stderr)
    return OK if believed else FINDING


def _standing(config: Config, store: Store, unit: str, item: Record) -> tuple[str, bool]:
    """What the site's list of revoked keys says of a stored record, and whether it may be believed."""
    revocations = stored_list(store, load_certificate(config.keys.authority))
    kid = jws.parse(item.jws, record.TYPE).kid
    if revocations is None or item.kind is Kind.KEY or kid not in revocations.entries:
        return "", True
    received = store.received(unit, item.seq, item.sha256)
    try:
        revocations.check(item, kid, read_instant(received) if received else None)
    except RevokedError as error:
        return f"seq {item.seq}: received {received}, is NOT believed: {error}", False
    entry = revocations.entries[kid]
    return f"seq {item.seq}: received {received}, is believed; its key was revoked later ({entry.reason})", True


def resend(config: Config, arguments: argparse.Namespace) -> int:
    """Ask a unit for records again, FIRST to LAST, for instance after a restored backup. It keeps them 30 days."""
    address = Address(config.gateway.site, check_name("unit", arguments.unit))
    signer = _signer(config)
    if arguments.last < arguments.first:
        print("vernix-gateway: LAST is before FIRST", file=sys.stderr)
        return USAGE
    with closing(_open_store(config)) as store:
        command.resend(store, address, [(arguments.first, arguments.last)], signer, dt.datetime.now(dt.UTC))
    print(f"{arguments.unit} will be asked for records {arguments.first} to {arguments.last} by the running gateway")
    return OK


def _number(text: str, least: int) -> int:
    """A number that a store can hold: ``least`` or more, below 2^63.

    Raises:
        ValueError: it is not; argparse tells the user.
    """
    if not least <= int(text) < 1 << 63:
        raise ValueError
    return int(text)


def _limit(text: str) -> int:
    return _number(text, -1)


def _seq(text: str) -> int:
    return _number(text, 1)


_limit.__name__, _seq.__name__ = "number of records", "seq"  # what argparse calls them


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vernix-gateway", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("gateway.toml"), help="gateway.toml (default: here)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, action: Callable[[Config, argparse.Namespace], int], *, prints: bool = True) -> Any:
        command = commands.add_parser(name, help=action.__doc__, description=action.__doc__)
        command.set_defaults(action=action, json=False)
        if prints:
            command.add_argument("--json", action="store_true", help="a line of JSON per result")
        return command

    add("run", run, prints=False)
    listing = add("list", list_records)
    listing.add_argument("--unit", help="only this unit")
    listing.add_argument("--limit", type=_limit, default=100, help="the last N records (default 100, -1: all)")
    one = add("show", show)
    one.add_argument("unit")
    one.add_argument("seq", type=_seq)
    add("status", status)
    again = add("resend", resend, prints=False)
    again.add_argument("unit")
    again.add_argument("first", type=_seq)
    again.add_argument("last", type=_seq)
    gap_commands.add_commands(commands, _seq)
    officer_commands.add_commands(commands, _signer)
    approver_commands.add_commands(commands)
    statistics_commands.add_commands(commands, _signer)
    worklist_commands.add_commands(commands, _signer)
    forms.add_commands(commands, _standing)
    certificate_commands.add_commands(commands)
    office_commands.add_commands(commands, _seq)
    return parser


ENVIRONMENTAL = (
    *(EvidenceError, TlsFileError, StoreDamaged, StoreMissing, StoreFailed, FontMissing, FormUnusable),
    *(OSError, sqlite3.Error),
)
"""What can be wrong around the gateway; told in one sentence. Anything else is our own bug and keeps its trace."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit status is 0 ok, 1 finding, 2 usage, 3 environment."""
    return quietly(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.action(load(arguments.config), arguments))
    except BrokenPipeError:
        raise  # nobody reads: no fault of the environment
    except TreeError as error:
        print(f"vernix-gateway: configuration: {error}", file=sys.stderr)
        return USAGE
    except (OfficerError, ApproverError, ArgumentsWrong) as error:
        print(f"vernix-gateway: {error}", file=sys.stderr)
        return USAGE
    except ENVIRONMENTAL as error:
        print("; ".join(filter(None, (f"vernix-gateway: {error}", schema.advice(error)))), file=sys.stderr)
        return ENVIRONMENT


if __name__ == "__main__":
    sys.exit(main())
