"""Waiting for what a thread or a process is about to do."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent

LIMIT_S = 15.0


def eventually(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until ``condition`` holds."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "did not happen in time"
        time.sleep(0.005)


def next_event(host: Coprocessor, limit_s: float = LIMIT_S) -> CoprocessorEvent:
    """The next event; fails when there is none."""
    event = host.next_event(limit_s)
    assert event is not None, "no event in time"
    return event


def beating(host: Coprocessor, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait as :func:`eventually`, with heartbeats meanwhile."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "did not happen in time"
        host.heartbeat()
        time.sleep(0.02)


def corrupting(share: float, seed: int) -> Callable[[bytes], bytes]:
    """A line that changes each byte with probability ``share``."""
    dice = random.Random(seed)

    def noise(data: bytes) -> bytes:
        return bytes(byte ^ dice.randrange(1, 256) if dice.random() < share else byte for byte in data)

    return noise
