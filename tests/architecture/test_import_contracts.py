"""Who may import whom: import-linter's contracts in setup.cfg hold, and each of them notices a breach."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import PACKAGES, ROOT
from tests.support.repository import repository_files

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

#: (file, a line that must not be there, the contract that says so)
BREACHES = [
    ("hw/uri.py", "import evidence", "layers"),
    ("models/__init__.py", "import daemon", "layers"),
    ("provisioning/__init__.py", "import gateway", "layers"),
    ("gateway/__init__.py", "import hw.uri", "gateway"),
    ("hw/card_reader/driver.py", "import hw.card_reader.simulator", "wires"),
    ("hw/fingerprint/codec.py", "import hw.fingerprint.driver", "drivers"),
    ("hw/fingerprint/simulator.py", "import hw.fingerprint.driver", "drivers"),
    ("hw/camera/codec.py", "import time", "codecs"),
]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Hold the packages below ``root`` against the contracts of its setup.cfg."""
    command = [str(LINT_IMPORTS), "--config", "setup.cfg", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and setup.cfg in a folder of their own."""
    for path in repository_files():
        if (path.suffix == ".py" and path.parts[0] in PACKAGES) or path.name == "setup.cfg":
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("file", "line", "contract"), BREACHES)
def test_breach_is_noticed(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{line.removeprefix('import ')} " in done.stdout + " ", contract


def imported_names(path: Path) -> Iterator[str]:
    """The first part of every absolute import in a file, at whatever depth of the code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_firmware_stands_alone() -> None:
    """Firmware runs under MicroPython: none of the host's packages is there."""
    for path in repository_files("firmware"):
        if path.suffix == ".py":
            assert not set(imported_names(ROOT / path)) & {*PACKAGES, "tests"}, path


def test_packages_do_not_import_tests() -> None:
    for path in repository_files():
        if path.suffix == ".py" and path.parts[0] in PACKAGES:
            assert "tests" not in imported_names(ROOT / path), path
