"""Documents of this shift: one number for two visits is a finding, as it may be one card for two women.

Kept in memory only, as keyed digests: whoever reads this memory cannot ask it for a number without its key. Both are
gone when the shift ends: when another officer takes over or the one on duty goes, and after the longest shift.
Drills are not counted; nor are checks whose visit is not known yet, since the same woman may simply have begun again.

Beside them the end of each visit's reference, for the list in which officers find a check of this shift again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from daemon.duty import SHIFT_S
from daemon.events import Begin, CardRead, DocumentEntered, Event
from evidence.record import plain_number

READ_FOR_ANOTHER_VISIT = "read_for_another_visit"
_SHOWN = 4
"""Characters of a visit's reference, of which at least as many are left out."""


def masked(visit: str) -> str:
    """The end of a visit's reference: enough to know again whom one has just seen, too little to look anybody up."""
    return f"***{visit[-min(_SHOWN, len(visit) // 2) :]}" if len(visit) > 1 else "***"


class SeenDocuments:
    """Which visit a document was first read for. Any thread may end the shift."""

    def __init__(self, shift: Callable[[], int], now_s: Callable[[], float] = time.monotonic) -> None:
        """``shift`` is a number that changes when one ends, see :class:`daemon.duty.Duty`."""
        self._shift, self._now_s = shift, now_s
        self._lock = threading.Lock()
        self._forget(shift())

    def _forget(self, shift: int) -> None:
        self._of, self._since_s = shift, self._now_s()
        self._key = secrets.token_bytes(32)
        self._visit_of: dict[bytes, bytes] = {}
        self._read_at: dict[str, bytes] = {}
        self._shown: dict[str, str] = {}

    def __len__(self) -> int:
        """How many documents are known."""
        self.end_shift()
        return len(self._visit_of)

    def end_shift(self) -> None:
        """Forget everything if the shift has ended."""
        with self._lock:
            self._end_shift()

    def _end_shift(self) -> None:
        shift = self._shift()
        if shift != self._of or self._now_s() - self._since_s >= SHIFT_S:
            self._forget(shift)

    def compared(self, event: Event, begin: Begin) -> Event:
        """``event`` with a finding, where its document was read before in this shift, for another visit."""
        self._show(begin)
        if not isinstance(event, CardRead | DocumentEntered) or begin.drill:
            return event
        number = plain_number(str(event.document.facts.get("number", "")))
        if number:
            self._note(begin.check, number)
        if not number or begin.visit_source == "provisional" or self._first_visit(number, begin.visit):
            return event
        findings = (*event.document.findings, READ_FOR_ANOTHER_VISIT)
        return replace(event, document=replace(event.document, findings=findings))

    def _show(self, begin: Begin) -> None:
        if begin.visit_source == "provisional":
            return
        with self._lock:
            self._end_shift()
            self._shown[begin.check] = masked(begin.visit)

    def visit_of(self, check: str) -> str:
        """The visit of a check of this shift, masked; of older checks, and while none is known, nothing."""
        with self._lock:
            self._end_shift()
            return self._shown.get(check, "")

    def _note(self, check: str, number: str) -> None:
        with self._lock:
            self._end_shift()
            self._read_at[check] = self._digest(number)

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), hashlib.sha256)

    def is_another(self, check: str, number: str | None) -> bool:
        """Whether the document of a check in this shift had another number; of older checks nobody knows."""
        with self._lock:
            self._end_shift()
            read = self._read_at.get(check)
            if read is None or not number:
                return False
            return not hmac.compare_digest(read, self._digest(plain_number(number)))

    def _first_visit(self, number: str, visit: str) -> bool:
        """Whether ``number`` was not seen before with another visit; from now on it is seen with this one."""
        with self._lock:
            self._end_shift()
            digest, of = self._digest(number), self._digest(visit)
            return hmac.compare_digest(self._visit_of.setdefault(digest, of), of)
