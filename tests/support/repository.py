"""The repository as its users get it: the files under version control."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import ROOT


def repository_files(under: str = ".", root: Path = ROOT) -> list[Path]:
    """Paths, relative to ``root``, of the files git has or would add; deleted ones are left out.

    Raises:
        subprocess.CalledProcessError: ``root`` is no git work tree.
    """
    # The clone may belong to another user than the one who runs the tests.
    command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run([*command, "--", under], cwd=root, capture_output=True, check=True).stdout.decode()
    return sorted(Path(name) for name in set(listed.split("\0")) if name and (root / name).is_file())
