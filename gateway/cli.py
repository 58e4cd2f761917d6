"""``vernix-gateway``: run the gateway, and look at what it has verified and stored."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import signal
import sqlite3
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evidence.bundle import Bundle, write_bundle
from evidence.certificates import Profile, check_certificate, load_certificate
from evidence.errors import EvidenceError, KeyUnusableError
from evidence.keys import Signer, load_private_key, open_signer, thumbprint
from evidence.tree import TreeError
from evidence.verify import read_record
from gateway.config import Config, load
from gateway.intake import Intake
from gateway.receiver import Receiver
from gateway.store import Store, StoreDamaged

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3


def _open_store(config: Config) -> Store:
    return Store(config.gateway.data / "gateway.db")


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
    signer = _signer(config)
    store = _open_store(config)
    intake = Intake(
        store, config.gateway.site, load_certificate(config.keys.authority), load_private_key(config.keys.encryption)
    )
    receiver = Receiver(config.broker, config.gateway.site, intake, store, signer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: receiver.stop())
    try:
        receiver.run()
    finally:
        store.close()
    return OK


def list_records(config: Config, arguments: argparse.Namespace) -> int:
    """One line a record: number, kind, outcome, checkpoint, time, state."""
    rows = _open_store(config).rows(arguments.unit, arguments.limit)
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
    """The content of one record."""
    token = _open_store(config).jws(arguments.unit, arguments.seq)
    if token is None:
        print(f"vernix-gateway: no record {arguments.seq} of {arguments.unit}", file=sys.stderr)
        return FINDING
    payload = read_record(token).payload
    print(json.dumps(payload, ensure_ascii=False, indent=None if arguments.json else 2))
    return OK


def status(config: Config, arguments: argparse.Namespace) -> int:
    """Each unit: how far its chain is verified, what it claims, what is in quarantine. Exit 1 if something is amiss."""
    store = _open_store(config)
    quarantine = store.quarantined()
    amiss = bool(quarantine)
    for row in store.units():
        missing = max(0, row.claimed.seq - row.head.seq)
        amiss = amiss or bool(missing)
        held = sum(one[0] == row.unit for one in quarantine)
        entry: dict[str, Any] = {
            "unit": row.unit,
            "verified": row.head.seq,
            "claimed": row.claimed.seq,
            "missing": missing,
            "quarantined": held,
            "heard": row.heard,
        }
        if arguments.json:
            print(json.dumps(entry))
        else:
            print("  ".join(f"{name} {value}" for name, value in entry.items()))
    for unit, channel, received, reason in quarantine:
        if not arguments.json:
            print(f"quarantine  {unit}  {channel}  {received}  {reason}")
    return FINDING if amiss else OK


def export(config: Config, arguments: argparse.Namespace) -> int:
    """All verified records of a unit as a bundle for ``vernix verify``."""
    store = _open_store(config)
    row = store.unit(arguments.unit)
    if row is None:
        print(f"vernix-gateway: no records of a unit {arguments.unit}", file=sys.stderr)
        return FINDING
    records = tuple(store.chained_jws(row.unit))
    write_bundle(arguments.file, Bundle(row.unit, config.gateway.site, row.head, records))
    print(f"{arguments.file}: {len(records)} records of {row.unit}")
    return OK


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
    listing.add_argument("--limit", type=int, default=100, help="the last N records (default 100, -1: all)")
    one = add("show", show)
    one.add_argument("unit")
    one.add_argument("seq", type=int)
    add("status", status)
    out = add("export", export, prints=False)
    out.add_argument("unit")
    out.add_argument("file", type=Path)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit status is 0 ok, 1 finding, 2 usage, 3 environment."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.action(load(arguments.config), arguments))
    except TreeError as error:
        print(f"vernix-gateway: configuration: {error}", file=sys.stderr)
        return USAGE
    except (EvidenceError, StoreDamaged, OSError, ssl.SSLError, sqlite3.Error) as error:
        print(f"vernix-gateway: {error}", file=sys.stderr)
        return ENVIRONMENT


if __name__ == "__main__":
    sys.exit(main())
