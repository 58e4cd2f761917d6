"""How the tests themselves are laid out."""

from __future__ import annotations

from pathlib import Path

from tests.support import ROOT
from tests.support.repository import repository_files

TEST_MODULES = [path for path in repository_files("tests") if path.suffix == ".py"]


def test_every_test_folder_is_a_package() -> None:
    """Otherwise ``tests/hw`` could be taken for ``hw``, and two files of one name for one another."""
    folders = {parent for path in TEST_MODULES for parent in path.parents if parent != Path()}
    without = [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()]
    assert not without, f"no __init__.py in {without}"


def test_pyproject_is_three_lines() -> None:
    """All metadata is in setup.cfg; pyproject.toml only names the build system."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "[build-system]"
    assert [line.partition(" = ")[0] for line in lines[1:]] == ["requires", "build-backend"]
