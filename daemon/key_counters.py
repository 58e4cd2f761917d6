"""What security keys have counted: a key whose signature counter does not rise exists twice (WebAuthn Level 2, 6.1.1).

Kept in the data folder, since a copy may be used long after the original. Keys that do not count say 0 for ever. It is
a finding and no refusal: she who needs a decision now is not the one to wait until an office has cleared this up.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic

log = logging.getLogger(__name__)

FILE = "key_counters.json"


class KeyCounters:
    """The last count of each key, by credential id. Any thread may ask."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what is known; a file that cannot be read is begun anew. None: in memory only."""
        self._path = path
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._signed: dict[str, str] = {}
        if path is not None and path.exists():
            try:
                known = json_object(path.read_bytes())
                self._counts = {key: count for key, count in known.items() if type(count) is int}
            except (OSError, MalformedError) as error:
                log.warning("%s cannot be read (%s): begun anew", path, type(error).__name__)

    def went_back(self, credential: str, count: int, signature: str) -> bool:
        """Note that the key has signed; whether its counter did not rise. The same signature again says nothing."""
        with self._lock:
            before, repeated = self._counts.get(credential, 0), self._signed.get(credential) == signature
            self._signed[credential] = signature
            if count > before:
                self._counts[credential] = count
                self._write()
            return not repeated and count <= before and (count, before) != (0, 0)

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            write_atomic(self._path, json_bytes(dict(self._counts)), mode=0o600)
        except OSError as error:
            log.warning("the counters of security keys are not kept: %s", error.strerror)
