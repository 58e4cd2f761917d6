"""Keeps what is in this process's memory out of every file: no core dump, and no other program of the user looks in.

A face, a name and a number are in the memory of the unit and of the processes it starts to open cameras and photos.
``PR_SET_DUMPABLE`` also forbids what a limit does not: dumps that the kernel pipes to a program (core(5)), and
reading ``/proc/PID/mem`` and ptrace by other processes of the same user (prctl(2)). Both are lost at exec: every
process says it for itself. Swap is the system's to switch off; see ``daemon/memory_risks.py`` and the systemd unit.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Forbid dumps of this process, for good; to be called before anything personal is in it.

    Raises:
        OSError: the kernel refuses, which it does for no value that is given here.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
