"""Programs from outside Python that tests start: where they are, and what their absence leaves untested."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

#: The one list of such programs; the set-up installs from it too.
LIST = ROOT / ".ci" / "programs"
#: Debian keeps daemons in these, outside an ordinary user's PATH.
DAEMON_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


#: What the fixture ``program`` gives: a program's path by its name in the list.
FindProgram = Callable[[str], Path]


@dataclass(frozen=True, slots=True)
class Program:
    """One line of the list."""

    name: str
    packages: tuple[str, ...]
    purpose: str

    def find(self) -> Path | None:
        """Its path on this machine, or None."""
        found = shutil.which(self.name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *DAEMON_FOLDERS)))
        return Path(found) if found else None

    def absence(self) -> str:
        """What to tell whoever runs the tests without it."""
        return f"{self.name} is missing (apt-get install {' '.join(self.packages)}); not tested: {self.purpose}"


def read_list(path: Path = LIST) -> dict[str, Program]:
    """The programs by name."""
    return {program.name: program for program in _lines(path.read_text(encoding="utf-8"))}


def _lines(text: str) -> Iterator[Program]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, packages, purpose = (part.strip() for part in line.split("|"))
            yield Program(name, tuple(packages.split()), purpose)
