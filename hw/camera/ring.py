"""Frames in memory shared by two processes. Standard library only; no file, no name in /dev/shm, nothing to clean up.

Layout (little-endian; described with a picture in this folder's README)::

    0      magic "VNXRING1", slots u32, capacity u32 (bytes of pixels a slot holds)
    64     held u32: 1 while the parent wants exposure and white balance to stay as they are
    4096   slot 0: 64-byte header, pixels; every slot starts on a page
    ...    slot 1 ...

A slot's header is ``number u64, captured_ns u64, width u32, height u32, stride u32, format 4 bytes``. ``number`` is 0
while the slot is empty or being written.

Who may touch a slot is settled by the kernel: one byte-range lock a slot, held while writing (exclusive) or copying
(shared). A bare sequence lock would not do: it needs memory barriers, which Python has no word for, and the unit's ARM
cores do reorder. The kernel's locks order memory on every machine and vanish with the process that held them, and a
writer killed halfway leaves ``number`` at 0, so its frame is never delivered.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

MAGIC = b"VNXRING1"
SLOTS = 4
"""One being written, one being copied, one the newest, and one to spare."""
FORMAT_BGR = b"BGR3"
"""V4L2's fourcc for 24-bit blue-green-red (V4L2_PIX_FMT_BGR24)."""

_PAGE = 4096
_RING = struct.Struct("<8sII")
_SLOT = struct.Struct("<QQIII4s")
_NUMBER = struct.Struct("<Q")
_PIXELS_AT = 64
_HELD = struct.Struct("<I")
_HELD_AT = 64

Taken = TypeVar("Taken")


class RingError(Exception):
    """The shared memory does not hold what the layout says, or a frame does not fit."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many slots of how many bytes of pixels."""

    slots: int
    capacity: int

    @property
    def slot_bytes(self) -> int:
        """Bytes from one slot's start to the next's: whole pages."""
        return -(-(_PIXELS_AT + self.capacity) // _PAGE) * _PAGE

    @property
    def size(self) -> int:
        """Bytes of the whole ring."""
        return _PAGE + self.slots * self.slot_bytes

    def offset(self, slot: int) -> int:
        """Where ``slot`` begins."""
        return _PAGE + slot * self.slot_bytes


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One delivered frame: ``height`` rows of ``stride`` bytes, the first ``3 * width`` of each are pixels."""

    number: int
    captured_ns: int
    width: int
    height: int
    stride: int
    pixels: bytearray = field(repr=False)


def create(layout: Layout, name: str) -> int:
    """Anonymous memory for ``layout``; returns its descriptor, which is not inherited unless passed on.

    ``name`` only labels it in /proc. The size is sealed: a child that shrank it would kill the parent by SIGBUS.
    """
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.truncate(fd, layout.size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
        os.pwrite(fd, _RING.pack(MAGIC, layout.slots, layout.capacity), 0)
    except BaseException:
        os.close(fd)
        raise
    return fd


class _Ring:
    """What writer and reader share: the mapping and the locks. Owns ``fd``."""

    def __init__(self, fd: int, layout: Layout) -> None:
        self._fd = fd
        self._layout = layout
        self._memory = mmap.mmap(fd, layout.size)
        # A face must not reach a disk by way of a core dump either.
        self._memory.madvise(mmap.MADV_DONTDUMP)

    def close(self) -> None:
        """Unmap and close; the memory is freed with its last user."""
        if not self._memory.closed:
            self._memory.close()
            os.close(self._fd)

    def _number(self, slot: int) -> int:
        number: int
        (number,) = _NUMBER.unpack_from(self._memory, self._layout.offset(slot))
        return number

    def _header(self, slot: int) -> tuple[int, int, int, int, int, bytes]:
        header: tuple[int, int, int, int, int, bytes] = _SLOT.unpack_from(self._memory, self._layout.offset(slot))
        return header

    @contextmanager
    def _locked(self, slot: int, kind: int) -> Iterator[bool]:
        """Whether the lock on ``slot`` was to be had at once; if so it is held within the block."""
        try:
            fcntl.lockf(self._fd, kind | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, POSIX leaves it open which
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, slot)


class RingWriter(_Ring):
    """The capture process's end. Never waits: a slot that is being copied is passed over."""

    def __init__(self, fd: int, *, first: int = 1) -> None:
        """Map the ring behind ``fd``; ``first`` is the number of the first frame.

        Raises:
            RingError: ``fd`` is no ring.
        """
        head = os.pread(fd, _RING.size, 0)
        if len(head) != _RING.size or not head.startswith(MAGIC):
            raise RingError(f"descriptor {fd} is not a frame ring")
        _, slots, capacity = _RING.unpack(head)
        super().__init__(fd, Layout(slots, capacity))
        self._next = first
        self._slot = 0

    @property
    def held(self) -> bool:
        """Whether the parent wants the camera's automatics to stand still."""
        return bool(_HELD.unpack_from(self._memory, _HELD_AT)[0])

    def write(self, pixels: memoryview, captured_ns: int, width: int, height: int) -> int:
        """Publish a frame of tightly packed BGR rows; returns its number.

        Raises:
            RingError: ``pixels`` is not ``width * height * 3`` bytes, or more than a slot holds.
        """
        if pixels.nbytes != width * height * 3 or pixels.nbytes > self._layout.capacity:
            room = self._layout.capacity
            raise RingError(f"{width}x{height} frame of {pixels.nbytes} bytes does not fit a slot of {room} bytes")
        for _ in range(self._layout.slots):
            self._slot = (self._slot + 1) % self._layout.slots
            with self._locked(self._slot, fcntl.LOCK_EX) as held:
                if held:
                    self._fill(self._layout.offset(self._slot), pixels, (captured_ns, width, height))
                    break
        number = self._next
        self._next += 1
        return number

    def _fill(self, at: int, pixels: memoryview, about: tuple[int, int, int]) -> None:
        captured_ns, width, height = about
        _SLOT.pack_into(self._memory, at, 0, captured_ns, width, height, width * 3, FORMAT_BGR)
        self._memory[at + _PIXELS_AT : at + _PIXELS_AT + pixels.nbytes] = pixels
        _NUMBER.pack_into(self._memory, at, self._next)


class RingReader(_Ring):
    """The parent's end. Trusts its own layout, never the shared bytes: the other process may have gone wild."""

    def hold(self, held: bool) -> None:
        """Ask for the camera's automatics to stand still, or to go on; the capture process looks before each frame."""
        _HELD.pack_into(self._memory, _HELD_AT, held)

    def newest_ns(self) -> int:
        """Capture time of the newest whole frame, CLOCK_MONOTONIC in ns; 0 when there is none yet."""
        return self._newest(0, lambda slot: self._header(slot)[1]) or 0

    def read(self, newer_than: int = 0) -> RawFrame | None:
        """A copy of the newest whole frame numbered above ``newer_than``; None when there is none.

        Raises:
            RingError: a header contradicts the layout.
        """
        return self._newest(max(newer_than, 0), self._copy)

    def _newest(self, newer_than: int, take: Callable[[int], Taken]) -> Taken | None:
        # Numbers are looked at without a lock, so they are only a hint; what counts is the look under the lock.
        numbers = [(self._number(slot), slot) for slot in range(self._layout.slots)]
        for hint, slot in sorted(numbers, reverse=True):
            if hint <= newer_than:
                return None
            with self._locked(slot, fcntl.LOCK_SH) as held:
                if held and self._number(slot) >= hint:
                    return take(slot)
        return None

    def _copy(self, slot: int) -> RawFrame:
        number, captured_ns, width, height, stride, pixel_format = self._header(slot)
        if pixel_format != FORMAT_BGR or stride < width * 3 or not 0 < stride * height <= self._layout.capacity:
            raise RingError(f"frame {number}: header says {width}x{height}, stride {stride}, format {pixel_format!r}")
        start = self._layout.offset(slot) + _PIXELS_AT
        with memoryview(self._memory) as memory, memory[start : start + stride * height] as pixels:
            return RawFrame(number, captured_ns, width, height, stride, bytearray(pixels))
