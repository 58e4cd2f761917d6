"""What a security key may sign beside a proposed decision: made by the unit, each once, and only while it is fresh.

A key signs a hash, so what it signs must be there before. Were the page to make it, somebody could sign today what is
sent next week: the moment in it would be a guess.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from dataclasses import dataclass, field

from evidence.decision import DecisionStatement
from evidence.encoding import sha256_hex
from evidence.webauthn import challenge_of

LIFETIME = dt.timedelta(minutes=10)
_MOST = 32


@dataclass(slots=True)
class Prepared:
    """By hash; the oldest give way. A login has no statement: its hash is that of a random number."""

    _waiting: dict[str, tuple[dt.datetime, DecisionStatement | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, statement: DecisionStatement | None, now: dt.datetime) -> dict[str, str]:
        """What the page needs to ask a key: ``challenge``, and the ``statement``'s hash to name it by."""
        digest = statement.sha256 if statement else sha256_hex(secrets.token_bytes(32))
        with self._lock:
            if len(self._waiting) >= _MOST:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[digest] = (now + LIFETIME, statement)
        return {"challenge": challenge_of(digest), "statement": digest}

    def take(self, digest: str, now: dt.datetime) -> DecisionStatement | None:
        """What was kept under that hash; it is gone afterwards.

        Raises:
            KeyError: nothing, or no longer.
        """
        with self._lock:
            until, statement = self._waiting.pop(digest)
        if now > until:
            raise KeyError(digest)
        return statement
