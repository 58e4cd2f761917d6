"""The authority's register: every certificate it has issued, so that no name is given twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from evidence.certificates import Profile, common_name, key_of
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic
from evidence.instants import read_instant, write_instant
from evidence.keys import thumbprint
from provisioning.errors import SiteUnusableError
from provisioning.folders import locked

FILE = "issued.json"
_KEYS = {"serial", "name", "profile", "not_after"}
_LATER = {"kid"}
"""Names that registers of before do not have."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One line: the certificate's serial number in hexadecimal, its CN, its profile, when it ends, its key's kid."""

    serial: str
    name: str
    profile: str
    not_after: str
    kid: str = ""

    @classmethod
    def of(cls, certificate: x509.Certificate, profile: Profile) -> Issued:
        """The line for ``certificate``."""
        end = write_instant(certificate.not_valid_after_utc.astimezone(dt.UTC))
        kid = thumbprint(key_of(certificate))
        return cls(f"{certificate.serial_number:x}", common_name(certificate), profile.name, end, kid)


@dataclass(slots=True)
class Register:
    """The register while it is held open."""

    lines: list[Issued] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether ``name`` was given before, in whatever case: file systems and people confuse them."""
        return any(line.name.casefold() == name.casefold() for line in self.lines)

    def add(self, certificate: x509.Certificate, profile: Profile) -> None:
        """Note that ``certificate`` was issued."""
        self.lines.append(Issued.of(certificate, profile))


def _line(value: Any) -> Issued:
    if (
        not isinstance(value, dict)
        or set(value) - _LATER != _KEYS
        or not all(isinstance(v, str) for v in value.values())
    ):
        raise MalformedError(f"an entry has not exactly the strings {', '.join(sorted(_KEYS | _LATER))}")
    if value["profile"] not in Profile.__members__:
        raise MalformedError("an entry names an unknown profile")
    read_instant(value["not_after"])
    return Issued(**value)


def read_register(path: Path) -> Register:
    """The register in ``path``.

    Raises:
        SiteUnusableError: missing, unreadable or damaged.
    """
    advice = "restore it from a backup: without it a unit's name could be given twice"
    try:
        value = json_object(path.read_bytes())
        if value.get("v") != 1 or not isinstance(value.get("certificates"), list):
            raise MalformedError("not a register of version 1")
        return Register([_line(item) for item in value["certificates"]])
    except OSError as error:
        raise SiteUnusableError(f"{path}: cannot be read: {error.strerror}", advice) from error
    except MalformedError as error:
        raise SiteUnusableError(f"{path}: {error}", advice) from error


def write_register(path: Path, register: Register) -> None:
    """Replace ``path`` by ``register``; atomic."""
    write_atomic(path, json_bytes({"v": 1, "certificates": [asdict(line) for line in register.lines]}) + b"\n")


@contextmanager
def opened(authority: Path) -> Iterator[Register]:
    """The register in the folder ``authority``, held against others; written back if the block succeeds.

    Raises:
        SiteUnusableError: see :func:`read_register`.
    """
    with locked(authority):
        register = read_register(authority / FILE)
        yield register
        write_register(authority / FILE, register)
