"""A face's mesh, found once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.face import FaceModels, nearest_face
from models.image import FloatArray, Image
from models.liveness.mesh import FaceMesh


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    return FaceMesh.load()


@pytest.fixture(scope="session")
def points(face_models: FaceModels, face_mesh: FaceMesh, person: Callable[[str], Image]) -> FloatArray:
    """The mesh (468, 3) of a portrait."""
    picture = person("b_live")
    face = nearest_face(face_models.detect(picture))
    assert face is not None
    found = face_mesh.find(picture, face)
    assert found is not None
    return found
