"""The random light challenge, seen from the host: clocks compared, colours shown, moments of each step collected.

The co-processor tells microseconds of its own clock. Before the challenge its clock is asked five times; the answer
with the shortest way there and back gives the offset, and half that way is how far off it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hw.coprocessor.errors import ChallengeStopped, CoprocessorError
from hw.coprocessor.messages import (
    Challenge,
    ChallengeDone,
    ChallengeStep,
    Clock,
    ClockIs,
    Message,
)
from hw.coprocessor.numbers import (
    MAX_STEPS,
    TICKS_PERIOD,
    ChallengeResult,
    Colour,
)
from hw.errors import DeviceProtocolError, DeviceTimeout, HardwareError

CLOCK_SAMPLES: Final = 5
STEP_MS: Final = range(20, 2001)
STILL_MS: Final = 1050
"""So long a stopped challenge's colour stays: what it has shown may have changed three times in the second before, and
the ring's pattern, which follows, is a change too (WCAG 2.3.1, as `models/liveness/sequence.py` counts it)."""
_SPARE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ShownStep:
    """``colour`` was on from ``at_s`` on (``time.monotonic``)."""

    colour: Colour
    at_s: float


@dataclass(frozen=True, slots=True)
class ChallengeReport:
    """When each colour was on. ``off_s``: when the last was off; ``error_s``: how far off it can be."""

    steps: tuple[ShownStep, ...]
    off_s: float
    error_s: float


class ChallengeRun:
    """One challenge under way. Not for two threads at once."""

    def __init__(
        self, device: str, colours: Sequence[Colour], step_ms: int, random_number: Callable[[int], int]
    ) -> None:
        """Raises ValueError for none or too many colours, or a step outside 20 to 2000 ms."""
        if not 1 <= len(colours) <= MAX_STEPS:
            raise ValueError(f"{len(colours)} colours; 1 to {MAX_STEPS} are possible")
        if step_ms not in STEP_MS:
            raise ValueError(f"step of {step_ms} ms; {STEP_MS.start} to {STEP_MS.stop - 1} are possible")
        self.finished = False
        self.timeout_s = _SPARE_S + len(colours) * step_ms / 1000
        self._device = device
        self._colours = tuple(Colour(colour) for colour in colours)
        self._step_ms = step_ms
        self._random = random_number
        self._number = random_number(16)
        self._token = random_number(16)
        self._error: HardwareError | None = None
        self._clock_sent_s: float | None = None
        self._samples: list[tuple[float, float, int]] = []
        self._asked = False
        self.started = False
        """Whether the colours were sent."""
        self._steps: dict[int, int] = {}
        self._off_us = 0

    def next_message(self) -> Message | None:
        """What to send now, once."""
        if len(self._samples) < CLOCK_SAMPLES:
            if self._asked:
                return None
            self._asked = True
            self._token = (self._token + 1) & 0xFFFF
            return Clock(self._token)
        if self.started:
            return None
        self.started = True
        colours = bytes(self._colours).ljust(MAX_STEPS, b"\0")
        return Challenge(self._number, self._step_ms, len(self._colours), colours)

    def still(self, at_s: float) -> Challenge | None:
        """What ends it without a flash, arriving at ``at_s``: the colour that is on by then, for :data:`STILL_MS`.

        None where nothing has to be sent: the colours were not sent yet, or are over by then.
        """
        if not self.started:
            return None
        step = self._step_at(at_s)
        if step >= len(self._colours):
            return None
        return Challenge(self._random(16), STILL_MS, 1, bytes([self._colours[step]]).ljust(MAX_STEPS, b"\0"))

    def _step_at(self, at_s: float) -> int:
        """By the plan, from the last step that was told; the first one before any was."""
        if not self._steps:
            return 0
        last = max(self._steps)
        _, mid_s, at_us = min(self._samples)
        since_s = at_s - self._host_s(self._steps[last], mid_s, at_us)
        return last + max(0, int(since_s * 1000) // self._step_ms)

    def clock_sent(self, at_s: float) -> None:
        """The question for the time has left."""
        self._clock_sent_s = at_s

    def receive(self, message: ClockIs | ChallengeStep | ChallengeDone, now_s: float) -> None:
        """An answer; those to something else are left alone."""
        match message:
            case ClockIs(token=self._token) if self._asked and self._clock_sent_s is not None:
                way_s = now_s - self._clock_sent_s
                self._samples.append((way_s, now_s - way_s / 2, message.at_us))
                self._asked, self._clock_sent_s = False, None
            case ChallengeStep(number=self._number):
                self._steps[message.step] = message.at_us
            case ChallengeDone(number=self._number):
                self._done(message)

    def _done(self, message: ChallengeDone) -> None:
        self._off_us = message.at_us
        if message.result != ChallengeResult.COMPLETE:
            self.fail(ChallengeStopped(self._device, "the light challenge was stopped"))
        elif sorted(self._steps) != list(range(len(self._colours))):
            self.fail(DeviceProtocolError(self._device, "steps of the light challenge are missing"))
        self.finished = True

    def fail(self, error: HardwareError | CoprocessorError) -> None:
        """End it with ``error``."""
        self._error = error
        self.finished = True

    def report(self) -> ChallengeReport:
        """The result.

        Raises:
            HardwareError: what it was ended with; DeviceTimeout when it has not ended.
        """
        if self._error is not None:
            raise self._error
        if not self.finished:
            raise DeviceTimeout(self._device, "the light challenge did not end in time")
        way_s, mid_s, at_us = min(self._samples)
        return ChallengeReport(
            tuple(ShownStep(c, self._host_s(self._steps[i], mid_s, at_us)) for i, c in enumerate(self._colours)),
            self._host_s(self._off_us, mid_s, at_us),
            way_s / 2,
        )

    def _host_s(self, at_us: int, sample_s: float, sample_us: int) -> float:
        """A moment of the co-processor on the host's clock; within half a period of the sample."""
        half = TICKS_PERIOD // 2
        return sample_s + ((at_us - sample_us + half) % TICKS_PERIOD - half) / 1e6
