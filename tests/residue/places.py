"""Where is looked: every file below some folders, and the memory of processes that can be written to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import psutil

from tests.residue.marks import Marks

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw.. ")
_RESIDENT = re.compile(r"Rss: +([1-9][0-9]*) kB")
_CHUNK = 16 * 2**20
_OVERLAP = 128
"""Longer than anything that is looked for."""


def in_files(folders: Iterable[Path], marks: Marks, but: Iterable[Path] = ()) -> Counter[str]:
    """Hits of each item in the files at or below ``folders``, SQLite's free pages and log too, ``but`` left out."""
    hits: Counter[str] = Counter()
    left_out = tuple(but)
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(one) for one in left_out):
                hits += count(path.read_bytes(), marks)
    return hits


def count(data: bytes, marks: Marks) -> Counter[str]:
    """Hits of each item in ``data``."""
    return Counter({name: sum(data.count(form) for form in forms) for name, forms in marks.items()})


def in_memory(process: psutil.Process, marks: Marks) -> Counter[str]:
    """Hits of each item in what ``process`` may write to. A process that ends meanwhile has none left.

    Reading another process's memory that forbids it takes root.
    """
    hits: Counter[str] = Counter()
    try:
        with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
            for start, end in _resident(Path(f"/proc/{process.pid}/smaps").read_text("ascii", "replace")):
                hits.update(_region(memory, start, end, marks))
    except (FileNotFoundError, ProcessLookupError):
        return Counter()
    return hits


def _resident(smaps: str) -> Iterator[tuple[int, int]]:
    """Start and end of every mapping that may be written to and of which something is in memory."""
    bounds: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if (found := _REGION.match(line)) is not None:
            bounds = int(found[1], 16), int(found[2], 16)
        elif bounds is not None and line.startswith("Rss:"):
            if _RESIDENT.match(line):
                yield bounds
            bounds = None


def _region(memory: BinaryIO | FileIO, start: int, end: int, marks: Marks) -> Counter[str]:
    hits: Counter[str] = Counter()
    for at in range(start, end, _CHUNK):
        try:
            memory.seek(at)
            data = memory.read(min(_CHUNK + _OVERLAP, end - at))
        except OSError:  # a device's memory, or gone
            break
        hits.update(count(data, marks))
    return hits
