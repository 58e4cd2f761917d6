"""The face mesh: points on the face, the same ones wherever the face is; no face is no error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.alignment import MESH_TEMPLATE_PX, SIDE_PX, TEMPLATE_PX, similarity, steadied
from models.detector import Face
from models.errors import ImageError, ModelWrong
from models.evaluate.chip import chip_photo
from models.evaluate.chips import placed
from models.face import FaceModels, nearest_face
from models.golden import GOLDEN
from models.image import Image
from models.liveness.mesh import FaceMesh

PORTRAITS = ("a_live", "b_card", "b_live", "c", "d")


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh.load()


@pytest.mark.parametrize("stem", PORTRAITS)
def test_eyes_nose_and_mouth_lie_where_the_detector_sees_them(
    mesh: FaceMesh, face_models: FaceModels, person: Callable[[str], Image], stem: str
) -> None:
    picture = person(stem)
    face = nearest_face(face_models.detect(picture))
    assert face is not None
    points = mesh.find(picture, face)
    assert points is not None
    assert points.shape == (468, 3)
    eyes = np.linalg.norm(face.landmarks[1] - face.landmarks[0])
    ours = [points[[33, 133], :2].mean(axis=0), points[[263, 362], :2].mean(axis=0), points[4, :2], points[61, :2]]
    for place, other in zip(ours, face.landmarks, strict=False):
        assert np.linalg.norm(place - other) < 0.2 * eyes


@pytest.mark.parametrize(("scale", "roll_deg"), [(0.5, 0), (1.4, 0), (0.8, 25), (0.8, -25)])
def test_the_points_follow_the_picture(
    mesh: FaceMesh, face_models: FaceModels, person: Callable[[str], Image], scale: float, roll_deg: float
) -> None:
    picture = person("b_live")
    matrix = cv2.getRotationMatrix2D((344, 330), roll_deg, scale)
    moved = np.asarray(cv2.warpAffine(picture, matrix, (700, 700)), np.uint8)
    found = [nearest_face(face_models.detect(one)) for one in (picture, moved)]
    assert found[0] is not None
    assert found[1] is not None
    points, others = mesh.find(picture, found[0]), mesh.find(moved, found[1])
    assert points is not None
    assert others is not None
    expected = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    error = np.linalg.norm(others[:, :2] - expected, axis=1) / np.linalg.norm(expected[263] - expected[33])
    assert np.median(error) < 0.06


def test_following_stays_on_the_face(mesh: FaceMesh, face_models: FaceModels, person: Callable[[str], Image]) -> None:
    picture = person("c")
    face = nearest_face(face_models.detect(picture))
    assert face is not None
    points = mesh.find(picture, face)
    assert points is not None
    shifted = np.roll(picture, 6, axis=1)
    followed = mesh.follow(shifted, points)
    assert followed is not None
    assert np.abs((followed - points)[:, 0].mean() - 6) < 1.5


def test_where_no_face_is_there_are_no_points(
    mesh: FaceMesh, face_models: FaceModels, person: Callable[[str], Image]
) -> None:
    picture = person("d")
    face = nearest_face(face_models.detect(picture))
    assert face is not None
    points = mesh.find(picture, face)
    assert points is not None
    assert mesh.find(np.full_like(picture, 90), face) is None
    assert mesh.follow(np.full_like(picture, 90), points) is None
    assert mesh.follow(picture, np.full_like(points, np.nan)) is None
    assert mesh.follow(picture, np.zeros((5, 2), np.float32)) is None
    assert mesh.follow(picture, np.zeros_like(points)) is None
    assert mesh.follow(picture, points + 1e7) is None


def test_mesh_and_detector_together_align_a_chip_photo_nearer_to_the_picture_it_was_made_of(
    mesh: FaceMesh, face_models: FaceModels, person: Callable[[str], Image]
) -> None:
    apart: dict[str, list[float]] = {"detector": [], "both": []}
    for stem in PORTRAITS:
        picture = person(stem)
        face = nearest_face(face_models.detect(picture))
        assert face is not None
        clear = placed(face)
        for flat in (True, False):
            photo = chip_photo(picture, face, flatten=flat)
            seen = nearest_face(face_models.detect(photo))
            assert seen is not None
            for name, found in (("detector", seen), ("both", mesh.steadied(photo, seen))):
                corners = np.array([(0, 0), (0, SIDE_PX), (SIDE_PX, 0), (SIDE_PX, SIDE_PX)], float)
                wanted, got = (back(similarity(landmarks), corners) for landmarks in (clear, found.landmarks))
                apart[name].append(float(np.linalg.norm(got - wanted, axis=1).mean()))
    assert np.mean(apart["both"]) < np.mean(apart["detector"])


def back(matrix: npt.NDArray[np.float64], points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where aligned ``points`` lie in the picture."""
    return np.asarray(np.linalg.solve(matrix[:, :2], (points - matrix[:, 2]).T).T)


def test_a_face_without_a_mesh_keeps_its_landmarks(mesh: FaceMesh) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (126, 102, 3), np.uint8)
    face = Face((20, 20, 60, 80), np.array([(35, 50), (65, 50), (50, 65), (38, 80), (62, 80)], np.float32), 0.9)
    assert mesh.steadied(noise, face) is face


def test_landmarks_and_points_that_agree_stay() -> None:
    points = np.zeros((468, 3), np.float32)
    for number, place in MESH_TEMPLATE_PX.items():
        points[number, :2] = place
    found = steadied(TEMPLATE_PX.astype(np.float32) * 2 + 7, points * 2 + 7)
    assert found.dtype == np.float32
    assert np.allclose(found, TEMPLATE_PX * 2 + 7, atol=1e-3)
    for broken in (np.full((468, 3), np.nan, np.float32), np.zeros((468, 3), np.float32)):
        with pytest.raises(ImageError):
            steadied(TEMPLATE_PX.astype(np.float32), broken)


def test_noise_is_no_face(mesh: FaceMesh) -> None:
    chance = np.random.default_rng(0)
    points = chance.uniform(50, 200, (468, 3)).astype(np.float32)
    for _ in range(10):
        assert mesh.follow(chance.integers(0, 256, (240, 320, 3), np.uint8), points) is None


def test_what_is_no_picture_is_named(mesh: FaceMesh) -> None:
    with pytest.raises(ImageError, match="uint8"):
        mesh.follow(np.zeros((200, 200, 3), np.float32), np.zeros((468, 3), np.float32))


def test_this_runtime_computes_what_was_recorded(mesh: FaceMesh) -> None:
    mesh.check_runtime()


@pytest.mark.parametrize("part", ["points", "presence"])
def test_another_answer_is_refused(mesh: FaceMesh, part: str, tmp_path: Path) -> None:
    """The one number that says whether there is a face, too, beside 1,404 that are larger."""
    document = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for item in document["golden"]:
        if item["sha256"] == mesh.sha256:
            item["parts"][part]["output"] = [-value for value in item["parts"][part]["output"]]
    other = tmp_path / "golden.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelWrong, match=f"mesh, {part}"):
        mesh.check_runtime(other)
