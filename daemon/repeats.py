"""When something goes out again that was not answered: soon at first, then ever more rarely."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

FIRST_S = 5.0
LONGEST_S = 300.0


@dataclass(slots=True)
class _Sent:
    at_s: float
    pause_s: float


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

    def sent(self, number: int) -> None:
        """It went out just now."""
        one = self._sent.get(number)
        self._sent[number] = _Sent(self.monotonic_s(), FIRST_S if one is None else min(2 * one.pause_s, LONGEST_S))

    def answered(self, open_numbers: Iterable[int]) -> None:
        """The other side is there: pauses begin anew. What is not among ``open_numbers`` is done."""
        left = set(open_numbers)
        self._sent = {number: _Sent(one.at_s, FIRST_S) for number, one in self._sent.items() if number in left}

    def forget(self) -> None:
        """Everything goes out again at once."""
        self._sent.clear()
