"""Points of the skin, followed over pictures that are moved here by known ways."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from models.face import FaceModels, nearest_face
from models.image import FloatArray, Image
from models.liveness.mesh import FaceMesh
from models.liveness.tracks import EYES_DOWN_PX, EYES_PX, FOLLOWED, SIDE_PX, Tracks, flow, moved, view
from models.liveness.upright import Grey, upright

STEPS = 12


@pytest.fixture(scope="module")
def face(face_models: FaceModels, face_mesh: FaceMesh, person: Callable[[str], Image]) -> tuple[Grey, FloatArray]:
    """A portrait in grey, and its mesh."""
    picture = person("b_live")
    found = nearest_face(face_models.detect(picture))
    assert found is not None
    mesh = face_mesh.find(picture, found)
    assert mesh is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), mesh


def warped(grey: Grey, mesh: FloatArray, share: float) -> tuple[Grey, FloatArray]:
    """The portrait squeezed about its middle as by a turn, and where its mesh has gone."""
    middle = float(mesh[:, 0].mean())
    narrower = 1 - 0.12 * share
    matrix = np.array([[narrower, 0.0, middle * (1 - narrower) + 9 * share], [0.0, 1.0, 5 * share]])
    size = grey.shape[1], grey.shape[0]
    gone = mesh.copy()
    gone[:, :2] = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(cv2.warpAffine(grey, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8), gone


def test_points_go_where_the_picture_goes_whatever_the_mesh_says(face: tuple[Grey, FloatArray]) -> None:
    tracks = Tracks()
    chance = np.random.default_rng(0)
    for step in range(STEPS + 1):
        grey, mesh = warped(*face, step / STEPS)
        drawn = mesh + chance.normal(0, 0.4, mesh.shape).astype(np.float32)
        if step:  # a mesh that lets the nose go as a face's would
            drawn[[4, 5, 1, 195, 19, 94], 0] += 12 * step / STEPS
        at = tracks.follow(grey, drawn)
    known = np.isfinite(at).all(axis=1)
    assert known.mean() > 0.8
    true = upright(mesh)[list(FOLLOWED)][known]
    centred = (at[known] - at[known].mean(axis=0)) @ [1, 1j]
    wanted = (true - true.mean(axis=0)) @ [1, 1j]
    fitted = centred * (np.vdot(centred, wanted) / np.vdot(centred, centred))
    assert np.sqrt((abs(fitted - wanted) ** 2).mean()) < 0.01, "but for how the mesh moves, turns and zooms it all"


def test_what_is_hidden_is_lost_for_good(face: tuple[Grey, FloatArray]) -> None:
    grey, mesh = face
    tracks = Tracks()
    assert np.isfinite(tracks.follow(grey, mesh)).all()
    noise = np.random.default_rng(1).integers(0, 256, grey.shape, np.uint8)
    hidden = tracks.follow(noise, mesh)
    assert np.isnan(hidden).any(axis=1).mean() > 0.8
    lost = np.isnan(hidden)
    again = tracks.follow(grey, mesh)
    assert np.isnan(again[lost]).all()


def test_what_is_found_but_not_on_the_way_back_is_lost(
    face: tuple[Grey, FloatArray], person: Callable[[str], Image]
) -> None:
    """Another face in the same place has corners and edges too, and none of hers."""
    grey, mesh = face
    other = cv2.resize(cv2.cvtColor(person("a_live"), cv2.COLOR_BGR2GRAY), (grey.shape[1], grey.shape[0]))
    here, there = (view(np.asarray(one, np.uint8), mesh) for one in (grey, other))
    points = (upright(mesh)[list(FOLLOWED)] * EYES_PX + [SIDE_PX / 2, EYES_DOWN_PX]).astype(np.float32)
    _, found = flow(here, there, points)
    kept = np.isfinite(moved(here, there, points)).all(axis=1)
    assert found.mean() > 0.3
    assert kept.mean() < found.mean() / 3


def test_a_picture_without_anything_on_it_moves_nowhere(face: tuple[Grey, FloatArray]) -> None:
    _, mesh = face
    tracks, blank = Tracks(), np.full((400, 400), 90, np.uint8)
    first = tracks.follow(blank, mesh)
    then = tracks.follow(blank, mesh + 2)
    assert np.allclose(then[np.isfinite(then)], first[np.isfinite(then)], atol=0.02)
