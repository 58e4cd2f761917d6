"""One decoder under fuzz: what it is given, what it may answer, and how long and how large it may become."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

LONGEST_S = 5.0
"""A decoder of at most a mebibyte that takes longer hangs; on a busy machine it may wait a while for its turn."""
MOST_BYTES = 48 << 20
"""Memory that one input may cost beside what it is itself."""
_MEASURED = 16
"""Memory is measured for one in so many inputs: that is slow."""


class TooMuchError(AssertionError):
    """An input that takes too long, or too much memory."""


@dataclass
class Target:
    """A decoder.

    Attributes:
        name: ``part: what``.
        inputs: nearly sound, mostly.
        run: takes one input; hands back nothing.
        errors: what it may raise by its own documentation. Anything else is a finding.
    """

    name: str
    inputs: SearchStrategy[Any]
    run: Callable[[Any], object]
    errors: tuple[type[Exception], ...] = ()
    examples: int = 0
    refused: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def take(self, value: Any) -> None:
        """One input.

        Raises:
            TooMuchError: it took too long or too much memory.
            Exception: whatever the decoder may not raise.
        """
        self.examples += 1
        measured = zlib.crc32(repr(value).encode()) % _MEASURED == 0  # by the input, so that it is found again
        if measured:
            tracemalloc.start()
        began_s = time.perf_counter()
        try:
            self.run(value)
        except self.errors:
            self.refused += 1
        finally:
            took_s = time.perf_counter() - began_s
            peak = tracemalloc.get_traced_memory()[1] if measured else 0
            if measured:
                tracemalloc.stop()
        if took_s > LONGEST_S or peak > MOST_BYTES:
            raise TooMuchError(f"{took_s:.1f} s, {peak} bytes")

    def fuzz(self, examples: int, number: int | None = None) -> None:
        """Give it ``examples`` inputs; the first that it must not answer so is made small and raised.

        Args:
            examples: how many.
            number: begins another sequence of inputs; None: the same in every run.
        """

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            derandomize=number is None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(self.inputs)
        def attempt(value: Any) -> None:
            self.take(value)

        began_s = time.perf_counter()
        try:
            (attempt if number is None else seed(number)(attempt))()
        finally:
            self.seconds += time.perf_counter() - began_s
