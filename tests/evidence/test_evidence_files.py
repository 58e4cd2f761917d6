"""A file is whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from evidence.files import sync_folder, write_atomic


def test_it_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    (tmp_path / ".file.new").write_bytes(b"left over by a crash")
    write_atomic(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_what_fails_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(folder, b"new")
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "file", b"new")
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"target")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_atomic(link, b"new")
    assert (tmp_path / "target").read_bytes() == b"target"
    assert not link.is_symlink()
