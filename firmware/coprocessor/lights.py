"""The ring of lights: a pattern for each state of a check, and the light challenge with the moment of every step."""

from micropython import const

from coprocessor.messages import (
    PATTERN_CARD,
    PATTERN_CARE_FIRST,
    PATTERN_FACE,
    PATTERN_FAULT,
    PATTERN_FINGER,
    PATTERN_IDLE,
    PATTERN_NOT_PASSED,
    PATTERN_NOTICE,
    PATTERN_OFF,
    PATTERN_OFFICER,
    PATTERN_PASSED,
    PATTERN_WORKING,
    TICKS_MASK,
)
from coprocessor.ticks import ticks_add, ticks_diff, ticks_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from neopixel import NeoPixel

STEADY = const(0)
BREATHE = const(1)
BLINK = const(2)
CHASE = const(3)

FRAME_MS = const(40)
LEVELS = const(16)

#: pattern: (mode, red, green, blue, period in ms)
PATTERNS = {
    PATTERN_OFF: (STEADY, 0, 0, 0, 1000),
    PATTERN_IDLE: (BREATHE, 24, 24, 24, 4000),
    PATTERN_NOTICE: (STEADY, 20, 20, 40, 1000),
    PATTERN_CARD: (CHASE, 0, 0, 90, 1200),
    PATTERN_FACE: (STEADY, 120, 120, 120, 1000),
    PATTERN_FINGER: (BLINK, 0, 70, 70, 1000),
    PATTERN_WORKING: (CHASE, 60, 60, 60, 900),
    PATTERN_OFFICER: (BREATHE, 80, 60, 0, 2000),
    PATTERN_PASSED: (STEADY, 0, 110, 0, 1000),
    PATTERN_NOT_PASSED: (STEADY, 110, 60, 0, 1000),
    PATTERN_FAULT: (BLINK, 110, 30, 0, 2000),
    PATTERN_CARE_FIRST: (BREATHE, 60, 110, 60, 1600),
}

#: Colours of a challenge by number: off, red, green, blue, cyan, magenta, yellow, white.
COLOURS = (
    (0, 0, 0),
    (160, 0, 0),
    (0, 160, 0),
    (0, 0, 160),
    (0, 120, 120),
    (120, 0, 120),
    (120, 120, 0),
    (90, 90, 90),
)


class Lights:
    """Draws on anything with ``n``, ``fill(colour)``, ``[i] = colour`` and ``write()``, like neopixel.NeoPixel."""

    def __init__(self, ring: NeoPixel) -> None:
        self.pattern = PATTERN_IDLE
        self._ring = ring
        self._drawn = (-1, -1)
        self._draw_at = 0
        self._phase_ms = 0
        self._number = -1
        self._colours = b""
        self._step = 0
        self._step_us = 0
        self._due_us = 0

    @property
    def busy(self) -> bool:
        """A challenge is under way."""
        return self._number >= 0

    def start(self, number: int, step_ms: int, colours: bytes) -> None:
        """Begin a challenge; its first step is due at once."""
        self._number = number
        self._colours = colours
        self._step = 0
        self._step_us = step_ms * 1000
        self._due_us = ticks_us()

    def stop(self) -> int:
        """End a challenge early; its number, or -1 when there is none."""
        number = self._number
        self._number = -1
        self._drawn = (-1, -1)
        return number

    def poll(self) -> tuple[int, int, int] | None:
        """Show the step that is due: (number, step, at_us), step -1 when the last is off and the pattern on again.

        Not dark in between: that would be one change more than a challenge promises.
        """
        if self._number < 0 or ticks_diff(ticks_us(), self._due_us) < 0:
            return None
        number = self._number
        done = self._step == len(self._colours)
        if done:
            self._paint(self.pattern, self._level(self.pattern))
        else:
            self._ring.fill(COLOURS[self._colours[self._step]])
        self._ring.write()
        shown = ticks_us()
        # From the plan, not from this turn's lateness, so that lateness does not add up.
        self._due_us = ticks_add(self._due_us, self._step_us)
        step = -1 if done else self._step
        self._step += 1
        if done:
            self.stop()
        return number, step, shown & TICKS_MASK

    def draw(self, now: int, elapsed_ms: int, care_first: bool) -> bool:
        """Bring the ring up to date; whether it was written."""
        self._phase_ms += elapsed_ms
        if self.busy or ticks_diff(now, self._draw_at) < 0:
            return False
        self._draw_at = ticks_add(now, FRAME_MS)
        pattern = PATTERN_CARE_FIRST if care_first else self.pattern
        step = self._level(pattern)
        if (pattern, step) == self._drawn:
            return False
        self._drawn = (pattern, step)
        self._paint(pattern, step)
        self._ring.write()
        return True

    def _level(self, pattern: int) -> int:
        """Where ``pattern`` is in its period, in 32 steps."""
        mode, _, _, _, period = PATTERNS[pattern]
        self._phase_ms %= period
        return 0 if mode == STEADY else self._phase_ms * (2 * LEVELS) // period

    def _paint(self, pattern: int, step: int) -> None:
        mode, red, green, blue, _ = PATTERNS[pattern]
        if mode == CHASE:
            ring = self._ring
            ring.fill(COLOURS[0])
            first = step * ring.n // (2 * LEVELS)
            for light in range(ring.n // 4):
                ring[(first + light) % ring.n] = (red, green, blue)
            return
        level = LEVELS
        if mode == BREATHE:
            level = 2 + (step if step < LEVELS else 2 * LEVELS - 1 - step) * (LEVELS - 2) // LEVELS
        elif mode == BLINK and step >= LEVELS:
            level = 0
        self._ring.fill((red * level // LEVELS, green * level // LEVELS, blue * level // LEVELS))
