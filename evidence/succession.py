"""Which key comes next: the list that provisioning writes beside ``unit.toml`` and the unit reads when it starts.

``keys.json`` names, in order, every key that was certified for the unit after the one of its birth record. A key in the
list is not yet in force: the unit brings it into force by a key record (:func:`evidence.rotation.seal_rotation`), and
only its own chain says how far it has come. So it does not matter when either side dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evidence.encoding import json_bytes, json_object
from evidence.errors import KeyUnusableError, MalformedError
from evidence.files import write_atomic

FILE = "keys.json"
_NAMES = ("certificate", "kid", "reason", "record")


@dataclass(frozen=True, slots=True)
class NextKey:
    """One key.

    Attributes:
        kid: RFC 7638 thumbprint.
        record: the key's URI; a relative ``file:`` path is relative to the list's folder.
        certificate: the file of its certificate in the list's folder.
        reason: why it comes, for the key record.
    """

    kid: str
    record: str
    certificate: str
    reason: str


def _entry(value: Any) -> NextKey:
    if not isinstance(value, dict) or sorted(value) != list(_NAMES):
        raise MalformedError(f"an entry has not exactly {', '.join(_NAMES)}")
    if not all(isinstance(one, str) and one for one in value.values()):
        raise MalformedError("an entry has a value that is no text")
    return NextKey(**value)


def read_succession(folder: Path) -> tuple[NextKey, ...]:
    """The keys after the first one, in their order; none where there is no list.

    Raises:
        KeyUnusableError: the list cannot be read or is damaged.
    """
    path = folder / FILE
    try:
        value = json_object(path.read_bytes())
        if value.get("v") != 1 or not isinstance(value.get("keys"), list):
            raise MalformedError("not a list of keys, version 1")
        return tuple(_entry(item) for item in value["keys"])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot be read: {error.strerror}") from error
    except MalformedError as error:
        raise KeyUnusableError(f"{path}: {error}; restore it from a backup") from error


def write_succession(folder: Path, keys: Sequence[NextKey]) -> None:
    """Replace the list, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    write_atomic(folder / FILE, json_bytes({"v": 1, "keys": [asdict(one) for one in keys]}) + b"\n", mode=0o600)


def after(keys: Sequence[NextKey], kid: str) -> tuple[NextKey, ...]:
    """What is still to be brought into force when the chain has come as far as the key ``kid``."""
    known = [one.kid for one in keys]
    return tuple(keys[known.index(kid) + 1 :] if kid in known else keys)


def signer_uri(uri: str, folder: Path) -> str:
    """``uri`` with a relative ``file:`` path made absolute in ``folder``."""
    scheme, _, path = uri.partition(":")
    return f"file:{folder / path}" if scheme == "file" else uri
