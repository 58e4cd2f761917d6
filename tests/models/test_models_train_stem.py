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
from models.image import FloatArray, Image
from models.liveness.mesh import FaceMesh
from models.projection import Kind
from models.train.stem.chips import HELD_OUT, NOBODY, chip_faces, collect, misaligned, varied
from models.train.stem.morph import Subject, likest, morph, thin_plate

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
    faces = collect([(pairs, tmp_path)], MANY, np.random.default_rng(1))
    learned = [name for name in names if half_of(name) is Half.LEARNED]
    assert 0 < len(learned) < len(names)
    known = [person for person in faces.persons if person != NOBODY]
    assert sorted(set(known)) == list(range(len(learned)))
    assert NOBODY in faces.persons
    faces.save(tmp_path / "faces.npz")
    with np.load(tmp_path / "faces.npz") as file:
        assert len(file["live"]) == len(file["person"]) == len(file["group"])
        assert file["live"].shape[1:] == file["chips"].shape[1:] == (SIDE_PX, SIDE_PX, 3)
        made_of = file["made_of"]
        assert len(made_of) == len(file["chips"]) > MANY
        later = file["person"][np.unique(made_of[4 * len(learned) :])]
        assert not np.any((later != NOBODY) & (later % HELD_OUT == 0)), "taught what is to judge"


def test_a_morph_is_between_two_people(face_models: FaceModels, person: Person) -> None:
    mesh, random, found = FaceMesh.load(), np.random.default_rng(6), []
    for stem in ("a_live", "b_live"):
        picture = person(stem)
        face = central_face(face_models.detect(picture), picture)
        assert face is not None
        points = mesh.find(picture, face)
        assert points is not None
        found.append(Subject(picture, face, points[:, :2].astype(np.float64), stem, 0))
    one, other = found
    assert likest(one, found) is other
    assert likest(one, [one]) is None
    before = one.picture.copy(), other.picture.copy()

    def seen(picture: Image) -> FloatArray:
        face = central_face(face_models.detect(picture), picture)
        assert face is not None
        return face_models.looks(picture, face, Kind.LIVE)[0]

    ends = seen(one.picture), seen(other.picture)
    for _ in range(4):
        picture = morph(one, other, random)
        assert picture.shape == one.picture.shape
        far = np.abs(picture[0].astype(float) - one.picture[0])
        assert far.mean() < 3, "what is far from the face stays"
        between = seen(picture)
        apart = float(ends[0] @ ends[1])
        assert all(apart + 0.1 < float(between @ end) < 0.99 for end in ends)
    assert all(np.array_equal(old, each.picture) for old, each in zip(before, found, strict=True))


def test_a_thin_plate_goes_through_its_points() -> None:
    random = np.random.default_rng(8)
    points = random.uniform(20, 180, (30, 2))
    to = points + random.normal(0, 2, (30, 2))
    across, down = thin_plate(points, to, (200, 210))
    assert across.shape == down.shape == (200, 210)
    at = np.rint(points).astype(int)
    found = np.stack([across[at[:, 1], at[:, 0]], down[at[:, 1], at[:, 0]]], axis=1)
    assert np.abs(found - to - (at - points)).max() < 1.5
    still = thin_plate(points, points, (50, 60))
    assert np.abs(still[0] - np.arange(60)).max() < 1e-3
