"""Are there wheels of every run-time dependency for every Python and machine Vernix supports?

Walks the dependencies from ``install_requires`` in setup.cfg, at the versions of constraints.txt, once for each of
CPython 3.11, 3.12 and 3.13 on x86-64 and aarch64, and asks pip, with pip's own platform tags (manylinux_2_17 to 2_39),
for a wheel of each. pip would judge environment markers for the interpreter it runs in, so it is asked without
dependencies and the markers are judged here, for the target. Nothing is installed.

Exit status: 0 all there, 1 a wheel is missing, 3 pip could not be asked at all.
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
GLIBC_MINORS = range(39, 16, -1)
PIP_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Target:
    """One interpreter on one kind of machine."""

    python: str
    machine: str

    def __str__(self) -> str:
        return f"cp{self.python.replace('.', '')} {self.machine}"

    def pip_options(self) -> Iterator[str]:
        """The options that make pip choose as it would on that machine."""
        yield from ("--implementation", "cp", "--python-version", self.python)
        yield from ("--abi", f"cp{self.python.replace('.', '')}")
        for tag in (*(f"manylinux_2_{minor}" for minor in GLIBC_MINORS), "manylinux2014"):
            yield from ("--platform", f"{tag}_{self.machine}")

    def environment(self) -> dict[str, str]:
        """What environment markers see there (PEP 508)."""
        here = {key: str(value) for key, value in default_environment().items()}
        return here | {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
        }


@dataclass(slots=True)
class Findings:
    """What one target has: file names by distribution, and why the others are missing."""

    wheels: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def run_time_requirements() -> list[Requirement]:
    """``install_requires`` of setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def ask_pip(target: Target, requirements: Iterable[str]) -> tuple[list[dict[str, Any]], str]:
    """pip's choices for ``requirements`` without their dependencies, or no choices and pip's complaint."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--only-binary", ":all:", "--target", folder, "--report", str(report)]
        command += ["--constraint", str(ROOT / "constraints.txt"), *target.pip_options(), *requirements]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
        if done.returncode:
            return [], complaint(done.stderr)
        return json.loads(report.read_text(encoding="utf-8"))["install"], ""


def complaint(stderr: str) -> str:
    """The line of pip's output that says what is wrong; what follows it there is general advice."""
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    return errors[0].removeprefix("ERROR: ") if errors else stderr.strip()[-200:]


def needed_by(metadata: dict[str, Any], extras: Iterable[str], environment: dict[str, str]) -> Iterator[Requirement]:
    """The requirements of one distribution that count in ``environment``."""
    contexts = [{**environment, "extra": extra} for extra in ("", *extras)]
    for line in metadata.get("requires_dist", []):
        requirement = Requirement(line)
        if applies(requirement.marker, contexts):
            requirement.marker = None
            yield requirement


def applies(marker: Marker | None, contexts: Iterable[dict[str, str]]) -> bool:
    """Whether a requirement with ``marker`` counts in any of the contexts."""
    return marker is None or any(marker.evaluate(context) for context in contexts)


def walk(target: Target) -> Findings:
    """Follow the dependencies on ``target``, one generation after the other."""
    findings, environment = Findings(), target.environment()
    contexts = [{**environment, "extra": ""}]
    generation = [r for r in run_time_requirements() if applies(r.marker, contexts)]
    while generation:
        choices = choose(target, generation, findings)
        extras: dict[str, set[str]] = {canonicalize_name(r.name): r.extras for r in generation}
        following = [
            requirement
            for name, metadata in choices.items()
            for requirement in needed_by(metadata, extras.get(name, set()), environment)
        ]
        known = findings.wheels.keys() | findings.missing.keys()
        generation = [r for r in following if canonicalize_name(r.name) not in known]
    return findings


def choose(target: Target, generation: list[Requirement], findings: Findings) -> dict[str, dict[str, Any]]:
    """Ask for all at once, and one by one only when that fails. Returns the metadata by canonical name."""
    lines = sorted({f"{r.name}{r.specifier}" for r in generation})
    chosen, trouble = ask_pip(target, lines)
    if trouble:
        for line in lines:
            one, trouble = ask_pip(target, [line])
            chosen += one
            if trouble:
                findings.missing[canonicalize_name(Requirement(line).name)] = trouble
    for item in chosen:
        file = item["download_info"]["url"].rsplit("/", 1)[-1]
        findings.wheels[canonicalize_name(item["metadata"]["name"])] = file
    return {canonicalize_name(item["metadata"]["name"]): item["metadata"] for item in chosen}


def print_table(targets: dict[Target, Findings]) -> None:
    """One line a distribution, one column a target: the wheel's platform tag, ``any``, ``-`` not needed, or MISSING."""
    names = sorted({name for found in targets.values() for name in (*found.wheels, *found.missing)})
    rows = [["", *map(str, targets)]]
    rows += [[name, *(cell(found, name) for found in targets.values())] for name in names]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def cell(found: Findings, name: str) -> str:
    """What the table says about ``name`` on one target."""
    if name in found.missing:
        return "MISSING"
    if name not in found.wheels:
        return "-"
    # A wheel may carry several platform tags; the oldest glibc of them says the most.
    tags = found.wheels[name].removesuffix(".whl").rsplit("-", 1)[-1].split(".")
    return min(tags, key=glibc_minor).replace("_x86_64", "").replace("_aarch64", "")


def glibc_minor(tag: str) -> int:
    """The glibc 2.x a platform tag asks for; the old names (manylinux1, 2010, 2014) count last."""
    parts = tag.split("_")
    return int(parts[2]) if parts[0] == "manylinux" else 100


def main() -> int:
    """Check all targets, print the table, then what is missing and why."""
    targets = {Target(python, machine): Findings() for python in PYTHONS for machine in MACHINES}
    for target in targets:
        targets[target] = walk(target)
    print_table(targets)
    missing = [(target, *gap) for target, found in targets.items() for gap in found.missing.items()]
    for target, name, reason in missing:
        print(f"{target}: no wheel of {name}: {reason}")
    if missing and not any(found.wheels for found in targets.values()):
        return 3
    print(f"{len(targets)} targets, {len(missing)} wheels missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
