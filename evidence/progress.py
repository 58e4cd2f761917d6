"""A bar on a terminal's standard error for what takes seconds; silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")

_WIDTH = 30
_EVERY_S = 0.1


def bar(done: int, total: int) -> str:
    """``[#####-----] 50 % 100 of 200``, as long as the whole may be known to be wrong by then."""
    share = 1.0 if total <= 0 else min(1.0, done / total)
    filled = int(_WIDTH * share)
    return f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%} {done} of {max(done, total)}"


def watched(items: Iterable[T], total: int, what: str, stream: TextIO | None = None) -> Iterator[T]:
    """``items``, while a bar tells how many of ``total`` have been taken; only on a terminal.

    Args:
        stream: where the bar goes; default: standard error.
    """
    out = stream or sys.stderr
    if not out.isatty():
        yield from items
        return
    shown_s, done = 0.0, 0
    for done, item in enumerate(items, start=1):
        if (now_s := time.monotonic()) - shown_s >= _EVERY_S:
            out.write(f"\r{what} {bar(done, total)}")
            out.flush()
            shown_s = now_s
        yield item
    out.write(f"\r{what} {bar(done, done)}\n")
    out.flush()
