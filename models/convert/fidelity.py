"""Step 5: how far the committed weights are from the published networks, on the demo's people.

For each portrait, also mirrored and rolled by up to 30 degrees: landmarks of the committed detector against the
published one in percent of the distance of the eyes, and the cosine between the embeddings of the same aligned face;
of the portrait as a chip photo too, against the taught network before its weights were quantised.
The first pass sees the same input in both. In the further ones each looks at crops around its own box, and a crop moved
by a few pixels moves a rolled face's landmarks by up to an eighth of the eyes' distance in the published network too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.alignment import align
from models.convert.pictures import ROLLS_DEG, portraits, rolled
from models.convert.references import OnnxEmbedder, PublishedDetector
from models.convert.sources import TAUGHT
from models.detector import Detector, Face
from models.embedding import Embedder
from models.evaluate.chip import chip_photo
from models.evaluate.chips import placed
from models.image import Image, unit
from models.interpreter import installed_runtime
from models.manifest import Manifest
from models.projection import Kind

MAX_LANDMARK_ERROR_PERCENT = 3.0
MIN_COSINE = 0.995


def variants() -> Iterator[Image]:
    """The pictures of the check."""
    for _, image in portraits():
        for picture in (image, np.ascontiguousarray(image[:, ::-1])):
            for degrees in ROLLS_DEG:
                yield rolled(picture, degrees)


def landmark_error_percent(face: Face, reference: Face) -> float:
    """Largest distance of a landmark, in percent of the distance of the eyes."""
    eyes = np.linalg.norm(reference.landmarks[0] - reference.landmarks[1])
    return float(100 * np.linalg.norm(face.landmarks - reference.landmarks, axis=1).max() / eyes)


def main() -> None:
    """Print the figures; exit status 1 when they are worse than the limits above."""
    manifest = Manifest.load()
    detector = Detector(manifest.network(manifest.entry("detector"), 1))
    embedder = Embedder.load(manifest, manifest.entry("embedding"), 1)
    published_detector, published_embedder = Detector(PublishedDetector()), OnnxEmbedder.published()
    taught = OnnxEmbedder.taught(manifest.entry("embedding").preprocessing) if TAUGHT.exists() else None
    first_pass, second_pass, cosines, chip_cosines = [], [], [], []
    for picture in variants():
        whole = [each.detect(picture, refine=False)[0] for each in (detector, published_detector)]
        first_pass.append(landmark_error_percent(*whole))
        face, published = (each.detect(picture)[0] for each in (detector, published_detector))
        second_pass.append(landmark_error_percent(face, published))
        aligned = align(picture, published.landmarks)
        cosines.append(float(embedder.embed([aligned], Kind.LIVE)[0] @ published_embedder.embed(aligned)))
        if taught is not None:
            chip = align(chip_photo(picture, published, flatten=True), placed(published))
            chip_cosines.append(float(unit(embedder.raw(chip, "embedding_chip")) @ taught.embed(chip)))
    print(f"runtime {installed_runtime()[0]}, {len(cosines)} pictures")
    print(
        f"landmarks, same input     {np.mean(first_pass):.2f} % of the eyes' distance, at most {max(first_pass):.2f} %"
    )
    print(
        f"landmarks, all passes     {np.mean(second_pass):.2f} %, at most {max(second_pass):.2f} % (another crop each)"
    )
    print(f"embedding, cosine         {np.mean(cosines):.4f}, at least {min(cosines):.4f}")
    if taught is None:
        print(f"chip photo's, cosine      not measured: no {TAUGHT.name} of models/train/stem")
    else:
        print(f"chip photo's, cosine      {np.mean(chip_cosines):.4f}, at least {min(chip_cosines):.4f}")
    if max(first_pass) > MAX_LANDMARK_ERROR_PERCENT or min(*cosines, *chip_cosines) < MIN_COSINE:
        raise SystemExit("worse than the limits in models/convert/fidelity.py")


if __name__ == "__main__":
    main()
