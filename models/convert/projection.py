"""Step 6: means and direction of `models/projection.py`, learned from the people of the learned half only.

`python -m models.convert.projection --everybody pairs.csv DIR --group pairs.csv DIR` takes the live and chip means from
the first set, and the direction from them to the means of the second set's people (one vote each), of live pictures and
chip photos together. It writes
`models/weights/<embedder>.projection.json` and the manifest's entry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from models.convert.sources import PROJECTION
from models.evaluate.acquire import Acquisition, Condition
from models.evaluate.pairs import Half, Pairs, read_pairs
from models.evaluate.store import default_folder
from models.face import FaceModels
from models.image import FloatArray, unit
from models.manifest import MANIFEST, Manifest
from models.projection import Kind

CARD = "cards/sface_projection.md"


def vectors(models: FaceModels, pairs: Pairs, root: Path, cache: Path, condition: Condition) -> FloatArray:
    """The network's unit vectors, NaN where there is none."""
    return unit(Acquisition(models, root, cache).looks(pairs.pictures, condition).looks.sum(axis=1))


def mean_of_people(found: FloatArray, people: tuple[int, ...]) -> FloatArray:
    """The mean over people of the mean of each one's pictures."""
    numbers = np.array(people)
    means = [np.nanmean(found[numbers == person], axis=0) for person in np.unique(numbers)]
    return np.asarray(np.nanmean(means, axis=0), np.float32)


def means(models: FaceModels, pairs: Pairs, root: Path, cache: Path) -> tuple[FloatArray, FloatArray]:
    """Of the people's live pictures, and of both kinds of chip photo."""
    found = {condition: vectors(models, pairs, root, cache, condition) for condition in Condition}
    chips = np.concatenate([found[Condition.CHIP], found[Condition.CHIP_RAW]])
    return mean_of_people(found[Condition.PHOTO], pairs.people), mean_of_people(chips, 2 * pairs.people)


def main() -> None:
    """Write the projection and its entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--everybody", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--group", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--cache", type=Path, default=default_folder())
    options = parser.parse_args()
    models = FaceModels.load()
    everybody, group = (read_pairs(pairs, half=Half.LEARNED) for pairs, _ in (options.everybody, options.group))
    live, chip = means(models, everybody, options.everybody[1], options.cache)
    others = means(models, group, options.group[1], options.cache)
    apart = (others[0] - live) + (others[1] - chip)
    direction = apart / np.linalg.norm(apart)
    print(
        f"{len(set(everybody.people))} and {len(set(group.people))} people; their means lie "
        f"{np.linalg.norm(others[0] - live):.3f} (live) and {np.linalg.norm(others[1] - chip):.3f} (chip) apart"
    )
    document = {
        "means": {
            Kind.LIVE: np.round(live.astype(float), 6).tolist(),
            Kind.CHIP: np.round(chip.astype(float), 6).tolist(),
        },
        "directions": [np.round(direction.astype(float), 6).tolist()],
    }
    PROJECTION.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    manifest["projections"] = [
        {
            "file": f"weights/{PROJECTION.name}",
            "sha256": hashlib.sha256(PROJECTION.read_bytes()).hexdigest(),
            "embedding": Manifest.load().entry("embedding").identity,
            "card": CARD,
        }
    ]
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
