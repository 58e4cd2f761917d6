"""A provisioned unit for each test, copied from one that is made once, and the face models, loaded once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daemon.liveness.eyes import Eyes
from models.face import FaceModels
from models.liveness.mesh import FaceMesh
from models.passive import PassiveLiveness
from tests.daemon.support import Home, build


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site and a unit that nobody changes."""
    folder = tmp_path_factory.mktemp("provisioned")
    build(folder)
    return folder


@pytest.fixture
def home(provisioned: Path, tmp_path: Path) -> Home:
    """A site and a unit of this test's own."""
    shutil.copytree(provisioned, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def face_models() -> FaceModels:
    """The real networks. For one thread at a time."""
    return FaceModels.load()


@pytest.fixture(scope="session")
def eyes(face_models: FaceModels) -> Eyes:
    """All that a unit looks with. For one thread at a time."""
    return Eyes(face_models, FaceMesh.load(), PassiveLiveness.load())
