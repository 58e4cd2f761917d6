"""MQTT topics, version 1: ``vernix/v1/{site}/{unit}/{channel}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique

from evidence.errors import MalformedError

_ROOT = "vernix/v1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@unique
class Channel(StrEnum):
    """The last level of a topic, and so what the message is."""

    RECORD = "record"
    ALERT = "alert"
    STATE = "state"
    HEALTH = "health"
    RECEIPT = "receipt"
    COMMAND = "command"
    ROSTER = "roster"
    WORKLIST = "worklist"


UP = (Channel.RECORD, Channel.ALERT, Channel.STATE, Channel.HEALTH)
"""What a unit publishes."""
DOWN = (Channel.RECEIPT, Channel.COMMAND, Channel.ROSTER, Channel.WORKLIST)
"""What a unit subscribes to."""
CONTENT_TYPES = {
    Channel.RECORD: "application/jose+json",
    Channel.ALERT: "application/jose+json",
    Channel.STATE: "application/json",
} | dict.fromkeys((Channel.HEALTH, *DOWN), "application/jose")
"""Media types (RFC 7515 section 9.2.1: a general JSON serialisation, or a compact one)."""


def check_name(what: str, name: str) -> str:
    """``name`` if it may stand in a topic, a certificate and a file name.

    Raises:
        MalformedError: other characters than letters, digits, ``.``, ``_``, ``-``, or longer than 64.
    """
    if not _NAME.fullmatch(name):
        raise MalformedError(
            f"{what} must be 1 to 64 letters, digits, '.', '_' or '-', beginning with one of the first two"
        )
    return name


@dataclass(frozen=True, slots=True)
class Address:
    """A unit at a site.

    Raises:
        MalformedError: a name that may not stand in a topic, see :func:`check_name`.
    """

    site: str
    unit: str

    def __post_init__(self) -> None:
        """Hold both names against the rule, so that no wildcard comes into a topic."""
        check_name("site", self.site)
        check_name("unit", self.unit)

    def topic(self, channel: Channel) -> str:
        """The topic of ``channel`` of this unit."""
        return f"{_ROOT}/{self.site}/{self.unit}/{channel}"


def every_unit(site: str, channel: Channel) -> str:
    """The filter that matches ``channel`` of all units of ``site``."""
    return f"{_ROOT}/{check_name('site', site)}/+/{channel}"


def parse(topic: str) -> tuple[Address, Channel]:
    """Whose topic this is, and which.

    Raises:
        MalformedError: not one of ours.
    """
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != _ROOT or parts[4] not in set(Channel):
        raise MalformedError("not a topic of this version")
    return Address(parts[2], parts[3]), Channel(parts[4])
