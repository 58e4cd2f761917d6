"""Recorded live faces and replays as the network sees them, in one shard beside those of `sample`.

`python -m models.train.recorded --list PAD/crops.csv --root PAD --sources src01 src02 --out work/recorded.npz`. The
list has the columns path, label and source; a source is one to three people, and those of the sources named here must
not be in the lists that the network is measured with. Nearly all attacks are replays on screens and taught as such.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.evaluate.acquire import central_face, content_of, decoded
from models.evaluate.pairs import PairsError, listed
from models.evaluate.presentations import ATTACK_LABELS, LIVE_LABELS
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.passive import cropped
from models.train.plane import Random
from models.train.sample import CROPS, SIDE_PX, jittered, usable, write
from models.train.scene import Species

HEADER = ("path", "label", "source")
SPECIES = dict.fromkeys(LIVE_LABELS, Species.LIVE) | dict.fromkeys(ATTACK_LABELS, Species.PHONE)
TAKES = 2
"""Times that a picture is taken, its box moved a little."""
RECORDED = 1_000_001
"""Everybody's number: none of `sample`'s, and one that `fit` does not hold out."""


def chosen(path: Path, sources: list[str]) -> list[tuple[str, Species]]:
    """The pictures of the named sources.

    Raises:
        PairsError: the list cannot be used, a label is unknown, or a source has no picture.
    """
    rows = [row for row in listed(path, HEADER) if row[2] in sources]
    missing = sorted({*sources} - {source for _, _, source in rows})
    unknown = sorted({label for _, label, _ in rows} - {*SPECIES})
    if missing or unknown:
        raise PairsError(f"{path}: no picture of {missing}, unknown labels {unknown}")
    return [(name, SPECIES[label]) for name, label, _ in rows]


def rows(root: Path, pictures: list[tuple[str, Species]], random: Random) -> Iterator[tuple[Image, int, int]]:
    """Crops, species, person of every picture with a face.

    Raises:
        PairsError: a picture cannot be read.
    """
    models, order = FaceModels.load(), list(Species)
    for name, species in progress(pictures, len(pictures), "pictures"):
        picture = decoded(content_of(root / name))
        if picture is None:
            raise PairsError(f"{root / name}: no picture")
        face = central_face(models.detect(picture), picture)
        if face is None:
            continue
        for box in (jittered(face.box, random) for _ in range(TAKES)):
            if usable(picture, box):
                crops = np.concatenate([cropped(picture, box, reach, SIDE_PX) for reach in CROPS], axis=2)
                yield crops, order.index(species), RECORDED


def main() -> None:
    """Write the shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pictures = chosen(options.list, options.sources)
    write(options.out, list(rows(options.root, pictures, np.random.default_rng(options.seed))))


if __name__ == "__main__":
    main()
