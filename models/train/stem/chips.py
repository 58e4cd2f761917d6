"""Chip photos of the learned half's people, each with the live face that it was made of, as the embedder sees both.

`python -m models.train.stem.chips --pairs PAIRS ROOT [--pairs PAIRS ROOT] --out models/train/work/chips.npz`, in the
unit's environment. Every picture becomes two chip photos (background flattened and kept) as the evaluation makes them.
Then follow `--count` more, of the people who are taught and of faces between them (`morph`), from a crop, tone,
sharpness and byte budget that vary, aligned with a small error. Every fifth person is held out to judge by.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from models.alignment import SIDE_PX, align, similarity
from models.detector import Face
from models.evaluate.acquire import central_face
from models.evaluate.chip import MAX_BYTES, DoesNotFit, decode, encode, flattened, outline, portrait
from models.evaluate.pairs import Half, person_keys, read_pairs
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.liveness.mesh import FaceMesh
from models.train.plane import Random
from models.train.stem.morph import Subject, likest, morph

HELD_OUT = 5
MORPHED = 0.6
"""Share of the faces that are between two people's."""
SECOND_LIST = 0.22
"""Share of those taken from the second list, the East-Asian women's, who are few."""
SAME_LIST = 0.85
"""How often both faces of a morph are of one list."""
CANDIDATES = 12
NOBODY = -1


@dataclass(slots=True)
class Faces:
    """Aligned faces, each (112, 112, 3): ``live`` with its person, ``chips`` with the place of its live face.

    A person is a number among all, `NOBODY` for a face between two people's.
    """

    live: list[Image] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    chips: list[Image] = field(default_factory=list)
    made_of: list[int] = field(default_factory=list)

    def add(self, live: Image, person: int, group: int, chips: list[Image]) -> None:
        """A live face and what was made of it."""
        self.made_of += [len(self.live)] * len(chips)
        self.live.append(live)
        self.persons.append(person)
        self.groups.append(group)
        self.chips += chips

    def save(self, path: Path) -> None:
        """Write all of it."""
        np.savez(
            path,
            live=np.stack(self.live),
            person=np.array(self.persons),
            group=np.array(self.groups),
            chips=np.stack(self.chips),
            made_of=np.array(self.made_of),
        )


def subjects(models: FaceModels, pairs: Path, root: Path, group: int) -> Iterator[Subject]:
    """Everybody of one list's learned half in whose picture a face and its mesh are found."""
    mesh = FaceMesh.load()
    pictures = read_pairs(pairs, half=Half.LEARNED).pictures
    for name, person in progress(list(zip(pictures, person_keys(pictures), strict=True)), len(pictures), "pictures"):
        picture = np.asarray(cv2.imread(str(root / name)), np.uint8)
        face = central_face(models.detect(picture), picture)
        points = None if face is None else mesh.find(picture, face)
        if face is not None and points is not None:
            yield Subject(picture, face, points[:, :2].astype(np.float64), person, group)


def varied(picture: Image, face: Face, random: Random) -> tuple[Image, Face]:
    """Another crop, mirrored or not, another tone and sharpness: as another camera and another clerk would make it."""
    left, top, width, height = face.box
    scale = float(np.exp(random.normal(0, 0.05)))
    x, y = np.array([left + width / 2, top + height / 2]) + random.normal(0, 0.025, 2) * height
    if random.random() < 0.5:
        picture, x = np.ascontiguousarray(picture[:, ::-1]), picture.shape[1] - x
    if random.random() < 0.6:
        tone = 255 * (np.arange(256) / 255) ** np.exp(random.normal(0, 0.25))
        picture = tone.astype(np.uint8)[picture]
    if random.random() < 0.25:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.0) * height / 120), np.uint8)
    box = (x - width * scale / 2, y - height * scale / 2, width * scale, height * scale)
    return picture, replace(face, box=box)


def misaligned(matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]], random: Random) -> np.ndarray:
    """The alignment with the landmarks' usual error: a degree, a percent, half a pixel."""
    angle, zoom = np.deg2rad(random.normal(0, 1)), float(np.exp(random.normal(0, 0.012)))
    a, b = zoom * np.cos(angle), zoom * np.sin(angle)
    middle = np.array([SIDE_PX / 2, SIDE_PX / 2 + 4])
    turn = np.array([[a, -b], [b, a]])
    shift = middle - turn @ (middle - random.normal(0, 0.5, 2))
    return np.hstack([turn @ matrix[:, :2], (turn @ matrix[:, 2] + shift)[:, np.newaxis]])


def chip_faces(models: FaceModels, picture: Image, face: Face, random: Random | None) -> Iterator[Image]:
    """The aligned faces of both kinds of chip photo; none where the photo does not fit or shows no face."""
    for flat in (True, False):
        source, box, most_bytes = picture, face, MAX_BYTES
        if random is not None:
            source, box = varied(picture, face, random)
            most_bytes = int(random.uniform(0.88, 1.06) * MAX_BYTES)
        clean = portrait(source, box)
        try:
            photo = decode(encode(flattened(clean, outline(box)) if flat else clean, most_bytes))
        except DoesNotFit:
            continue
        found = central_face(models.detect(photo), photo)
        if found is None:
            continue
        matrix = similarity(found.landmarks)
        if random is not None:
            matrix = misaligned(matrix, random)
        yield np.asarray(cv2.warpAffine(photo, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR), np.uint8)


def drawn(
    models: FaceModels, taught: list[list[Subject]], numbers: dict[tuple[int, str], int], random: Random
) -> tuple[Image, Face, int, int] | None:
    """A picture with its face, person and group; now and then of nobody, and None where that shows no face."""
    group = int(len(taught) > 1 and random.random() < SECOND_LIST)
    one = taught[group][int(random.integers(len(taught[group])))]
    if random.random() >= MORPHED:
        return one.picture, one.face, numbers[one.group, one.person], group
    beside = taught[group if len(taught) < 2 or random.random() < SAME_LIST else 1 - group]
    other = likest(one, [beside[int(place)] for place in random.integers(0, len(beside), CANDIDATES)])
    if other is None:
        return None
    picture = morph(one, other, random)
    face = central_face(models.detect(picture), picture)
    return None if face is None else (picture, face, NOBODY, group)


def collect(lists: list[tuple[Path, Path]], wanted: int, random: Random) -> Faces:
    """All learned people as they are, then ``wanted`` chip photos of those who are taught."""
    models, faces = FaceModels.load(), Faces()
    found = [list(subjects(models, *each, group)) for group, each in enumerate(lists)]
    people = sorted({(one.group, one.person) for group in found for one in group})
    numbers = dict(zip(people, count(), strict=False))
    for one in (one for group in found for one in group):
        chips = list(chip_faces(models, one.picture, one.face, None))
        faces.add(align(one.picture, one.face.landmarks), numbers[one.group, one.person], one.group, chips)
    taught = [[one for one in group if numbers[one.group, one.person] % HELD_OUT] for group in found]
    for _ in progress(range(wanted // 2), wanted // 2, "faces"):
        chosen = drawn(models, taught, numbers, random)
        if chosen is not None:
            picture, face, person, group = chosen
            chips = list(chip_faces(models, picture, face, random))
            faces.add(align(picture, face.landmarks), person, group, chips)
    return faces


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs=2, type=Path, action="append", required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    faces = collect(
        [(pairs, root) for pairs, root in options.pairs], options.count, np.random.default_rng(options.seed)
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    faces.save(options.out)


if __name__ == "__main__":
    main()
