"""The ring of frames: layout, order, and no torn frame, with a writer in another process."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.camera.ring import Layout, RawFrame, RingError, RingReader, RingWriter, create

LAYOUT = Layout(slots=4, capacity=8 * 4 * 3)
ROOT = str(Path(__file__).resolve().parents[3])


def frame(value: int, pixels: int = 8 * 4) -> memoryview:
    return memoryview(bytes([value]) * pixels * 3)


@pytest.fixture
def fd() -> Iterator[int]:
    descriptor = create(LAYOUT, "test-ring")
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def ring(fd: int) -> Iterator[tuple[RingWriter, RingReader]]:
    writer, reader = RingWriter(os.dup(fd)), RingReader(os.dup(fd), LAYOUT)
    yield writer, reader
    writer.close()
    reader.close()


def test_layout_starts_every_slot_on_a_page() -> None:
    layout = Layout(4, 640 * 480 * 3)
    assert [layout.offset(slot) % mmap.PAGESIZE for slot in range(4)] == [0] * 4
    assert layout.slot_bytes >= 64 + layout.capacity
    assert layout.size == layout.offset(3) + layout.slot_bytes


def test_header_is_as_documented(fd: int, ring: tuple[RingWriter, RingReader]) -> None:
    ring[0].write(frame(7), 123_456_789, 8, 4)
    assert os.pread(fd, 16, 0) == b"VNXRING1" + struct.pack("<II", 4, 96)
    header = struct.pack("<QQIII4s", 1, 123_456_789, 8, 4, 24, b"BGR3")
    assert os.pread(fd, len(header), LAYOUT.offset(1)) == header
    assert os.pread(fd, 96, LAYOUT.offset(1) + 64) == bytes(frame(7))


def test_nothing_before_the_first_frame(ring: tuple[RingWriter, RingReader]) -> None:
    assert ring[1].read() is None
    assert ring[1].newest_ns() == 0


def test_newest_wins_and_numbers_go_on_past_the_ring(ring: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ring
    for value in range(1, 12):
        assert writer.write(frame(value), value * 1000, 8, 4) == value
        assert reader.read(value - 1) == RawFrame(value, value * 1000, 8, 4, 24, bytearray(frame(value)))
        assert reader.newest_ns() == value * 1000
    assert reader.read(11) is None
    skipped = reader.read(3)
    assert skipped is not None
    assert skipped.number == 11


def test_the_copy_is_the_readers_own(ring: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ring
    writer.write(frame(1), 1, 8, 4)
    copy = reader.read()
    for value in range(2, 10):
        writer.write(frame(value), value, 8, 4)
    assert copy is not None
    assert copy.pixels == frame(1)


def test_first_number_continues_a_count(fd: int) -> None:
    writer = RingWriter(os.dup(fd), first=500)
    assert writer.write(frame(1), 1, 8, 4) == 500
    writer.close()


def test_smaller_frames_fit(ring: tuple[RingWriter, RingReader]) -> None:
    ring[0].write(frame(9, 4), 1, 2, 2)
    raw = ring[1].read()
    assert raw is not None
    assert (raw.width, raw.height, raw.stride, len(raw.pixels)) == (2, 2, 6, 12)


@pytest.mark.parametrize(("width", "height"), [(8, 5), (7, 4), (8, 3), (0, 0)])
def test_a_frame_of_another_size_is_refused(ring: tuple[RingWriter, RingReader], width: int, height: int) -> None:
    with pytest.raises(RingError, match="does not fit"):
        ring[0].write(frame(1), 1, width, height)


def test_a_frame_above_capacity_is_refused(ring: tuple[RingWriter, RingReader]) -> None:
    with pytest.raises(RingError, match="96 bytes"):
        ring[0].write(frame(1, 8 * 5), 1, 8, 5)


def test_a_descriptor_that_is_no_ring_is_refused() -> None:
    descriptor = os.memfd_create("other")
    os.truncate(descriptor, 8192)
    with pytest.raises(RingError, match="not a frame ring"):
        RingWriter(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize(
    "lie",
    [
        (1, 1, 8, 4, 24, b"YUYV"),
        (1, 1, 8, 4, 23, b"BGR3"),
        (1, 1, 8, 5, 24, b"BGR3"),
        (1, 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, b"BGR3"),
        (1, 1, 0, 0, 0, b"BGR3"),
    ],
)
def test_a_wild_header_is_refused(fd: int, ring: tuple[RingWriter, RingReader], lie: tuple[object, ...]) -> None:
    os.pwrite(fd, struct.pack("<QQIII4s", *lie), LAYOUT.offset(0))
    with pytest.raises(RingError, match="header says"):
        ring[1].read()


def test_the_size_is_sealed(fd: int) -> None:
    for size in (0, LAYOUT.size * 2):
        with pytest.raises(PermissionError):
            os.truncate(fd, size)


def test_closing_twice_is_harmless(fd: int) -> None:
    reader = RingReader(os.dup(fd), LAYOUT)
    reader.close()
    reader.close()


def other_process(fd: int, code: str) -> subprocess.Popen[bytes]:
    """Run ``code`` with the ring's descriptor as FD; returns once it has printed a line."""
    head = f"import sys, os, time, fcntl; sys.path.append({ROOT!r}); FD = {fd}\nfrom hw.camera.ring import *\n"
    child = subprocess.Popen([sys.executable, "-c", head + code], pass_fds=[fd], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline()
    return child


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_the_writer_passes_over_a_slot_that_is_being_copied(fd: int, ring: tuple[RingWriter, RingReader]) -> None:
    holder = other_process(fd, "fcntl.lockf(FD, fcntl.LOCK_SH, 1, 2)\nprint('held', flush=True)\ntime.sleep(60)")
    try:
        for value in range(1, 9):
            ring[0].write(frame(value), value, 8, 4)
        assert os.pread(fd, 8, LAYOUT.offset(2)) == bytes(8)
        newest = ring[1].read()
        assert newest is not None
        assert newest.pixels == frame(8)
    finally:
        end(holder)


def test_the_reader_passes_over_a_slot_that_is_being_written(fd: int, ring: tuple[RingWriter, RingReader]) -> None:
    for value in (1, 2):
        ring[0].write(frame(value), value, 8, 4)
    holder = other_process(fd, "fcntl.lockf(FD, fcntl.LOCK_EX, 1, 2)\nprint('held', flush=True)\ntime.sleep(60)")
    try:
        newest = ring[1].read()
        assert newest is not None
        assert newest.number == 1
    finally:
        end(holder)


def test_with_every_slot_being_written_there_is_no_frame_yet(fd: int, ring: tuple[RingWriter, RingReader]) -> None:
    for value in range(1, 5):
        ring[0].write(frame(value), value, 8, 4)
    holder = other_process(fd, "fcntl.lockf(FD, fcntl.LOCK_EX, 4, 0)\nprint('held', flush=True)\ntime.sleep(60)")
    try:
        assert ring[1].read() is None
        assert ring[1].newest_ns() == 0
        assert ring[0].write(frame(5), 5, 8, 4) == 5
    finally:
        end(holder)
    newest = ring[1].read()
    assert newest is not None
    assert newest.number == 4


def test_a_writer_killed_halfway_leaves_no_frame_and_no_lock(fd: int, ring: tuple[RingWriter, RingReader]) -> None:
    ring[0].write(frame(1), 1, 8, 4)
    halfway = """
class Halfway(RingWriter):
    def _fill(self, at, pixels, about):
        super()._fill(at, pixels[:24], about)
        self._memory[at : at + 8] = bytes(8)
        print("halfway", flush=True)
        time.sleep(60)
w = Halfway(FD, first=2)
w._slot = 1
w.write(memoryview(bytes(96)), 2, 8, 4)
"""
    end(other_process(fd, halfway))
    newest = ring[1].read()
    assert newest is not None
    assert newest.number == 1
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 2)


HAMMER = """
w = RingWriter(FD)
n = 1
print("go", flush=True)
while True:
    w.write(memoryview(bytes([n % 251]) * SIZE), n * 1000, W, H)
    n += 1
"""


def test_no_torn_frame_under_a_hammering_writer() -> None:
    width, height = 320, 240
    layout = Layout(2, width * height * 3)  # two slots only: as many collisions as there can be
    descriptor = create(layout, "test-hammer")
    reader = RingReader(os.dup(descriptor), layout)
    child = other_process(descriptor, f"W, H, SIZE = {width}, {height}, {layout.capacity}\n" + HAMMER)
    last, seen, until = 0, 0, time.monotonic() + 2.0
    try:
        while time.monotonic() < until:
            raw = reader.read(last)
            if raw is not None:
                value = raw.pixels[0]
                assert raw.number > last
                assert value == raw.number % 251
                assert raw.captured_ns == raw.number * 1000
                assert raw.pixels.count(value) == layout.capacity
                last, seen = raw.number, seen + 1
        assert child.poll() is None
    finally:
        end(child)
        reader.close()
        os.close(descriptor)
    assert seen >= 10
