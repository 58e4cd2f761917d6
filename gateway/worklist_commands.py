"""``vernix-gateway worklist ...``."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from evidence import worklist
from evidence.certificates import load_certificate
from evidence.encoding import json_object
from evidence.keys import Signer, load_private_key
from evidence.topics import Address, Channel, check_name
from gateway import command
from gateway.config import Config
from gateway.intake import Intake
from gateway.revocations import RevocationList
from gateway.store import Store

OK = 0
LIFETIME = dt.timedelta(hours=12)
"""Who is expected is news of today."""


def _send(config: Config, arguments: argparse.Namespace, signer: Signer) -> int:
    unit = check_name("unit", arguments.unit)
    content = json_object(arguments.file.read_bytes())
    authority, encryption = load_certificate(config.keys.authority), load_private_key(config.keys.encryption)
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        revocations = RevocationList(store, authority, config.keys.revocations)
        intake = Intake(store, config.gateway.site, authority, encryption, revocations=revocations)
        body = worklist.seal(content, intake.worklist_key(unit))
        now = dt.datetime.now(dt.UTC)
        address = Address(config.gateway.site, unit)
        command.lay(store, Channel.WORKLIST, address, body, signer, now, LIFETIME)
    sys.stdout.write(f"a worklist of {len(content['entries'])} visits is on its way to {unit}\n")
    return OK


def add_commands(commands: Any, open_signer: Callable[[Config], Signer]) -> None:
    """Add the group to the command line."""
    summary = "who is expected at a unit"
    group = commands.add_parser("worklist", help=summary, description=summary).add_subparsers(
        dest="what", required=True, metavar="COMMAND"
    )
    about = (
        "Send FILE (JSON, schema worklist-v1) to a unit; it replaces the list before, and ends with the unit's program."
    )
    parser = group.add_parser("send", help=about, description=about)
    parser.add_argument("file", type=Path)
    parser.add_argument("--unit", required=True)
    parser.set_defaults(action=lambda config, arguments: _send(config, arguments, open_signer(config)), json=False)
