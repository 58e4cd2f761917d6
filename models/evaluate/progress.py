"""A progress bar on standard error: redrawn on a terminal, a line each tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

Item = TypeVar("Item")
WIDTH = 30
REDRAW_S = 0.2


def progress(items: Iterable[Item], total: int, title: str, stream: TextIO | None = None) -> Iterator[Item]:
    """Hand on ``items`` and say on ``stream`` (standard error) how many of ``total`` are done."""
    stream = stream or sys.stderr
    started_s = shown_s = time.monotonic()
    tenth = 0
    for done, item in enumerate(items, start=1):
        yield item
        now_s = time.monotonic()
        last = done == total
        if stream.isatty():
            if now_s - shown_s >= REDRAW_S or last:
                shown_s = now_s
                stream.write(f"\r{line(done, total, title, now_s - started_s)}" + ("\n" if last else ""))
                stream.flush()
        elif done * 10 // total > tenth:
            tenth = done * 10 // total
            stream.write(f"{line(done, total, title, now_s - started_s)}\n")
            stream.flush()


def line(done: int, total: int, title: str, elapsed_s: float) -> str:
    """`photo   [######......]  40 %  400/1000  12 s, 18 s left`."""
    share = done / total
    bar = "#" * round(share * WIDTH)
    left_s = elapsed_s / share - elapsed_s
    return f"{title:10}[{bar:.<{WIDTH}}] {share:4.0%}  {done}/{total}  {elapsed_s:.0f} s, {left_s:.0f} s left  "
