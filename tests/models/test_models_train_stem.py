"""What the stem for chip photos is taught with: chip photos as the unit would see them, each other than the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from models.alignment import SIDE_PX, TEMPLATE_PX, similarity
from models.evaluate.acquire import central_face
from models.evaluate.pairs import Half, half_of
from models.face import FaceModels
from models.image import Image
from models.train.stem.chips import Faces, chip_faces, collect, misaligned, varied

Person = Callable[[str], Image]
MANY = 60


def test_both_kinds_of_chip_photo_are_made_and_no_two_alike(face_models: FaceModels, person: Person) -> None:
    picture = person("a_live")
    face = central_face(face_models.detect(picture), picture)
    assert face is not None
    random = np.random.default_rng(3)
    made = [chip for chosen in (None, random, random) for chip in chip_faces(face_models, picture, face, chosen)]
    assert len(made) == 6
    assert {(chip.shape, chip.dtype) for chip in made} == {((SIDE_PX, SIDE_PX, 3), np.dtype(np.uint8))}
    assert len({chip.tobytes() for chip in made}) == 6
    again = [chip for chosen in (None,) for chip in chip_faces(face_models, picture, face, chosen)]
    assert all(np.array_equal(one, other) for one, other in zip(made[:2], again, strict=True))


def test_a_varied_picture_still_has_its_face_in_the_box(face_models: FaceModels, person: Person) -> None:
    picture = person("d")
    face = central_face(face_models.detect(picture), picture)
    assert face is not None
    before, random = picture.copy(), np.random.default_rng(4)
    found = [varied(picture, face, random) for _ in range(MANY)]
    assert np.array_equal(picture, before)
    for other, moved in found:
        again = central_face(face_models.detect(other), other)
        assert again is not None
        middles = [np.array(box[:2]) + np.array(box[2:]) / 2 for box in (again.box, moved.box)]
        assert np.linalg.norm(middles[0] - middles[1]) < 0.2 * face.box[3]
    widths = {moved.box[2] for _, moved in found}
    assert len(widths) == MANY
    assert 0.7 < min(widths) / face.box[2] < max(widths) / face.box[2] < 1.4


def test_misalignment_is_that_of_a_detector() -> None:
    """About a degree, a percent and half a pixel, in no direction rather than another."""
    random, matrix = np.random.default_rng(5), similarity(np.float32(3) * TEMPLATE_PX.astype(np.float32))
    landmarks = 3 * TEMPLATE_PX
    moved = np.stack(
        [landmarks @ (found := misaligned(matrix, random))[:, :2].T + found[:, 2] - TEMPLATE_PX for _ in range(2000)]
    )
    assert np.abs(moved.mean(axis=0)).max() < 0.1
    assert 0.4 < moved.std() < 1.5


def test_only_the_learned_half_is_taken(tmp_path: Path, person: Person) -> None:
    """Whoever is in the other half is in every figure, so nobody of it may be learned from."""
    names = {"Ada_Demo": "a_live", "Bea_Demo": "b_live", "Cat_Demo": "c", "Dee_Demo": "d"}
    rows = ["a,b,same"]
    for name, stem in names.items():
        for number in (1, 2):
            assert cv2.imwrite(str(tmp_path / f"{name}_{number}.png"), person(stem))
        rows.append(f"{name}_1.png,{name}_2.png,1")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("\n".join(rows) + "\n", encoding="utf-8")
    faces = Faces()
    collect(faces, pairs, tmp_path, 0, 1, np.random.default_rng(1))
    people = set(faces.people)
    assert people == {f"0 {name}" for name in names if half_of(name) is Half.LEARNED}
    assert 0 < len(people) < len(names)
    faces.save(tmp_path / "faces.npz")
    with np.load(tmp_path / "faces.npz") as file:
        assert file["live"].shape == (2 * len(people), SIDE_PX, SIDE_PX, 3)
        assert file["chips"].shape == (8 * len(people), SIDE_PX, SIDE_PX, 3)
        assert np.array_equal(np.bincount(file["made_of"]), np.full(2 * len(people), 4))
        assert sorted(set(file["person"].tolist())) == list(range(len(people)))
