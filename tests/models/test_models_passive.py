"""Passive liveness: an answer for every picture, by whatever network the manifest names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelCorrupt, ModelMissing, ModelWrong
from models.face import FaceModels, nearest_face
from models.image import FloatArray, Image
from models.interpreter import Network, TensorType, installed_runtime
from models.manifest import MANIFEST, Manifest, parse_liveness
from models.passive import Box, PassiveDecision, PassiveFinding, PassiveLiveness, PassiveScore, cropped, problem


@pytest.fixture(scope="module")
def passive() -> PassiveLiveness:
    return PassiveLiveness.load()


@pytest.fixture
def frame(person: Callable[[str], Image], face_models: FaceModels) -> tuple[Image, Box]:
    picture = person("c")
    face = nearest_face(face_models.detect(picture))
    assert face is not None
    return picture, face.box


def edit(manifest: Path, **changes: object) -> None:
    document = json.loads(manifest.read_text(encoding="utf-8"))
    document["liveness"][0].update(changes)
    manifest.write_text(json.dumps(document), encoding="utf-8")


def test_a_face_is_judged(passive: PassiveLiveness, frame: tuple[Image, Box]) -> None:
    result = passive.assess(*frame)
    assert result.score is not None
    assert 0 <= result.score <= 1
    assert result.finding is None
    assert result.threshold == passive.threshold
    assert result.decision is (PassiveDecision.LIVE if result.score >= result.threshold else PassiveDecision.ATTACK)
    assert passive.assess(*frame) == result


def test_portraits_are_live(passive: PassiveLiveness, person: Callable[[str], Image], face_models: FaceModels) -> None:
    """The demo's people, of whom nothing was learned; the error rates are measured elsewhere."""
    decisions = []
    for stem in ("a_card", "a_live", "b_card", "b_live", "c", "d"):
        picture = person(stem)
        face = nearest_face(face_models.detect(picture))
        assert face is not None
        decisions.append(passive.assess(picture, face.box).decision)
    assert decisions.count(PassiveDecision.LIVE) >= 5


FAULTS: dict[str, tuple[Callable[[], Any], Any, PassiveFinding]] = {
    "black": (lambda: np.zeros((200, 200, 3), np.uint8), (50, 50, 80, 100), PassiveFinding.TOO_DARK),
    "white": (lambda: np.full((200, 200, 3), 255, np.uint8), (50, 50, 80, 100), PassiveFinding.TOO_BRIGHT),
    "a wall": (lambda: np.full((200, 200, 3), 120, np.uint8), (50, 50, 80, 100), PassiveFinding.FLAT),
    "tiny face": (lambda: noise(200, 200), (50, 50, 20, 30), PassiveFinding.TOO_SMALL),
    "half outside": (lambda: noise(200, 200), (-60, 50, 100, 120), PassiveFinding.CUT_OFF),
    "outside": (lambda: noise(200, 200), (500, 50, 100, 120), PassiveFinding.NO_FACE),
    "box without size": (lambda: noise(200, 200), (50, 50, 0, 100), PassiveFinding.NO_FACE),
    "box of NaN": (lambda: noise(200, 200), (50, float("nan"), 80, 100), PassiveFinding.NO_FACE),
    "endless box": (lambda: noise(200, 200), (50, 50, float("inf"), 100), PassiveFinding.NO_FACE),
    "box of three": (lambda: noise(200, 200), (50, 50, 80), PassiveFinding.NO_FACE),
    "box of five": (lambda: noise(200, 200), (50, 50, 80, 100, 3), PassiveFinding.NO_FACE),
    "box with a word": (lambda: noise(200, 200), ("50", 50, 80, 100), PassiveFinding.NO_FACE),
    "box of words": (lambda: noise(200, 200), ("50", "a", 80, 100), PassiveFinding.NO_FACE),
    "no box": (lambda: noise(200, 200), None, PassiveFinding.NO_FACE),
    "huge box": (lambda: noise(200, 200), (-1e30, 0, 1e30, 100), PassiveFinding.NO_FACE),
    "tiny picture": (lambda: noise(8, 8), (0, 0, 8, 8), PassiveFinding.NO_PICTURE),
    "grey picture": (lambda: noise(200, 200)[..., 0], (50, 50, 80, 100), PassiveFinding.NO_PICTURE),
    "float picture": (lambda: noise(200, 200).astype(np.float32), (50, 50, 80, 100), PassiveFinding.NO_PICTURE),
    "no array": (lambda: None, (50, 50, 80, 100), PassiveFinding.NO_PICTURE),
    "nothing": (lambda: np.zeros((0, 0, 3), np.uint8), (0, 0, 80, 100), PassiveFinding.NO_PICTURE),
}


def noise(rows: int, columns: int) -> Image:
    return np.random.default_rng(5).integers(0, 256, (rows, columns, 3), np.uint8)


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_judged_is_named(passive: PassiveLiveness, name: str) -> None:
    make, box, finding = FAULTS[name]
    assert passive.assess(make(), box) == PassiveScore(None, passive.threshold, PassiveDecision.UNUSABLE, finding)


def test_any_box_gets_an_answer(passive: PassiveLiveness) -> None:
    """Faces at every edge and of every size, in pictures of every shape."""
    random = np.random.default_rng(11)
    for _ in range(150):
        rows, columns = (int(value) for value in random.integers(16, 260, 2))
        left, top, width, height = (float(value) for value in random.normal(0, 150, 4))
        result = passive.assess(noise(rows, columns), (left, top, width, height))
        assert (result.score is None) is (result.finding is not None)
        assert (result.decision is PassiveDecision.UNUSABLE) is (result.finding is not None)


@pytest.mark.parametrize(
    ("box", "reach", "expected"),
    [((80, 60, 40, 60), 1.0, (70, 60, 60)),
     ((80, 60, 40, 60), 2.0, (40, 30, 120)),
     ((0, 0, 40, 60), 2.0, (0, 0, 120)),
     ((170, 100, 40, 60), 2.0, (80, 30, 120)),
     ((80, 60, 40, 60), 9.0, (25, 0, 150))],
)  # fmt: skip
def test_crops_stay_inside_the_picture(box: Box, reach: float, expected: tuple[int, int, int]) -> None:
    """Column, row and side of what is seen, read from a picture whose colours are its coordinates."""
    picture = np.zeros((150, 200, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(200)[np.newaxis], np.arange(150)[:, np.newaxis]
    column, row, side = expected
    crop = cropped(picture, box, reach, side)
    assert crop.shape == (side, side, 3)
    assert crop[0, 0].tolist() == [column, row, 0]
    assert crop[-1, -1].tolist() == [column + side - 1, row + side - 1, 0]


def test_a_usable_face_has_no_finding(frame: tuple[Image, Box]) -> None:
    assert problem(*frame) is None


def test_this_runtime_computes_what_was_recorded(passive: PassiveLiveness) -> None:
    passive.check_runtime()


def test_every_committed_network_has_records() -> None:
    path = MANIFEST.parent / "golden.json"
    known = {(item["sha256"], item["processor"]) for item in json.loads(path.read_text(encoding="utf-8"))["golden"]}
    for entry in Manifest.load().liveness:
        assert {(entry.network.sha256, "x86_64"), (entry.network.sha256, "any")} <= known


CHANGES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "shifted by one": lambda output: np.roll(output, 1),
    "twice as large": lambda output: 2 * output,
    "nothing": np.zeros_like,
    "not finite": lambda output: np.full_like(output, np.nan),
    "the other sign": np.negative,
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_answer_is_refused(change: str) -> None:
    class Changed(PassiveLiveness):
        def raw(self, crops: Image) -> FloatArray:
            return CHANGES[change](super().raw(crops))

    with pytest.raises(ModelWrong, match=r"liveness, classes: .* computes something else"):
        Changed.load().check_runtime()


def test_a_network_that_answers_nothing_finite_is_no_decision(frame: tuple[Image, Box]) -> None:
    class Broken(PassiveLiveness):
        def raw(self, crops: Image) -> FloatArray:
            return np.full_like(super().raw(crops), np.nan)

    result = Broken.load().assess(*frame)
    assert (result.decision, result.finding) == (PassiveDecision.UNUSABLE, PassiveFinding.NO_ANSWER)


class OneCrop(Network):
    """A hospital's network: one RGB crop, two classes, probabilities; it sees how red a face is."""

    def __init__(self) -> None:
        self.input_type = TensorType((1, 32, 32, 3), "float32")
        self.output_type = TensorType((1, 2), "float32")

    def run(self, value: np.ndarray[Any, Any]) -> FloatArray:
        assert value.shape == self.input_type.shape
        red = float(value[..., 0].mean())
        return np.array([[1 - red, red]], np.float32)


ONE_CROP = {
    **json.loads(MANIFEST.read_text(encoding="utf-8"))["liveness"][0],
    "input": {"shape": [1, 32, 32, 3], "dtype": "float32"},
    "output": {"shape": [1, 2], "dtype": "float32"},
    "preprocessing": {"colour": "RGB", "offset": 0.0, "scale": 1 / 255},
    "crops": [2.7],
    "answer": "probabilities",
    "live_class": 1,
    "threshold": 0.5,
}
"""Its entry."""


OUTPUTS: dict[str, tuple[list[float], float | None]] = {
    "a probability": ([0.1, 0.9], 0.9),
    "each class by itself": ([0.8, 0.9], 0.9),
    "rounded up": ([0.0, 1.0005], 1.0),
    "logits": ([-3.0, 0.9], None),
    "percent": ([10.0, 90.0], None),
    "too much": ([0.1, 1.5], None),
    "negative": ([0.1, -0.5], None),
    "endless": ([0.1, float("inf")], None),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_no_probability_is_no_answer(frame: tuple[Image, Box], name: str) -> None:
    output, score = OUTPUTS[name]

    class Theirs(OneCrop):
        def run(self, value: np.ndarray[Any, Any]) -> FloatArray:
            return np.full_like(super().run(value), output)

    result = PassiveLiveness(Theirs(), parse_liveness(ONE_CROP)).assess(*frame)
    assert result.score == (None if score is None else pytest.approx(score))
    assert result.finding is (PassiveFinding.NO_ANSWER if score is None else None)


@pytest.mark.parametrize(("answer", "fits"), [("logits", False), ("probabilities", True)])
def test_the_logit_of_a_single_class_is_no_answer(answer: str, fits: bool) -> None:
    single = {**ONE_CROP, "output": {"shape": [1, 1], "dtype": "float32"}, "answer": answer, "live_class": 0}
    if fits:
        assert parse_liveness(single).live_class == 0
    else:
        with pytest.raises(ValueError, match="single class"):
            parse_liveness(single)


def test_weights_without_a_record_are_refused(passive: PassiveLiveness, tmp_path: Path) -> None:
    empty = tmp_path / "golden.json"
    empty.write_text('{"golden": []}', encoding="utf-8")
    with pytest.raises(ModelWrong, match="nothing was recorded"):
        passive.check_runtime(empty)


def test_another_threshold_is_taken_from_the_manifest(own_models: Path, frame: tuple[Image, Box]) -> None:
    score = PassiveLiveness.load().assess(*frame).score
    assert score is not None
    for threshold, decision in (
        (score * 0.999, PassiveDecision.LIVE),
        (min(0.999999, score * 1.001), PassiveDecision.ATTACK),
    ):
        edit(own_models, threshold=threshold)
        assert PassiveLiveness.load(manifest=own_models).assess(*frame).decision is decision


def test_another_network_is_asked_as_its_entry_says() -> None:
    theirs = PassiveLiveness(OneCrop(), parse_liveness(ONE_CROP))
    picture = noise(200, 200)
    picture[..., 0], picture[..., 1], picture[..., 2] = picture[..., 0] // 4, picture[..., 1] // 4, 204
    result = theirs.assess(picture, (60, 60, 60, 80))
    assert result.score == pytest.approx(0.8, abs=0.01)
    assert result.decision is PassiveDecision.LIVE


@pytest.mark.parametrize(
    ("key", "value"),
    [("crops", []), ("crops", [2.0]), ("crops", [0.1, 2.0]), ("crops", 3), ("live_class", 99), ("live_class", -1),
     ("live_class", "1"), ("live_class", True), ("threshold", 0), ("threshold", 1.5), ("threshold", None),
     ("answer", "votes"), ("surplus", "x"), ("role", "liveness"),
     # Numbers of such a network are no probabilities, and bytes are not what the crops become.
     ("output", {"shape": [1, 3], "dtype": "int8"}), ("input", {"shape": [1, 112, 112, 9], "dtype": "uint8"})],
)  # fmt: skip
def test_a_wrong_entry_is_named(own_models: Path, key: str, value: object) -> None:
    edit(own_models, **{key: value})
    with pytest.raises(ModelCorrupt, match="an entry"):
        Manifest.load(own_models)


def test_a_changed_file_is_refused(own_models: Path) -> None:
    weights = own_models.parent / Manifest.load(own_models).liveness_entry().network.file
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelCorrupt, match="sha256"):
        PassiveLiveness.load(manifest=own_models)
    weights.unlink()
    with pytest.raises(ModelMissing, match="passive"):
        PassiveLiveness.load(manifest=own_models)


def test_the_entry_for_the_installed_runtime_is_taken(own_models: Path) -> None:
    manifest = Manifest.load()
    entry = manifest.liveness_entry()
    assert installed_runtime()[0] in entry.network.runtimes
    other = dataclasses.replace(entry, network=dataclasses.replace(entry.network, runtimes=("another",)))
    assert dataclasses.replace(manifest, liveness=(other, entry)).liveness_entry() is entry
    edit(own_models, runtimes=["another"])
    with pytest.raises(ModelCorrupt, match="list of liveness networks"):
        PassiveLiveness.load(manifest=own_models)


def test_the_file_is_as_small_as_a_unit_needs() -> None:
    assert Manifest.load().liveness_entry().network.bytes <= 1_000_000
