"""What is sent to a unit beside receipts: signed, numbered, and laid into a folder; the running gateway sends it.

Not on a connection of an operator's own: at the site's broker a certificate has one session, and a second one with it
would end the gateway's. What lies there stays until the unit has shown that it took it, see :mod:`gateway.outgoing`.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence import downlink, jws, schema
from evidence.encoding import json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic
from evidence.instants import read_instant
from evidence.keys import Signer
from evidence.receipt import Range, make_body
from evidence.topics import Address, Channel
from gateway.store import Store

log = logging.getLogger(__name__)

FOLDERS = {Channel.COMMAND: "commands", Channel.ROSTER: "rosters", Channel.WORKLIST: "worklists"}
"""Beside the store."""
LIFETIME = dt.timedelta(days=30)
"""For a unit that is offline, or in its box."""
_SUFFIX = ".jws"
_ASIDE = ".damaged"
_NAME = re.compile(r"(?P<unit>[A-Za-z0-9][A-Za-z0-9._-]{0,63})\.(?P<counter>[0-9]{16})\.jws", re.ASCII)


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
            MalformedError: the file cannot be read; see :meth:`load`.
        """
        try:
            return self.path.read_text("ascii")
        except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
            raise MalformedError(f"{self.path.name} cannot be read: {error.__class__.__name__}") from None

    def load(self) -> Laid:
        """The message in the file.

        Raises:
            FileNotFoundError: it was cleared away meanwhile.
            MalformedError: it is damaged, or not what the file's name says.
        """
        token = self.token
        signed = jws.parse(token, downlink.type_of(self.channel))
        message = json_object(signed.payload)
        schema.check(downlink.SCHEMA, message)
        if (message["unit"], message["channel"], message["counter"]) != (self.unit, self.channel, self.counter):
            raise MalformedError(f"{self.path.name} holds a message for another unit, or with another number")
        issued, expires = read_instant(message["issued"]), read_instant(message["expires"])
        return Laid(token, signed.kid, message["body"], issued, expires)

    def says(self, body: Mapping[str, Any]) -> bool:
        """Whether it is there and its body is ``body``."""
        try:
            return self.load().body == body
        except (FileNotFoundError, MalformedError):
            return False

    def set_aside(self, why: object) -> None:
        """It cannot be sent: keep the file under another name, so that it stops nothing else."""
        set_aside(self.path, why)


@dataclass(frozen=True, slots=True)
class Laid:
    """What a file holds; ``kid`` names the key that has signed it."""

    token: str = field(repr=False)
    kid: str
    body: Mapping[str, Any] = field(repr=False)
    issued: dt.datetime
    expires: dt.datetime


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
        MalformedError: it is damaged.
    """
    laid = one.load()
    # Where the clock was ahead when it was laid down, its time would run on for as long as that.
    lifetime = min(laid.expires - now, laid.expires - laid.issued)
    lay(store, one.channel, address, laid.body, signer, now, lifetime)
    one.path.unlink(missing_ok=True)


def waiting(store: Store, unit: str | None = None) -> Iterator[Command]:
    """What lies there, for ``unit`` or for all, in order for each unit and channel."""
    for channel, path in _files(store):
        if (named := _NAME.fullmatch(path.name)) and unit in (None, named["unit"]):
            yield Command(path, named["unit"], channel, int(named["counter"]))


def _files(store: Store) -> Iterator[tuple[Channel, Path]]:
    for channel, folder in FOLDERS.items():
        yield from ((channel, path) for path in sorted((store.path.parent / folder).glob(f"*{_SUFFIX}")))


def set_strays_aside(store: Store) -> None:
    """Files that lie there and are not ours."""
    for _, path in list(_files(store)):
        if not _NAME.fullmatch(path.name):
            set_aside(path, "nothing that was laid down has such a name")


def set_aside(path: Path, why: object) -> None:
    """Keep ``path`` under another name, which says that it is not sent."""
    log.warning("%s cannot be sent and is set aside as %s%s: %s", path, path.name, _ASIDE, why)
    try:
        path.replace(path.with_name(f"{path.name}{_ASIDE}"))
    except OSError as error:
        log.warning("%s stays where it is: %s", path, error)


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
