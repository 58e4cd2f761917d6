"""Memory that a process no longer needs."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Hand freed memory back to the system; about 1 ms, more where the heap is large and full of holes.

    glibc keeps what was freed for later requests (malloc_trim(3)), and a network that is loaded for one question leaves
    9 MB behind. Other C libraries have no such call, and then nothing is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
