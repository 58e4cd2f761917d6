"""What is cut: a process that does its part of a record's way, and how to tell afterwards whether it kept its word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from tests.faults.tracing import Say


class Way(Protocol):
    """A part of a record's way. ``folder`` is where it keeps its files; it may be empty, or as a cut has left it."""

    name: str

    def live(self, folder: Path, say: Say, random: Random) -> None:
        """Do some work, as ``random`` draws it, and say each thing that from then on must hold."""

    def judge(self, folder: Path, said: Sequence[str]) -> Verdict:
        """Start again after a cut with the product's own code; ``said`` is all that was said in this folder."""


class Verdict:
    """What was found after one cut."""

    def __init__(self) -> None:
        self.records = 0
        self.lost: list[str] = []
        self.doubled: list[str] = []
        self.broken: list[str] = []

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        return [*self.lost, *self.doubled, *self.broken]
