"""Runs every ``check_*`` function of tests/firmware/checks on real MicroPython, each in a process of its own."""

from __future__ import annotations

import ast

import pytest

from tests.firmware.micropython import CHECKS, run

#: Checks that enumerate or explore need room for what they have seen, and those on a board in memory for that board;
#: the firmware itself never gets it.
ROOMY = {
    "check_loop": 192 << 10,
    "check_emergency": 192 << 10,
    "check_safety": 64 << 20,
    "check_flash_ring": 4 << 20,
    "check_flash_full": 4 << 20,
    "check_frames": 1 << 20,
    "check_link": 2 << 20,
}


def checks() -> list[tuple[str, str]]:
    """(module, function) of every check."""
    found = []
    for path in sorted(CHECKS.glob("check_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        found += [(path.stem, name) for name in functions if name.startswith("check_")]
    return found


@pytest.mark.parametrize(("module", "function"), checks(), ids=lambda part: str(part).removeprefix("check_"))
def test_check(module: str, function: str) -> None:
    run(CHECKS / "run_check.py", module, function, heap_bytes=ROOMY.get(module, 128 * 1024))


def test_a_failing_check_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no_such_check"):
        run(CHECKS / "run_check.py", "check_frames", "no_such_check")
