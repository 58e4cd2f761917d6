"""A provisioned unit for each test, copied from one that is made once, and the face models, loaded once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.liveness.eyes import Eyes
from models.face import FaceModels
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest
from models.passive import PassiveLiveness
from tests.daemon.support import Home, build

Selftest = Callable[..., tuple[int, dict[str, str], str]]
"""Arguments in; exit status, the report's texts by test, and what stands on standard error."""


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
    return Eyes(face_models, FaceMesh.load(), PassiveLiveness.load(), {"manifest": Manifest.load().sha256})


@pytest.fixture
def selftest(home: Home, capsys: pytest.CaptureFixture[str]) -> Selftest:
    def run(*arguments: str) -> tuple[int, dict[str, str], str]:
        capsys.readouterr()
        status = main(["selftest", "--json", "--config", str(home.toml), *arguments])
        shown = capsys.readouterr()
        report = {one["test"]: one["text"] for one in map(json.loads, shown.out.splitlines())}
        return status, report, shown.err

    return run
