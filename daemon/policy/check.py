"""Every mistake of a pack's file: key path, line, what was expected, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daemon.policy import rules_base, rules_tables, rules_words
from daemon.policy.pack import Policy
from daemon.policy.rule import findings
from evidence.tree import TreeError, read_tree

PARTS = (rules_tables, rules_words, rules_base)
"""Where the rules are; importing them registers them."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file: where, what was expected there, and what to do (may be empty)."""

    path: str
    line: int
    problem: str
    advice: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A pack's file as it was found; ``policy`` is None when there are mistakes."""

    policy: Policy | None
    mistakes: tuple[Mistake, ...]


def check_file(path: Path) -> Checked:
    """Read the pack at ``path`` and hold it against every rule.

    Raises:
        OSError: the file cannot be read at all.
    """
    reading = read_tree(Policy, path)
    found: list[TreeError] = list(reading.mistakes)
    if reading.value is not None:
        found += findings(reading.value, [error.path for error in reading.mistakes])
    mistakes = [Mistake(one.path, reading.line(one.path), one.problem, one.advice) for one in found]
    mistakes.sort(key=lambda one: one.line)
    return Checked(None if mistakes else reading.value, tuple(mistakes))


def hold(policy: Policy) -> None:
    """Hold a loaded pack against every rule.

    Raises:
        TreeError: the first that does not hold.
    """
    for error in findings(policy):
        raise error
