"""Lists of pairs: whose pictures they name, halves and limits, and what is said of a list that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.evaluate.__main__ import main
from models.evaluate.pairs import Half, PairsError, half_of, person_keys, read_pairs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pairs.csv"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "first line"), ("x,y,z\n", "first line"), ("a,b,same\n1,2\n", "line 2"), ("a,b,same\nx_1,x_2,7\n", "line 2"),
     ("a,b,same\n,x,1\n", "line 2"), ("a,b,same\nx_1,x_1,1\n", "line 2 is not two different pictures"),
     ("a,b,same\n", "no pair"), ("a,b,same\nx_1.jpg,y_1.jpg,1\n", "line 2: 'same' says 1"),
     ("a,b,same\nx_1.jpg,x_2.jpg,1\nx_1.jpg,x_2.jpg,1\nx_1.jpg,x_3.jpg,0\n", "pairs.csv: line 4: 'same' says 0")],
)  # fmt: skip
def test_a_list_that_cannot_be_used_is_named(
    path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    path.write_text(text, encoding="utf-8")
    assert main(["faces", "--pairs", str(path), "--root", str(path.parent)]) == 2
    assert reason in capsys.readouterr().err
    with pytest.raises(PairsError):
        read_pairs(path.parent / "nowhere.csv")


def test_a_person_is_a_folder_or_a_prefix() -> None:
    assert person_keys(("img/x_y_0001.jpg", "img/x_y_0002.jpg", "img/z_0001.jpg")) == ["x_y", "x_y", "z"]
    assert person_keys(("x/1.jpg", "x/2.jpg", "y/1.jpg")) == ["x", "x", "y"]


def test_halves_share_nobody_and_are_the_same_in_every_list(path: Path) -> None:
    names = [f"img/{person:03}_{picture}.jpg" for person in range(100) for picture in (1, 2)]
    lines = [f"{first},{second},1" for first, second in zip(names[::2], names[1::2], strict=True)]
    path.write_text("\n".join(["a,b,same", *lines]) + "\n", encoding="utf-8")
    learned, unseen = (set(read_pairs(path, half=half).pictures) for half in Half)
    assert learned | unseen == set(names)
    assert not learned & unseen
    assert 60 < len(learned) < 140
    assert {half_of(f"{person:03}") for person in range(20)} == set(Half)


def test_limit_takes_from_the_whole_list(path: Path) -> None:
    same = [f"p{number:02}_1,p{number:02}_2,1" for number in range(20)]
    other = [f"p{number:02}_1,p{number + 1:02}_1,0" for number in range(19)]
    path.write_text("\n".join(["a,b,same", *same, *other]) + "\n", encoding="utf-8")
    pairs = read_pairs(path, limit=4)
    assert (sum(pairs.same), len(pairs.same)) == (4, 8)
    assert "p15_1" in pairs.pictures


def test_a_few_lines_of_a_list_know_the_same_people_as_the_list(path: Path) -> None:
    """A limit may leave pictures of one folder only: that they lie in folders is still what names people."""
    lines = ["x/a_1.jpg,x/b_2.jpg,1", "y/a_1.jpg,y/b_2.jpg,1"]
    path.write_text("\n".join(["a,b,same", *lines]) + "\n", encoding="utf-8")
    few = read_pairs(path, limit=1)
    assert (few.people, few.same) == ((0, 0), (True,))


def test_a_list_that_differs_from_its_names_is_told_by_what_people_are_known(path: Path) -> None:
    path.write_text("a,b,same\nimg/01.jpg,img/02.jpg,1\n", encoding="utf-8")
    with pytest.raises(PairsError, match="all lie in one folder, the file prefixes"):
        read_pairs(path)
    path.write_text("a,b,same\nx/01.jpg,y/01.jpg,1\n", encoding="utf-8")
    with pytest.raises(PairsError, match="the folders of its pictures say 0"):
        read_pairs(path)


def test_empty_lines_at_the_end_are_no_pairs(path: Path) -> None:
    path.write_text("a,b,same\nx_1,x_2,1\n\n,,\n", encoding="utf-8")
    assert len(read_pairs(path).same) == 1
    path.write_text("a,b,same\nx_1,x_2,1\n\nx_1,x_3,1\n", encoding="utf-8")
    with pytest.raises(PairsError, match="line 3"):
        read_pairs(path)
