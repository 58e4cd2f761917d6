"""What two machines answered, held against each other: the commands as they are run, on the demo's people."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.evaluate.__main__ import main
from models.evaluate.answers import Answers, Asked, middle
from models.manifest import MANIFEST, Manifest
from tests.models.conftest import ROOT

PEOPLE = ROOT / "daemon" / "demo" / "people"
PAIRS = "a,b,same\na_card.jpg,a_live.jpg,1\nb_card.jpg,b_live.jpg,1\n"


def answers_in(folder: Path) -> Path:
    (path,) = folder.glob("answers.*.npz")
    return path


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a machine that was asked; beside it the list."""
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    options = ["--pairs", str(folder / "pairs.csv"), "--root", str(PEOPLE), "--cache", str(folder / "one")]
    assert main(["answers", *options]) == 0
    assert main(["faces", *options, "--condition", "chip"]) == 0
    return folder


def lines(here: Path, there: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, float]]:
    capsys.readouterr()
    assert main(["agreement", "--here", str(here), "--there", str(there), "--json"]) == 0
    return {line.pop("what"): line for line in json.loads(capsys.readouterr().out)}


def test_a_machine_agrees_with_itself(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(asked / "one", asked / "one", capsys)
    assert set(found) == {
        "template, photo", "template, chip", "pixels, detector", "pixels, embedding", "pixels, embedding, chip",
        "pixels, mesh", "pixels, passive", "embedding", "landmarks", "mesh", "passive",
    }  # fmt: skip
    for what, line in found.items():
        alike = 1 if line["unit"] == "cosine" else 0
        assert (line["pictures"], line["changed"]) == (4, 0), what
        assert (line["mean"], line["worst"]) == pytest.approx((alike, alike), abs=1e-6), what
    assert main(["agreement", "--here", str(asked / "one"), "--there", str(asked / "one")]) == 0
    assert "% of the eyes' distance" in capsys.readouterr().out


def test_every_difference_is_told(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = answers_in(asked / "one")
    other = Answers(asked / "other" / path.name, Answers.load(path).rows)
    first, second, *_ = other.rows.values()
    first["landmarks"] = first["landmarks"] + np.tile(np.float32([3, 4]), 5)
    first["passive"], second["passive"] = 1 - np.round(first["passive"]), np.full(1, np.nan, np.float32)
    first["pixels_embedding"] = -first["pixels_embedding"]
    other.save()
    found = lines(asked / "other", asked / "one", capsys)
    assert found["pixels, embedding"]["worst"] == pytest.approx(-1)
    assert found["pixels, embedding"]["mean"] == pytest.approx(0.5)
    assert 0 < found["landmarks"]["mean"] == pytest.approx(found["landmarks"]["worst"] / 4)
    assert (found["passive"]["pictures"], found["passive"]["changed"]) == (3, 2)
    assert found["passive"]["worst"] >= 0.5
    assert "template, chip" not in found


def test_answers_are_kept_and_not_asked_for_again(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = answers_in(asked / "one")
    before = Answers.load(path).rows
    options = ["--pairs", str(asked / "pairs.csv"), "--root", str(PEOPLE), "--cache", str(asked / "one")]
    assert main(["answers", *options]) == 0
    assert "answers for 4 pictures" in capsys.readouterr().out
    after = Answers.load(path).rows
    assert all(np.array_equal(before[key][name], after[key][name]) for key in before for name in before[key])
    (asked / "broken.npz").write_bytes(b"PK\x03\x04 no more")
    assert Answers.load(asked / "broken.npz").rows == {}


def test_a_picture_without_a_face_drops_nothing(tmp_path: Path) -> None:
    """Whichever comes first, and however long the network's answer is."""
    full, part = {"pixels": np.ones(3, np.float32), "embedding": np.ones(512, np.float32)}, {"pixels": np.ones(3)}
    for rows in ({"x": part, "y": full}, {"y": full, "x": part}):
        Answers(tmp_path / "answers.npz", dict(rows)).save()
        found = Answers.load(tmp_path / "answers.npz").rows
        assert np.array_equal(found["y"]["embedding"], full["embedding"])
        assert found["x"]["embedding"].shape == (512,)
        assert np.isnan(found["x"]["embedding"]).all()


def test_the_embedder_before_quantisation_is_another_network(asked: Path) -> None:
    """A stem stands for it: what matters is that its answers are kept apart."""
    plain = MANIFEST.parent / Manifest.load().entry("embedding").file
    keys = {Asked(None).key, Asked(plain).key}
    assert len(keys) == 2
    assert answers_in(asked / "one").stem in keys


def test_machines_are_compared_by_their_networks(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = asked / "there"
    there.mkdir()
    for path in (asked / "one").glob("*.npz"):
        shutil.copy(path, there / f"{path.stem.rpartition('.')[0]}.tflite_runtime-another.npz")
    assert set(lines(asked / "one", there, capsys)) >= {"template, chip", "pixels, embedding"}
    mixed = answers_in(asked / "one")
    shutil.copy(mixed, there)
    assert main(["agreement", "--here", str(asked / "one"), "--there", str(there)]) == 2
    assert f"filled by {mixed.stem.rpartition('.')[2]} and by tflite_runtime-another" in capsys.readouterr().err
    assert main(["agreement", "--here", str(asked / "one"), "--there", str(asked)]) == 2
    assert "nothing of the same networks" in capsys.readouterr().err


def test_the_middle_is_cut_without_resampling() -> None:
    picture = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    assert np.array_equal(middle(picture, 4), picture[1:5, 2:6])
    padded = middle(picture, 10)
    assert np.array_equal(padded[2:8, 1:9], picture)
    assert padded.sum() == picture.sum()


def test_chip_photos_as_files(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--pairs", str(asked / "pairs.csv"), "--root", str(PEOPLE), "--into", str(asked / "chips")]
    assert main(["chips", *options]) == 0
    assert "4 chip photos" in capsys.readouterr().out
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (asked / "chips").glob("*.jpg"))


def test_few_pictures_serve_many_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{person}_{number}" for person in ("anna", "bea", "cleo", "dora") for number in (1, 2, 3, 4)]
    rows = [f"{first},{second},1" for first, second in zip(names[::2], names[1::2], strict=True)]
    rows.append("eva_1,eva_2,1")
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,same", *rows]) + "\n", encoding="utf-8")
    options = ["--pairs", str(tmp_path / "pairs.csv"), "--people", "2", "--each", "3"]
    assert main(["few", *options]) == 0
    head, *chosen = capsys.readouterr().out.split()
    assert head == "a,b,same"
    assert [line[-1] for line in chosen] == ["1"] * 12 + ["0"]
    assert {line.split("_")[0] for line in chosen} == {"anna", "cleo"}
    assert main(["few", *options, "--each", "5"]) == 2
    assert "nobody with 5 pictures" in capsys.readouterr().err
