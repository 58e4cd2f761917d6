"""The safety rules, every reachable state of them, and the real limits by example."""

from coprocessor.messages import WISH_KEEP_POWER, WISH_WANT_LOCK
from coprocessor.safety import CYCLED, MAX_CYCLES, WENT_SILENT, Limits, Safety

#: One tick is one unit. Small, so that all states can be visited: silent < off < hung < grace < steady.
SMALL = Limits(silent_ms=1, off_ms=2, hung_ms=3, grace_ms=4, steady_ms=5)

NAMES = (
    "want_lock",
    "keep_power",
    "emergency",
    "armed",
    "powered",
    "cycles",
    "silence_ms",
    "since_power_ms",
    "steady_ms",
)


def state_of(safety):
    return tuple(getattr(safety, name) for name in NAMES)


def at_state(state, limits=SMALL):
    safety = Safety(limits)
    for name, value in zip(NAMES, state):
        setattr(safety, name, value)
    return safety


ACTIONS = {
    "tick": lambda safety: safety.pass_time(1),
    "long tick": lambda safety: safety.pass_time(3),
    "beat": lambda safety: safety.heartbeat(0),
    "beat, lock": lambda safety: safety.heartbeat(WISH_WANT_LOCK),
    "beat, keep power": lambda safety: safety.heartbeat(WISH_KEEP_POWER),
    "beat, both": lambda safety: safety.heartbeat(WISH_WANT_LOCK | WISH_KEEP_POWER),
    "release": lambda safety: safety.release(),
    "emergency": lambda safety: safety.press_emergency(),
    "clear": lambda safety: safety.clear_emergency(),
    "old beat, lock": lambda safety: safety.heartbeat(WISH_WANT_LOCK, SMALL.silent_ms),
}


def hold_for_state(state):
    """From every state, however it came about, silence alone opens the door, and the Pi gets its power back."""
    safety = at_state(state)
    for _ in range(SMALL.silent_ms):
        safety.pass_time(1)
    assert not safety.locked and safety.care_first, state
    safety = at_state(state)
    for _ in range(SMALL.off_ms):
        if not safety.powered:
            safety.pass_time(1)
    assert safety.powered, state


def explore():
    """Every reachable state with each action's outcome: (before, action, after, result)."""
    start = state_of(Safety(SMALL))
    seen = {start}
    waiting = [start]
    while waiting:
        before = waiting.pop()
        hold_for_state(before)
        for action, act in ACTIONS.items():
            safety = at_state(before)
            result = act(safety)
            after = state_of(safety)
            yield before, action, after, result if action.endswith("tick") else 0
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    print(len(seen), "states")


def check_every_step():
    """What must hold of every reachable state, and of every step between two of them."""
    steps = 0
    for before, action, after, result in explore():
        steps += 1
        old, new = at_state(before), at_state(after)
        where = (before, action, after)
        # The door: locked only by a living host's wish, and only its heartbeat can lock.
        if new.locked:
            assert not new.emergency and not new.silent and new.want_lock and new.armed, where
            new.may_lock = False
            assert not new.locked, where
        if new.locked and not old.locked:
            assert action in ("beat, lock", "beat, both") or (action == "old beat, lock" and not old.silent), where
        if "beat" in action:
            assert new.silence_ms == min(old.silence_ms, SMALL.silent_ms if action.startswith("old") else 0), where
        if action in ("release", "emergency", "beat", "beat, keep power"):
            assert not new.locked, where
        if old.emergency and action != "clear":
            assert new.emergency and not new.locked, where
        assert new.care_first == (new.emergency or new.silent), where
        # The power: cut only from a hung, armed Pi whose power need not be kept, and at most three times.
        if old.powered and not new.powered:
            assert action.endswith("tick") and result & CYCLED, where
            assert old.armed and not old.keep_power, where
            assert old.cycles < MAX_CYCLES and new.cycles == old.cycles + 1, where
            assert new.silence_ms >= SMALL.hung_ms, where
            waited = old.since_power_ms + (1 if action == "tick" else 3)
            assert waited >= SMALL.grace_ms << old.cycles, where
        else:
            assert not result & CYCLED, where
        assert new.cycles <= MAX_CYCLES, where
        if new.cycles < old.cycles:
            assert new.steady_ms >= SMALL.steady_ms and not new.silent, where
        assert bool(result & WENT_SILENT) == (not old.silent and new.silent and action.endswith("tick")), where
    assert steps > 10000, steps
    print(steps, "steps")


def check_cycles_before_a_reset_count():
    for before in range(MAX_CYCLES + 3):
        safety = Safety(Limits(), before)
        assert safety.powered and safety.cycles == min(before, MAX_CYCLES)
        run(safety, 600, beat=0)
        assert len(run(safety, 1800)) == max(0, MAX_CYCLES - before)


def check_birth():
    safety = Safety(Limits())
    assert not safety.locked and safety.powered and safety.care_first
    for _ in range(4 * 3600):
        assert not safety.pass_time(1000), "a Pi that never had a heartbeat is left alone"
    assert safety.powered and not safety.locked


def run(safety, seconds, beat=None):
    """Seconds of 100 ms turns; a heartbeat each second when there is one. The times at which the power was cut."""
    cuts = []
    for turn in range(seconds * 10):
        if beat is not None and turn % 10 == 0:
            safety.heartbeat(beat)
        if safety.pass_time(100) & CYCLED:
            cuts.append((turn + 1) // 10)
    return cuts


def check_real_limits_door():
    safety = Safety(Limits())
    safety.heartbeat(WISH_WANT_LOCK)
    assert safety.locked
    safety.pass_time(2299)
    assert safety.locked
    assert safety.pass_time(1) == WENT_SILENT
    assert not safety.locked and safety.care_first
    safety.heartbeat(WISH_WANT_LOCK)
    assert safety.locked and not safety.care_first


def check_a_late_heartbeat_takes_nothing_back():
    """Repeated on a bad line it may arrive after a younger one: the younger one counts, to the millisecond."""
    limits = Limits()
    safety = Safety(limits)
    safety.heartbeat(WISH_WANT_LOCK, 100)
    safety.pass_time(200)
    safety.heartbeat(WISH_WANT_LOCK, limits.silent_ms)
    assert safety.locked
    assert not safety.pass_time(limits.silent_ms - 301) and safety.locked
    assert safety.pass_time(1) == WENT_SILENT and not safety.locked


def check_real_limits_power():
    safety = Safety(Limits())
    assert run(safety, 30, beat=0) == []
    # Silent after 30 s: hung 60 s later, but the 120 s since the start have to be over too.
    assert run(safety, 3600) == [90, 90 + 240 + 5, 90 + 240 + 5 + 480 + 5]
    assert safety.powered and safety.cycles == 3
    assert run(safety, 24 * 3600) == [], "left on after three"
    # An hour of heartbeats gives the three back; two halves of it do not.
    run(safety, 3500, beat=0)
    run(safety, 5)
    run(safety, 3500, beat=0)
    assert safety.cycles == 3
    run(safety, 110, beat=0)
    assert safety.cycles == 0


def check_update_is_left_alone():
    safety = Safety(Limits())
    run(safety, 600, beat=WISH_KEEP_POWER)
    assert run(safety, 24 * 3600) == []
    run(safety, 5, beat=0)
    assert run(safety, 100) == [59]


def check_emergency():
    safety = Safety(Limits())
    safety.heartbeat(WISH_WANT_LOCK)
    assert safety.press_emergency()
    assert not safety.press_emergency(), "one emergency is one event"
    safety.heartbeat(WISH_WANT_LOCK)
    assert not safety.locked
    safety.clear_emergency()
    safety.heartbeat(WISH_WANT_LOCK)
    assert safety.locked
