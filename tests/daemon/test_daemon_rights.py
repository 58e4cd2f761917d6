"""What each role may see and do: one table, and the README says the same."""

from __future__ import annotations

import pytest

from daemon.rights import RIGHTS, Right, lacking, table_markdown
from evidence.credentials import Role
from tests.support import ROOT


def test_neither_inspector_nor_engineer_decides() -> None:
    assert {role for role in Role if lacking(role, Right.DECIDE) is None} == {Role.OFFICER, Role.OFFICE}
    assert lacking("inspector", Right.SELF_TEST) == "inspector_reads_only"
    assert lacking("engineer", Right.QUEUE) == "engineer_self_test_only"
    assert lacking("cleaner", Right.QUEUE) == "role_decides_nothing"


@pytest.mark.parametrize("role", Role)
def test_every_role_is_in_the_table(role: Role) -> None:
    assert RIGHTS[role]


def test_the_readme_has_the_table() -> None:
    assert table_markdown() in (ROOT / "daemon" / "README.md").read_text("utf-8")
