"""The rules of door and power, and nothing else: no pins, no clock, no link. Explored state by state in the tests.

Door: the lock is energised only while a host whose heartbeat is younger than 2.3 s wants it locked, no emergency is
open, and the journal has pages for the next one. Everything else, this object's birth included, means open. What is
promised is 3 s after the host's last sign of life: how long a heartbeat lies here unread is not in the age it tells.

Power: a Pi that has had a heartbeat and then none for 60 s is switched off for 5 s, but not within 120 s of the last
switching on, doubled after each time; three times, then it is left on. An hour of heartbeats without a gap gives the
three back; a watchdog reset does not. Never while the host's last word was that its power must be kept (update, orderly
shutdown).
"""

from micropython import const

from coprocessor.messages import WISH_KEEP_POWER, WISH_WANT_LOCK

MAX_CYCLES = const(3)

WENT_SILENT = const(1)
CYCLED = const(2)


class Limits:
    """Milliseconds. The tests explore the same rules with smaller numbers."""

    def __init__(
        self,
        silent_ms: int = 2300,
        hung_ms: int = 60000,
        grace_ms: int = 120000,
        off_ms: int = 5000,
        steady_ms: int = 3600000,
    ) -> None:
        self.silent_ms = silent_ms
        self.hung_ms = hung_ms
        self.grace_ms = grace_ms
        self.off_ms = off_ms
        self.steady_ms = steady_ms


class Safety:
    """Times are ages in milliseconds that stop counting where they no longer matter, so that the states are finite."""

    def __init__(self, limits: Limits, cycles: int = 0) -> None:
        """``cycles``: how often the Pi's power was cut before a watchdog reset."""
        self.limits = limits
        self.may_lock = True
        self.want_lock = False
        self.keep_power = False
        self.emergency = False
        self.armed = False
        self.powered = True
        self.cycles = min(cycles, MAX_CYCLES)
        self.silence_ms = limits.hung_ms
        self.since_power_ms = 0
        self.steady_ms = 0

    @property
    def silent(self) -> bool:
        """No heartbeat for 2.3 s, or none yet."""
        return self.silence_ms >= self.limits.silent_ms

    @property
    def locked(self) -> bool:
        """Whether the lock is energised."""
        return self.want_lock and self.may_lock and not self.emergency and not self.silent

    @property
    def care_first(self) -> bool:
        """Whether the ring shows that the door is open whatever the check says."""
        return self.emergency or self.silent

    def heartbeat(self, flags: int, age_ms: int = 0) -> None:
        """The host worked ``age_ms`` ago, and this is what it wants. One from before the last says nothing new."""
        self.silence_ms = min(self.silence_ms, age_ms)
        self.armed = True
        self.want_lock = bool(flags & WISH_WANT_LOCK)
        self.keep_power = bool(flags & WISH_KEEP_POWER)

    def release(self) -> None:
        """The host wants the door open now."""
        self.want_lock = False

    def press_emergency(self) -> bool:
        """Somebody presses the button; whether that is news."""
        news = not self.emergency
        self.emergency = True
        self.want_lock = False
        return news

    def clear_emergency(self) -> None:
        """An officer has dealt with it; the door waits for the next heartbeat, wishes from before do not count."""
        self.emergency = False
        self.want_lock = False

    def pass_time(self, ms: int) -> int:
        """``ms`` have passed; WENT_SILENT and CYCLED tell what that changed."""
        was_silent = self.silent
        self.silence_ms = min(self.silence_ms + ms, self.limits.hung_ms)
        self.since_power_ms = min(self.since_power_ms + ms, self.limits.grace_ms << MAX_CYCLES)
        news = 0
        if self.silent:
            self.steady_ms = 0
            self.want_lock = False
            if not was_silent:
                news = WENT_SILENT
        else:
            self._keep_steady(ms)
        return news | self._switch()

    def _keep_steady(self, ms: int) -> None:
        self.steady_ms = min(self.steady_ms + ms, self.limits.steady_ms)
        if self.steady_ms >= self.limits.steady_ms:
            self.cycles = 0

    def _switch(self) -> int:
        if not self.powered:
            if self.since_power_ms >= self.limits.off_ms:
                self.powered = True
                self.since_power_ms = 0
            return 0
        if not self._hung():
            return 0
        self.powered = False
        self.cycles += 1
        self.since_power_ms = 0
        return CYCLED

    def _hung(self) -> bool:
        return (
            self.armed
            and not self.keep_power
            and self.cycles < MAX_CYCLES
            and self.silence_ms >= self.limits.hung_ms
            and self.since_power_ms >= self.limits.grace_ms << self.cycles
        )
