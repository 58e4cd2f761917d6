"""What a check is told of her face: is it the card's, is it alive, and what an officer leaves out of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether the face was alive: ``decision`` is ``live``, ``attack``, ``unsure`` or ``not_performed``.

    ``checks``: what each check found, as the record holds it; ``cause``: short name of what speaks against her.
    """

    decision: str
    checks: tuple[Mapping[str, Any], ...] = ()
    cause: str | None = None

    @property
    def against(self) -> str:
        """What speaks against her, as the screen is told."""
        return f"liveness:{self.cause or self.decision}"


@dataclass(frozen=True, slots=True)
class FaceFinding:
    """The result of one comparison: ``decision`` is ``match``, ``no_match``, or ``not_comparable`` with a cause."""

    decision: str
    score: float | None
    threshold: float
    frames: int
    model: Mapping[str, str]
    cause: str | None = None
    liveness: Liveness = Liveness("not_performed")


@dataclass(frozen=True, slots=True)
class FaceCompared:
    """The face was compared."""

    check: str
    finding: FaceFinding


@dataclass(frozen=True, slots=True)
class ChallengeSkipped:
    """An officer leaves out a challenge that she cannot do: ``challenge`` is ``light`` or ``motion``."""

    challenge: str
    officer: str
    role: str
    reason: str


FaceEvent = FaceCompared | ChallengeSkipped
