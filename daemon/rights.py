"""What each role may see and do at the unit: one table. What a woman wishes for herself and care ask nobody.

Whoever may decide can be on duty, and then need not prove again who they are for what only shows or goes on; what
decides or accounts for something wants its own PIN or key all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType

from evidence.credentials import Role


@unique
class Right(StrEnum):
    """What may be seen or done; ``decide``: to confirm, account, amend, leave a challenge out, and be on duty."""

    DECIDE = "decide"
    QUEUE = "queue"
    CHARTS = "charts"
    SELF_TEST = "selftest"


RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.OFFICER: frozenset(Right),
        Role.OFFICE: frozenset(Right),
        Role.ENGINEER: frozenset({Right.SELF_TEST}),
        Role.INSPECTOR: frozenset({Right.QUEUE, Right.CHARTS}),
    }
)
DECIDES_NOTHING = MappingProxyType({Role.INSPECTOR: "inspector_reads_only", Role.ENGINEER: "engineer_self_test_only"})
"""Roles that confirm no decision, and what they are told."""


def lacking(role: str, right: Right) -> str | None:
    """Why somebody of ``role`` may not do that, as a short name; None: they may."""
    if role not in set(Role):
        return "role_decides_nothing"
    return None if right in RIGHTS[Role(role)] else DECIDES_NOTHING[Role(role)]


def table_markdown() -> str:
    """The table as Markdown, as it stands in ``daemon/README.md``."""
    lines = [f"| role | {' | '.join(Right)} |", f"|---|{'---|' * len(Right)}"]
    for role, rights in RIGHTS.items():
        lines.append(f"| {role} | {' | '.join('yes' if one in rights else 'no' for one in Right)} |")
    return "\n".join(lines)
