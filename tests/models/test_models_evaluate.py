"""The command as it is run, on a set made of the demo's people: counts, chip photos, the store, what goes wrong."""

from __future__ import annotations

import json
import platform
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.detector import Face
from models.evaluate import chip, key
from models.evaluate.__main__ import main
from models.evaluate.acquire import Acquisition, Condition, decoded
from models.evaluate.pairs import read_pairs
from models.evaluate.progress import line
from models.evaluate.store import Store
from models.face import FaceModels
from models.image import FloatArray, Image
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest
from models.projection import Kind
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
    for point in report["points"]:
        assert point["fnmr"] == {"value": 0, "low": 0, "high": pytest.approx(1 - 0.025 ** (1 / 2))}, "of two people"
    assert all(point["extrapolated"] is not None for point in report["points"])
    assert report["models"] == {**FaceModels.load().hashes, "mesh": FaceMesh.load().sha256}


def test_the_committed_threshold_is_of_the_committed_networks(
    own_models: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(own_models.read_text(encoding="utf-8"))
    document["projections"] = []
    own_models.write_text(json.dumps(document), encoding="utf-8")
    assert evaluate(pairs, "--manifest", str(own_models), "--json") == 0
    assert json.loads(capsys.readouterr().out)["operating"] is None
    assert evaluate(pairs, "--manifest", str(own_models)) == 0
    assert "measured with other networks" in capsys.readouterr().out


def test_a_line_that_is_repeated_is_no_second_comparison(pairs: Path) -> None:
    once = read_pairs(pairs)
    pairs.write_text(PAIRS + PAIRS.partition("\n")[2], encoding="utf-8")
    assert read_pairs(pairs) == once


@pytest.mark.parametrize(("condition", "genuine"), [("photo", 2), ("chip", 4)])
def test_a_pair_the_other_way_round_is_another_comparison_only_where_one_becomes_a_chip_photo(
    pairs: Path, capsys: pytest.CaptureFixture[str], condition: str, genuine: int
) -> None:
    header, _, lines = PAIRS.partition("\n")
    turned = [",".join((b, a, same)) for a, b, same in (line.split(",") for line in lines.split())]
    pairs.write_text("\n".join([header, *lines.split(), *turned]) + "\n", encoding="utf-8")
    assert evaluate(pairs, "--condition", condition, "--json") == 0
    assert json.loads(capsys.readouterr().out)["genuine"] == genuine


def test_what_cannot_be_done_is_said_before_the_work(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(pairs, "--det", str(tmp_path / "nowhere" / "det.png")) == 2
    captured = capsys.readouterr()
    assert "--det" in captured.err
    assert "%" not in captured.err, "no progress yet"
    assert evaluate(pairs, "--det", str(tmp_path)) == 2
    captured = capsys.readouterr()
    assert "is a folder" in captured.err
    assert "%" not in captured.err, "no progress yet"
    for option, value in (("--limit", "0"), ("--limit", "-1"), ("--cache", str(pairs))):
        with pytest.raises(SystemExit):
            evaluate(pairs, option, value)


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
    assert first.shape == (2, 4, 128), "two pictures, each and its mirror image by both stems"


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


LYING = b"P6\n2000000 2000000\n255\nxx"
"""A picture whose header tells of more pixels than OpenCV takes."""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """The demo's people, the card of one of them too small for a picture, two others too long and no picture at all."""
    root = tmp_path / "pictures"
    shutil.copytree(PEOPLE, root)
    for name, shape in (("b_card", (10, 10, 3)), ("c", (20, 9000, 3))):
        (root / f"{name}.jpg").write_bytes(cv2.imencode(".png", np.full(shape, 127, np.uint8))[1].tobytes())
    (root / "d.jpg").write_bytes(LYING)
    return root


def test_a_picture_of_no_size_is_a_failure_to_acquire(
    pairs: Path, capsys: pytest.CaptureFixture[str], odd: Path
) -> None:
    assert decoded(LYING) is None
    assert evaluate(pairs, "--json", root=odd) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failures_to_acquire"]["live"] == {"no_picture": 2, "unreadable": 1}
    assert report["genuine"] == 1
    assert main(["quality", "--pairs", str(pairs), "--root", str(odd), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failures_to_acquire"] == {"no_picture": 2, "unreadable": 1}
    assert main(["quality", "--pairs", str(pairs), "--root", str(odd)]) == 0
    assert "6 pictures, failures to acquire: no_picture 2, unreadable 1; rejected" in capsys.readouterr().out


NO_COMPARISON = {
    "nothing": (PAIRS, "nowhere", "no picture could be acquired (unreadable 6); see that --root"),
    "no genuine pair": ("a,b,same\nb_card.jpg,b_live.jpg,1\na_card.jpg,b_live.jpg,0\n", "pictures",
                        "no genuine comparison: both pictures of no pair acquired (failures to acquire: live no_pict"),
    "one person": ("a,b,same\na_card.jpg,a_live.jpg,1\n", "pictures",
                   "no impostor comparison: one person is in all pictures acquired (failures to acquire: none); list"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_COMPARISON)
def test_without_a_comparison_there_is_no_report(
    pairs: Path, capsys: pytest.CaptureFixture[str], odd: Path, case: str
) -> None:
    text, root, reason = NO_COMPARISON[case]
    pairs.write_text(text, encoding="utf-8")
    assert evaluate(pairs, "--condition", "photo", root=odd.parent / root) == 2
    printed = capsys.readouterr()
    assert reason in printed.err
    assert "card" not in printed.err


def test_templates_are_as_long_as_the_network_makes_them(odd: Path, tmp_path: Path) -> None:
    class Long(FaceModels):
        def looks(self, image: Image, face: Face, kind: Kind) -> FloatArray:
            return np.tile(super().looks(image, face, kind), (1, 4))

    pictures = ("a_live.jpg", "d.jpg")
    for _ in ("made", "from the store"):
        looks = Acquisition(Long.load(), odd, tmp_path).looks(pictures, Condition.PHOTO).looks
        assert looks.shape == (2, 2, 512)
        assert [bool(np.isfinite(look).all()) for look in looks] == [True, False]


@pytest.mark.parametrize("role", ["detector", "embedding"])
def test_another_preprocessing_is_looked_at_again(
    own_models: Path, face_models: FaceModels, tmp_path: Path, role: str
) -> None:
    def kept() -> set[Path]:
        Acquisition(face_models, PEOPLE, tmp_path, own_models).looks(("c.jpg",), Condition.PHOTO)
        return set(tmp_path.glob("faces-photo.*.npz"))

    before = kept()
    assert kept() == before
    document = json.loads(own_models.read_text(encoding="utf-8"))
    for entry in document["models"]:
        if entry["role"] == role:
            entry["preprocessing"]["scale"] *= 2
    own_models.write_text(json.dumps(document), encoding="utf-8")
    assert len(kept() - before) == 1


def test_a_key_names_runtime_processor_networks_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Manifest.load().entry("embedding")
    for name in ("here.py", "there.py"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(key, "FOLDER", tmp_path)
    monkeypatch.setattr(key, "version_of", lambda name: f"{name} 1")
    known = key.key("faces-photo", [entry], ["here.py"])
    assert known.startswith("faces-photo.")
    assert known == key.key("faces-photo", [entry], ["here.py"])
    others = [
        key.key("faces-photo", [entry, "sha256"], ["here.py"]),
        key.key("faces-photo", [entry], ["there.py"]),
        key.key("faces-photo", ["sha256"], ["here.py"]),
    ]
    monkeypatch.setattr(platform, "machine", lambda: "another")
    others.append(key.key("faces-photo", [entry], ["here.py"]))
    assert others[-1].startswith(known.rpartition("-")[0])
    monkeypatch.setattr(key, "installed_runtime", lambda: ("some_runtime", None))
    others.append(key.key("faces-photo", [entry], ["here.py"]))
    assert others[-1].endswith(".some_runtime-another")
    monkeypatch.setattr(key, "version_of", lambda name: f"{name} 2")
    others.append(key.key("faces-photo", [entry], ["here.py"]))
    assert len({known, *others}) == 7


def test_what_templates_are_made_by_is_in_their_key() -> None:
    """Every module of the package that the way from a picture to its vectors passes through."""
    assert {f"{name}.py" for name in ("alignment", "detector", "embedding", "image", "preprocessing")} <= set(
        key.FACES_CODE
    )
    assert all((key.FOLDER / name).is_file() for name in key.ANSWERS_CODE)


def test_a_damaged_store_counts_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path, "key")
    store.vectors["x" * 64] = np.ones((2, 512), np.float32)
    store.save()
    whole = store.path.read_bytes()
    entry = whole.index(b"PK\x01\x02")
    encrypted = whole[: entry + 8] + b"\x01" + whole[entry + 9 :]
    unknown_method = whole[: entry + 10] + b"\x63" + whole[entry + 11 :]
    for content in (b"", b"PK\x03\x04 not a zip", b"\x93NUMPY", encrypted, unknown_method):
        store.path.write_bytes(content)
        store.load()
        assert store.vectors == {}
    store.causes["y" * 64] = "no_face"
    store.save()
    store.load()
    assert (store.vectors, store.causes) == ({}, {"y" * 64: "no_face"})
    store.vectors["x" * 64] = np.ones((2, 512), np.float32)
    store.save()
    other = Store(tmp_path, "key")
    other.load()
    assert np.array_equal(other.vectors["x" * 64], np.ones((2, 512)))
    assert other.causes == {"y" * 64: "no_face"}


def test_what_was_computed_from_faces_is_for_its_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store = Store(tmp_path, "key")
    store.save()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    store.vectors = {"x": np.zeros((1, 2), np.float32), "y": np.zeros((1, 3), np.float32)}
    with pytest.raises(ValueError, match="inhomogeneous"):
        store.save()
    assert list(tmp_path.iterdir()) == [store.path], "of what could not be written nothing is left"


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
    assert (report["pictures"], report["failures_to_acquire"], report["rejected"]) == (6, {}, 1)
    assert report["first"] == {"face_too_small": 1}
    assert main(["quality", "--pairs", str(pairs), "--root", str(PEOPLE)]) == 0
    assert "face_blurred" in capsys.readouterr().out


def test_a_progress_line_says_how_much_is_left() -> None:
    assert line(1, 4, "photo", 3.0).split() == ["photo", "[########......................]", "25%", "1/4", "3", "s,",
                                                "9", "s", "left"]  # fmt: skip
