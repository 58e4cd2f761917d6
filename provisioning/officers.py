"""A unit's roster of officers: id, role, PIN hash and validity; no names."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evidence.credentials import Role
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.instants import write_instant
from provisioning.errors import AlreadyThereError, BadValueError, SiteUnusableError
from provisioning.folders import locked, replace_private
from provisioning.pins import hash_pin
from provisioning.site import checked_name

FILE = "officers.json"


@dataclass(frozen=True, slots=True)
class Officer:
    """One entry. ``valid_from`` and ``valid_to`` are instants; ``valid_to`` is the first one at which it is over.

    ``regular``: regular staff (正式工作人员), who alone may decide about some documents.
    """

    id: str
    role: Role
    valid_from: str
    valid_to: str | None
    pin: str = field(repr=False)
    regular: bool = True


def _read(path: Path) -> list[dict[str, Any]]:
    advice = "restore it from a backup, or enrol the unit again"
    try:
        value = json_object(path.read_bytes())
        officers = value.get("officers")
        if value.get("v") != 1 or not isinstance(officers, list):
            raise MalformedError("not a roster of version 1")
        if not all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in officers):
            raise MalformedError("an entry has no id")
    except OSError as error:
        raise SiteUnusableError(
            f"{path}: cannot be read: {error.strerror}", "name a folder made by vernix-provision unit enrol"
        ) from error
    except MalformedError as error:
        raise SiteUnusableError(f"{path}: {error}", advice) from error
    return officers


def check_officer(folder: Path, officer_id: str) -> None:
    """Make sure that ``officer_id`` can be added to the unit in ``folder``: asked before anybody types a PIN.

    Raises:
        BadValueError: not a name.
        AlreadyThereError: somebody has this id.
        SiteUnusableError: no unit there, or its roster is damaged.
    """
    checked_name("officer", officer_id)
    if any(item["id"].casefold() == officer_id.casefold() for item in _read(folder / FILE)):
        raise AlreadyThereError(
            f"{folder / FILE}: the id {officer_id!r} is given already",
            "choose another one; an id stays with its person, because records name it",
        )


def add_officer(
    folder: Path,
    officer_id: str,
    role: Role,
    pin: str,
    now: dt.datetime,
    valid_to: dt.datetime | None = None,
    *,
    regular: bool = True,
) -> Officer:
    """Add an officer to the roster of the unit in ``folder``; the file is replaced at once or not at all.

    Args:
        now: the beginning of the validity.
        valid_to: its end, exclusive; None leaves it open.
        regular: regular staff, not temporary.

    Raises:
        BadValueError: the id or PIN cannot be used, or the validity is over already.
        AlreadyThereError, SiteUnusableError: see :func:`check_officer`.
        OSError: the folder cannot be written.
    """
    if valid_to is not None and valid_to <= now:
        raise BadValueError("the last day of validity is over", "give today or a later day")
    end = None if valid_to is None else write_instant(valid_to)
    with locked(folder):
        check_officer(folder, officer_id)
        officer = Officer(officer_id, role, write_instant(now), end, hash_pin(pin), regular)
        roster = {"v": 1, "officers": [*_read(folder / FILE), asdict(officer)]}
        replace_private(folder / FILE, json_bytes(roster) + b"\n")
    return officer
