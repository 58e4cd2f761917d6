"""The command as it is run, on a set made of the demo's people: counts, chip photos, the store, what goes wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.evaluate import chip
from models.evaluate.__main__ import main
from models.evaluate.acquire import Acquisition, Condition
from models.evaluate.pairs import Half, PairsError, half_of, people_of, read_pairs
from models.evaluate.progress import line
from models.evaluate.store import SHAPE, Store
from models.face import FaceModels
from models.image import Image
from tests.models.conftest import ROOT

PEOPLE = ROOT / "daemon" / "demo" / "people"
PAIRS = """a,b,same
a_card.jpg,a_live.jpg,1
b_card.jpg,b_live.jpg,1
a_card.jpg,b_live.jpg,0
c.jpg,d.jpg,0
"""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


def evaluate(pairs: Path, *more: str, root: Path = PEOPLE) -> int:
    options = ["--pairs", str(pairs), "--root", str(root), "--cache", str(pairs.parent / "cache"), *more]
    return main(["faces", *options])


@pytest.mark.parametrize(("condition", "impostors"), [("photo", 13), ("chip", 26), ("chip-raw", 26)])
def test_the_report_counts_everything(
    pairs: Path, capsys: pytest.CaptureFixture[str], condition: str, impostors: int
) -> None:
    """Six pictures of four people: 15 pairs of pictures, two of them of one person; with chips both ways round."""
    assert evaluate(pairs, "--condition", condition, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["people"], report["pictures"], report["genuine"]) == (4, 6, 2)
    assert report["impostors"] == impostors
    assert report["fta"] == 0
    assert report["eer"] == 0
    assert [point["fmr"] for point in report["points"]] == [1e-2, 1e-3, 1e-4]
    assert all(point["fnmr"]["value"] == 0 for point in report["points"])
    assert all(point["extrapolated"] is not None for point in report["points"])
    assert report["models"] == FaceModels.load().hashes


def test_text_plot_and_progress(pairs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "det.png"
    assert evaluate(pairs, "--condition", "chip", "--live", "one", "--det", str(plot)) == 0
    captured = capsys.readouterr()
    for part in ("FTA", "EER", "FMR", "FNMR", "operating point", "tail extrapolated"):
        assert part in captured.out
    assert "100%" in captured.err
    assert "a_card" not in captured.out + captured.err
    image = cv2.imread(str(plot))
    assert image is not None
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 3


def test_what_was_seen_is_not_looked_at_again(tmp_path: Path, face_models: FaceModels) -> None:
    root = tmp_path / "pictures"
    shutil.copytree(PEOPLE, root)
    first = Acquisition(face_models, root, tmp_path).looks(("c.jpg", "d.jpg"), Condition.CHIP).looks
    blind = FaceModels.__new__(FaceModels)
    blind.hashes = face_models.hashes
    again = Acquisition(blind, root, tmp_path).looks(("d.jpg", "c.jpg"), Condition.CHIP).looks
    assert np.array_equal(first, again[::-1])
    assert first.shape == (2, *SHAPE)


def test_failures_to_acquire_are_counted_by_cause(
    pairs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "pictures"
    shutil.copytree(PEOPLE, root)
    (root / "c.jpg").write_bytes(b"\xff\xd8\xff broken")
    cv2.imwrite(str(root / "d.jpg"), np.full((300, 300, 3), 127, np.uint8))
    (root / "a_live.jpg").unlink()
    assert evaluate(pairs, "--json", root=root) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failures_to_acquire"]["live"] == {"unreadable": 2, "no_face": 1}
    assert report["genuine"] == 1
    assert report["fta"] == 0.5


def test_a_damaged_store_counts_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path, "key")
    for content in (b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"):
        store.path.write_bytes(content)
        store.load()
        assert store.vectors == {}
    store.vectors["x" * 64] = np.ones(SHAPE, np.float32)
    store.causes["y" * 64] = "no_face"
    store.save()
    other = Store(tmp_path, "key")
    other.load()
    assert np.array_equal(other.vectors["x" * 64], np.ones(SHAPE))
    assert other.causes == {"y" * 64: "no_face"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "first line"), ("x,y,z\n", "first line"), ("a,b,same\n1,2\n", "line 2"), ("a,b,same\nx_1,x_2,7\n", "line 2"),
     ("a,b,same\n,x,1\n", "line 2"), ("a,b,same\n", "no pair"), ("a,b,same\nx_1.jpg,y_1.jpg,1\n", "pair 1"),
     ("a,b,same\nx_1.jpg,x_2.jpg,0\nx_1.jpg,x_2.jpg,1\n", "pair 1")],
)  # fmt: skip
def test_a_list_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    assert evaluate(path) == 2
    assert reason in capsys.readouterr().err
    with pytest.raises(PairsError):
        read_pairs(tmp_path / "nowhere.csv")


def test_a_person_is_a_folder_or_a_prefix() -> None:
    assert people_of(("img/x_y_0001.jpg", "img/x_y_0002.jpg", "img/z_0001.jpg")) == (0, 0, 1)
    assert people_of(("x/1.jpg", "x/2.jpg", "y/1.jpg")) == (0, 0, 1)


def test_halves_share_nobody_and_are_the_same_in_every_list(tmp_path: Path) -> None:
    names = [f"img/{person:03}_{picture}.jpg" for person in range(100) for picture in (1, 2)]
    path = tmp_path / "pairs.csv"
    lines = [f"{first},{second},1" for first, second in zip(names[::2], names[1::2], strict=True)]
    path.write_text("\n".join(["a,b,same", *lines]) + "\n", encoding="utf-8")
    learned, unseen = (set(read_pairs(path, half=half).pictures) for half in Half)
    assert learned | unseen == set(names)
    assert not learned & unseen
    assert 60 < len(learned) < 140
    assert {half_of(f"{person:03}") for person in range(20)} == set(Half)


def test_limit_takes_from_the_whole_list(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    same = [f"p{number:02}_1,p{number:02}_2,1" for number in range(20)]
    other = [f"p{number:02}_1,p{number + 1:02}_1,0" for number in range(19)]
    path.write_text("\n".join(["a,b,same", *same, *other]) + "\n", encoding="utf-8")
    pairs = read_pairs(path, limit=4)
    assert (sum(pairs.same), len(pairs.same)) == (4, 8)
    assert "p15_1" in pairs.pictures


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("stem", ["a_live", "c", "d"])
def test_a_chip_photo_is_as_the_condition_says(
    face_models: FaceModels, person: Callable[[str], Image], stem: str, flatten: bool
) -> None:
    picture = person(stem)
    photo = chip.portrait(picture, face_models.detect(picture)[0])
    (face,) = face_models.detect(photo)
    assert photo.shape == (126, 102, 3)
    assert face.box[3] / 126 == pytest.approx(0.55, abs=0.05)
    decoded = chip.chip_photo(picture, face_models.detect(picture)[0], flatten=flatten)
    assert decoded.shape == (126, 102, 3)
    corner = decoded[:12, :12].astype(np.float64)
    assert (abs(corner - chip.BACKGROUND).max() < 25 and corner.std() < 6) or not flatten


def test_the_best_webp_under_the_limit_is_taken(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    picture = person("c")
    photo = chip.portrait(picture, face_models.detect(picture)[0])
    data = chip.encode(photo)
    sizes = {quality: len(chip.webp(photo, quality)) for quality in range(1, 101)}
    assert len(data) <= chip.MAX_BYTES
    assert len(data) >= max(size for size in sizes.values() if size <= chip.MAX_BYTES) * 0.9
    noise = np.random.default_rng(0).integers(0, 256, (126, 102, 3), dtype=np.uint8)
    with pytest.raises(chip.DoesNotFit, match="1010"):
        chip.encode(noise)


def test_models_that_cannot_be_loaded_are_an_environment_error(
    pairs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert evaluate(pairs, "--manifest", str(tmp_path / "nowhere.json")) == 3
    assert "nowhere" in capsys.readouterr().err


def test_the_quality_gate_is_counted(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "--pairs", str(pairs), "--root", str(PEOPLE), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pictures"], report["no_face"], report["rejected"]) == (6, 0, 1)
    assert report["first"] == {"face_too_small": 1}
    assert main(["quality", "--pairs", str(pairs), "--root", str(PEOPLE)]) == 0
    assert "face_blurred" in capsys.readouterr().out


def test_a_progress_line_says_how_much_is_left() -> None:
    assert line(1, 4, "photo", 3.0).split() == ["photo", "[########......................]", "25%", "1/4", "3", "s,",
                                                "9", "s", "left"]  # fmt: skip
