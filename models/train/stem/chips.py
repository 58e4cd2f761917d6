"""Chip photos of the learned half's people, each with the live face that it was made of, as the embedder sees both.

`python -m models.train.stem.chips --pairs PAIRS ROOT [--pairs PAIRS ROOT] --out models/train/work/chips.npz`, in the
unit's environment. A picture becomes two chip photos (background flattened and kept) as the evaluation makes them, then
`--passes` times two more from a crop, tone and byte budget that vary, aligned with a small error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from models.train.plane import Random


@dataclass(slots=True)
class Faces:
    """Aligned faces, each (112, 112, 3): ``live`` with its person, ``chips`` with the place of its live face."""

    live: list[Image] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    chips: list[Image] = field(default_factory=list)
    made_of: list[int] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write all of it; persons become numbers."""
        np.savez(
            path,
            live=np.stack(self.live),
            person=np.unique(self.people, return_inverse=True)[1],
            group=np.array(self.groups),
            chips=np.stack(self.chips),
            made_of=np.array(self.made_of),
        )


def varied(picture: Image, face: Face, random: Random) -> tuple[Image, Face]:
    """Another crop, mirrored or not, another tone: as another camera and another clerk would make the photo."""
    left, top, width, height = face.box
    scale = float(np.exp(random.normal(0, 0.05)))
    x, y = np.array([left + width / 2, top + height / 2]) + random.normal(0, 0.025, 2) * height
    if random.random() < 0.5:
        picture, x = np.ascontiguousarray(picture[:, ::-1]), picture.shape[1] - x
    if random.random() < 0.5:
        tone = 255 * (np.arange(256) / 255) ** np.exp(random.normal(0, 0.2))
        picture = tone.astype(np.uint8)[picture]
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


def collect(faces: Faces, pairs: Path, root: Path, group: int, passes: int, random: Random) -> None:
    """All pictures of one list's learned half."""
    models = FaceModels.load()
    pictures = read_pairs(pairs, half=Half.LEARNED).pictures
    for name, person in progress(list(zip(pictures, person_keys(pictures), strict=True)), len(pictures), "pictures"):
        picture = np.asarray(cv2.imread(str(root / name)), np.uint8)
        face = central_face(models.detect(picture), picture)
        if face is None:
            continue
        place = len(faces.live)
        faces.live.append(align(picture, face.landmarks))
        faces.people.append(f"{group} {person}")
        faces.groups.append(group)
        for chosen in (None, *[random] * passes):
            made = list(chip_faces(models, picture, face, chosen))
            faces.chips += made
            faces.made_of += [place] * len(made)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", nargs=2, type=Path, action="append", required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    faces, random = Faces(), np.random.default_rng(options.seed)
    for group, (pairs, root) in enumerate(options.pairs):
        collect(faces, pairs, root, group, options.passes, random)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    faces.save(options.out)


if __name__ == "__main__":
    main()
