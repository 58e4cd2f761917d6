"""What a campaign counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """The counts of one way's cuts.

    Attributes:
        way: what was cut.
        points: enumerated calls before which it was killed.
        killed: kills that came before the process had ended by itself, enumerated ones among them.
        torn: cuts of which writes were torn or lost.
        not_reached: kills that came too late.
        records: looked at afterwards, over all cuts.
        slowest_start_s: the slowest start and proof after a cut.
        faults: what was found, with what repeats it.
    """

    way: str
    points: int = 0
    killed: int = 0
    torn: int = 0
    not_reached: int = 0
    records: int = 0
    lost: int = 0
    doubled: int = 0
    broken: int = 0
    slowest_start_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """What must all be 0."""
        return {"lost": self.lost, "doubled": self.doubled, "broken": self.broken}

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        cuts = f"{self.points} points enumerated, {self.killed - self.points} kills at random, {self.torn} torn"
        if not self.points:
            cuts = f"{self.killed} kills at random"
        found = ", ".join(f"{value} {name}" for name, value in self.counts().items())
        return (
            f"{self.way:8} {cuts} (+ {self.not_reached} that came too late); {self.records} records looked at: {found};"
            f" slowest start and proof {self.slowest_start_s} s"
        )
