"""A module of more than 400 lines, or a function of more than 60, is two things. There are no exceptions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.repository import repository_files

MODULE_LINES = 400
FUNCTION_LINES = 60
MODULES = [path for path in repository_files() if path.suffix == ".py"]


def long_functions(source: str) -> list[str]:
    """Name and length of each function with more lines than allowed, its decorators and docstring included."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{node.name}: {lines(node)} lines" for node in functions if lines(node) > FUNCTION_LINES]


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has in its file."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return (node.end_lineno or node.lineno) - first + 1


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_is_one_thing(path: Path) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    length = len(source.splitlines())
    assert length <= MODULE_LINES
    assert long_functions(source) == []


def test_long_function_is_noticed() -> None:
    body = "    pass\n" * (FUNCTION_LINES - 1)
    assert long_functions(f"def fits():\n{body}") == []
    assert long_functions(f"def is_long():\n    pass\n{body}") == ["is_long: 61 lines"]
