"""How the rules for packs are written: each is a function that yields its findings, and names the keys it reads.

A rule is left out where one of these keys is itself broken: one mistake in a file is told once, not again by everything
that leans on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from daemon.policy.pack import Policy
from evidence.tree import TreeError

Findings = Iterator[TreeError]
Find = Callable[[Policy], Findings]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it looks for, and the keys it reads (a place in a list as ``[]``)."""

    find: Find
    reads: tuple[str, ...]

    def concerns(self, broken: str) -> bool:
        """Whether it reads the key at path ``broken``, something in it, or something around it."""
        key = _steps(re.sub(r"\[\d+\]", "[]", broken))
        return any(all(one == other for one, other in zip(key, _steps(read), strict=False)) for read in self.reads)


def _steps(path: str) -> list[str]:
    return path.replace("[]", ".[]").split(".")


RULES: list[Rule] = []


def reads(*keys: str) -> Callable[[Find], Find]:
    """Decorator: a rule that reads these keys."""

    def register(find: Find) -> Find:
        RULES.append(Rule(find, keys))
        return find

    return register


def findings(policy: Policy, broken: Iterable[str] = ()) -> Findings:
    """Everything that does not hold; ``broken`` are key paths that the form already complained about."""
    paths = tuple(broken)
    for rule in RULES:
        if not any(rule.concerns(path) for path in paths):
            yield from rule.find(policy)
