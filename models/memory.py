"""Memory that a process no longer needs."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path
from typing import BinaryIO

MAPS, STATM = Path("/proc/self/maps"), Path("/proc/self/statm")


def resident_bytes() -> int:
    """What this process holds of the memory now (proc_pid_statm(5)); 0 where nobody says."""
    return int(STATM.read_text("ascii").split()[1]) * mmap.PAGESIZE if STATM.exists() else 0


def give_back() -> None:
    """Hand freed memory back to the system; about 1 ms, more where the heap is large and full of holes.

    glibc keeps what was freed for later requests (malloc_trim(3)), and a network that is loaded for one question leaves
    9 MB behind. Other C libraries have no such call, and then nothing is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def let_go(file: BinaryIO) -> None:
    """Give back the pages of ``file`` that this process has mapped: what is read of it again comes from the disk.

    madvise(2), MADV_DONTNEED, of mappings that nobody writes to; proc_pid_maps(5) tells where they are, by inode. Where
    it does not, nothing is done.
    """
    if not MAPS.exists():
        return
    status = os.fstat(file.fileno())
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    advise = ctypes.CDLL(None).madvise
    for line in MAPS.read_text("utf-8", "replace").splitlines():
        places, access, _, where, inode, *_ = line.split()
        if (where, inode) == (device, str(status.st_ino)) and "w" not in access:
            begin, end = (int(place, 16) for place in places.split("-"))
            advise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)
