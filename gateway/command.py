"""What an operator sends to a unit: signed, numbered, and laid into a folder from which the running gateway sends it.

Not on a connection of their own: at the site's broker a certificate has one session, and a second one with it would end
the gateway's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence import downlink
from evidence.files import write_atomic
from evidence.keys import Signer
from evidence.receipt import Range
from evidence.topics import Address, Channel
from gateway.store import Store

FOLDERS = {Channel.COMMAND: "commands", Channel.ROSTER: "rosters", Channel.WORKLIST: "worklists"}
"""Beside the store."""
LIFETIME = dt.timedelta(days=30)
"""For a unit that is offline, or in its box."""
_SUFFIX = ".jws"


@dataclass(frozen=True, slots=True)
class Command:
    """One message that has not been sent yet. ``path`` is removed when the broker has acknowledged it."""

    path: Path
    unit: str
    token: str = field(repr=False)
    channel: Channel = Channel.COMMAND


def least_counter(now: dt.datetime) -> int:
    """Milliseconds of Unix time: so counters go on rising also in a gateway that was restored from a backup."""
    return int(now.timestamp() * 1000)


def resend(store: Store, address: Address, ranges: list[Range], signer: Signer, now: dt.datetime) -> Path:
    """Lay down the command that brings receipted records again; where it lies.

    Raises:
        MalformedError: the ranges make no sense.
        OSError: the folder cannot be written.
    """
    body = {"command": "resend", "ranges": [list(pair) for pair in ranges]}
    return lay(store, Channel.COMMAND, address, body, signer, now)


def lay(
    store: Store,
    channel: Channel,
    address: Address,
    body: Mapping[str, Any],
    signer: Signer,
    now: dt.datetime,
    lifetime: dt.timedelta = LIFETIME,
) -> Path:
    """Lay down a message with ``body`` for the unit at ``address``; where it lies.

    Raises:
        MalformedError: the body breaks the schema.
        OSError: the folder cannot be written.
    """
    counter = store.next_counter(address.unit, channel, least_counter(now))
    token = downlink.write(channel, address, body, counter=counter, now=now, lifetime=lifetime, signer=signer)
    folder = store.path.parent / FOLDERS[channel]
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{address.unit}.{counter:016d}{_SUFFIX}"
    write_atomic(path, token.encode("ascii"), mode=0o600)
    return path


def waiting(store: Store) -> Iterator[Command]:
    """What lies there, in order for each unit and channel."""
    for channel, folder in FOLDERS.items():
        for path in sorted((store.path.parent / folder).glob(f"*{_SUFFIX}")):
            unit = path.name.removesuffix(_SUFFIX).rpartition(".")[0]
            yield Command(path, unit, path.read_text("ascii"), channel)
