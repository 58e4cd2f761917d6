"""What a check is told of its forms: that they are wanted on paper, and whose names officers drew for them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PrintWanted:
    """The forms of the check on the screen are wanted on paper; no check changes by it."""


@dataclass(frozen=True, slots=True)
class OfficerSigned:
    """An officer who answers for the result drew a name; ``png`` is the drawing."""

    officer: str
    png: bytes = field(repr=False)


PaperEvent = PrintWanted | OfficerSigned
