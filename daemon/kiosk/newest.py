"""Views are made by several threads: the one that was begun last stands, whichever is ready last."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any


class NewestView:
    """Lets no view through behind one that was begun later.

    Whoever has changed something begins a view afterwards. So the one that was begun last has seen all changes, and one
    that was begun before, and had to wait for the disk or its turn, would show what is over - until the next change.
    """

    def __init__(self, show: Callable[[dict[str, Any]], None]) -> None:
        self._show = show
        self._numbers = itertools.count(1)
        self._shown = 0
        self._lock = threading.Lock()

    def begin(self) -> int:
        """A view's number, taken before anything is looked at that it shows."""
        return next(self._numbers)

    def show(self, number: int, view: dict[str, Any]) -> None:
        """Show the view of this number, unless a later one is shown."""
        with self._lock:
            if number > self._shown:
                self._shown = number
                self._show(view)
