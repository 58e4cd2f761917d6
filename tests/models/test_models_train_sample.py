"""What training samples are made of: whose pictures, and what is said of a folder that has none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.evaluate.pairs import Half, PairsError, half_of
from models.train.sample import people
from tests.models.conftest import ROOT

PEOPLE = ROOT / "daemon" / "demo" / "people"


def test_people_of_one_half_with_a_face(tmp_path: Path) -> None:
    names = {half: [name for name in "abcdefgh" if half_of(name) is half][:2] for half in Half}
    for name in (*names[Half.LEARNED], *names[Half.UNSEEN]):
        shutil.copy(PEOPLE / "c.jpg", tmp_path / f"{name}_0001.jpg")
    for half in Half:
        assert len({person.number for person in people([tmp_path], half)}) == len(names[half]) > 0


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    """As where each person has a folder of her own."""
    (tmp_path / "a").mkdir()
    shutil.copy(PEOPLE / "c.jpg", tmp_path / "a" / "a_0001.jpg")
    with pytest.raises(PairsError, match=r"no picture \(NAME_0001\.jpg"):
        people([tmp_path], Half.LEARNED)
    broken = next(name for name in "abcdefgh" if half_of(name) is Half.LEARNED)
    (tmp_path / f"{broken}_0001.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(PairsError, match="no picture"):
        people([tmp_path], Half.LEARNED)
