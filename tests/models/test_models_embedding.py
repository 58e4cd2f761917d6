"""Alignment and embedding against OpenCV's, and what templates and comparisons promise."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.alignment import TEMPLATE_PX, align, similarity
from models.comparison import THRESHOLDS, Decision, OperatingPoint, compare, load_operating_point
from models.convert.pictures import canvas
from models.detector import Face
from models.embedding import Template
from models.errors import ImageError, ModelCorrupt, ModelMissing, NetworkFailed, TemplateMismatch
from models.face import FaceModels, nearest_face
from models.image import FloatArray, Image
from models.interpreter import Network, installed_runtime
from models.manifest import Manifest
from models.projection import Kind

# Lowest cosine to OpenCV's float embedding over the six portraits, less a margin; other processors round otherwise.
MIN_COSINE = {"ai_edge_litert": 0.99, "tflite_runtime": 0.99}
CHIP_SIZE = (102, 126)
CHIP_BYTES = 1010
TEMPLATE_LENGTH = 128
PEOPLE = ("a_card", "a_live", "b_card", "b_live", "c", "d")


def template(models: FaceModels, picture: Image) -> Template:
    face = nearest_face(models.detect(picture))
    assert face is not None
    return models.template(picture, face)


def chip_photo(picture: Image) -> Image:
    """As on a card's chip: 102x126 pixels, the best WebP that fits into 1010 bytes."""
    small = cv2.resize(picture, CHIP_SIZE, interpolation=cv2.INTER_AREA)
    for quality in range(90, -1, -1):
        data = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
        if len(data) <= CHIP_BYTES:
            return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    raise AssertionError("no quality gives 1010 bytes")


def test_embeddings_are_opencvs(
    face_models: FaceModels, person: Callable[[str], Image], golden: dict[str, Any]
) -> None:
    for expected in golden["faces"]:
        picture = canvas(person(expected["picture"].removesuffix(".jpg")))
        landmarks = np.array(expected["landmarks"], np.float32)
        vector = face_models.looks(picture, Face((0, 0, 1, 1), landmarks, 1), Kind.LIVE)[0]
        assert float(vector @ np.array(expected["embedding"])) > MIN_COSINE[installed_runtime()[0]]


def test_the_stem_for_chip_photos_sees_through_their_artefacts(
    face_models: FaceModels, person: Callable[[str], Image]
) -> None:
    """None of these people was learned from: it brings the chip photo nearer to the picture it was made of."""
    gains = []
    for stem in PEOPLE:
        picture = person(stem)
        photo = chip_photo(picture)
        card, live = nearest_face(face_models.detect(photo)), nearest_face(face_models.detect(picture))
        assert card is not None
        assert live is not None
        clear = face_models.looks(picture, live, Kind.LIVE)[0]
        published, _, taught, _ = face_models.looks(photo, card, Kind.CHIP)
        assert np.array_equal(published, face_models.looks(photo, card, Kind.LIVE)[0])
        gains.append(float(clear @ taught - clear @ published))
    assert np.mean(gains) > 0, gains


def test_one_stem_is_in_memory_at_a_time(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    photo = person("a_card")
    face = nearest_face(face_models.detect(photo))
    assert face is not None
    stems = stem_answers()
    face_models.template(photo, face)
    before = held(stems)  # other tests' networks among them
    face_models.reference(photo, face)
    assert held(stems) == before - Counter(["live"]) + Counter(["chip"])
    face_models.template(photo, face)
    assert held(stems) == before


def test_a_stem_that_is_damaged_later_is_told_each_time_until_it_is_whole_again(
    own_models: Path, person: Callable[[str], Image]
) -> None:
    models, photo = FaceModels.load(manifest=own_models), person("a_card")
    face = nearest_face(models.detect(photo))
    assert face is not None
    before = models.compare(models.reference(photo, face), models.template(photo, face))
    chip = Manifest.load(own_models).entry("embedding").chip
    assert chip is not None
    path = own_models.parent / chip.file
    whole = path.rename(path.with_suffix(".whole"))
    with pytest.raises(ModelMissing):
        models.reference(photo, face)
    path.write_bytes(whole.read_bytes()[:-1] + b"?")
    for _ in range(2):
        with pytest.raises(ModelCorrupt):
            models.reference(photo, face)
    seen = models.template(photo, face)
    whole.rename(path)
    assert models.compare(models.reference(photo, face), seen) == before


def stem_answers() -> dict[str, FloatArray]:
    """What either stem answers for a black face."""
    manifest = Manifest.load()
    live = manifest.entry("embedding")
    assert live.chip is not None
    return {name: zeros_answer(manifest.network(one, 1)) for name, one in (("live", live), ("chip", live.chip))}


def held(stems: dict[str, FloatArray]) -> Counter[str]:
    """How often each stem is anywhere in this process."""
    networks = [each for each in gc.get_objects() if isinstance(each, Network)]
    return Counter(name for name, answer in stems.items() for network in networks if same_answer(network, answer))


def zeros_answer(network: Network) -> FloatArray:
    return network.run(np.zeros(network.input_type.shape, np.float32))


def same_answer(network: Network, answer: FloatArray) -> bool:
    if network.output_type.shape != answer.shape:
        return False
    return bool(np.array_equal(zeros_answer(network), answer))


def test_a_template_is_a_unit_vector_that_does_not_show_itself(
    face_models: FaceModels, person: Callable[[str], Image]
) -> None:
    result = template(face_models, person("a_live"))
    assert (result.vector.dtype, result.vector.shape) == (np.float32, (128,))
    assert np.linalg.norm(result.vector) == pytest.approx(1, abs=1e-5)
    assert result.model == face_models.hashes["projection"]
    assert repr(result) == f"Template(model='{result.model}')"
    with pytest.raises(ValueError, match="read-only"):
        result.vector[0] = 1


def test_the_same_picture_gives_the_same_template(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    first, second = (template(face_models, person("c")) for _ in range(2))
    assert np.array_equal(first.vector, second.vector)
    assert face_models.compare(first, second).score == pytest.approx(1, abs=1e-5)


def test_portraits_match_their_own_person_only(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    templates = {stem: template(face_models, person(stem)) for stem in PEOPLE}
    for first in PEOPLE:
        for second in PEOPLE:
            same = first[0] == second[0]
            decision = face_models.compare(templates[first], templates[second]).decision
            assert (decision is Decision.MATCH) == same, (first, second)


@pytest.mark.parametrize("card", ["a_card", "b_card", "c"])
def test_a_chip_photo_of_one_kilobyte_matches_its_own_person_only(
    face_models: FaceModels, person: Callable[[str], Image], card: str
) -> None:
    photo = chip_photo(person(card))
    face = nearest_face(face_models.detect(photo))
    assert face is not None
    reference = face_models.reference(photo, face)
    for stem in ("a_live", "b_live", "c", "d"):
        result = face_models.compare(reference, template(face_models, person(stem)))
        assert (result.decision is Decision.MATCH) == (stem[0] == card[0]), stem
        assert result.threshold == face_models.operating_point.threshold


def test_similarity_finds_the_transform_it_was_given() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 2.5
    shift = np.array([30.0, -4.0])
    moved = TEMPLATE_PX @ turn.T + shift
    matrix = similarity(moved.astype(np.float32))
    assert moved @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(TEMPLATE_PX, abs=1e-4)


def test_similarity_is_opencvs_best_fit() -> None:
    points = (TEMPLATE_PX + np.random.default_rng(5).normal(0, 3, (5, 2))).astype(np.float32)
    matrix = similarity(points)

    def error(candidate: np.ndarray) -> float:
        return float(np.sum((points @ candidate[:, :2].T + candidate[:, 2] - TEMPLATE_PX) ** 2))

    for nudge in np.eye(4):
        a, b, x, y = 1e-3 * nudge
        for sign in (1, -1):
            assert error(matrix) < error(matrix + sign * np.array([[a, -b, x], [b, a, y]]))


def test_alignment_puts_the_eyes_where_they_belong(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    picture = person("d")
    (face,) = face_models.detect(picture)
    aligned = align(picture, face.landmarks)
    assert (aligned.shape, aligned.dtype) == ((112, 112, 3), np.uint8)
    (again,) = face_models.detect(aligned)
    assert np.linalg.norm(again.landmarks - TEMPLATE_PX, axis=1).mean() < 6


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.full((5, 2), np.inf), np.zeros((4, 2)),
     np.zeros(10), TEMPLATE_PX * 0.01],
)  # fmt: skip
def test_landmarks_that_are_no_face_are_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(ImageError, match="landmarks"):
        align(np.zeros((64, 64, 3), np.uint8), landmarks.astype(np.float32))


def unit(*values: float) -> np.ndarray:
    vector = np.zeros(128, np.float32)
    vector[: len(values)] = values
    return vector


def test_the_threshold_itself_is_a_match() -> None:
    point = OperatingPoint("p", 0.5, 1e-4, 0.1, "c", "m", "x")
    reference = Template(unit(1.0), "x")
    scores = {0.5: Decision.MATCH, 0.75: Decision.MATCH, 0.4375: Decision.NO_MATCH, -1.0: Decision.NO_MATCH}
    for score, decision in scores.items():
        result = compare(reference, Template(unit(score), "x"), point)
        assert (result.score, result.threshold, result.decision) == (score, 0.5, decision)


def test_templates_of_two_models_are_not_compared() -> None:
    point = OperatingPoint("p", 0.5, 1e-4, 0.1, "c", "m", "x")
    with pytest.raises(TemplateMismatch, match=r"aaaa.*bbbb"):
        compare(Template(unit(1.0), "aaaa"), Template(unit(1.0), "bbbb"), point)


def test_the_operating_point_says_where_it_was_measured() -> None:
    point = load_operating_point()
    assert (point.name, point.fmr) == ("chip-east-asian-fmr-1e-3", 1e-3)
    assert "East-Asian" in point.measured_on
    assert "Extrapolated, not measured" in point.measured_on
    assert "1010 bytes" in point.condition


def test_the_point_in_use_is_stricter_than_one_for_everybody() -> None:
    points = json.loads(THRESHOLDS.read_text(encoding="utf-8"))["points"]
    for condition in ("chip", "chip-raw", "photo"):
        strict, loose = (points[f"{condition}-{who}-fmr-1e-3"] for who in ("east-asian", "everybody"))
        assert strict["threshold"] > loose["threshold"]
        assert strict["fnmr"] >= loose["fnmr"]


def test_an_answer_that_is_no_number_compares_nobody(
    face_models: FaceModels, person: Callable[[str], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be the cosine -1, "another person"."""
    broken = Network.run

    def answered(self: Network, value: FloatArray) -> FloatArray:
        output = broken(self, value)
        return np.full_like(output, np.nan) if output.size == TEMPLATE_LENGTH else output

    monkeypatch.setattr(Network, "run", answered)
    with pytest.raises(NetworkFailed, match="no number"):
        template(face_models, person("a_live"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"use": "x", "space": "s", "points": {}}',
        '{"use": "x", "space": "s", "points": {"x": {}}}',
        '{"use": "x", "points": {"x": {}}}',
        "[" * 100_000,
        '{"use": "x", "space": "s", "points": {"x": {"threshold": 1' + "0" * 400 + ', "fmr": 0, "fnmr": 0}}}',
        '{"use": "x", "space": "s", "points": {"x": {"threshold": 0.5, "fmr": 0, "fnmr": 1' + "0" * 400 + "}}}",
    ],
)
def test_broken_thresholds_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "thresholds.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ModelCorrupt, match="thresholds"):
        load_operating_point(file)


@pytest.mark.parametrize(("key", "value"), [("threshold", 1.5), ("threshold", "nan"), ("fmr", -1), ("condition", 3)])
def test_a_threshold_out_of_range_is_named(tmp_path: Path, key: str, value: object) -> None:
    point = {"threshold": 0.4, "fmr": 1e-4, "fnmr": 0.1, "condition": "c", "measured_on": "m", key: value}
    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps({"use": "x", "space": "0" * 64, "points": {"x": point}}), encoding="utf-8")
    with pytest.raises(ModelCorrupt, match="thresholds"):
        load_operating_point(file)


def test_missing_thresholds_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="thresholds"):
        load_operating_point(tmp_path / "thresholds.json")
