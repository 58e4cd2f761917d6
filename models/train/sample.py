"""Frames of `scene` as the network sees them, in shards: crops, species, person.

`python -m models.train.sample --pictures DIR --half learned --count 12000 --seed 1 --out work/train`. A picture's
person decides on which side of the split it is (`models.evaluate.pairs.half_of`), never the picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from models.evaluate.acquire import central_face, content_of, decoded
from models.evaluate.pairs import Half, PairsError, half_of, person_keys
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.passive import cropped
from models.train.plane import Box, Random
from models.train.room import Source
from models.train.scene import ATTACKS, Frame, Species, shots

CROPS = (4.0, 2.0, 1.1)
"""Squares of the longer side of the face's box. LFW has no more than 2.0 around its faces: what the largest sees
beyond, `room` made, for live frames and attacks alike."""
SIDE_PX = 112
LIVE_SHARE = 0.4
SHARES = (0.25, 0.15, 0.15, 0.15, 0.15, 0.15)
"""Of the attacks, in the order of `scene.ATTACKS`."""
TRIMMED = 0.25
"""Share of frames with little around the face. All, if her picture has nothing around it: live she could be shown no
other way, and an attack with surroundings would then be told by them alone."""
TAKES = 3
"""Frames of one scene."""
SHARD = 500


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One picture and whose it is (a number)."""

    source: Source
    number: int


def people(folders: list[Path], half: Half) -> list[Person]:
    """All pictures of one half's people in which the detector finds a face.

    Raises:
        PairsError: a folder has no picture, or one cannot be read.
    """
    models = FaceModels.load()
    files = [path for folder in folders for path in sorted(folder.glob("*.jpg"))]
    for folder in folders:
        if not any(path.parent == folder for path in files):
            raise PairsError(f"{folder}: no picture (NAME_0001.jpg, all people in one folder)")
    keys = person_keys([path.name for path in files])
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    found = []
    for path, key in progress(list(zip(files, keys, strict=True)), len(files), "faces"):
        if half_of(key) is not half:
            continue
        picture = decoded(content_of(path))
        if picture is None:
            raise PairsError(f"{path}: no picture")
        face = central_face(models.detect(picture), picture)
        if face is not None:
            found.append(Person(Source(picture, face.box), numbers[key]))
    return found


def trimmed(frame: Frame, share: float, random: Random) -> tuple[Image, Box]:
    """With the chance ``share`` there is little around the face, as with a narrow camera or a crop."""
    left, top, width, height = frame.box
    if random.random() > share:
        return frame.picture, frame.box
    side = frame.picture.shape[0]
    reach = random.uniform(0.0, 0.4, 4) * np.array([width, height, width, height])
    x0, y0 = max(0, round(left - reach[0])), max(0, round(top - reach[1]))
    x1, y1 = min(side, round(left + width + reach[2])), min(side, round(top + height + reach[3]))
    return frame.picture[y0:y1, x0:x1], (left - x0, top - y0, width, height)


def jittered(box: Box, random: Random) -> Box:
    """As another detector, or the same on the next frame, would put it."""
    left, top, width, height = box
    dx, dy, dw, dh = random.normal(0, 0.03, 4)
    return left + dx * width, top + dy * height, width * (1 + dw), height * (1 + dh)


def usable(picture: Image, box: Box) -> bool:
    """Enough of the face lies in the frame."""
    rows, columns = picture.shape[:2]
    left, top, width, height = box
    return (
        min(rows, columns) >= 32
        and left > -0.3 * width
        and top > -0.3 * height
        and left + width < columns + 0.3 * width
        and top + height < rows + 0.3 * height
    )


def frames(persons: list[Person], count: int, seed: int) -> Iterator[tuple[Image, Box, Species, int]]:
    """So many frames: picture, box, species, person."""
    random = np.random.default_rng(seed)
    wide = [person for person in persons if not person.source.tight] or persons
    while count:
        person, other = (some[int(random.integers(len(some)))] for some in (persons, wide))
        live = random.random() < LIVE_SHARE
        species = Species.LIVE if live else Species(random.choice(ATTACKS, p=SHARES))
        for frame in islice(shots(person.source, other.source, species, random), TAKES):
            picture, box = trimmed(frame, 1.0 if person.source.tight else TRIMMED, random)
            box = jittered(box, random)
            if count and usable(picture, box):
                count -= 1
                yield picture, box, species, person.number


def main() -> None:
    """Write the shards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders of live pictures, LFW's names")
    parser.add_argument("--half", type=Half, choices=list(Half), default=Half.LEARNED)
    parser.add_argument("--count", type=int, default=12000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    persons = people(options.pictures, options.half)
    rows: list[tuple[Image, int, int]] = []
    shard = 0
    names = list(Species)
    for picture, box, species, number in progress(
        frames(persons, options.count, options.seed), options.count, "frames"
    ):
        crops = np.concatenate([cropped(picture, box, reach, SIDE_PX) for reach in CROPS], axis=2)
        rows.append((crops, names.index(species), number))
        if len(rows) == SHARD:
            write(options.out / f"{options.half}-{options.seed}-{shard:03d}.npz", rows)
            rows, shard = [], shard + 1
    if rows:
        write(options.out / f"{options.half}-{options.seed}-{shard:03d}.npz", rows)


def write(path: Path, rows: list[tuple[Image, int, int]]) -> None:
    """One shard, whole or not at all."""
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        crops=np.stack([row[0] for row in rows]),
        species=np.array([row[1] for row in rows]),
        person=np.array([row[2] for row in rows]),
    )
    part.replace(path)


if __name__ == "__main__":
    main()
