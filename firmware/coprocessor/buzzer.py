"""Short sequences of tones, played without waiting."""

from coprocessor.messages import SOUND_ALARM, SOUND_ATTENTION, SOUND_DONE, SOUND_NONE, SOUND_TOUCH
from coprocessor.ticks import ticks_add, ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: sound: ((hertz, milliseconds), ...); 0 hertz is a pause
SOUNDS = {
    SOUND_NONE: (),
    SOUND_TOUCH: ((2000, 30),),
    SOUND_DONE: ((1500, 80), (0, 40), (2200, 120)),
    SOUND_ATTENTION: ((1000, 200), (0, 100), (1000, 200)),
    SOUND_ALARM: ((2500, 300), (1800, 300), (2500, 300), (1800, 300)),
}


class Buzzer:
    """Plays on anything with ``tone(hertz)``."""

    def __init__(self, tone: Callable[[int], None]) -> None:
        self._tone = tone
        self._tones: tuple[tuple[int, int], ...] = ()
        self._next = 0
        self._next_at = 0
        self._sounding = False

    def play(self, sound: int, now: int) -> None:
        """Begin ``sound``, ending the one before."""
        self._tones = SOUNDS[sound]
        self._next = 0
        self._next_at = now

    def poll(self, now: int) -> None:
        """Go on when the next tone is due."""
        if ticks_diff(now, self._next_at) < 0 or (self._next == len(self._tones) and not self._sounding):
            return
        if self._next == len(self._tones):
            self._tone(0)
            self._sounding = False
            return
        hertz, duration_ms = self._tones[self._next]
        self._tone(hertz)
        self._sounding = hertz > 0
        self._next += 1
        self._next_at = ticks_add(now, duration_ms)
