"""What could bring somebody's data from memory onto a disk: named, in files as the kernel writes them."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

import pytest

from daemon import memory_risks, selftest
from tests.daemon.support import Home
from tests.support import ROOT

UNIT_FILE = ROOT / "provisioning/systemd/vernix.service"
HEAD = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A machine's /proc and /sys on which nothing is wrong."""
    root = tmp_path / "kernel"
    number = tmp_path.stat().st_dev
    write(root, "proc/swaps", HEAD)
    write(root, "proc/sys/kernel/core_pattern", "core\n")
    write(root, f"sys/dev/block/{os.major(number)}:{os.minor(number)}/dm/uuid", "CRYPT-LUKS2-0123-root\n")
    return root


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, "ascii")


def test_nothing_to_mend(kernel: Path, tmp_path: Path) -> None:
    assert memory_risks.risks(tmp_path, kernel) == []


@pytest.mark.parametrize(
    ("area", "backing", "is_risk"),
    [
        ("/dev/mmcblk0p3", None, True),
        ("/swapfile", None, True),
        ("/dev/zram0", "none", False),
        ("/dev/zram0", "7:0", True),
    ],
)
def test_swap(kernel: Path, tmp_path: Path, area: str, backing: str | None, is_risk: bool) -> None:
    """Raspberry Pi OS compresses into memory, and may write what it compressed back to a file."""
    write(kernel, "proc/swaps", f"{HEAD}{area}\tpartition\t204796\t0\t-2\n")
    if backing is not None:
        write(kernel, "sys/block/zram0/backing_dev", f"{backing}\n")
    assert [area in one for one in memory_risks.risks(tmp_path, kernel)] == [True] * is_risk


def test_swap_that_the_unit_is_kept_out_of(kernel: Path, tmp_path: Path) -> None:
    write(kernel, "proc/swaps", f"{HEAD}/swapfile\tfile\t204796\t0\t-2\n")
    write(kernel, "proc/self/cgroup", "0::/system.slice/vernix.service\n")
    for limit, found in (("max", 1), ("0", 0)):
        write(kernel, "sys/fs/cgroup/system.slice/vernix.service/memory.swap.max", f"{limit}\n")
        assert len(memory_risks.risks(tmp_path, kernel)) == found


def test_dumps_of_others(kernel: Path, tmp_path: Path) -> None:
    write(kernel, "proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P %u\n")
    (found,) = memory_risks.risks(tmp_path, kernel)
    assert "by /usr/lib/systemd/systemd-coredump;" in found


def test_encryption_below_another_layer(kernel: Path, tmp_path: Path) -> None:
    """LVM on LUKS: the folder's own device is not the encrypted one."""
    number = tmp_path.stat().st_dev
    own = f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    write(kernel, f"{own}/dm/uuid", "LVM-abc\n")
    assert not memory_risks.is_encrypted(tmp_path, kernel)
    write(kernel, f"{own}/slaves/dm-0/dm/uuid", "CRYPT-LUKS2-abc-disk\n")
    assert memory_risks.is_encrypted(tmp_path, kernel)


def test_a_finding_in_production_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_risks, "risks", lambda _folder: ["swap is on"])
    assert "swap is on" in selftest.TESTS["memory"](home.config())
    home.edit("production = false", "production = true")
    with pytest.raises(selftest.Failed, match="swap is on"):
        selftest.TESTS["memory"](home.config())


def test_service_keeps_memory_from_the_disk() -> None:
    """As systemd.exec(5) and systemd.resource-control(5) name it."""
    said = configparser.RawConfigParser(strict=False)
    said.read(UNIT_FILE)
    service = said["Service"]
    wanted = {"LimitCORE": "0", "MemorySwapMax": "0", "PrivateTmp": "yes", "RemoveIPC": "yes", "UMask": "0077"}
    assert {name: service[name] for name in wanted} == wanted  # in whatever case: systemd itself minds it
