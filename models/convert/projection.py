"""Step 6: means and direction of `models/projection.py`, learned from the people of the learned half only.

`python -m models.convert.projection --everybody pairs.csv DIR --group pairs.csv DIR` takes the live and chip means from
the first set, and the direction from its live mean to the mean of the second set's people (one vote each). It writes
`models/weights/<embedder>.projection.json` and the manifest's entry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from models.convert.sources import EMBEDDING
from models.evaluate.acquire import Acquisition, Condition
from models.evaluate.pairs import Half, Pairs, read_pairs
from models.evaluate.store import default_folder
from models.face import FaceModels
from models.image import FloatArray, unit
from models.manifest import MANIFEST
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


def main() -> None:
    """Write the projection and its entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--everybody", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--group", nargs=2, type=Path, required=True, metavar=("PAIRS", "ROOT"))
    parser.add_argument("--cache", type=Path, default=default_folder())
    options = parser.parse_args()
    models = FaceModels.load()
    everybody, group = (read_pairs(pairs, half=Half.LEARNED) for pairs, _ in (options.everybody, options.group))
    found = {
        condition: vectors(models, everybody, options.everybody[1], options.cache, condition) for condition in Condition
    }
    live = mean_of_people(found[Condition.PHOTO], everybody.people)
    chip = mean_of_people(np.concatenate([found[Condition.CHIP], found[Condition.CHIP_RAW]]), 2 * everybody.people)
    other = mean_of_people(vectors(models, group, options.group[1], options.cache, Condition.PHOTO), group.people)
    direction = (other - live) / np.linalg.norm(other - live)
    distance = float(np.linalg.norm(other - live))
    print(f"{len(set(everybody.people))} and {len(set(group.people))} people; the means lie {distance:.3f} apart")
    document = {
        "means": {
            Kind.LIVE: np.round(live.astype(float), 6).tolist(),
            Kind.CHIP: np.round(chip.astype(float), 6).tolist(),
        },
        "directions": [np.round(direction.astype(float), 6).tolist()],
    }
    path = EMBEDDING.weights.with_suffix(".projection.json")
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    manifest["projections"] = [
        {
            "file": f"weights/{path.name}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "embedding": models.hashes["embedding"],
            "card": CARD,
        }
    ]
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
