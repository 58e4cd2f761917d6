"""What the gateway sends to a unit: signed, addressed, numbered and short-lived.

A receiver checks, in this order: (1) form and signature by the gateway's key, (2) audience: this site, unit and
channel, (3) counter above the last one accepted on that channel, and not of a time to come, (4) expiry; the last two
where the unit's clock can be trusted. Counters are milliseconds of Unix time, so that they go on rising also
at a gateway that was restored from a backup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence import jws, schema
from evidence.encoding import json_bytes, json_object
from evidence.errors import RefusedError
from evidence.instants import read_instant, write_instant
from evidence.keys import PublicKey, Signer
from evidence.topics import Address, Channel

SCHEMA = "downlink-v1"
AHEAD_MS = 24 * 60 * 60 * 1000
"""How far the gateway's counters may be ahead of a clock that the network has set: a day. One message of a gateway
whose clock was years ahead would shut out all the others until then."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that passed every check; ``issued`` is when its sender signed it, by the sender's clock."""

    counter: int
    issued: dt.datetime
    body: Mapping[str, Any] = field(repr=False)
    """May name people: rosters and worklists do."""


def counter_at(moment: dt.datetime) -> int:
    """The counter of a message that is signed at ``moment``, unless that channel's last one was higher."""
    return int(moment.timestamp() * 1000)


def highest_counter(moment: dt.datetime) -> int:
    """The highest counter that is not of a time to come at ``moment``."""
    return counter_at(moment) + AHEAD_MS


def type_of(channel: Channel) -> str:
    """The JWS ``typ`` of messages on ``channel``, so that none passes for another."""
    return f"vernix-{channel}+jws"


def write(
    channel: Channel,
    address: Address,
    body: Mapping[str, Any],
    *,
    counter: int,
    now: dt.datetime,
    lifetime: dt.timedelta,
    signer: Signer,
) -> str:
    """Sign ``body`` for the unit at ``address``.

    Raises:
        MalformedError: the message would break the schema.
    """
    message = {
        "v": 1,
        "site": address.site,
        "unit": address.unit,
        "channel": str(channel),
        "counter": counter,
        "issued": write_instant(now),
        "expires": write_instant(now + lifetime),
        "body": dict(body),
    }
    schema.check(SCHEMA, message)
    return jws.sign(json_bytes(message), signer, type_of(channel))


def read(
    token: str,
    channel: Channel,
    address: Address,
    key_for: Callable[[str], PublicKey | None],
    *,
    last_counter: int,
    now: dt.datetime | None,
    highest_counter: int | None = None,
) -> Accepted:
    """A message for the unit at ``address``.

    Args:
        last_counter: the highest counter accepted on this channel before.
        now: the current time, or None while the unit's clock is not trusted; expiry is then not checked.
        highest_counter: no message of now has a higher one; None: the unit does not know what time it is.

    Raises:
        MalformedError, SignatureError: see :func:`evidence.jws.verify`.
        RefusedError: for another unit or channel, not new, of a time to come, or expired.
    """
    message = json_object(jws.verify(token, type_of(channel), key_for).payload)  # (1)
    schema.check(SCHEMA, message)
    audience = (message["site"], message["unit"], message["channel"])
    if audience != (address.site, address.unit, channel):  # (2)
        raise RefusedError("the message is for another unit or channel")
    if message["counter"] <= last_counter:  # (3)
        raise RefusedError(f"counter {message['counter']} is not above {last_counter}: a repetition")
    if highest_counter is not None and message["counter"] > highest_counter:
        raise RefusedError(f"counter {message['counter']} is of a time to come: is the gateway's clock right?")
    if now is not None and read_instant(message["expires"]) < now:  # (4)
        raise RefusedError(f"expired at {message['expires']}")
    return Accepted(message["counter"], read_instant(message["issued"]), message["body"])
