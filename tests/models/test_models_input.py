"""Whatever is handed in instead of a picture: a named error or an empty answer, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import interpreter
from models.detector import Face
from models.embedding import Embedder
from models.errors import ImageError, RuntimeMissing
from models.face import FaceModels
from models.image import MAX_SIDE_PX, Image, require_image
from models.manifest import Manifest
from models.projection import Kind

NO_PICTURES = [
    None,
    "picture",
    [[1, 2, 3]],
    b"\xff\xd8\xff",
    np.zeros((0, 0, 3), np.uint8),
    np.zeros((15, 100, 3), np.uint8),
    np.zeros((100, 15, 3), np.uint8),
    np.zeros((64, 64), np.uint8),
    np.zeros((64, 64, 1), np.uint8),
    np.zeros((64, 64, 4), np.uint8),
    np.zeros((1, 64, 64, 3), np.uint8),
    np.zeros((3, 64, 64), np.uint8),
    np.zeros((64, 64, 3), np.float32),
    np.zeros((64, 64, 3), np.int8),
    np.zeros((64, 64, 3), np.uint16),
    np.zeros((64, 64, 3), bool),
    np.zeros((64, 64, 3), object),
    np.zeros((MAX_SIDE_PX + 1, 16, 3), np.uint8),
    np.array(5, np.uint8),
]
FACE = Face((0, 0, 10, 10), np.array([(10, 10), (20, 10), (15, 15), (11, 20), (19, 20)], np.float32), 1.0)


@pytest.mark.parametrize("thing", NO_PICTURES, ids=lambda thing: f"{type(thing).__name__}{np.shape(thing)}")
def test_what_is_no_picture_is_an_image_error(face_models: FaceModels, thing: Image) -> None:
    with pytest.raises(ImageError, match=r"picture|side"):
        face_models.detect(thing)
    with pytest.raises(ImageError, match=r"picture|side"):
        face_models.template(thing, FACE)


@pytest.mark.parametrize("shape", [(16, 16), (16, MAX_SIDE_PX), (MAX_SIDE_PX, 16), (17, 999), (641, 640)])
def test_extreme_but_allowed_shapes(face_models: FaceModels, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert require_image(picture) is picture
    assert face_models.detect(picture) == ()
    assert face_models.template(picture, FACE).vector.shape == (128,)


@pytest.mark.parametrize(
    "thing",
    [None, np.zeros((112, 112), np.uint8), np.zeros((112, 112, 3), np.float32), np.zeros((111, 112, 3), np.uint8)],
)
def test_what_is_no_aligned_face_is_an_image_error(thing: Image) -> None:
    manifest = Manifest.load()
    entry = manifest.entry("embedding")
    embedder = Embedder.load(manifest, entry, 1)
    for kind in Kind:
        with pytest.raises(ImageError, match="aligned"):
            embedder.embed([thing], kind)


@settings(max_examples=40)
@given(
    height=st.integers(16, 400),
    width=st.integers(16, 400),
    seed=st.integers(0, 2**32 - 1),
    blur=st.integers(0, 12),
)
def test_random_pictures(face_models: FaceModels, height: int, width: int, seed: int, blur: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if blur:
        picture = cv2.normalize(cv2.blur(picture, (2 * blur, 2 * blur)), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    for face in face_models.detect(picture):
        assert np.all(np.isfinite(face.landmarks))
        assert np.linalg.norm(face_models.template(picture, face).vector) == pytest.approx(1, abs=1e-4)


@settings(max_examples=40)
@given(points=st.lists(st.floats(-(2.0**100), 2.0**100, width=64), min_size=10, max_size=10))
def test_random_landmarks(face_models: FaceModels, points: list[float]) -> None:
    picture = np.full((64, 64, 3), 90, np.uint8)
    face = Face((0, 0, 10, 10), np.array(points, np.float32).reshape(5, 2), 1.0)
    try:
        vector = face_models.template(picture, face).vector
    except ImageError:
        return
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("keep", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("stem", ["a_live", "c"])
def test_truncated_pictures(
    face_models: FaceModels, person: Callable[[str], Image], tmp_path: Path, stem: str, keep: float
) -> None:
    """OpenCV decodes what there is, or gives None: the one has faces or not, the other is an error with a name."""
    data = cv2.imencode(".jpg", person(stem))[1].tobytes()
    file = tmp_path / "cut.jpg"
    file.write_bytes(data[: int(keep * len(data))])
    picture = cv2.imread(str(file))
    if picture is None:
        with pytest.raises(ImageError, match="NoneType"):
            face_models.detect(picture)
    else:
        found = face_models.detect(np.asarray(picture, np.uint8))
        assert len(found) <= 1
        assert keep < 0.9 or len(found) == 1


def test_without_a_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "RUNTIMES", ("no_such_runtime",))
    with pytest.raises(RuntimeMissing, match="ai-edge-litert"):
        interpreter.installed_runtime.__wrapped__()


def test_an_input_of_another_shape_is_not_stretched() -> None:
    """numpy would repeat a single row over the whole input."""
    manifest = Manifest.load()
    network = manifest.network(manifest.entry("detector"), 1)
    with pytest.raises(ValueError, match="shape"):
        network.run(np.zeros((1, 1, 320, 3), np.float32))
