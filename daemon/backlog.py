"""The records that wait for a receipt: which of them are under way, and what comes of those that never get one.

In order, :data:`WINDOW` at a time. A record may be one that the gateway cannot believe - its key was revoked - and
then no receipt ever comes. So what was sent often without an answer is passed by: the window moves on, and of those
behind it the lowest ones, on which the chain waits at the gateway, and each of the others in turn go out again now and
then. As soon as one of them is receipted, all above it are in the window again. Memory holds the window alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from daemon.outbox import Outbox, Waiting
from daemon.repeats import LONGEST_S, Repeats
from evidence.receipt import Range

WINDOW: Final = 50
"""Records sent and not yet receipted; beyond that the gateway must catch up first, or have let many sendings pass."""
_HALF: Final = WINDOW // 2


class Backlog:
    """Sends records through ``publish``, which is False where there is no connection. One thread at a time."""

    def __init__(self, outbox: Outbox, publish: Callable[[bytes], bool], monotonic_s: Callable[[], float]) -> None:
        self._outbox, self._publish, self._monotonic_s = outbox, publish, monotonic_s
        self._sent = Repeats(monotonic_s)
        self._passed = 0
        """Up to this number all that waits was passed by."""
        self._turn = 0
        """The last of them that went out in its turn."""
        self._passed_due_s = 0.0
        self._silent = False
        """No receipt at all since something was passed by: perhaps nobody is there."""

    def pump(self) -> None:
        """Send what is due: of those passed by, then the window, each in order."""
        window = self._window()
        while window and self._sent.worn(window[0].seq):
            self._passed, self._silent = window[0].seq, True
            self._sent.done(window.pop(0).seq)
        if self._send_passed():
            self._send(window)

    def reconnected(self) -> None:
        """What was in flight may be lost: all of it goes out again."""
        self._sent.hurry()
        self._passed_due_s = 0.0

    def receipted(self, ranges: Sequence[Range], fresh: int) -> None:
        """A receipt came for ``ranges``, ``fresh`` of them new: the gateway is there."""
        self._silent = False
        if fresh:
            self._back_to(ranges[0][0])
        self._sent.answered(item.seq for item in self._window())

    def asked_again(self, ranges: Sequence[Range]) -> None:
        """The gateway asks for ``ranges`` again."""
        self._back_to(ranges[0][0])
        self._sent.forget()

    def _back_to(self, seq: int) -> None:
        """From ``seq`` on everything is in the window's way again."""
        self._passed = min(self._passed, seq - 1)

    def _window(self) -> list[Waiting]:
        return self._outbox.waiting(after=self._passed, limit=WINDOW)

    def _send(self, window: Sequence[Waiting]) -> None:
        for item in window:
            due = self._sent.due(item.seq)
            if due and not self._publish(item.envelope):
                return
            if due:
                self._sent.sent(item.seq, rarely=self._silent)

    def _send_passed(self) -> bool:
        """False when one could not go out."""
        now_s = self._monotonic_s()
        if not self._passed or now_s < self._passed_due_s:
            return True
        lowest = self._passed_after(0)
        in_turn = self._passed_after(max([self._turn, *(one.seq for one in lowest[-1:])]))
        if not all(self._publish(one.envelope) for one in (*lowest, *in_turn)):
            return False
        self._turn = in_turn[-1].seq if len(in_turn) == _HALF else 0
        self._passed_due_s = now_s + LONGEST_S
        return True

    def _passed_after(self, seq: int) -> list[Waiting]:
        return [one for one in self._outbox.waiting(after=seq, limit=_HALF) if one.seq <= self._passed]
