"""A ring that is dark, unplugged or outshone makes a recording of every living woman: nothing answers its colours.

One check cannot tell the two apart, and is decided as a recording. But recordings are rare, and before a dark ring
every check ends so: from the third in a row on the unit says that its ring may be to blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.liveness.fusion import Check

CHECKS = 3
"""So many in a row, with none between them that was answered."""


@dataclass(slots=True)
class Unseen:
    """Counts for as long as the unit runs; of the checks it knows the last one's id, and keeps nothing on a disk."""

    _checks: int = 0
    _last: str | None = None

    @property
    def stands(self) -> bool:
        """Whether the ring is to be looked at. Changes nothing of what is decided about anybody."""
        return self._checks >= CHECKS

    def saw(self, check: str, results: Iterable[Mapping[str, Any]]) -> None:
        """What one look of ``check`` has found, as the record has it; what measured nothing says nothing."""
        for answered in (one["evidence"].get("answered") for one in results if one["name"] == Check.LIGHT):
            if answered is not None:
                self._checks = 0 if answered else self._checks + (check != self._last)
                self._last = check
