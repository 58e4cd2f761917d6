"""The light in the simulated room: who shines writes it to a file, the camera looks at it. Nothing else passes.

The file is the room: `[[ns, red, green, blue], ...]`, the last changes of the ring (CLOCK_MONOTONIC in ns, 0 to 1),
replaced by renaming, so that no half-written light is seen. It holds what any eye in the room could see, and neither a
sequence in advance nor a step's number: a simulated attacker who copies the light can only be late.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

KEPT: Final = 64
"""Changes that are remembered: more than one light challenge and the exposure of a frame need."""

Rgb = tuple[float, float, float]
Vector = npt.NDArray[np.float64]
DARK: Final[Rgb] = (0.0, 0.0, 0.0)


class LightHistory:
    """Piecewise constant light over time."""

    def __init__(self, changes: Sequence[tuple[int, Rgb]] = ()) -> None:
        """``changes``: (from when on in ns, colour), in order of time. Before the first one it is dark."""
        self._changes = tuple(changes)

    def mean(self, start_ns: int, end_ns: int) -> Vector:
        """Red, green, blue, averaged from ``start_ns`` to ``end_ns``: what an exposure sums up, as float64 (3,)."""
        length = max(1, end_ns - start_ns)
        total = np.zeros(3)
        for (begin, rgb), end in zip(self._changes, [at for at, _ in self._changes[1:]] + [end_ns], strict=False):
            shared = min(end, end_ns) - max(begin, start_ns)
            total += max(0, shared) / length * np.array(rgb)
        return total


class RoomLight:
    """One room's light, by the path of its file. Writer and readers may be different processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes: list[tuple[int, Rgb]] = []
        self._seen: tuple[int, int] | None = None
        self._history = LightHistory()

    def shine(self, rgb: Rgb, at_ns: int | None = None) -> None:
        """From now (or ``at_ns``) on the ring shows ``rgb``, each 0 to 1. One writer for a room."""
        self._changes.append((time.monotonic_ns() if at_ns is None else at_ns, rgb))
        del self._changes[:-KEPT]
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        new.write_text(json.dumps([[at, *colour] for at, colour in self._changes]), "ascii")
        new.replace(self._path)

    def history(self) -> LightHistory:
        """What was shone so far; dark as long as there is no file.

        Raises:
            ValueError: the file is something else.
        """
        try:
            about = self._path.stat()
            if self._seen != (about.st_ino, about.st_mtime_ns):
                self._history = parse(self._path.read_text("ascii"))
                self._seen = (about.st_ino, about.st_mtime_ns)
        except FileNotFoundError:
            self._history, self._seen = LightHistory(), None
        return self._history


def parse(text: str) -> LightHistory:
    """The file's content.

    Raises:
        ValueError: it is something else.
    """
    try:
        rows = [(int(at), (float(red), float(green), float(blue))) for at, red, green, blue in json.loads(text)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the light in the room is no list of [ns, red, green, blue]: {error}") from error
    return LightHistory(rows)
