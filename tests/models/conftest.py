"""The loaded models (once per test process), the demo's people, and the golden vectors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.face import FaceModels
from models.image import Image
from models.manifest import FOLDER, MANIFEST

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def face_models() -> FaceModels:
    return FaceModels.load()


@pytest.fixture(scope="session")
def person() -> Callable[[str], Image]:
    """A picture of daemon/demo/people by its file's stem."""

    def read(stem: str) -> Image:
        picture = cv2.imread(str(ROOT / "daemon" / "demo" / "people" / f"{stem}.jpg"))
        assert picture is not None
        return np.asarray(picture, np.uint8)

    return read


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "models.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture
def own_models(tmp_path: Path) -> Path:
    """A copy of manifest and weights that a test may damage; the path of its manifest."""
    shutil.copytree(FOLDER / "weights", tmp_path / "weights")
    return Path(shutil.copy(MANIFEST, tmp_path))
