"""As root and in CI a skipped test is a failure; elsewhere an outside program that is missing is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.programs import LIST, FindProgram, read_list

SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='tired')\ndef test_a(): pass\n",
    "call": "import pytest\ndef test_a(): pytest.skip('tired')\n",
    "module": "import pytest\npytest.skip('tired', allow_module_level=True)\n",
    "program": "def test_a(program, monkeypatch):\n    monkeypatch.setattr('shutil.which', lambda *a, **k: None)\n"
    "    program('mosquitto')\n",
}


def run_pytest(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder under this project's conftest and nothing else of it."""
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", folder, "-p", "tests.conftest", folder]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*map(str, command), "-p", "no:cacheprovider"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", SKIPS)
def test_skip_is_a_failure_in_ci(tmp_path: Path, kind: str) -> None:
    (tmp_path / "test_it.py").write_text(SKIPS[kind], encoding="utf-8")
    done = run_pytest(tmp_path, ci="true")
    assert done.returncode != 0
    assert "nothing may be skipped" in done.stdout
    assert ("mosquitto is missing" if kind == "program" else "tired") in done.stdout


def test_listed_programs_say_what_is_lost() -> None:
    for program in read_list(LIST).values():
        assert program.packages
        assert all(part in program.absence() for part in (program.name, *program.packages, program.purpose))


def test_program_is_found(program: FindProgram) -> None:
    assert program("git").is_file()


def test_unlisted_program_is_refused(program: FindProgram) -> None:
    with pytest.raises(KeyError):
        program("not-on-the-list")
