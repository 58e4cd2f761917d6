"""Signals to one thread of a process. Which thread takes one for the whole process is the kernel's choice."""

from __future__ import annotations

import ctypes
import os
import signal


def take_signal(process: int, thread: int, number: signal.Signals) -> None:
    """Send ``number`` to one thread of ``process``, ``tgkill`` of signal(7); raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.tgkill(process, thread, int(number)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
