"""Keys that the site's authority has revoked: the gateway's above all, whose word the unit would else take for ever.

The list comes in two ways: :data:`FILE` in the folder of the unit's keys, carried there by hand and read again when it
changes, and by a command of the gateway. Either way it is the authority's own signature that counts, so whoever has the
gateway's key can bring a true list and make none. The last one accepted is kept in the data folder, and no list takes a
key back that an earlier one has named.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from evidence.errors import EvidenceError, RefusedError, RevokedError
from evidence.files import write_atomic
from evidence.keys import PublicKey
from evidence.revocation import Revocations, check_later, read_revocations

log = logging.getLogger(__name__)

FILE = "revocations.jws"
"""In the folder of the unit's keys, and in the data folder."""
_MAX_BYTES = 4 << 20
_Stamp = tuple[int, int, int] | None


class RevokedKeys:
    """The list in force. Any thread may ask."""

    def __init__(self, carried: Path, kept: Path, authority: x509.Certificate) -> None:
        """Read what is there. A list that cannot be read is told in the log and stops nothing.

        Args:
            carried: where somebody may lay a list down.
            kept: where the last one accepted is kept.
        """
        self._carried, self._kept, self._authority = carried, kept, authority
        self._lock = threading.Lock()
        self._current: Revocations | None = None
        self._written = 0
        self._seen: _Stamp = None
        self._read(kept)
        self.refresh()

    def refresh(self) -> None:
        """Read the list that was carried here, if its file has changed."""
        try:
            found = self._carried.stat()
        except OSError:
            self._seen = None
            return
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._seen:
            self._seen = stamp
            self._read(self._carried)

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                self.take(stream.read(_MAX_BYTES).decode("ascii").strip())
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, EvidenceError) as error:
            log.warning("%s: no list of revoked keys to go by: %s; list %d is in force", path, error, self.number)

    def take(self, token: str) -> None:
        """Go by the list in ``token`` from now on, and keep it.

        Raises:
            MalformedError, SignatureError: see :func:`evidence.revocation.read_revocations`; the old one stays.
            RefusedError: it lacks a key of the one in force; or it is in force now and cannot be kept.
        """
        new = read_revocations(token, self._authority)
        with self._lock:
            if self._current is not None:
                if new.number < self._current.number or new.number == self._written:
                    return  # a later one came another way meanwhile, or this one is kept
                check_later(self._current, new)
            self._current = new
        log.warning("list %d of revoked keys is in force: %d keys", new.number, len(new.entries))
        try:
            write_atomic(self._kept, token.encode("ascii"), mode=0o600)
        except OSError as error:
            raise RefusedError(f"list {new.number} is in force and cannot be kept: {error.strerror}") from error
        self._written = new.number

    @property
    def number(self) -> int:
        """Of the list in force; 0: none."""
        current = self._current
        return current.number if current is not None else 0

    def names(self, kid: str) -> bool:
        """Whether ``kid`` is on the list. Since when does not matter: only its own word would tell when it signed."""
        current = self._current
        return current is not None and kid in current.entries

    def refuses_said(self, kid: str, at: dt.datetime) -> bool:
        """Whether what ``kid`` signed, at ``at`` by its own word, is not believed: of another unit of the site."""
        current = self._current
        return current is not None and current.refuses_said(kid, at)

    def guard(self, key_for: Callable[[str], PublicKey | None]) -> Callable[[str], PublicKey | None]:
        """``key_for``, which raises RevokedError for a key on the list."""

        def believed(kid: str) -> PublicKey | None:
            if self.names(kid):
                raise RevokedError(f"signed by a revoked key, kid {kid}: replace the gateway's key, see provisioning")
            return key_for(kid)

        return believed
