"""How the rules for packs are written: each is a function that yields its findings, and names the keys it reads.

A rule is left out where one of these keys is itself broken: one mistake in a file is told once, not again by everything
that leans on it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from daemon.policy.pack import Policy
from evidence.tree import TreeError

Findings = Iterator[TreeError]
Steps = tuple[str, ...]
"""A key path step by step; a place in a list is ``[]``."""
Find = Callable[[Policy], Findings]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it looks for, and the keys it reads (a place in a list as ``[]``)."""

    find: Find
    reads: tuple[str, ...]

    def concerns(self, broken: Steps) -> bool:
        """Whether it reads the key at ``broken``, something in it, or something around it."""
        return any(all(one == other for one, other in zip(broken, _steps(read), strict=False)) for read in self.reads)


@functools.cache
def _steps(read: str) -> Steps:
    return tuple(read.replace("[]", ".[]").split("."))


RULES: list[Rule] = []


def reads(*keys: str) -> Callable[[Find], Find]:
    """Decorator: a rule that reads these keys."""

    def register(find: Find) -> Find:
        RULES.append(Rule(find, keys))
        return find

    return register


def findings(policy: Policy, broken: Iterable[str] = ()) -> Findings:
    """Everything that does not hold; ``broken`` are key paths that the form already complained about."""
    read = {_steps(key)[0] for rule in RULES for key in rule.reads}
    keys = {tuple(re.sub(r"\[\d+\]", ".[]", path).split(".")) for path in broken}  # one for all items of a list
    keys = {key for key in keys if key[0] in read}
    for rule in RULES:
        if not any(rule.concerns(key) for key in keys):
            yield from rule.find(policy)
