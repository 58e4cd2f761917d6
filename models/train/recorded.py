"""Recorded live faces and replays as the network sees them, in one shard beside those of `sample`.

`python -m models.train.recorded --list PAD/crops.csv --root PAD --sources src01 src02 --out work/recorded.npz`. The
list has the columns path, label (real or fake) and source; a source is one to three people, and whoever is in one of
those named is in no figure. Nearly all fakes are replays on screens, so they are taught as such.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from models.evaluate.acquire import central_face
from models.evaluate.progress import progress
from models.face import FaceModels
from models.image import Image
from models.passive import cropped
from models.train.plane import Random
from models.train.sample import CROPS, SIDE_PX, jittered, usable, write
from models.train.scene import Species

SPECIES = {"real": Species.LIVE, "fake": Species.PHONE}
TAKES = 2
"""Times that a picture is taken, its box moved a little."""
FIRST_PERSON = 1_000_001
"""Nobody of `sample`'s has such a number, nor does `fit` hold him out."""


def rows(listed: list[tuple[Path, str]], random: Random) -> Iterator[tuple[Image, int, int]]:
    """Crops, species, person of every picture with a face."""
    models, order = FaceModels.load(), list(Species)
    for path, label in progress(listed, len(listed), "pictures"):
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        face = central_face(models.detect(picture), picture)
        for box in [] if face is None else [jittered(face.box, random) for _ in range(TAKES)]:
            if usable(picture, box):
                crops = np.concatenate([cropped(picture, box, reach, SIDE_PX) for reach in CROPS], axis=2)
                yield crops, order.index(SPECIES[label]), FIRST_PERSON


def main() -> None:
    """Write the shard."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.list.open(encoding="utf-8", newline="") as file:
        listed = [
            (options.root / row["path"], row["label"])
            for row in csv.DictReader(file)
            if row["source"] in options.sources
        ]
    write(options.out, list(rows(listed, np.random.default_rng(options.seed))))


if __name__ == "__main__":
    main()
