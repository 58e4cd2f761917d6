"""When something goes out again that was not answered: soon at first, then ever more rarely."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

FIRST_S = 5.0
LONGEST_S = 300.0
TRIES = 7
"""Times of sending after which the pause is the longest."""


@dataclass(slots=True)
class _Sent:
    at_s: float
    pause_s: float
    times: int


@dataclass(slots=True)
class Repeats:
    """Pauses of 5, 10, 20 ... 300 s for each number: a message that a broker forgot costs 5 s, and a gateway that is
    away for a day does not find a day's repetitions.
    """

    monotonic_s: Callable[[], float]
    _sent: dict[int, _Sent] = field(default_factory=dict)

    def due(self, number: int) -> bool:
        """Whether it was not sent yet, or long enough ago."""
        one = self._sent.get(number)
        return one is None or self.monotonic_s() - one.at_s >= one.pause_s

    def sent(self, number: int, *, rarely: bool = False) -> None:
        """It went out just now; ``rarely``: its pauses are the longest from the first one on."""
        one = self._sent.get(number)
        if one is None:
            pause_s, times = (LONGEST_S, TRIES) if rarely else (FIRST_S, 1)
        else:
            pause_s, times = min(max(FIRST_S, 2 * one.pause_s), LONGEST_S), one.times + 1
        self._sent[number] = _Sent(self.monotonic_s(), pause_s, times)

    def worn(self, number: int) -> bool:
        """Whether it went out :data:`TRIES` times and the last pause is over."""
        one = self._sent.get(number)
        return one is not None and one.times >= TRIES and self.due(number)

    def answered(self, open_numbers: Iterable[int]) -> None:
        """The other side is there: pauses begin anew. What is not among ``open_numbers`` is done."""
        left = set(open_numbers)
        self._sent = {
            number: _Sent(one.at_s, FIRST_S, one.times) for number, one in self._sent.items() if number in left
        }

    def done(self, number: int) -> None:
        """It is no more to be sent."""
        self._sent.pop(number, None)

    def hurry(self) -> None:
        """Everything goes out again at once, and counts as sent as often as before."""
        self._sent = {number: _Sent(one.at_s, 0.0, one.times) for number, one in self._sent.items()}

    def forget(self) -> None:
        """Everything goes out again at once, as if for the first time."""
        self._sent.clear()
