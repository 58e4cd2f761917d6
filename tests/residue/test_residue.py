"""A day at the real page leaves nothing of her in any file; no process of the unit can be dumped meanwhile."""

from __future__ import annotations

from pathlib import Path

from tests.residue.marks import spellings
from tests.residue.places import count, in_files
from tests.residue.play import opened_day
from tests.support.programs import FindProgram


def test_nothing_of_her_is_left_in_any_file(program: FindProgram, tmp_path: Path) -> None:
    with opened_day(tmp_path, program("chromium"), kinds=()) as day:
        found = day.play()
    assert found.files.total() == 0, found.files
    assert all(forms for forms in day.marks.values()), "an item of which no piece is known"
    kinds = {name.split(" ")[0] for name in found.limits}
    assert kinds == {"unit", "camera"}
    assert set(map(tuple, found.limits.values())) == {("0", "0")}


def test_what_lies_in_a_file_is_found(tmp_path: Path) -> None:
    """Across folders, in the middle of bytes, and not in what is left out."""
    marks = {"name": list(spellings("示例甲"))}
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "page").write_bytes(b"\0" * 999 + "示例甲".encode("utf-16-le") + b"\0")
    assert in_files([tmp_path], marks)["name"] >= 1
    assert in_files([tmp_path], marks, but=[inner])["name"] == 0
    assert count(b"", marks)["name"] == 0
