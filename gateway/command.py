"""What is sent to a unit beside receipts: signed, numbered, and laid into a folder; the running gateway sends it.

Not on a connection of an operator's own: at the site's broker a certificate has one session, and a second one with it
would end the gateway's. What lies there stays until the unit has shown that it took it, see :mod:`gateway.outgoing`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence import downlink, jws
from evidence.encoding import json_object
from evidence.files import write_atomic
from evidence.instants import read_instant
from evidence.keys import Signer
from evidence.receipt import Range, make_body
from evidence.topics import Address, Channel
from gateway.store import Store

FOLDERS = {Channel.COMMAND: "commands", Channel.ROSTER: "rosters", Channel.WORKLIST: "worklists"}
"""Beside the store."""
LIFETIME = dt.timedelta(days=30)
"""For a unit that is offline, or in its box."""
_SUFFIX = ".jws"


@dataclass(frozen=True, slots=True)
class Command:
    """One message that its unit has not shown yet to have taken; the file ``path`` holds it."""

    path: Path
    unit: str
    channel: Channel
    counter: int

    @property
    def token(self) -> str:
        """The signed message.

        Raises:
            FileNotFoundError: it was cleared away meanwhile.
        """
        return self.path.read_text("ascii")

    def read(self) -> tuple[dict[str, Any], dt.datetime]:
        """The body, and when the message expires.

        Raises:
            FileNotFoundError: it was cleared away meanwhile.
        """
        message = json_object(jws.parse(self.token, downlink.type_of(self.channel)).payload)
        return message["body"], read_instant(message["expires"])

    def says(self, body: Mapping[str, Any]) -> bool:
        """Whether it is there and its body is ``body``."""
        try:
            return self.read()[0] == body
        except FileNotFoundError:
            return False


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

    A roster or worklist takes the place of the one before.

    Raises:
        MalformedError: the body breaks the schema.
        OSError: the folder cannot be written.
    """
    counter = store.next_counter(address.unit, channel, downlink.counter_at(now))
    token = downlink.write(channel, address, body, counter=counter, now=now, lifetime=lifetime, signer=signer)
    folder = store.path.parent / FOLDERS[channel]
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{address.unit}.{counter:016d}{_SUFFIX}"
    write_atomic(path, token.encode("ascii"), mode=0o600)
    for one in waiting(store, address.unit):
        if one.channel is channel is not Channel.COMMAND and one.counter < counter:
            one.path.unlink(missing_ok=True)
    return path


def lay_again(store: Store, one: Command, address: Address, signer: Signer, now: dt.datetime) -> None:
    """Lay down what ``one`` says under a new number; its time runs on.

    Raises:
        FileNotFoundError: it was cleared away meanwhile.
    """
    body, expires = one.read()
    lay(store, one.channel, address, body, signer, now, expires - now)
    one.path.unlink(missing_ok=True)


def waiting(store: Store, unit: str | None = None) -> Iterator[Command]:
    """What lies there, for ``unit`` or for all, in order for each unit and channel."""
    for channel, folder in FOLDERS.items():
        for path in sorted((store.path.parent / folder).glob(f"*{_SUFFIX}")):
            name, _, counter = path.name.removesuffix(_SUFFIX).rpartition(".")
            if unit in (None, name):
                yield Command(path, name, channel, int(counter))


def is_waiting(store: Store, channel: Channel, unit: str, body: Mapping[str, Any]) -> bool:
    """Whether a message that says this is on its way to ``unit``."""
    return any(one.channel is channel and one.says(body) for one in waiting(store, unit))


def write_receipt(store: Store, address: Address, digests: Mapping[int, str], signer: Signer, now: dt.datetime) -> str:
    """The receipt for records that are stored. It is not laid down: a unit that hears none sends its records again."""
    return downlink.write(
        Channel.RECEIPT,
        address,
        make_body(digests),
        counter=store.next_counter(address.unit, Channel.RECEIPT, downlink.counter_at(now)),
        now=now,
        lifetime=LIFETIME,
        signer=signer,
    )
