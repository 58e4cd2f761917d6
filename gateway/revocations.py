"""The site's list of revoked keys, as the gateway goes by it: read again when its file changes, without a restart.

What was accepted once stays in the store, so a file that is lost, damaged or replaced by an older list takes nothing
back: it is told, and the last good list stays in force.
"""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

from cryptography import x509

from evidence.errors import EvidenceError, MalformedError
from evidence.keys import Signer
from evidence.revocation import Revocations, check_later, read_revocations
from evidence.topics import Address, Channel
from gateway import command
from gateway.store import Store

log = logging.getLogger(__name__)

_MAX_BYTES = 4 << 20
_Stamp = tuple[int, int, int] | None
_NEVER = (-1, -1, -1)


def stored_list(store: Store, authority: x509.Certificate) -> Revocations | None:
    """The last list that was accepted here; None before the first.

    Raises:
        EvidenceError: it is not one of this authority any more: the site's authority was changed.
    """
    token = store.revocations()
    return None if token is None else read_revocations(token, authority)


def catch_up(
    store: Store, address: Address, current: Revocations | None, has: int, signer: Signer, now: dt.datetime
) -> int | None:
    """Lay the list down for a unit that ``has`` an older one; its number, or None if it has not or it is on its way.

    The list is the authority's own word: who has the gateway's key can hand on a true one, and make none.
    """
    token = store.revocations()
    if current is None or token is None or current.number <= has:
        return None
    body = {"command": "revocations", "list": token}
    if command.is_waiting(store, Channel.COMMAND, address.unit, body):
        return None
    try:
        command.lay(store, Channel.COMMAND, address, body, signer, now)
    except MalformedError as error:  # longer than a message may be
        log.warning(
            "list %d of revoked keys does not go to %s, carry it there: %s", current.number, address.unit, error
        )
        return None
    return current.number


class RevocationList:
    """The list in force. One thread at a time."""

    def __init__(self, store: Store, authority: x509.Certificate, path: Path | None) -> None:
        """Begin with the list that the store has.

        Raises:
            EvidenceError: see :func:`stored_list`.
        """
        self._store, self._authority, self._path = store, authority, path
        self._seen: _Stamp = _NEVER
        self.problem: str | None = None
        """Why the file is not what is in force; None when it is."""
        self.current = stored_list(store, authority)

    def refresh(self) -> Revocations | None:
        """Read the file if it has changed; the list in force."""
        stamp = self._stamp()
        if self._path is not None and stamp != self._seen:
            self._seen = stamp
            self._read(self._path)
        return self.current

    def _stamp(self) -> _Stamp:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
            self._accept(data)
            self.problem = None
        except FileNotFoundError:
            self.problem = f"{path}: is gone" if self.current else None
        except (OSError, EvidenceError) as error:
            self.problem = f"{path}: {error}"
        if self.problem:
            number = self.current.number if self.current else "none"
            log.warning("revocations: %s; list %s stays in force", self.problem, number)

    def _accept(self, data: bytes) -> None:
        try:
            token = data.decode("ascii").strip()
        except UnicodeDecodeError:
            raise MalformedError("not a list of revoked keys") from None
        new, old = read_revocations(token, self._authority), self.current
        if old is not None:
            check_later(old, new)
        if old is None or new.number > old.number:
            self._store.set_revocations(token)
            self.current = new
            log.warning("revocations: list %d is in force, %d keys", new.number, len(new.entries))
