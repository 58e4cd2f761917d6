"""Ways in which what is only in memory could get onto a disk after all: swap, dumps of other programs, no encryption.

The unit forbids dumps of itself (:mod:`hw.private_memory`) and systemd keeps it out of swap (``MemorySwapMax=0``);
the browser that shows the screen is a program of its own. Whether the disk is encrypted decides what a stolen unit
tells: record contents never, a visit that is owed, yes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:  # another kernel, or not this process's to read
        return ""


def swap_on_disk(root: Path = ROOT) -> list[str]:
    """Swap areas in use that lie on a disk; compressed memory (zram) that is never written back is none."""
    lines = _text(root / "proc/swaps").splitlines()[1:]
    areas = [line.split()[0] for line in lines if line.strip()]
    return [area for area in areas if not _in_memory_only(area, root)]


def _in_memory_only(area: str, root: Path) -> bool:
    name = Path(area).name
    return name.startswith("zram") and _text(root / f"sys/block/{name}/backing_dev") in ("", "none")


def kept_out_of_swap(root: Path = ROOT) -> bool:
    """Whether this process's control group may use no swap, as the systemd unit says."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            folder = root / "sys/fs/cgroup" / line[3:].lstrip("/")
            return _text(folder / "memory.swap.max") == "0"
    return False


def dumps_go_to(root: Path = ROOT) -> str | None:
    """The program that the kernel pipes core dumps to; None if they follow each process's own limit."""
    pattern = _text(root / "proc/sys/kernel/core_pattern")
    return pattern.removeprefix("|").split()[0] if pattern.startswith("|") else None


def is_encrypted(folder: Path, root: Path = ROOT) -> bool:
    """Whether the disk that ``folder`` lies on, or one below it, is encrypted by the device mapper (LUKS).

    Raises:
        OSError: ``folder`` is not there.
    """
    number = folder.stat().st_dev
    return any(
        _text(device / "dm/uuid").startswith("CRYPT-")
        for device in _stack(root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}")
    )


def _stack(device: Path) -> Iterator[Path]:
    yield device
    for below in sorted((device / "slaves").glob("*")):
        yield from _stack(below)


def risks(folder: Path, root: Path = ROOT) -> list[str]:
    """What should be mended, each in one sentence that says how; ``folder`` is the unit's data folder."""
    found = []
    areas = swap_on_disk(root)
    if areas and not kept_out_of_swap(root):
        found.append(f"swap is on ({', '.join(areas)}): memory may get onto the disk; switch it off (swapoff, fstab)")
    program = dumps_go_to(root)
    if program is not None:
        what = f"programs that crash, the screen's browser too, are dumped by {program}"
        found.append(f"{what}; set kernel.core_pattern=core")
    if not is_encrypted(folder, root):
        found.append(f"the disk of {folder} is not encrypted: who takes it reads visits that are owed; use LUKS")
    return found
