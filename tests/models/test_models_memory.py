"""What a file that is mapped takes of the memory, and what of it is given back."""

from __future__ import annotations

import mmap
from pathlib import Path

from models.memory import let_go, resident_bytes

SMAPS = Path("/proc/self/smaps")


def resident_kib(path: Path) -> int:
    """Of all mappings of ``path`` in this process."""
    found, mine = 0, False
    for line in SMAPS.read_text("utf-8").splitlines():
        first = line.split()[0]
        if not first.endswith(":"):
            mine = line.endswith(f" {path}")
        elif mine and first == "Rss:":
            found += int(line.split()[1])
    return found


def test_a_mapped_file_is_let_go_and_read_again(tmp_path: Path) -> None:
    path, other = tmp_path / "weights", tmp_path / "other"
    content = bytes(range(256)) * 4096
    for one in (path, other):
        one.write_bytes(content)
    with path.open("rb") as file, other.open("rb") as beside:
        mapped, kept = (mmap.mmap(one.fileno(), 0, prot=mmap.PROT_READ) for one in (file, beside))
        assert mapped[:] == kept[:] == content
        assert resident_kib(path) == resident_kib(other) == 1024
        let_go(file)
        assert resident_kib(path) == 0
        assert resident_kib(other) == 1024, "another file's pages are its own"
        assert mapped[:] == content
        mapped.close()
        kept.close()


def test_what_this_process_holds_is_told() -> None:
    before = resident_bytes()
    held = bytearray(b"x" * (64 << 20))
    assert resident_bytes() - before > 60 << 20
    assert held
