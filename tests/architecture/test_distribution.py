"""What `pip install vernix` brings: its packages, its commands, its files, and tested versions of the rest."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import PACKAGES, ROOT
from tests.support.repository import repository_files

COMMANDS = [
    ("vernix",),
    ("vernix", "run"),
    ("vernix", "demo"),
    ("vernix", "verify"),
    ("vernix-gateway",),
    ("vernix-gateway", "run"),
    ("vernix-gateway", "list"),
    ("vernix-gateway", "show"),
    ("vernix-provision",),
    ("vernix-provision", "site", "init"),
    ("vernix-provision", "unit", "enrol"),
]
#: How the weights were made; it needs tools that no unit has.
NOT_INSTALLED = {Path("models/convert"), Path("models/train")}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_has_the_name(package: str) -> None:
    """The import names are short and common; in Vernix's own environment they are Vernix's alone."""
    assert set(packages_distributions().get(package, [])) <= {"vernix"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_command_explains_itself(command: tuple[str, ...], tmp_path: Path) -> None:
    script = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [script, *command[1:], "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


@pytest.fixture
def wheel_files(tmp_path: Path) -> set[Path]:
    """The package files of a wheel built, offline, from nothing but the repository's files."""
    source, out = tmp_path / "source", tmp_path / "out"
    for path in repository_files():
        if path.parts[0] in PACKAGES or len(path.parts) == 1:
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
    options = ["--no-index", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)]
    command = [sys.executable, "-m", "pip", "wheel", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("vernix-*.whl")
    names = map(Path, zipfile.ZipFile(wheel).namelist())
    return {name for name in names if not name.parts[0].endswith(".dist-info")}


def test_wheel_has_every_file_of_the_packages(wheel_files: set[Path]) -> None:
    expected = {
        path for path in repository_files() if path.parts[0] in PACKAGES and NOT_INSTALLED.isdisjoint(path.parents)
    }
    absent = [str(path) for path in sorted(expected - wheel_files)]
    assert not absent, f"in no package, or not in [options.package_data] of setup.cfg: {absent}"
    added = [str(path) for path in sorted(wheel_files - expected)]
    assert not added, f"not under version control, or not for a unit: {added}"


def pins(file: str) -> dict[str, str]:
    """Version by canonical name of a constraints file."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    matches = [re.fullmatch(r"([a-z0-9-]+)==([0-9a-z.]+)", line) for line in lines if not line.startswith("#")]
    assert all(matches), f"{file}: a line is not name==version"
    return {match[1]: match[2] for match in matches if match}


def counts(requirement: Requirement, extras: frozenset[str]) -> bool:
    """Whether a requirement of a distribution with ``extras`` counts in this interpreter."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in ("", *extras))


def closure(name: str, extras: frozenset[str]) -> set[str]:
    """Canonical names of what a distribution needs here, directly and indirectly."""
    found: set[str] = set()
    waiting = [(name, extras)]
    while waiting:
        one, wanted = waiting.pop()
        for line in distribution(one).requires or []:
            requirement = Requirement(line)
            if counts(requirement, wanted) and canonicalize_name(requirement.name) not in found:
                found.add(canonicalize_name(requirement.name))
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


def test_every_dependency_has_a_tested_version() -> None:
    tflite = "tflite-runtime" in {
        canonicalize_name(name) for name in packages_distributions().get("tflite_runtime", [])
    }
    tested = pins("constraints-tflite.txt" if tflite else "constraints.txt")
    needed = closure("vernix", frozenset({"dev", "tflite"} if tflite else {"dev"}))
    assert sorted(needed - tested.keys()) == []
    here = {name: distribution(name).version for name in needed}
    assert here == {name: tested[name] for name in needed}, "other versions than tested; `make test` sets them up"


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-tflite.txt"])
def test_tested_versions_are_in_the_ranges(file: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    texts = [config["options"]["install_requires"], extras["dev"], extras["tflite"] if "tflite" in file else ""]
    tested = pins(file)
    for line in filter(None, "\n".join(texts).splitlines()):
        requirement = Requirement(line)
        assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)]), line
