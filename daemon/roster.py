"""The roster that the gateway sends: kept in the data folder, so that a unit knows its officers offline.

Provisioning's file is only the first one. What came last from the gateway is in force, also after a restart; an older
version is refused, because it would bring back who was struck off.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daemon.officers import Officer, Officers, RosterUnusable
from evidence.encoding import b64url_decode, json_bytes, json_object
from evidence.errors import MalformedError, RefusedError
from evidence.files import write_atomic
from evidence.instants import read_instant
from evidence.topics import check_name

log = logging.getLogger(__name__)

FILE = "roster.json"


def _officer(entry: Mapping[str, Any]) -> Officer:
    end, shown = entry.get("valid_to"), entry["credentials"]
    of = {name: [one for one in shown if one["method"] == name] for name in ("pin", "badge", "webauthn")}
    if len(of["pin"]) > 1 or len(of["badge"]) > 1:
        raise MalformedError("an officer has two PINs or two badges")
    return Officer(
        check_name("officer", entry["id"]),
        str(entry["role"]),
        next((one["argon2id"] for one in of["pin"]), ""),
        read_instant(entry["valid_from"]),
        None if end is None else read_instant(end),
        regular=entry.get("regular") is True,
        department=str(entry.get("department", "")),
        badge=next((one["digest"] for one in of["badge"]), None),
        keys={one["id"]: one["key"] for one in of["webauthn"]},
    )


def read_body(body: Mapping[str, Any]) -> Officers:
    """The officers in the body of a roster message, which obeys the schema.

    Raises:
        MalformedError: an id, badge or security key is given twice, or an instant is none.
    """
    officers = [_officer(entry) for entry in body["officers"]]
    by_id = {one.id: one for one in officers}
    badges = [one.badge for one in officers if one.badge]
    keys = [key for one in officers for key in one.keys]
    if any(len(set(group)) != len(group) for group in ([one.id for one in officers], badges, keys)):
        raise MalformedError("the roster gives an id, a badge or a security key twice")
    salt = body.get("badge_salt")
    return Officers(by_id, b64url_decode(salt) if salt else None, body["version"])


class RosterBook:
    """The file in the data folder. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._last: bytes | None = None
        self._version = 0

    def read(self) -> Officers | None:
        """What the gateway sent last; None before the first one.

        Raises:
            RosterUnusable: the file is damaged. Falling back would bring back who was struck off.
        """
        try:
            data = self._path.read_bytes()
            body = json_object(data)
            officers = read_body(body)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RosterUnusable(f"{self._path}: cannot read the roster: {error.strerror}") from error
        except (MalformedError, ValueError, KeyError, TypeError, AttributeError) as error:
            advice = "remove it to begin with provisioning's roster, and send the gateway's again"
            raise RosterUnusable(f"{self._path}: not a roster: {type(error).__name__}; {advice}") from error
        self._last, self._version = data, officers.version
        return officers

    def take(self, body: Mapping[str, Any]) -> Officers:
        """Keep what the gateway sent; it is in force when this returns.

        Raises:
            MalformedError: see :func:`read_body`.
            RefusedError: older than the one in force, another one of the same version, or there is no room for it.
        """
        officers, data = read_body(body), json_bytes(dict(body))
        if officers.version < self._version or (officers.version == self._version and data != self._last):
            raise RefusedError(f"roster {officers.version} is not newer than roster {self._version}")
        try:
            write_atomic(self._path, data, mode=0o600)
        except OSError as error:
            raise RefusedError(f"roster {officers.version} cannot be kept: {error.strerror}") from error
        self._last, self._version = data, officers.version
        log.warning("roster %d is in force: %d officers", officers.version, len(officers.by_id))
        return officers
